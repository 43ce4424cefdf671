//! What of calls goes to their server, and what does not.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use flate2::read::GzDecoder;
use sightline_protocol::admin::CallPage;
use sightline_protocol::logs::LogBatch;
use sightline_server::{Config, Secret, Server};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::*;

const ADMIN: &str = "the one who runs this server";

/// A server, with somebody in front of it who looks into the uploads, and can let them fail while calls go on.
struct Uploads {
    _dir: tempfile::TempDir,
    address: SocketAddr,
    taken: Arc<Mutex<Taken>>,
    /// Ends the server behind when it is dropped.
    _stop: oneshot::Sender<()>,
}

#[derive(Default)]
struct Taken {
    is_busy: bool,
    /// What the server has taken.
    arrivals: Vec<LogBatch>,
    /// Under which token that was, at last.
    token: String,
}

impl Uploads {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let database = Some(dir.path().join("server.sqlite"));
        let admin_token = Some(Secret::new(ADMIN));
        let server = Server::bind(Config { database, admin_token, ..Config::default() }).unwrap();
        let behind = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        tokio::spawn(server.run_until(async move { drop(stopped.await) }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let taken = Arc::<Mutex<Taken>>::default();
        let of_task = taken.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, behind, of_task.clone()));
            }
        });
        Self { _dir: dir, address, taken, _stop: stop }
    }

    fn busy(&self, is_busy: bool) {
        lock(&self.taken).is_busy = is_busy;
    }

    fn arrivals(&self) -> Vec<LogBatch> {
        lock(&self.taken).arrivals.clone()
    }

    /// Names in the sessions that arrived: each test records each session under another one.
    fn names(&self) -> BTreeSet<String> {
        self.arrivals().into_iter().map(|batch| batch.session.name).collect()
    }

    fn settings(&self, name: &str, share_samples: bool) -> Settings {
        let server = format!("ws://{}", self.address);
        Settings { name: name.into(), server, share_samples, max_height: 180, ..Settings::default() }
    }
}

async fn serve(stream: TcpStream, behind: SocketAddr, taken: Arc<Mutex<Taken>>) {
    let mut stream = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if !stream.read_line(&mut head).await.is_ok_and(|bytes| bytes > 0) {
            return;
        }
    }
    let mut server = TcpStream::connect(behind).await.unwrap();
    server.write_all(head.as_bytes()).await.unwrap();
    if !head.starts_with("POST /api/logs ") {
        copy_bidirectional(&mut stream, &mut server).await.ok();
        return;
    }
    let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    let mut packed = vec![0; field("content-length: ").parse().unwrap()];
    stream.read_exact(&mut packed).await.unwrap();
    let mut answer = Vec::new();
    if lock(&taken).is_busy {
        let problem = "{\"detail\":\"Back soon.\",\"code\":\"unavailable\"}";
        let length = problem.len();
        answer.extend(
            format!("HTTP/1.1 503 Busy\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{problem}").bytes(),
        );
    } else {
        server.write_all(&packed).await.unwrap();
        // It closes the connection after its answer.
        server.read_to_end(&mut answer).await.unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
        let batch = serde_json::from_reader(GzDecoder::new(&packed[..])).unwrap();
        let mut taken = lock(&taken);
        taken.arrivals.push(batch);
        taken.token = field("authorization: Bearer ").to_owned();
    }
    // The app may have ended meanwhile.
    stream.write_all(&answer).await.ok();
}

