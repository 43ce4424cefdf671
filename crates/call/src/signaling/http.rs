//! The REST half of signaling, as far as a call needs it: making a room.
//!
//! `hyper`, because it is in the program anyway through the server's axum, and understands what a proxy in between may
//! make of the answer (chunked bodies, additional headers).

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use sightline_protocol::{RoomCreated, limits};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::url::ServerUrl;
use crate::CallError;

/// For connecting and for the answer; the server does no work worth more.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// Makes a room on the server and returns its code.
///
/// # Errors
/// The server is not there, or refused.
pub async fn create_room(server: &str) -> Result<String, CallError> {
    let url = ServerUrl::parse(server)?;
    let stream = connect(&url).await?;
    let strange = |cause: String| CallError::NotASignalingServer { url: url.to_string(), cause };
    match timeout(PATIENCE, post_rooms(&url, stream)).await {
        Ok(Ok((StatusCode::CREATED, body))) => match serde_json::from_slice::<RoomCreated>(&body) {
            Ok(created) => Ok(created.code),
            Err(error) => Err(strange(format!("its answer is not a room: {error}"))),
        },
        Ok(Ok((status, _))) => Err(strange(format!("it answered {status}"))),
        Ok(Err(error)) => Err(strange(error.to_string())),
        Err(_) => Err(strange(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}

async fn post_rooms(
    url: &ServerUrl,
    stream: TcpStream,
) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::builder()
        .method(Method::POST)
        .uri(url.path("/rooms"))
        .header(header::HOST, url.authority())
        .header(header::CONTENT_LENGTH, 0)
        .body(Empty::<Bytes>::new())?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), limits::MESSAGE_BYTES).collect().await?.to_bytes();
        Ok((status, body))
    };
    // The connection does the reading and writing. When it ends first, the exchange has its answer or its error.
    tokio::pin!(exchange);
    tokio::select! {
        result = &mut exchange => result,
        _ = connection => exchange.await,
    }
}

/// A TCP connection without Nagle's delay, which would cost a first message up to 40 ms.
pub(crate) async fn connect(url: &ServerUrl) -> Result<TcpStream, CallError> {
    let absent = |cause: String| CallError::ServerNotThere { url: url.to_string(), cause };
    match timeout(PATIENCE, TcpStream::connect((url.host.as_str(), url.port))).await {
        Ok(Ok(stream)) => {
            stream.set_nodelay(true).map_err(|error| absent(error.to_string()))?;
            Ok(stream)
        }
        Ok(Err(error)) => Err(absent(error.to_string())),
        Err(_) => Err(absent(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// A server that answers the first request with `answer` and closes.
    async fn answering(answer: &'static str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut request = [0; 1024];
            let length = stream.read(&mut request).await.expect("a request");
            assert!(request[..length].starts_with(b"POST /rooms HTTP/1.1\r\n"));
            stream.write_all(answer.as_bytes()).await.expect("sent");
        });
        format!("ws://{address}")
    }

    #[tokio::test]
    async fn a_created_room_gives_its_code() {
        let body = r#"{"code":"ab-cd","maxParticipants":8}"#;
        let chunked: &'static str = Box::leak(
            format!(
                "HTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
                body.len()
            )
            .into_boxed_str(),
        );
        assert_eq!(create_room(&answering(chunked).await).await.expect("created"), "ab-cd");
    }

    #[tokio::test]
    async fn other_answers_are_errors_that_name_the_place() {
        for answer in [
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 201 Created\r\ncontent-length: 5\r\n\r\nhello",
            "220 mail.example ESMTP\r\n",
            "",
        ] {
            let url = answering(answer).await;
            let error = create_room(&url).await.expect_err(answer).to_string();
            assert!(error.contains(&url) && error.contains("not a Sightline signaling server"), "{error}");
        }
    }

    #[tokio::test]
    async fn nobody_there_is_said_plainly() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("ws://{}", listener.local_addr().expect("bound"));
        drop(listener);
        let error = create_room(&url).await.expect_err("nobody listens").to_string();
        assert!(error.contains("is sightline-server running?") && error.contains(&url), "{error}");
    }
}
