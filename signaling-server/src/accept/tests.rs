//! In virtual time, over pipes: the clock goes on when everybody waits.

use super::*;
use axum::{
    Extension,
    body::Bytes,
    extract::DefaultBodyLimit,
    http::StatusCode,
    routing::{get, post},
};
use futures_util::{StreamExt, stream};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
    time::{Instant, sleep},
};

/// The longest body that a client of ours sends.
const UPLOAD: usize = 512 * 1024;

/// What the pipe itself takes without being read; less than any kernel.
const PIPE: usize = 4096;

/// Of an answer that is made in parts.
const PARTS: usize = 20;

async fn parts(Extension(progress): Extension<Progress>) -> Body {
    Body::from_stream(stream::iter(0..PARTS).map(move |_| {
        progress.made();
        Ok::<_, std::convert::Infallible>(vec![b'x'; 4 * PIPE])
    }))
}

fn gate(limits: Limits) -> Gate {
    let router = Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/much", get(|| async { vec![b'x'; 64 * PIPE] }))
        .route("/parts", get(parts))
        .route("/stuck", get(std::future::pending::<()>))
        .route("/upload", post(|body: Bytes| async move { (StatusCode::OK, body.len().to_string()) }))
        .layer(DefaultBodyLimit::max(UPLOAD));
    Gate::new(router, Arc::new(limits), None, Vec::new())
}

/// A client's end, and what tells when the server has let go of the other.
fn connect(gate: &Arc<Gate>) -> (DuplexStream, JoinHandle<Duration>) {
    let (client, server) = duplex(PIPE);
    let gate = gate.clone();
    let begun = Instant::now();
    let over = tokio::spawn(async move {
        gate.greet(server, IpAddr::from([192, 0, 2, 1])).await;
        begun.elapsed()
    });
    (client, over)
}

/// Writes piece by piece with a pause after each, until all is sent or nobody listens any more.
async fn trickle(client: &mut DuplexStream, bytes: &[u8], piece: usize, pause: Duration) {
    for piece in bytes.chunks(piece) {
        if client.write_all(piece).await.is_err() {
            return;
        }
        sleep(pause).await;
    }
}

/// The answer, or as much of it as there was.
async fn answer(mut client: DuplexStream) -> String {
    let mut bytes = Vec::new();
    // Cut off is an end, too.
    client.read_to_end(&mut bytes).await.ok();
    String::from_utf8(bytes).expect("text")
}

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n";

fn upload_head(length: usize) -> String {
    format!("POST /upload HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n")
}

