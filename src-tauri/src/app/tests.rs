//! The app without a window: its own server, a call with a second participant, and what remains of it.

use sightline_call::{Call, CallConfig, CallEvent, Entry, LinkOptions, PeerInfo, SinkFactory};
use sightline_media::audio::{AudioSettings, AudioSink, AudioSource};
use sightline_media::video::{LatestFrame, VideoSettings, VideoSink, VideoSource};
use tokio::sync::mpsc;
use tokio::time::{Duration, timeout};

use super::*;
use crate::history::testing::{START_MS, record};
use crate::ipc::{CallPhase, ChatLine, Connection};
use crate::testing::Notes;

mod people;
mod sharing;

struct Stage {
    _dir: tempfile::TempDir,
    app: Arc<App>,
    notes: Arc<Notes>,
}

async fn stage() -> Stage {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        listen: Some("127.0.0.1:0".parse().unwrap()),
        camera: Some("pattern".parse().unwrap()),
        microphone: Some("tone".parse().unwrap()),
        speaker: Some("none".parse().unwrap()),
        ..Options::default()
    };
    let folders = Folders::make(dir.path().join("data"), dir.path().join("exports")).unwrap();
    let notes = Arc::new(Notes::default());
    let app = App::start(options, folders, notes.clone()).await.unwrap();
    let settings = Settings { name: "Ada".into(), max_height: 180, ..Settings::default() };
    app.save_settings(settings).await.unwrap();
    Stage { _dir: dir, app, notes }
}

struct Eyes(Arc<LatestFrame>);

impl SinkFactory for Eyes {
    fn video(&self, _: &PeerInfo, _: &sightline_call::link::RemoteTrack) -> Arc<dyn VideoSink> {
        self.0.clone()
    }

    fn audio(&self, _: &PeerInfo, _: &sightline_call::link::RemoteTrack) -> Option<Arc<dyn AudioSink>> {
        None
    }
}

/// A second participant, and what it sees.
async fn guest(invitation: &Invitation) -> (Call, mpsc::Receiver<CallEvent>, Arc<LatestFrame>) {
    let seen = Arc::new(LatestFrame::new());
    let (call, events) = Call::join(guest_config(invitation, seen.clone())).await.unwrap();
    (call, events, seen)
}

fn guest_config(invitation: &Invitation, seen: Arc<LatestFrame>) -> CallConfig {
    CallConfig {
        server: invitation.server.clone(),
        code: invitation.code.clone(),
        name: "Ben".into(),
        token: None,
        on_waiting: None,
        video: Some(VideoSource::Pattern),
        video_settings: VideoSettings { width: 320, height: 180, fps: 30, max_bps: 200_000 },
        audio: Some(AudioSource::Tone),
        audio_settings: AudioSettings::default(),
        speaker: Speaker::None,
        entry: Entry::default(),
        sinks: Arc::new(Eyes(seen)),
        on_captured: None,
        link: LinkOptions::default(),
    }
}

fn state_where(wanted: impl Fn(&CallState) -> bool) -> impl Fn(&PageEvent) -> bool {
    move |event| matches!(event, PageEvent::Call(state) if wanted(state))
}

