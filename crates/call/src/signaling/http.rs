//! The REST half of signaling: rooms and their tokens, and whatever else the server has under its routes.
//!
//! `hyper`, because it is in the program anyway through the server's axum, and understands what a proxy in between may
//! make of the answer (chunked bodies, additional headers).

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::SendRequest;
use hyper::{Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::{Serialize, de::DeserializeOwned};
use sightline_protocol::{ErrorCode, Problem, RoomCode, RoomCreated, RoomInfo, RoomWish};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::socket::refusal;
use super::url::ServerUrl;
use crate::CallError;

/// For connecting and for the answer; the server does no work worth more.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);

/// For an answer that the server has to gather.
const ANSWER_PATIENCE: Duration = Duration::from_secs(15);

/// Between two pieces of a download: the server itself waits less for its database.
const STALL_PATIENCE: Duration = Duration::from_secs(30);

/// Most bytes of an answer that are read: the charts of a long call of many.
const ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Makes a room on the server: its code, and our token as its host.
///
/// # Errors
/// The server is not there, or refused.
pub async fn create_room(server: &str, wish: &RoomWish) -> Result<RoomCreated, CallError> {
    Api::new(server, None)?.post("/rooms", wish).await
}

/// Asks the server about a room: whether it is there, and how much room there is in it.
///
/// # Errors
/// [`CallError::UnknownRoom`] where there is none; or the server is not there, or does not say.
pub async fn find_room(server: &str, code: &str) -> Result<RoomInfo, CallError> {
    let api = Api::new(server, None)?;
    let code = RoomCode::parse(code).ok_or_else(|| CallError::BadCode(code.to_owned()))?;
    api.get(&format!("/rooms/{code}")).await.map_err(|error| match error {
        CallError::Refused { code: reason, message } => refusal(reason, message, &code),
        error => error,
    })
}

/// The address of a server as others than this crate ask its routes: `http://host:port` or `https://host:port`, with the
/// path that it has behind a proxy.
///
/// # Errors
/// It is no server's address.
pub fn http_address(server: &str) -> Result<String, CallError> {
    Ok(ServerUrl::parse(server)?.http())
}

/// The routes of a server, asked one at a time.
#[derive(Debug, Clone)]
pub struct Api {
    url: ServerUrl,
    token: Option<String>,
}

impl Api {
    /// The routes of the server at this address, asked with this token.
    ///
    /// # Errors
    /// The address cannot be used.
    pub fn new(server: &str, token: Option<String>) -> Result<Self, CallError> {
        Ok(Self { url: ServerUrl::parse(server)?, token })
    }

    /// What is under a route.
    ///
    /// # Errors
    /// The server is not there or does not speak as it should, or it refuses: [`CallError::Refused`].
    pub async fn get<T: DeserializeOwned>(&self, route: &str) -> Result<T, CallError> {
        let body = self.ask(Method::GET, route, Vec::new()).await?;
        read(&self.url, "answer that fits", &body)
    }

    /// Hands out what is under a route piece by piece, however long it is and takes, until it is complete or nobody takes the
    /// pieces any more. Only a server that sends nothing for 30 s is given up.
    ///
    /// # Errors
    /// As [`Self::get`]; and the answer broke off.
    pub async fn download(&self, route: &str, pieces: mpsc::Sender<Bytes>) -> Result<(), CallError> {
        self.download_from(connect(&self.url).await?, route, pieces).await
    }

    async fn download_from(&self, stream: Stream, route: &str, pieces: mpsc::Sender<Bytes>) -> Result<(), CallError> {
        let url = &self.url;
        let late = |patience: Duration| strange(url, format!("no answer within {} s", patience.as_secs()));
        let broken = |error: hyper::Error| strange(url, format!("its answer broke off: {error}"));
        let (mut sender, connection) = self.handshake(stream).await?;
        let request = self.request(Method::GET, route, Vec::new()).map_err(|error| strange(url, error.to_string()))?;
        let exchange = async {
            let response = timeout(ANSWER_PATIENCE, sender.send_request(request)).await;
            let response = response.map_err(|_| late(ANSWER_PATIENCE))?.map_err(broken)?;
            let status = response.status();
            let mut body = response.into_body();
            if !status.is_success() {
                let problem = timeout(ANSWER_PATIENCE, Limited::new(body, ANSWER_BYTES).collect()).await;
                let problem = problem.map_err(|_| late(ANSWER_PATIENCE))?;
                let problem = problem.map_err(|error| strange(url, error.to_string()))?;
                return Err(refused(url, status, &problem.to_bytes()));
            }
            while let Some(frame) = timeout(STALL_PATIENCE, body.frame()).await.map_err(|_| late(STALL_PATIENCE))? {
                if let Ok(piece) = frame.map_err(broken)?.into_data()
                    && pieces.send(piece).await.is_err()
                {
                    break;
                }
            }
            Ok(())
        };
        drive(connection, exchange).await
    }

    /// Hands something in, and gives what comes of it.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn post<T: DeserializeOwned>(&self, route: &str, body: &impl Serialize) -> Result<T, CallError> {
        let body = self.ask(Method::POST, route, json(body)?).await?;
        // 204 has no body: nothing is JSON's null.
        read(&self.url, "answer that fits", if body.is_empty() { b"null" } else { &body })
    }

    /// Deletes what is under a route.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn delete(&self, route: &str) -> Result<(), CallError> {
        self.ask(Method::DELETE, route, Vec::new()).await.map(drop)
    }

    /// The same where the server wants to be handed something for it.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn delete_with(&self, route: &str, body: &impl Serialize) -> Result<(), CallError> {
        self.ask(Method::DELETE, route, json(body)?).await.map(drop)
    }

    async fn ask(&self, method: Method, route: &str, body: Vec<u8>) -> Result<Bytes, CallError> {
        let url = &self.url;
        let (sender, connection) = self.handshake(connect(url).await?).await?;
        let answer = drive(connection, self.exchange(sender, method, route, body));
        let (status, body) = match timeout(ANSWER_PATIENCE, answer).await {
            Ok(answer) => answer.map_err(|error| strange(url, error.to_string()))?,
            Err(_) => return Err(strange(url, format!("no answer within {} s", ANSWER_PATIENCE.as_secs()))),
        };
        if status.is_success() { Ok(body) } else { Err(refused(url, status, &body)) }
    }

    async fn handshake(&self, stream: Stream) -> Result<(SendRequest<Full<Bytes>>, Connection), CallError> {
        let shaken = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        shaken.map_err(|error| strange(&self.url, error.to_string()))
    }

    fn request(&self, method: Method, route: &str, body: Vec<u8>) -> hyper::http::Result<Request<Full<Bytes>>> {
        let mut request = Request::builder()
            .method(method)
            .uri(self.url.path(route))
            .header(header::HOST, self.url.authority())
            .header(header::CONTENT_TYPE, "application/json")
            .header(header::CONTENT_LENGTH, body.len());
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        request.body(Full::new(Bytes::from(body)))
    }

    async fn exchange(
        &self,
        mut sender: SendRequest<Full<Bytes>>,
        method: Method,
        route: &str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
        let response = sender.send_request(self.request(method, route, body)?).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await?.to_bytes();
        Ok((status, body))
    }
}

