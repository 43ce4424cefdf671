//! The loopback WebSocket: who may come in, and the reading and writing of one connection.
//!
//! Invariant: only a page of this app gets in: it knows the token, and its origin is the app's. Anything else on this
//! computer is refused before the upgrade.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use subtle::ConstantTimeEq;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tokio_tungstenite::tungstenite::http::{StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::feed::Feeds;
use super::tiles::Tiles;
use super::wire;
use crate::ipc::FramesAddress;

/// Where the page is: the custom scheme on Linux and macOS, a host of its own on Windows.
const ORIGINS: [&str; 3] = ["tauri://localhost", "http://tauri.localhost", "https://tauri.localhost"];
const PATH: &str = "/frames";
/// One page; a page that is loaded anew may overlap with what it was before.
const MAX_CONNECTIONS: usize = 4;
/// A page on this computer says what it wants at once.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// Pictures that may wait for the socket. The credit allows for two of each tile, and few tiles are shown; the threads
/// wait where it is full.
const OUTGOING: usize = wire::MAX_TILES;

/// The socket; closed when dropped.
pub(crate) struct FrameSocket {
    endpoint: FramesAddress,
    task: JoinHandle<()>,
}

impl FrameSocket {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// Where the system gives no port.
    pub(crate) async fn open(tiles: Arc<Tiles>) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let url = format!("ws://{}{PATH}", listener.local_addr()?);
        // Of the thread's cryptographic generator.
        let token = format!("{:032x}", rand::random::<u128>());
        let task = tokio::spawn(accept(listener, tiles, token.clone()));
        Ok(Self { endpoint: FramesAddress { url, token }, task })
    }

    /// Where it is, for the page.
    pub(crate) fn endpoint(&self) -> FramesAddress {
        self.endpoint.clone()
    }
}

impl Drop for FrameSocket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, tiles: Arc<Tiles>, token: String) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let token = Arc::<str>::from(token);
    // Ends all connections with this task.
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (tiles, token) = (tiles.clone(), token.clone());
                connections.spawn(async move {
                    serve(stream, tiles, &token).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the page cannot get at its pictures");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, tiles: Arc<Tiles>, token: &str) {
    // Pictures go out at once.
    stream.set_nodelay(true).ok();
    let config =
        WebSocketConfig::default().max_message_size(Some(wire::MAX_MESSAGE)).max_frame_size(Some(wire::MAX_MESSAGE));
    #[expect(clippy::result_large_err, reason = "the WebSocket library's own type")]
    let check = |request: &Request, response: Response| match is_at_home(request, token) {
        true => Ok(response),
        false => Err(forbidden()),
    };
    let upgraded = tokio_tungstenite::accept_hdr_async_with_config(stream, check, Some(config));
    let socket = match timeout(HANDSHAKE, upgraded).await {
        Ok(Ok(socket)) => socket,
        Ok(Err(error)) => return tracing::debug!(%error, "a stranger at the frame socket"),
        Err(_) => return,
    };
    let (mut sink, mut stream) = socket.split();
    let (out, mut pictures) = mpsc::channel::<Vec<u8>>(OUTGOING);
    let mut feeds = Feeds::new(tiles, out);
    let read = async {
        while let Some(Ok(message)) = stream.next().await {
            // Pings are answered by the library; binary means nothing here.
            let Message::Text(text) = message else { continue };
            match wire::parse(&text) {
                Some(message) => feeds.obey(message),
                None => tracing::warn!("the page said something that nobody understands"),
            }
        }
    };
    let write = async {
        while let Some(picture) = pictures.recv().await {
            if sink.send(Message::Binary(picture.into())).await.is_err() {
                return;
            }
        }
    };
    tokio::select! {
        () = read => {}
        () = write => {}
    }
}

/// Whether it is a page of this app.
fn is_at_home(request: &Request, token: &str) -> bool {
    let given = request.uri().query().unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("token="));
    let knows = given.is_some_and(|given| bool::from(given.as_bytes().ct_eq(token.as_bytes())));
    let origin = request.headers().get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    request.uri().path() == PATH && knows && origin.is_some_and(|origin| ORIGINS.contains(&origin))
}

