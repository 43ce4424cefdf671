//! The same against the server itself: a room with two in it, their uploads, and the admin who looks at them.

use std::path::Path;

use futures_util::{SinkExt, StreamExt};
use sightline_protocol::account::{AdminWish, Me};
use sightline_protocol::logs::LogAccepted;
use sightline_protocol::{ClientMessage, MediaState, RoomCreated, RoomWish, ServerMessage, VERSION};
use sightline_server::{Accounts, Config, Secret, Server};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{Duration, Instant, sleep};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use super::*;
use crate::chart::{Charts, Look};
use crate::ipc::{AdminCharts, ErrorCode, ExportFormat};

const ADMIN_TOKEN: &str = "a-long-admin-token";

struct Running {
    url: String,
    _stop: oneshot::Sender<()>,
}

fn start(folder: &Path) -> Running {
    let config = Config {
        database: Some(folder.join("server.sqlite")),
        accounts: Accounts::Optional,
        admin_token: Some(Secret::new(ADMIN_TOKEN)),
        ..Config::default()
    };
    let server = Server::bind(config).unwrap();
    let url = format!("ws://{}", server.local_addr());
    let (stop, stopped) = oneshot::channel::<()>();
    tokio::spawn(server.run_until(async {
        stopped.await.ok();
    }));
    Running { url, _stop: stop }
}

/// Somebody in a room.
struct Member {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    id: String,
    /// For uploads.
    token: String,
}

impl Member {
    async fn join(server: &str, code: &str, name: &str) -> Self {
        let (socket, _) = connect_async(format!("{server}/ws")).await.unwrap();
        let mut member = Self { socket, id: String::new(), token: String::new() };
        let client = "test".to_owned();
        member.say(ClientMessage::Hello { version: VERSION, client, resume_token: None, account_token: None }).await;
        let ServerMessage::Welcome { user_id, .. } = member.hear().await else { panic!("no welcome") };
        member.id = user_id.to_string();
        let media = MediaState::default();
        let join = ClientMessage::Join { room_id: code.into(), name: name.into(), media, token: None, user_id: None };
        member.say(join).await;
        let ServerMessage::Join { token, .. } = member.hear().await else { panic!("not let in") };
        member.token = token.expect("one for uploads");
        member
    }

    async fn say(&mut self, message: ClientMessage) {
        self.socket.send(Message::text(message.to_json())).await.unwrap();
    }

    async fn hear(&mut self) -> ServerMessage {
        loop {
            if let Message::Text(text) = self.socket.next().await.expect("open").unwrap() {
                return ServerMessage::parse(&text).unwrap();
            }
        }
    }

    async fn upload(&self, server: &str, batch: &LogBatch) {
        let api = Api::new(server, Some(self.token.clone())).unwrap();
        let accepted: LogAccepted = api.post("/api/logs", batch).await.unwrap();
        assert!(accepted.stored > 0);
    }
}

