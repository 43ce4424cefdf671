//! The REST half of signaling, as far as a call needs it: making a room, and asking for one.
//!
//! `hyper`, because it is in the program anyway through the server's axum, and understands what a proxy in between may
//! make of the answer (chunked bodies, additional headers).

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use sightline_protocol::{Refusal, RoomCode, RoomCreated, RoomInfo, limits};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::socket::refusal;
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
    match ask(&url, Method::POST, "/rooms").await? {
        (StatusCode::CREATED, body) => Ok(read::<RoomCreated>(&url, "room", &body)?.code),
        (status, _) => Err(strange(&url, format!("it answered {status}"))),
    }
}

/// Asks the server about a room: whether it is there, and how much room there is in it.
///
/// # Errors
/// [`CallError::UnknownRoom`] where there is none; or the server is not there, or does not say.
pub async fn find_room(server: &str, code: &str) -> Result<RoomInfo, CallError> {
    let url = ServerUrl::parse(server)?;
    let code = RoomCode::parse(code).ok_or_else(|| CallError::BadCode(code.to_owned()))?;
    match ask(&url, Method::GET, &format!("/rooms/{code}")).await? {
        (StatusCode::OK, body) => read(&url, "room", &body),
        (_, body) => {
            let Refusal { code: reason, message } = read(&url, "refusal", &body)?;
            Err(refusal(reason, message, &code))
        }
    }
}

fn strange(url: &ServerUrl, cause: String) -> CallError {
    CallError::NotASignalingServer { url: url.to_string(), cause }
}

fn read<T: DeserializeOwned>(url: &ServerUrl, what: &str, body: &[u8]) -> Result<T, CallError> {
    serde_json::from_slice(body).map_err(|error| strange(url, format!("its answer is not a {what}: {error}")))
}

async fn ask(url: &ServerUrl, method: Method, resource: &str) -> Result<(StatusCode, Bytes), CallError> {
    let stream = connect(url).await?;
    match timeout(PATIENCE, request(url, stream, method, resource)).await {
        Ok(answer) => answer.map_err(|error| strange(url, error.to_string())),
        Err(_) => Err(strange(url, format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}

async fn request(
    url: &ServerUrl,
    stream: TcpStream,
    method: Method,
    resource: &str,
) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let request = Request::builder()
        .method(method)
        .uri(url.path(resource))
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
            let line = request[..length].split(|byte| *byte == b'\r').next().unwrap_or_default();
            let expected: [&[u8]; 2] = [b"POST /rooms HTTP/1.1", b"GET /rooms/ab-cd HTTP/1.1"];
            assert!(expected.contains(&line), "{}", String::from_utf8_lossy(line));
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
    async fn a_room_is_found_or_not_or_not_told() {
        let found = "HTTP/1.1 200 OK\r\ncontent-length: 58\r\n\r\n\
            {\"code\":\"ab-cd\",\"participantCount\":2,\"maxParticipants\":8} ";
        let room = find_room(&answering(found).await, "AB cd").await.expect("found");
        assert_eq!((room.participant_count, room.max_participants), (2, 8));
        let unknown =
            "HTTP/1.1 404 Not Found\r\ncontent-length: 40\r\n\r\n{\"code\":\"unknown-room\",\"message\":\"No.\"} ";
        let error = find_room(&answering(unknown).await, "ab-cd").await.expect_err("none");
        assert!(matches!(&error, CallError::UnknownRoom(code) if code == "ab-cd"), "{error}");
        let hasty =
            "HTTP/1.1 429 Too Many\r\ncontent-length: 39\r\n\r\n{\"code\":\"too-fast\",\"message\":\"Wait.\"}  ";
        let error = find_room(&answering(hasty).await, "ab-cd").await.expect_err("refused");
        assert!(matches!(error, CallError::Refused { .. }), "{error}");
        let error = find_room(&answering("HTTP/1.1 200 OK\r\n\r\n").await, "ab-cd").await.expect_err("nothing");
        assert!(matches!(error, CallError::NotASignalingServer { .. }), "{error}");
        assert!(matches!(find_room("ws://127.0.0.1:1", "!").await, Err(CallError::BadCode(_))));
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