fn forbidden() -> ErrorResponse {
    let mut refusal = ErrorResponse::new(None);
    *refusal.status_mut() = StatusCode::FORBIDDEN;
    refusal
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use sightline_media::video::{LatestFrame, VideoFrame};
    use tokio_tungstenite::tungstenite::Error;
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

    use super::*;

    type Client = WebSocketStream<MaybeTlsStream<TcpStream>>;

    const SOON: Duration = Duration::from_secs(20);

    async fn connect(url: &str, origin: Option<&str>) -> Result<Client, Error> {
        let mut request = url.into_client_request()?;
        if let Some(origin) = origin {
            request.headers_mut().insert(header::ORIGIN, origin.parse().unwrap());
        }
        connect_async(request).await.map(|(client, _)| client)
    }

    async fn page(socket: &FrameSocket) -> Client {
        let FramesAddress { url, token } = socket.endpoint();
        connect(&format!("{url}?token={token}"), Some(ORIGINS[0])).await.expect("let in")
    }

    fn frame(width: u32, height: u32, luma: u8) -> VideoFrame {
        VideoFrame::from_i420(width, height, vec![luma; (width * height * 3 / 2) as usize], 5).unwrap()
    }

    async fn say(client: &mut Client, text: &str) {
        client.send(Message::text(text)).await.expect("sent");
    }

    /// The next picture: tile, sequence, width, height, first byte of luma.
    async fn next(client: &mut Client) -> Option<(String, u32, u16, u16, u8)> {
        let message = timeout(SOON, client.next()).await.expect("a picture in time")?;
        let bytes = message.ok()?.into_data();
        let u16_at = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let id = usize::from(bytes[1]);
        let tile = String::from_utf8(bytes[28..28 + id].to_vec()).unwrap();
        let sequence = u32::from_le_bytes(bytes[8..12].try_into().unwrap());
        Some((tile, sequence, u16_at(2), u16_at(4), bytes[28 + id.next_multiple_of(4)]))
    }

    async fn nothing_comes(client: &mut Client) {
        let quiet = timeout(Duration::from_millis(300), client.next()).await;
        assert!(quiet.is_err(), "{quiet:?}");
    }

    #[tokio::test]
    async fn only_a_page_of_this_app_gets_in() {
        let socket = FrameSocket::open(Arc::default()).await.unwrap();
        let FramesAddress { url, token } = socket.endpoint();
        let own = Some(ORIGINS[0]);
        assert!(connect(&format!("{url}?token={token}"), own).await.is_ok());
        for (url, origin) in [
            (url.clone(), own),
            (format!("{url}?token={}", &token[1..]), own),
            (format!("{url}?token={}0", &token[1..]), own),
            (format!("{}?token={token}", url.replace("frames", "other")), own),
            (format!("{url}?token={token}"), None),
            (format!("{url}?token={token}"), Some("https://example.org")),
            (format!("{url}?token={token}"), Some("null")),
        ] {
            let refused = connect(&url, origin).await;
            assert!(
                matches!(&refused, Err(Error::Http(response)) if response.status() == StatusCode::FORBIDDEN),
                "{url} from {origin:?}: {refused:?}"
            );
        }
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn pictures_come_scaled_the_newest_first_and_two_at_a_time() {
        let tiles = Arc::new(Tiles::default());
        let slot = Arc::new(LatestFrame::new());
        tiles.set("self", slot.clone());
        let socket = FrameSocket::open(tiles.clone()).await.unwrap();
        let mut client = page(&socket).await;
        slot.put(frame(1280, 720, 1));
        say(&mut client, r#"{"show": [{"tile": "self", "width": 640, "height": 640}]}"#).await;
        assert_eq!(next(&mut client).await, Some(("self".into(), 1, 640, 360, 1)));
        slot.put(frame(320, 180, 2));
        assert_eq!(next(&mut client).await, Some(("self".into(), 2, 320, 180, 2)), "never enlarged");
        for luma in 3..6 {
            slot.put(frame(640, 360, luma));
        }
        nothing_comes(&mut client).await;
        say(&mut client, r#"{"ack": 1}"#).await;
        assert_eq!(next(&mut client).await, Some(("self".into(), 3, 640, 360, 5)), "those between are skipped");
        nothing_comes(&mut client).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_is_shown_changes() {
        let tiles = Arc::new(Tiles::default());
        let (one, two) = (Arc::new(LatestFrame::new()), Arc::new(LatestFrame::new()));
        tiles.set("one", one.clone());
        let socket = FrameSocket::open(tiles.clone()).await.unwrap();
        let mut client = page(&socket).await;
        one.put(frame(64, 64, 1));
        // A tile may be asked for before there is anything to show in it.
        let both =
            r#"{"show": [{"tile": "one", "width": 64, "height": 64}, {"tile": "two", "width": 32, "height": 32}]}"#;
        say(&mut client, both).await;
        assert_eq!(next(&mut client).await, Some(("one".into(), 1, 64, 64, 1)));
        tiles.set("two", two.clone());
        two.put(frame(64, 64, 2));
        assert_eq!(next(&mut client).await, Some(("two".into(), 2, 32, 32, 2)));
        // A peer that comes back has another slot, whose numbers begin anew.
        let again = Arc::new(LatestFrame::new());
        again.put(frame(64, 64, 3));
        tiles.set("one", again);
        assert_eq!(next(&mut client).await, Some(("one".into(), 3, 64, 64, 3)));
        say(&mut client, r#"{"show": []}"#).await;
        // The answer to a ping comes after what was said before is done.
        client.send(Message::Ping("x".into())).await.unwrap();
        assert!(matches!(timeout(SOON, client.next()).await, Ok(Some(Ok(Message::Pong(_))))));
        for luma in 0..10 {
            two.put(frame(64, 64, luma));
        }
        say(&mut client, r#"{"ack": 1}{"ack": 2}"#).await;
        say(&mut client, "garbage").await;
        nothing_comes(&mut client).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_page_that_goes_leaves_no_thread_behind() {
        let tiles = Arc::new(Tiles::default());
        let slot = Arc::new(LatestFrame::new());
        tiles.set("self", slot.clone());
        let socket = FrameSocket::open(tiles).await.unwrap();
        let mut client = page(&socket).await;
        slot.put(frame(64, 64, 1));
        say(&mut client, r#"{"show": [{"tile": "self", "width": 64, "height": 64}]}"#).await;
        next(&mut client).await;
        drop(client);
        let deadline = Instant::now() + SOON;
        // The thread and this test hold the slot, and the registry.
        while Arc::strong_count(&slot) > 2 {
            assert!(Instant::now() < deadline, "a thread still holds the slot");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    #[tokio::test]
    async fn a_message_that_is_too_long_ends_the_connection() {
        let socket = FrameSocket::open(Arc::default()).await.unwrap();
        let mut client = page(&socket).await;
        say(&mut client, &" ".repeat(wire::MAX_MESSAGE + 1)).await;
        let end = timeout(SOON, client.next()).await.expect("in time");
        assert!(!matches!(end, Some(Ok(Message::Text(_) | Message::Binary(_)))), "{end:?}");
    }
}