async fn until<T>(what: &str, found: impl AsyncFn() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(found) = found().await {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn standing_where(app: &App, what: &str, wanted: impl Fn(&Sharing) -> bool) -> Sharing {
    until(what, async || Some(app.sharing().await.unwrap()).filter(&wanted)).await
}

/// A call without anybody else, under a name.
async fn call_alone(app: &App, settings: Settings) {
    app.save_settings(settings).await.unwrap();
    join(app).await;
    app.leave_call().await;
}

async fn join(app: &App) -> Invitation {
    let invitation = app.start_call(RoomPlan::default()).await.unwrap();
    app.join_call(invitation.code.clone(), String::new(), String::new(), false, false).await.unwrap();
    invitation
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_is_shared_with_its_server_under_the_token_that_is_good() {
    let Stage { _dir, app, notes } = stage().await;
    let uploads = Uploads::start().await;
    call_alone(&app, uploads.settings("before", false)).await;
    app.save_settings(uploads.settings("Ada", true)).await.unwrap();
    let invitation = join(&app).await;
    let (guest, _events, _) = guest(&invitation).await;
    let connected = |state: &CallState| {
        state.tiles.get(1).is_some_and(|tile| tile.connection == Connection::Connected && tile.stats.is_some())
    };
    let PageEvent::Call(state) = notes.wait_for(state_where(connected)).await else { panic!("a call's state") };
    // The token that we came with is called back.
    let host =
        sightline_protocol::HostAction::HandOver { user_id: sightline_protocol::UserId(state.tiles[1].peer.clone()) };
    app.order(Order::Host(host)).await.unwrap();
    let handed_over = |state: &CallState| state.room.as_ref().is_some_and(|room| room.notice.is_some() && !room.host);
    notes.wait_for(state_where(handed_over)).await;
    app.leave_call().await;
    guest.leave().await;
    let arrivals = until("the end of the session arrives", async || {
        Some(uploads.arrivals()).filter(|all| all.last().is_some_and(|batch| batch.session.end_reason.is_some()))
    })
    .await;
    assert_eq!(uploads.names(), BTreeSet::from(["Ada".to_owned()]), "and not the one of before");
    assert!(arrivals.iter().any(|batch| batch.stays.iter().any(|stay| stay.name.as_deref() == Some("Ben"))));
    assert!(arrivals.iter().any(|batch| !batch.samples.is_empty() && !batch.events.is_empty()));
    let token = Some(lock(&uploads.taken).token.clone());
    let again = CallConfig { token, ..guest_config(&invitation, Arc::default()) };
    Call::join(again).await.expect("the token is the one that we were given last").0.leave().await;
    let admin = Api::new(&invitation.server, Some(ADMIN.to_owned())).unwrap();
    let page: CallPage = admin.get("/api/admin/calls?limit=10").await.unwrap();
    let reporters: Vec<_> = page.calls.iter().map(|call| call.reporters).collect();
    assert_eq!(reporters, [1, 0], "the latest first");
    let standing = standing_where(&app, "all is sent", |sharing| sharing.waiting_rows == 0).await;
    assert!(standing.on && standing.last_success_ms.is_some() && standing.last_error.is_none(), "{standing:?}");
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_when_sharing_is_switched_off_is_dropped() {
    let Stage { _dir, app, .. } = stage().await;
    let uploads = Uploads::start().await;
    let off = app.sharing().await.unwrap();
    assert!(!off.on && off.example.is_none() && off.fields.iter().any(|field| field.path == "session.name"));
    uploads.busy(true);
    call_alone(&app, uploads.settings("waits", true)).await;
    let waiting = standing_where(&app, "rows wait", |sharing| sharing.last_error.is_some()).await;
    assert!(waiting.waiting_rows > 0, "{waiting:?}");
    assert_eq!(waiting.last_error.as_deref(), Some("The server is busy: Back soon. What is to be sent waits."));
    assert!(waiting.example.is_some_and(|example| example.contains("\"name\": \"waits\"")));
    // And in the middle of a call.
    app.save_settings(uploads.settings("goes on", true)).await.unwrap();
    join(&app).await;
    app.save_settings(uploads.settings("goes on", false)).await.unwrap();
    let off = app.sharing().await.unwrap();
    assert!((off.on, off.waiting_rows, off.last_error) == (false, 0, None) && off.example.is_some());
    app.leave_call().await;
    uploads.busy(false);
    call_alone(&app, uploads.settings("again", true)).await;
    until("the call of later arrives", async || (!uploads.arrivals().is_empty()).then_some(())).await;
    standing_where(&app, "all is sent", |sharing| sharing.waiting_rows == 0).await;
    assert_eq!(uploads.names(), BTreeSet::from(["again".to_owned()]));
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_did_not_take_is_sent_at_the_next_start_unless_sharing_is_off_by_then() {
    for still_on in [true, false] {
        let Stage { _dir, app, notes } = stage().await;
        let uploads = Uploads::start().await;
        uploads.busy(true);
        call_alone(&app, uploads.settings("waits", true)).await;
        standing_where(&app, "rows wait", |sharing| sharing.waiting_rows > 0 && sharing.last_error.is_some()).await;
        app.shut_down().await;
        let (options, folders) = (app.options.clone(), app.folders.clone());
        drop(app);
        uploads.busy(false);
        if !still_on {
            // By hand, or because the file was broken: nobody knows then whether they are still to be sent.
            std::fs::remove_file(folders.settings()).unwrap();
        }
        let app = App::start(options, folders, notes).await.unwrap();
        if still_on {
            until("what waited arrives", async || uploads.names().contains("waits").then_some(())).await;
        } else {
            app.save_settings(uploads.settings("later", true)).await.unwrap();
            call_alone(&app, uploads.settings("later", true)).await;
            until("the call of later arrives", async || uploads.names().contains("later").then_some(())).await;
            standing_where(&app, "all is sent", |sharing| sharing.waiting_rows == 0).await;
            assert!(!uploads.names().contains("waits"));
        }
        app.shut_down().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_can_be_read_also_where_there_is_no_history() {
    let Stage { _dir, app, .. } = stage().await;
    std::fs::write(app.folders.history(), "this is no history, and it is long enough to tell that").unwrap();
    let sharing = app.sharing().await.unwrap();
    assert!(!sharing.fields.is_empty() && sharing.last_error.is_some(), "{sharing:?}");
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_dropped_is_said_and_not_sent_when_sharing_is_on_again() {
    let Stage { _dir, app, .. } = stage().await;
    let uploads = Uploads::start().await;
    uploads.busy(true);
    call_alone(&app, uploads.settings("waits", true)).await;
    standing_where(&app, "rows wait", |sharing| sharing.waiting_rows > 0 && sharing.last_error.is_some()).await;
    let read_only = |wanted| {
        let history = app.folders.history();
        let mut permissions = history.metadata().unwrap().permissions();
        permissions.set_readonly(wanted);
        std::fs::set_permissions(history, permissions).unwrap();
    };
    read_only(true);
    app.save_settings(uploads.settings("waits", false)).await.unwrap();
    let off = app.sharing().await.unwrap();
    assert!(!off.on && off.last_error.is_some_and(|error| error.contains("could not be dropped")));
    uploads.busy(false);
    app.save_settings(uploads.settings("waits", true)).await.unwrap();
    assert!(!app.sharing().await.unwrap().on, "not before it is dropped");
    read_only(false);
    call_alone(&app, uploads.settings("later", true)).await;
    until("the call of later arrives", async || uploads.names().contains("later").then_some(())).await;
    standing_where(&app, "all is sent", |sharing| sharing.waiting_rows == 0).await;
    assert_eq!(uploads.names(), BTreeSet::from(["later".to_owned()]));
    app.shut_down().await;
}