type Connection = hyper::client::conn::http1::Connection<TokioIo<Stream>, Full<Bytes>>;

/// The connection does the reading and writing. When it ends first, the exchange has its answer or its error.
async fn drive<T>(connection: Connection, exchange: impl Future<Output = T>) -> T {
    tokio::pin!(exchange);
    tokio::select! {
        result = &mut exchange => result,
        _ = connection => exchange.await,
    }
}

fn refused(url: &ServerUrl, status: StatusCode, body: &[u8]) -> CallError {
    match read::<Problem>(url, &format!("refusal ({status})"), body) {
        Ok(problem) => CallError::Refused { code: problem.code, message: problem.detail },
        Err(error) => error,
    }
}

fn json(body: &impl Serialize) -> Result<Vec<u8>, CallError> {
    serde_json::to_vec(body).map_err(|error| CallError::Refused {
        code: ErrorCode::BadMessage,
        message: format!("what was to be sent cannot be written: {error}"),
    })
}

fn strange(url: &ServerUrl, cause: String) -> CallError {
    CallError::NotASignalingServer { url: url.to_string(), cause }
}

fn read<T: DeserializeOwned>(url: &ServerUrl, what: &str, body: &[u8]) -> Result<T, CallError> {
    serde_json::from_slice(body).map_err(|error| strange(url, format!("its answer is not a {what}: {error}")))
}

/// A connection to a server, plain or in TLS.
pub(crate) type Stream = Box<dyn Transport>;

/// What is read from and written to.
pub(crate) trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// A connection, in TLS where the address says so.
pub(crate) async fn connect(url: &ServerUrl) -> Result<Stream, CallError> {
    let stream = connect_tcp(url).await?;
    if !url.secure {
        return Ok(Box::new(stream));
    }
    let untrusted = |cause: String| CallError::NotTrusted { url: url.to_string(), cause };
    let name = ServerName::try_from(url.host.clone()).map_err(|error| untrusted(error.to_string()))?;
    match timeout(PATIENCE, tls().connect(name, stream)).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(untrusted(error.to_string())),
        Err(_) => Err(untrusted(format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}

/// TLS with the roots that the system trusts, read once.
fn tls() -> TlsConnector {
    static CONFIG: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
        let mut roots = RootCertStore::empty();
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "some of the system's certificates cannot be read");
        }
        let (taken, _) = roots.add_parsable_certificates(found.certs);
        if taken == 0 {
            tracing::warn!("the system trusts no certificates: no server will be reached by wss");
        }
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let builder = builder.expect("ring has the versions that rustls takes for safe");
        Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
    });
    CONFIG.clone().into()
}