/// Waits in the blocking pool, as a slot does.
async fn newer(slot: Arc<LatestFrame>, seen: u64) -> u64 {
    let found = spawn_blocking(move || slot.wait_newer_than(seen, Duration::from_secs(60))).await.unwrap();
    found.expect("a picture").0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_from_its_start_to_its_record() {
    let Stage { _dir, app, notes } = stage().await;
    let boot = app.boot().await.unwrap();
    assert!(boot.hosting.running && boot.recent.is_empty() && boot.history_problem.is_none());
    let invitation = app.start_call(RoomPlan::default()).await.unwrap();
    assert_eq!(app.open_invitation(&invitation.link).await.unwrap(), invitation);
    assert_eq!(app.open_invitation(&invitation.code.to_uppercase()).await.unwrap(), invitation);

    app.lobby_open(Some(String::new()), None, String::new()).await.unwrap();
    let state = app.join_call(invitation.code.clone(), String::new(), String::new(), true, true).await.unwrap();
    assert!(matches!(state.phase, CallPhase::Joining | CallPhase::In));
    assert_eq!((state.me.camera, state.me.microphone), (true, true));
    let again = app.join_call(invitation.code.clone(), String::new(), String::new(), true, true).await.unwrap_err();
    assert_eq!(again.code, ErrorCode::NotNow);
    assert!(app.lobby_open(Some(String::new()), None, String::new()).await.is_err());

    let (guest, mut guest_events, seen) = guest(&invitation).await;
    let connected = notes
        .wait_for(state_where(|state| {
            state.tiles.len() == 2 && state.tiles[1].connection == Connection::Connected && state.tiles[1].video
        }))
        .await;
    let PageEvent::Call(state) = connected else { panic!("a call's state") };
    assert_eq!((state.tiles[0].name.as_str(), state.tiles[1].name.as_str()), ("Ada", "Ben"));
    let tile = {
        let mut slot = None;
        while slot.is_none() {
            slot = app.tiles.get(&state.tiles[1].id);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        slot.unwrap()
    };
    let first = newer(tile.clone(), 0).await;
    newer(tile, first).await;
    let own = newer(seen.clone(), 0).await;
    newer(seen, own).await;
    let measured = |state: &CallState| {
        let stats = state.tiles.get(1).and_then(|tile| tile.stats.as_ref());
        stats.is_some_and(|stats| stats.fps > Some(0.0) && stats.width == Some(320) && stats.path.is_some())
    };
    notes.wait_for(state_where(measured)).await;

    notes.wait_for(state_where(|state| state.tiles.get(1).is_some_and(|tile| tile.speaking))).await;

    guest.chat("hello");
    app.order(Order::Chat("<i>hi</i>".into())).await.unwrap();
    let chat = |text: &'static str, is_own: bool| move |event: &PageEvent| matches!(event, PageEvent::Chat(ChatLine { text: of, own, .. }) if of == text && *own == is_own);
    notes.wait_for(chat("hello", false)).await;
    notes.wait_for(chat("<i>hi</i>", true)).await;
    let reloaded = app.boot().await.unwrap().call.expect("the call goes on");
    assert_eq!((reloaded.invitation, reloaded.state.tiles.len()), (invitation.clone(), 2));
    let (numbers, mut texts): (Vec<_>, Vec<_>) =
        app.chat_lines().await.into_iter().map(|line| (line.number, line.text)).unzip();
    texts.sort();
    assert_eq!((numbers, texts), (vec![1, 2], vec!["<i>hi</i>".to_owned(), "hello".to_owned()]));
    app.toggle_microphone().await;
    notes.wait_for(state_where(|state| !state.me.microphone)).await;
    let muted = async {
        while let Some(event) = guest_events.recv().await {
            if matches!(event, CallEvent::MediaState { audio: false, .. }) {
                return;
            }
        }
    };
    timeout(Duration::from_secs(60), muted).await.expect("the guest hears of it");
    app.set_device(DeviceKind::Camera, "no-such-camera".into()).await.unwrap();
    let lost = |state: &CallState| !state.me.camera && state.me.note.is_some();
    notes.wait_for(state_where(lost)).await;
    app.set_device(DeviceKind::Camera, String::new()).await.unwrap();
    notes
        .wait_for_last(|event| match event {
            PageEvent::Call(state) => Some(state.me.camera && state.me.note.is_none()),
            _ => None,
        })
        .await;
    app.order(Order::Mark).await.unwrap();
    guest.leave().await;
    notes.wait_for(state_where(|state| state.phase == CallPhase::In && state.tiles.len() == 1)).await;

    app.leave_call().await;
    let last = notes.wait_for(state_where(|state| state.phase == CallPhase::Ended)).await;
    let PageEvent::Call(last) = last else { panic!("a call's state") };
    assert_eq!(last.ended.map(|ended| ended.reason).as_deref(), Some("left"));
    assert!(app.order(Order::Mark).await.is_err());
    app.toggle_microphone().await;
    assert!(app.chat_lines().await.is_empty() && app.boot().await.unwrap().call.is_none());

    // At once: leaving has waited for the record.
    let line = app.history_calls(HistoryFilter::default(), 10, 0).await.unwrap().remove(0);
    assert_eq!(
        (line.code.as_str(), line.under_way, &line.peers[..]),
        (&*invitation.code, false, &["Ben".to_owned()][..])
    );
    let detail = app.history_call(line.id).await.unwrap();
    assert_eq!(detail.sessions.len(), 1);
    assert!(detail.events.iter().any(|event| event.words.contains("marked")), "{:?}", detail.events);
    let table = app.history_table(line.id, 0, i64::MAX).await.unwrap();
    assert!(!table.rows.is_empty());
    let written = app.history_export(line.id, ExportFormat::Csv).await.unwrap();
    assert!(std::fs::read_to_string(&written.path).unwrap().contains("Ben"));
    app.history_delete(line.id).await.unwrap();
    assert!(app.history_calls(HistoryFilter::default(), 10, 0).await.unwrap().is_empty());
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_leads_into_no_room_says_so_by_its_code() {
    let Stage { _dir, app, .. } = stage().await;
    let code = async |text: &str| app.open_invitation(text).await.unwrap_err().code;
    assert_eq!(code("!").await, ErrorCode::BadCode);
    assert_eq!(code("no-such-room-here").await, ErrorCode::NoRoom);
    assert_eq!(code("sightline://join/127.0.0.1:1/a-b").await, ErrorCode::NoServer);
    let joined = app.join_call("no-such-room-here".into(), String::new(), String::new(), false, false).await;
    assert_eq!(joined.unwrap_err().code, ErrorCode::NoRoom);
    assert_eq!(app.order(Order::Mark).await.unwrap_err().code, ErrorCode::NotNow);
    assert_eq!(app.open_path("/etc/passwd").await.unwrap_err().code, ErrorCode::NotFound);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_network_is_looked_at_before_a_call() {
    let Stage { _dir, app, .. } = stage().await;
    let check = app.check_network(String::new()).await.unwrap();
    assert!(check.reachable && check.round_trip_ms.is_some(), "{check:?}");
    let check = app.check_network("ws://127.0.0.1:1".into()).await.unwrap();
    assert!(!check.reachable && check.note.is_some(), "{check:?}");
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_of_the_settings_is_checked_and_the_one_inside_runs_when_it_is_needed() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options { listen: Some("127.0.0.1:0".parse().unwrap()), ..Options::default() };
    let folders = Folders::make(dir.path().join("data"), dir.path().join("exports")).unwrap();
    let app = App::start(options, folders, Arc::new(Notes::default())).await.unwrap();
    let set = |server: &str| Settings { name: "Ada".into(), server: server.into(), ..Settings::default() };
    assert_eq!(app.save_settings(set("two words")).await.unwrap_err().code, ErrorCode::NoServer);
    app.save_settings(set("calls.example:7788")).await.unwrap();
    assert!(!app.hosting().await.running, "another one is set");
    app.save_settings(set("127.0.0.1:1")).await.unwrap();
    for failed in [app.start_call(RoomPlan::default()).await, app.open_invitation("amber-canoe-violet-magnet").await] {
        let error = failed.unwrap_err();
        assert!(error.code == ErrorCode::NoServer && error.message.contains("Settings"), "{error}");
    }
    let elsewhere = app.open_invitation("sightline://join/127.0.0.1:1/a-b").await.unwrap_err();
    assert!(!elsewhere.message.contains("Settings"), "{elsewhere}");
    app.save_settings(set("")).await.unwrap();
    assert!(app.hosting().await.running);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_are_kept_for_as_long_as_is_set() {
    let Stage { _dir, app, .. } = stage().await;
    record(&app.folders.history(), START_MS, 0);
    let kept = async |keep_days| {
        let settings = Settings { name: "Ada".into(), keep_days, ..Settings::default() };
        app.save_settings(settings).await.unwrap();
        app.history_calls(HistoryFilter::default(), 10, 0).await.unwrap().len()
    };
    assert_eq!(kept(36_500).await, 1);
    assert_eq!(kept(7).await, 0, "it was in 2025");
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_link_is_handed_over_once() {
    let Stage { _dir, app, notes } = stage().await;
    app.link_opened("sightline://join/h/a-b".into());
    assert_eq!(app.boot().await.unwrap().link.as_deref(), Some("sightline://join/h/a-b"));
    assert_eq!(app.boot().await.unwrap().link, None);
    app.link_opened("sightline://join/h/c-d".into());
    notes.wait_for(|event| matches!(event, PageEvent::Link(link) if link.text.ends_with("c-d"))).await;
    assert_eq!(app.boot().await.unwrap().link, None);
    app.shut_down().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ending_the_app_in_a_call_loses_nothing_of_it() {
    let Stage { _dir, app, .. } = stage().await;
    let invitation = app.start_call(RoomPlan::default()).await.unwrap();
    app.join_call(invitation.code.clone(), invitation.server.clone(), String::new(), true, false).await.unwrap();
    app.shut_down().await;
    let lines = app.history_calls(HistoryFilter::default(), 10, 0).await.unwrap();
    assert_eq!(lines.len(), 1);
    assert!(!lines[0].under_way);
    let detail = app.history_call(lines[0].id).await.unwrap();
    assert_eq!(detail.sessions[0].reason.as_deref(), Some("left"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_history_that_cannot_be_used_is_told_and_keeps_nobody_from_a_call() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    std::fs::create_dir_all(&data).unwrap();
    std::fs::write(data.join("history.sqlite"), "this is no history, and it is long enough to tell that").unwrap();
    let options = Options {
        listen: Some("127.0.0.1:0".parse().unwrap()),
        camera: Some("none".parse().unwrap()),
        microphone: Some("none".parse().unwrap()),
        speaker: Some("none".parse().unwrap()),
        ..Options::default()
    };
    let notes = Arc::new(Notes::default());
    let app = App::start(options, Folders::make(data, dir.path().into()).unwrap(), notes.clone()).await.unwrap();
    assert!(app.boot().await.unwrap().history_problem.is_some());
    let invitation = app.start_call(RoomPlan::default()).await.unwrap();
    app.join_call(invitation.code, String::new(), String::new(), false, false).await.unwrap();
    notes.wait_for(state_where(|state| state.note.as_ref().is_some_and(|note| note.contains("not recorded")))).await;
    app.shut_down().await;
}