#[tokio::test(start_paused = true)]
async fn a_head_has_ten_seconds_however_it_trickles() {
    let gate = Arc::new(gate(Limits::default()));
    let (mut client, over) = connect(&gate);
    trickle(&mut client, &GET.repeat(10), 1, Duration::from_millis(500)).await;
    assert_eq!(over.await.expect("no panic"), Duration::from_secs(10));
    assert_eq!(answer(client).await, "");

    // Nothing at all is a head that does not come.
    let (_client, over) = connect(&gate);
    assert_eq!(over.await.expect("no panic"), Duration::from_secs(10));

    let (mut client, over) = connect(&gate);
    trickle(&mut client, GET, GET.len() / 9, Duration::from_millis(900)).await;
    assert!(answer(client).await.ends_with("\r\n\r\nhello"));
    assert!(over.await.expect("no panic") < Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn a_slow_honest_upload_arrives_and_one_that_never_ends_is_cut() {
    let gate = Arc::new(gate(Limits::default()));
    let (mut client, _over) = connect(&gate);
    client.write_all(upload_head(UPLOAD).as_bytes()).await.expect("sent");
    // 60 kbit/s and a pause: 69 s of the 70 there are for the body and the answer.
    trickle(&mut client, &vec![b'x'; UPLOAD], UPLOAD / 64, Duration::from_millis(1070)).await;
    let answered = answer(client).await;
    assert!(answered.starts_with("HTTP/1.1 200") && answered.ends_with("\r\n\r\n524288"), "{answered}");

    for head in
        [upload_head(UPLOAD), upload_head(UPLOAD).replace("Content-Length: 524288", "Transfer-Encoding: chunked")]
    {
        let (mut client, over) = connect(&gate);
        client.write_all(head.as_bytes()).await.expect("sent");
        trickle(&mut client, &[b'1'; 4], 1, Duration::from_secs(30)).await;
        assert_eq!(over.await.expect("no panic"), Duration::from_secs(70), "{head}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_uploads_have_so_many_places_and_beyond_them_less_time() {
    let gate = Arc::new(gate(Limits { max_slow_bodies: 2, ..Limits::default() }));
    let head = upload_head(UPLOAD);
    let mut slow = Vec::new();
    for _ in 0..3 {
        let (mut client, over) = connect(&gate);
        client.write_all(head.as_bytes()).await.expect("sent");
        // So that they come one after another.
        sleep(Duration::from_millis(1)).await;
        slow.push((client, over));
    }
    // Others are not kept waiting: not a request without a body, and not one that is sent at once.
    let (mut client, _over) = connect(&gate);
    client.write_all(GET).await.expect("sent");
    assert!(answer(client).await.ends_with("hello"));
    let (mut client, _over) = connect(&gate);
    client.write_all(upload_head(3).as_bytes()).await.expect("sent");
    client.write_all(b"abc").await.expect("sent");
    assert!(answer(client).await.ends_with("\r\n\r\n3"));

    let mut times = Vec::new();
    for (client, over) in slow {
        times.push(over.await.expect("no panic").as_secs());
        drop(client);
    }
    assert_eq!(times, [70, 70, 10]);
    assert_eq!(gate.slow_bodies.available_permits(), 2, "the places are free again");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_read_or_not_given_is_cut() {
    let gate = Arc::new(gate(Limits::default()));
    for path in ["/much", "/stuck"] {
        let (mut client, over) = connect(&gate);
        client.write_all(format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n").as_bytes()).await.expect("sent");
        assert_eq!(over.await.expect("no panic"), Duration::from_secs(10), "{path}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handshake_has_five_seconds_and_then_the_head_its_own() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).expect("a certificate");
    let files = crate::config::Tls { cert: folder.path().join("cert.pem"), key: folder.path().join("key.pem") };
    std::fs::write(&files.cert, made.cert.pem()).expect("written");
    std::fs::write(&files.key, made.signing_key.serialize_pem()).expect("written");
    let mut gate = gate(Limits::default());
    gate.tls = Some(Arc::new(Acceptor::open(files).expect("TLS")));
    let gate = Arc::new(gate);

    let (_client, over) = connect(&gate);
    assert_eq!(over.await.expect("no panic"), Duration::from_secs(5));
    // The head of a TLS record that says there is more to come.
    let (mut client, over) = connect(&gate);
    trickle(&mut client, &[0x16, 3, 1, 1, 0, 1, 0, 0, 0xfc, 3, 3, 0, 0, 0, 0], 1, Duration::from_secs(1)).await;
    assert_eq!(over.await.expect("no panic"), Duration::from_secs(5));

    let mut roots = tokio_rustls::rustls::RootCertStore::empty();
    roots.add(made.cert.der().clone()).expect("a root");
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = tokio_rustls::rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    let (client, over) = connect(&gate);
    let name = "localhost".try_into().expect("a name");
    let mut client = tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, client).await.expect("TLS");
    client.write_all(b"GET / HT").await.expect("sent");
    assert_eq!(over.await.expect("no panic"), Duration::from_secs(10));
}

#[tokio::test(start_paused = true)]
async fn an_answer_in_parts_has_time_for_as_long_as_its_client_takes_them() {
    let gate = Arc::new(gate(Limits::default()));
    let request = GET.strip_prefix(b"GET /").expect("a path");
    let request = [b"GET /parts", request].concat();
    let (mut client, over) = connect(&gate);
    client.write_all(&request).await.expect("sent");
    let (mut bytes, mut buffer) = (0, [0; PIPE]);
    while let Ok(length @ 1..) = client.read(&mut buffer).await {
        bytes += buffer[..length].iter().filter(|byte| **byte == b'x').count();
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(bytes, 4 * PIPE * PARTS);
    assert!(over.await.expect("no panic") > 3 * Limits::default().answer);

    // One who takes no more is let go.
    let (mut client, over) = connect(&gate);
    client.write_all(&request).await.expect("sent");
    client.read_exact(&mut buffer).await.expect("a beginning");
    assert!(over.await.expect("no panic") <= 2 * Limits::default().answer);
}