/// A TCP connection without Nagle's delay, which would cost a first message up to 40 ms.
async fn connect_tcp(url: &ServerUrl) -> Result<TcpStream, CallError> {
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
        let created = create_room(&answering(chunked).await, &RoomWish::default()).await.expect("created");
        assert_eq!(created.code, "ab-cd");
    }

    #[tokio::test]
    async fn a_room_is_found_or_not_or_not_told() {
        let found = "HTTP/1.1 200 OK\r\ncontent-length: 58\r\n\r\n\
            {\"code\":\"ab-cd\",\"participantCount\":2,\"maxParticipants\":8} ";
        let room = find_room(&answering(found).await, "AB cd").await.expect("found");
        assert_eq!((room.participant_count, room.max_participants), (2, 8));
        let problem = |status: u16, code: ErrorCode| -> &'static str {
            let body =
                serde_json::to_string(&Problem::new(status, "No", sightline_protocol::Refusal::new(code, "No.")));
            let body = body.expect("json");
            let head = format!("HTTP/1.1 {status} No\r\ncontent-length: {}\r\n\r\n", body.len());
            Box::leak((head + &body).into_boxed_str())
        };
        let unknown = problem(404, ErrorCode::UnknownRoom);
        let error = find_room(&answering(unknown).await, "ab-cd").await.expect_err("none");
        assert!(matches!(&error, CallError::UnknownRoom(code) if code == "ab-cd"), "{error}");
        let hasty = problem(429, ErrorCode::TooFast);
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
            let error = create_room(&url, &RoomWish::default()).await.expect_err(answer).to_string();
            assert!(error.contains(&url) && error.contains("not a Sightline signaling server"), "{error}");
        }
    }

    const PIECE: usize = 0x10_0000;

    /// What is downloaded from a server whose answer begins with `head` and goes on with so many pieces, one after each pause;
    /// in virtual time, over a pipe.
    async fn downloaded(head: &'static str, pieces: usize, pause: Duration) -> (Result<(), CallError>, usize) {
        let (client, mut server) = tokio::io::duplex(PIECE);
        let serve = async {
            let length = server.read(&mut [0; 1024]).await.expect("a request");
            assert!(length > 0);
            server.write_all(head.as_bytes()).await.expect("sent");
            let piece = [format!("{PIECE:x}\r\n").as_bytes(), &vec![b'x'; PIECE], b"\r\n"].concat();
            for _ in 0..pieces {
                tokio::time::sleep(pause).await;
                if server.write_all(&piece).await.is_err() {
                    return;
                }
            }
            server.write_all(b"0\r\n\r\n").await.ok();
            drop(server);
        };
        let api = Api::new("ws://server.example", None).expect("an address");
        let (pieces, mut taken) = mpsc::channel::<Bytes>(1);
        let count = async {
            let mut bytes = 0;
            while let Some(piece) = taken.recv().await {
                bytes += piece.len();
            }
            bytes
        };
        let download = async { api.download_from(Box::new(client), "/export", pieces).await };
        let (done, bytes, ()) = tokio::join!(download, count, serve);
        (done, bytes)
    }

    const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

    #[tokio::test(start_paused = true)]
    async fn a_download_may_be_longer_and_take_longer_than_any_other_answer() {
        let (done, bytes) = downloaded(CHUNKED, 80, ANSWER_PATIENCE).await;
        done.expect("complete");
        assert!(bytes == 80 * PIECE && bytes > ANSWER_BYTES);
    }

    #[tokio::test(start_paused = true)]
    async fn a_download_may_not_stand_still_nor_break_off() {
        let error = downloaded(CHUNKED, 5, STALL_PATIENCE * 2).await.0.expect_err("it stands still").to_string();
        assert!(error.contains("no answer within 30 s"), "{error}");
        let half = "HTTP/1.1 200 OK\r\ncontent-length: 9999\r\n\r\n";
        let error = downloaded(half, 0, Duration::ZERO).await.0.expect_err("half of it").to_string();
        assert!(error.contains("broke off"), "{error}");
        let refused = "HTTP/1.1 404 Not Found\r\ncontent-length: 6\r\n\r\nnobody";
        assert!(downloaded(refused, 0, Duration::ZERO).await.0.is_err());
    }

    #[tokio::test]
    async fn nobody_there_is_said_plainly() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("ws://{}", listener.local_addr().expect("bound"));
        drop(listener);
        let error = create_room(&url, &RoomWish::default()).await.expect_err("nobody listens").to_string();
        assert!(error.contains("is sightline-server running?") && error.contains(&url), "{error}");
    }
}
