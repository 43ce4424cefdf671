//! Uploads of clients whose users agreed.

use std::io::Read;

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
};
use flate2::read::GzDecoder;
use futures_util::StreamExt;
use sightline_protocol::{
    ErrorCode, Refusal,
    logs::{LogAccepted, LogBatch, bounds},
};

use tokio::sync::OwnedSemaphorePermit;

use super::{Doors, guard::Uploader, problem::Refused};
use crate::{
    record::{self, IngestError},
    switch,
};

/// Batches that are unpacked and read at a time: 4 MiB each, and a few times that as values.
pub(super) const AT_A_TIME: usize = 8;

/// Takes a batch; it is on the disk when this answers.
pub(super) async fn upload(
    State(doors): State<Doors>,
    Uploader(claims): Uploader,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<LogAccepted>, Refused> {
    // For good where the call began without a record, so that nobody is to try again; else there was a database, and it
    // may be given to the server again.
    let code = if claims.iat >= doors.started_s { ErrorCode::Gone } else { ErrorCode::NotFound };
    let records = doors.records().map_err(|refusal| Refusal::new(code, refusal.message))?;
    let packed = match headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes()) {
        None | Some(b"identity") => false,
        Some(b"gzip") => true,
        Some(_) => {
            let message = "A batch is JSON, or JSON packed by gzip.";
            return Err(Refused::with_status(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                Refusal::new(ErrorCode::BadMessage, message),
            ));
        }
    };
    // Held until the batch is stored.
    let (body, _bytes) = receive(&doors, body).await?;
    let Ok(_permit) = doors.unpacking.try_acquire() else { return Err(refused(IngestError::Busy)) };
    let read = tokio::task::spawn_blocking(move || unpack(&body, packed)).await;
    let batch = read.unwrap_or(Err(IngestError::Failed("reading the batch broke".into()))).map_err(refused)?;
    if batch.session.user_id != claims.sub {
        let message = "The token is of another participant than the batch. Use the one of the same session.";
        return Err(Refusal::new(ErrorCode::Forbidden, message).into());
    }
    let accepted = records.writer.ingest(claims.room, batch, switch::now().unix_ms).await.map_err(refused)?;
    doors.metrics.uploaded(accepted.stored as usize);
    Ok(Json(accepted))
}

/// Reads a body within its own bound and within that of all uploads together: each byte is counted when it has arrived, so
/// that nobody takes room by announcing much.
async fn receive(doors: &Doors, body: Body) -> Result<(Vec<u8>, Option<OwnedSemaphorePermit>), Refused> {
    let (mut read, mut held) = (Vec::new(), None::<OwnedSemaphorePermit>);
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let broken = "The body of the request broke off. Send it again.";
        let piece = piece.map_err(|_| Refusal::new(ErrorCode::BadMessage, broken))?;
        let found = read.len() + piece.len();
        if found > bounds::PACKED_BYTES {
            return Err(refused(IngestError::TooLarge { found, most: bounds::PACKED_BYTES }));
        }
        // A piece is a part of what was just found to be short.
        let bytes = doors.upload_bytes.clone().try_acquire_many_owned(piece.len() as u32);
        let bytes = bytes.map_err(|_| refused(IngestError::Busy))?;
        match &mut held {
            Some(held) => held.merge(bytes),
            None => held = Some(bytes),
        }
        read.extend_from_slice(&piece);
    }
    Ok((read, held))
}

fn unpack(body: &[u8], packed: bool) -> Result<LogBatch, IngestError> {
    if !packed {
        return record::parse(body);
    }
    let mut text = Vec::new();
    // One byte more than may be, to tell what is too long.
    let most = bounds::BATCH_BYTES as u64 + 1;
    GzDecoder::new(body)
        .take(most)
        .read_to_end(&mut text)
        .map_err(|error| IngestError::Invalid(format!("it cannot be unpacked ({error})")))?;
    record::parse(&text)
}

fn refused(error: IngestError) -> Refused {
    let (status, code) = match &error {
        IngestError::Version { .. } => (StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::UnsupportedVersion),
        IngestError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge),
        IngestError::Invalid(_) | IngestError::Conflict(_) => (StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::BadMessage),
        IngestError::UnknownRoom => (StatusCode::NOT_FOUND, ErrorCode::UnknownRoom),
        IngestError::Deleted => (StatusCode::GONE, ErrorCode::Gone),
        IngestError::Busy | IngestError::Full | IngestError::Closed | IngestError::Failed(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable)
        }
    };
    Refused::with_status(status, Refusal::new(code, error.to_string()))
}
