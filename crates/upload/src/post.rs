//! One batch over HTTP.
//!
//! `hyper`, as in signaling, here with its client that keeps a connection for the next batch; TLS by `rustls` with the
//! roots that the system trusts. Dropping what [`Post::post`] gives ends the request at once.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Request, Uri, header};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use sightline_history::Share;
use sightline_protocol::logs::LogBatch;
use tokio::time::timeout;

use crate::answer::{Answer, judge};

/// For the TCP connection; the next try is soon enough where it takes longer.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a connection is kept for the next batch: longer than from one to the next of a call.
const KEEP: Duration = Duration::from_secs(45);

/// Longest answer that is read: an acceptance has 100 bytes, a problem some hundred.
const ANSWER_BYTES: usize = 64 * 1024;

/// The way to the servers.
#[derive(Debug)]
pub(crate) struct Post {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    patience: Duration,
}

impl Post {
    /// A batch gets this much time altogether.
    ///
    /// # Errors
    /// Where TLS cannot be set up.
    pub(crate) fn new(patience: Duration) -> Result<Self, rustls::Error> {
        Self::trusting(system_roots(), patience)
    }

    fn trusting(roots: RootCertStore, patience: Duration) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1();
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(KEEP)
            .pool_max_idle_per_host(1)
            .build(connector.wrap_connector(tcp));
        Ok(Self { client, patience })
    }

    /// Posts a packed batch.
    pub(crate) async fn post(&self, share: &Share, id: &str, packed: Vec<u8>) -> Answer {
        let request = match request(share, packed) {
            Ok(request) => request,
            Err(problem) => {
                return Answer::Refused { why: format!("The record cannot be sent to this server: {problem}.") };
            }
        };
        match timeout(self.patience, self.exchange(request, id)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => Answer::none(&error),
            Err(_) => Answer::Slow {
                why: format!(
                    "The server did not answer within {} s. What is to be sent waits.",
                    self.patience.as_secs_f32()
                ),
            },
        }
    }

    async fn exchange(&self, request: Request<Full<Bytes>>, id: &str) -> Result<Answer, String> {
        let response = self.client.request(request).await.map_err(|error| in_words(&error))?;
        let status = response.status();
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let retry_after = retry_after.map(str::to_owned);
        let body = Limited::new(response.into_body(), ANSWER_BYTES).collect().await;
        let body = match body {
            Ok(body) => body.to_bytes(),
            // Without its words a refusal is one all the same; an acceptance that was cut off is none.
            Err(_) if !status.is_success() => Bytes::new(),
            Err(_) => return Err("its answer was cut off".to_owned()),
        };
        Ok(judge(status, retry_after.as_deref(), &body, id, SystemTime::now()))
    }
}

/// The innermost cause is the one that says something.
fn in_words(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

fn request(share: &Share, packed: Vec<u8>) -> Result<Request<Full<Bytes>>, String> {
    let uri: Uri = format!("{}/api/logs", share.endpoint.trim().trim_end_matches('/'))
        .parse()
        .map_err(|_| "its address cannot be read".to_owned())?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none_or(str::is_empty) {
        return Err("its address has to begin with https:// or http://".to_owned());
    }
    let mut pass = header::HeaderValue::from_str(&format!("Bearer {}", share.token))
        .map_err(|_| "the call's pass has letters that no pass has".to_owned())?;
    pass.set_sensitive(true);
    Request::post(uri)
        .header(header::AUTHORIZATION, pass)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::CONTENT_ENCODING, "gzip")
        .header(header::USER_AGENT, concat!("sightline/", env!("CARGO_PKG_VERSION")))
        .body(Full::new(Bytes::from(packed)))
        .map_err(|error| error.to_string())
}

/// A batch as it is sent.
pub(crate) fn pack(batch: &LogBatch) -> std::io::Result<Vec<u8>> {
    let mut packer = GzEncoder::new(Vec::new(), Compression::default());
    serde_json::to_writer(&mut packer, batch)?;
    packer.finish()
}

/// What the system trusts. Without any, TLS says that the server is not known; plain HTTP goes on.
fn system_roots() -> RootCertStore {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!("a certificate that this system trusts cannot be read: {error}");
    }
    let mut roots = RootCertStore::empty();
    let (used, odd) = roots.add_parsable_certificates(found.certs);
    tracing::debug!(used, odd, "certificates that this system trusts");
    roots
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{SocketAddr, TcpListener};
    use std::thread::JoinHandle;

    use rustls::pki_types::PrivateKeyDer;
    use rustls::{ServerConfig, ServerConnection, StreamOwned};

    use super::*;

    /// A server with a certificate of its own that answers once; gives what it was sent.
    fn tls_server() -> (SocketAddr, RootCertStore, JoinHandle<String>) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let connection = ServerConnection::new(Arc::new(config)).unwrap();
            let mut stream = BufReader::new(StreamOwned::new(connection, stream));
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).is_ok_and(|bytes| bytes > 0) {}
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
            let mut body = vec![0; length.parse().unwrap()];
            if stream.read_exact(&mut body).is_ok() && !head.is_empty() {
                let accepted = r#"{"id":"batch-1","stored":1,"known":0}"#;
                let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{accepted}", accepted.len());
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            }
            head
        });
        (address, roots, server)
    }

    fn post(roots: RootCertStore, endpoint: String) -> Answer {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let post = Post::trusting(roots, Duration::from_secs(30)).unwrap();
        let share = Share { endpoint, token: "pass".to_owned() };
        runtime.block_on(post.post(&share, "batch-1", vec![1, 2, 3]))
    }

    #[test]
    fn https_goes_over_tls_to_a_server_that_is_trusted() {
        let (address, roots, server) = tls_server();
        assert_eq!(post(roots, format!("https://localhost:{}/behind/", address.port())), Answer::Taken);
        let head = server.join().unwrap();
        assert!(head.starts_with("POST /behind/api/logs HTTP/1.1\r\n"), "{head}");
        assert!(head.contains("authorization: Bearer pass\r\n"), "{head}");
    }

    #[test]
    fn a_server_that_is_not_trusted_gets_nothing() {
        let (address, _, server) = tls_server();
        let answer = post(system_roots(), format!("https://localhost:{}", address.port()));
        let Answer::Later { why, .. } = answer else { panic!("{answer:?}") };
        assert!(why.contains("certificate"), "{why}");
        assert_eq!(server.join().unwrap(), "", "no pass");
    }
}
