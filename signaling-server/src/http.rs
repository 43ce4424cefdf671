//! The HTTP routes, and the door to the WebSocket.

use std::{net::IpAddr, sync::Arc};

use axum::{
    Extension, Json, Router,
    extract::{Path, State, WebSocketUpgrade},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use sightline_protocol::{ErrorCode, Refusal, RoomCreated, RoomInfo};
use tokio::sync::Semaphore;

use crate::{
    config::Limits,
    connection::{self, READ_BYTES},
    switch::Switch,
};

/// Buffers of an idle WebSocket: most messages fit, and ten thousand idle ones cost 40 MiB and not the 1.2 GiB of the
/// library's defaults.
const BUFFER_BYTES: usize = 4096;

#[derive(Debug, Clone)]
pub(crate) struct Doors {
    pub(crate) switch: Switch,
    pub(crate) limits: Arc<Limits>,
    /// A permit for each WebSocket there may be.
    pub(crate) places: Arc<Semaphore>,
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address(pub(crate) IpAddr);

/// What is sent instead of what was asked for.
struct Refused(StatusCode, Refusal);

/// Marks an answer that has a [`Refusal`] in it.
#[derive(Clone)]
struct Explained;

pub(crate) fn router(doors: Doors) -> Router {
    Router::new()
        .route("/rooms", post(create_room))
        .route("/rooms/{code}", get(room_info))
        .route("/ws", get(open_socket))
        .route("/healthz", get(|| async { "ok" }))
        .layer(axum::middleware::map_response(finish))
        .with_state(doors)
}

/// What every answer has. Any web page may be a client: there are no cookies or other credentials that it could misuse.
/// Nobody keeps a connection that is not a WebSocket: clients ask one thing and are done. And what axum itself refuses (an
/// unknown path or method, a request to `/ws` that is no upgrade) gets a body as everything else that is refused.
async fn finish(mut response: Response) -> Response {
    let status = response.status();
    if (status.is_client_error() || status.is_server_error()) && response.extensions().get::<Explained>().is_none() {
        let message = "This request does not fit. The routes are POST /rooms, GET /rooms/{code}, GET /ws as a WebSocket, \
                       GET /healthz.";
        response = Refused(status, Refusal::new(ErrorCode::BadMessage, message)).into_response();
    }
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if status != StatusCode::SWITCHING_PROTOCOLS {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn create_room(
    State(doors): State<Doors>,
    Extension(Address(address)): Extension<Address>,
) -> Result<(StatusCode, Json<RoomCreated>), Refused> {
    let created = doors.switch.create_room(address).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

async fn room_info(
    State(doors): State<Doors>,
    Extension(Address(address)): Extension<Address>,
    Path(code): Path<String>,
) -> Result<Json<RoomInfo>, Refused> {
    Ok(Json(doors.switch.room_info(address, code).await?))
}

async fn open_socket(
    State(doors): State<Doors>,
    Extension(Address(address)): Extension<Address>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refused> {
    let permit = doors.places.clone().try_acquire_owned().map_err(|_| {
        Refusal::new(ErrorCode::ServerFull, "This server has as many connections as it takes. Try later.")
    })?;
    let upgrade = upgrade
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(READ_BYTES)
        .max_frame_size(READ_BYTES);
    Ok(upgrade.on_upgrade(move |socket| async move {
        connection::serve(socket, address, doors.switch, doors.limits).await;
        drop(permit);
    }))
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.code {
            ErrorCode::UnknownRoom => StatusCode::NOT_FOUND,
            ErrorCode::TooFast => StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::ServerFull | ErrorCode::ShuttingDown => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self(status, refusal)
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        (self.0, Extension(Explained), Json(self.1)).into_response()
    }
}