/// Asks again until the server has written down what is wanted.
async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(Instant::now() < deadline, "never came: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_call_is_seen_read_exported_and_deleted_at_a_real_server() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path());
    let url = server.url.as_str();
    let room: RoomCreated = Api::new(url, None).unwrap().post("/rooms", &RoomWish::default()).await.unwrap();
    let mut ada = Member::join(url, &room.code, "Ada").await;
    let ben = Member::join(url, &room.code, "Ben").await;

    let admin = Admin::default();
    let wrong = |token: &str| AdminKey::Token { token: token.to_owned() };
    for token in ["wrong", ada.token.as_str(), room.token.as_str()] {
        let error = admin.sign_in(url.to_owned(), wrong(token)).await.unwrap_err();
        assert!(matches!(error.code, ErrorCode::Unauthorized | ErrorCode::Forbidden), "{error:?}");
        assert!(!error.message.contains(token) && error.message.ends_with('.'), "{error}");
    }
    let account = AdminKey::Account { name: "eve".to_owned(), password: "correct horse".to_owned() };
    let _: SignedIn = Api::new(url, None)
        .unwrap()
        .post("/accounts", &Credentials { name: "eve".to_owned(), password: "correct horse".to_owned() })
        .await
        .unwrap();
    assert_eq!(admin.sign_in(url.to_owned(), account.clone()).await.unwrap_err().code, ErrorCode::Forbidden);
    assert_eq!(admin.standing(), None);
    admin.sign_in(url.to_owned(), wrong(ADMIN_TOKEN)).await.unwrap();

    let rooms = admin.rooms().await.unwrap();
    assert_eq!((rooms.len(), rooms[0].room_id.as_str()), (1, room.id.as_str()));
    assert_eq!(rooms[0].people.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["Ada", "Ben"]);
    assert!(rooms[0].created_ms.is_some() && rooms[0].code.as_deref() == Some(room.code.as_str()));

    let now_ms = Timestamp::now().as_millisecond();
    let (sent, received) = both_ends((&ada.id, "Ada"), (&ben.id, "Ben"), now_ms - 40_000);
    ada.upload(url, &sent).await;
    ben.upload(url, &received).await;
    let page = until("the call with its reports", async || {
        let page = admin.calls(&CallFilter { text: "ADA ben".to_owned(), ..CallFilter::default() }).await.unwrap();
        (page.total == 1 && page.calls[0].reporters == 2).then_some(page)
    })
    .await;
    assert_eq!(page.calls[0].room_id, room.id);
    let details = admin.call(&room.id).await.unwrap();
    assert_eq!((details.coverage.reported, details.coverage.of, details.stays.len()), (2, 2, 2));

    let people = admin.load_reports(room.id.clone(), room.code.clone()).await.unwrap();
    assert!(people.iter().all(|person| person.reported) && people.len() == 2, "{people:?}");
    let number = |name: &str| people.iter().position(|person| person.name == name).unwrap() as u32;
    let charts = Charts::default();
    let look = Look { dark: true, pixels: false };
    for (place, which) in [
        (0, AdminCharts::Person(number("Ada"))),
        (0, AdminCharts::End { from: number("Ada"), to: number("Ben"), received: false }),
        (1, AdminCharts::End { from: number("Ada"), to: number("Ben"), received: true }),
    ] {
        let (record, stem) = admin.with_reports(&room.id, |reports| reports.record(which)).unwrap();
        assert!(!charts.show(place, record, stem, look, &input()).unwrap().is_empty());
    }

    for format in [ExportFormat::Csv, ExportFormat::Json] {
        let file = admin.export(&room.id, "call".to_owned(), format, folder.path().to_owned()).await.unwrap();
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains("Ada") && text.contains("Ben"), "{text}");
    }
    let totals = admin.totals(Some(now_ms - 3_600_000), Some(now_ms + 3_600_000)).await.unwrap();
    assert_eq!((totals.calls, totals.people), (1, 2));

    admin.end_room(&room.id).await.unwrap();
    until("that the room is over", async || admin.rooms().await.unwrap().is_empty().then_some(())).await;
    while !matches!(ada.hear().await, ServerMessage::Ended { .. }) {}
    admin.delete_call(&room.id).await.unwrap();
    let again = admin.delete_call(&room.id).await.unwrap_err();
    assert_eq!(again, IpcError::new(ErrorCode::Gone, "This call was deleted already."));
    assert_eq!(admin.call(&room.id).await.unwrap_err().code, ErrorCode::NotFound);
    let audit = admin.audit(10, 0).await.unwrap();
    assert!(audit.entries.iter().any(|entry| entry.what.as_deref() == Some(room.id.as_str())), "{audit:?}");
    assert_eq!(admin.complaints(10, 0).await.unwrap(), []);
    assert_eq!(admin.put_away(1).await.unwrap_err().code, ErrorCode::Gone);

    let root = Api::new(url, Some(ADMIN_TOKEN.to_owned())).unwrap();
    let _: Me = root.post("/api/admin/accounts/eve/admin", &AdminWish { admin: true }).await.unwrap();
    let eve = admin.sign_in(url.to_owned(), account).await.unwrap();
    assert_eq!((eve.name.as_deref(), admin.calls(&CallFilter::default()).await.unwrap().total), (Some("eve"), 0));
    let api = admin.api().unwrap().1;
    admin.sign_out().await;
    assert_eq!(admin.rooms().await.unwrap_err().code, ErrorCode::Unauthorized);
    let late = api.get::<Me>("/accounts/me").await.unwrap_err();
    assert_eq!(refusal(late).code, ErrorCode::Unauthorized, "the server has called the token back");
}
