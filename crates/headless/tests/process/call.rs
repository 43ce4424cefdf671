//! Whole calls between processes, over real sockets.

use std::path::Path;

use crate::record::{end_reason, events, left_at, rows, wait_until};
use crate::support::{Client, TestServer, path};
use sightline_history::History;
use sightline_media::audio::{similarity_of_files, write_test_speech};
use sightline_media::video::{FramePool, Y4mReader, read_frame_counter, write_test_clip};
use tempfile::TempDir;

const WIDTH: u32 = 640;
const HEIGHT: u32 = 360;

/// Media for a call, and the arguments that send it.
struct Media {
    args: Vec<String>,
    speech: std::path::PathBuf,
}

fn media(scene: &TempDir) -> Media {
    let clip = scene.path().join("clip.y4m");
    let speech = scene.path().join("speech.wav");
    write_test_clip(&clip, WIDTH, HEIGHT, 30, 4).expect("the clip is written");
    write_test_speech(&speech, 10.0).expect("the speech is written");
    let args = [
        "--camera",
        &format!("file:{}", path(&clip)),
        "--microphone",
        &format!("file:{}", path(&speech)),
        "--size",
        &format!("{WIDTH}x{HEIGHT}"),
        "--max-kbps",
        "600",
    ];
    Media { args: args.iter().map(|arg| (*arg).to_owned()).collect(), speech }
}

impl Media {
    fn with<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        self.args.iter().map(String::as_str).chain(more.iter().copied()).collect()
    }
}

#[test]
fn two_processes_see_hear_and_record_each_other() {
    let (scene, server) = (TempDir::new().unwrap(), TestServer::start());
    let media = media(&scene);
    let code = server.room();
    let sides = ["ada", "ben"].map(|name| {
        let out = scene.path().join(name);
        let history = scene.path().join(format!("{name}.sqlite"));
        let args =
            media.with(&["--seconds", "12", "--verify-counter", "--record", path(&out), "--history", path(&history)]);
        Client::join(&scene, &server.url(), &code, name, &args)
    });
    let ends = sides.map(Client::wait);
    for (end, (name, other)) in ends.iter().zip([("ada", "ben"), ("ben", "ada")]) {
        let report = end.report();
        let peer = &report.peers[0];
        assert_eq!(peer.name, other);
        let video = peer.video_in.as_ref().expect("pictures came");
        assert!(video.frames.unwrap() > 100, "{video:?}");
        assert_eq!((video.width, video.height), (Some(WIDTH), Some(HEIGHT)));
        let clip = peer.clip.expect("the clip was verified");
        assert!(clip.read > 100 && clip.unread == 0 && clip.out_of_order == 0, "{clip:?}");
        assert!(peer.capture_to_decode_ms.is_some());
        assert_eq!(report.encoders_running, 1);
        let setup = peer.setup.expect("set-up was timed");
        assert!(report.setup.signaling_ms.is_some());
        let steps = [setup.ice_ms, setup.dtls_ms, setup.first_frame_ms].map(Option::unwrap);
        assert!(steps.is_sorted(), "{setup:?}");
        recordings_hold_what_was_sent(&scene.path().join(name), other, &media.speech);
        history_holds_the_call(&scene.path().join(format!("{name}.sqlite")), &code);
    }
}

fn recordings_hold_what_was_sent(dir: &Path, peer: &str, speech: &Path) {
    let mut reader = Y4mReader::open(&dir.join(format!("{peer}.y4m"))).expect("the recording opens");
    let mut counters = Vec::new();
    let pool = FramePool::default();
    loop {
        // The reader goes round and round: number 0 again is the end.
        let (number, frame) = reader.next_frame(&pool).expect("the recording reads");
        if number == 0 && !counters.is_empty() {
            break;
        }
        counters.push(read_frame_counter(&frame.freeze(0)).expect("each recorded frame carries its counter"));
    }
    assert!(counters.len() > 100, "{} frames", counters.len());

    let rows = csv(&dir.join(format!("{peer}.csv")), "frame,rtp_timestamp,capture_us,decode_us");
    assert_eq!(rows.len(), counters.len(), "one row per recorded frame");
    assert!(rows.iter().all(|row| row[2] > 0 && row[3] >= row[2]), "decoded after captured, on one machine");
    let camera = csv(&dir.join("camera.csv"), "frame,capture_us");
    assert!(camera.len() > 100 && camera.is_sorted_by_key(|row| row[1]));

    let heard = similarity_of_files(speech, &dir.join(format!("{peer}.wav")), 12.0).expect("both are WAV files");
    assert!(heard.correlation > 0.8, "{heard:?}");
}

fn csv(path: &Path, header: &str) -> Vec<Vec<i64>> {
    let text = std::fs::read_to_string(path).expect("the CSV is there");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some(header));
    lines.map(|line| line.split(',').map(|field| field.parse().expect("a number")).collect()).collect()
}

fn history_holds_the_call(file: &Path, code: &str) {
    let history = History::open(file).expect("the history opens");
    let calls = history.calls(10, 0).expect("calls are listed");
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].code, code);
    let sessions = history.sessions(calls[0].id).expect("sessions are listed");
    assert_eq!(sessions.len(), 1);
    assert_eq!(sessions[0].end_reason.as_deref(), Some("left"));
    let tracks = history.tracks(sessions[0].id).expect("tracks are listed");
    assert_eq!(tracks.len(), 4, "sound and pictures, both ways: {tracks:?}");
    for track in &tracks {
        let samples = history.samples(track, i64::MIN..i64::MAX).expect("samples are read");
        assert!(!samples.is_empty(), "{track:?} has a last, shorter row");
        assert!(samples.iter().all(|row| row.counters.packets.is_some_and(|packets| packets > 0)), "{samples:?}");
    }
}

#[test]
fn a_killed_peer_is_noticed_its_rows_are_kept_and_the_others_go_on() {
    let (scene, server) = (TempDir::new().unwrap(), TestServer::start());
    let media = media(&scene);
    let code = server.room();
    let history = scene.path().join("killed.sqlite");
    let victim = Client::join(&scene, &server.url(), &code, "victim", &media.with(&["--history", path(&history)]));
    let stays = ["ada", "ben"].map(|name| {
        let record = scene.path().join(format!("{name}.sqlite"));
        let args = media.with(&["--seconds", "45", "--history", path(&record)]);
        Client::join(&scene, &server.url(), &code, name, &args)
    });
    // The victim dies after its first window of 15 s was written.
    wait_until(|| rows(&history) > 0);
    victim.kill();
    let killed_ms = unix_ms();
    let before = rows(&history);

    for (end, name) in stays.map(Client::wait).iter().zip(["ada", "ben"]) {
        let report = end.report();
        let other = report.peers.iter().find(|peer| peer.name != "victim").expect("the other one stayed");
        let video = other.video_in.as_ref().expect("pictures came");
        assert!(video.fps.unwrap() > 20.0, "{video:?}");
        let left_ms = left_at(&scene.path().join(format!("{name}.sqlite")), "victim");
        assert!((left_ms - killed_ms) < 15_000, "{name} saw the loss after {} ms", left_ms - killed_ms);
    }
    // The next start closes what the crash left open, and nothing that was there is gone.
    drop(sightline_history::Recorder::open(&history).expect("the history opens again"));
    assert_eq!(rows(&history), before);
    assert_eq!(end_reason(&history).as_deref(), Some("crash"));
}

#[test]
fn a_call_outlives_its_server_and_finds_it_again() {
    let scene = TempDir::new().unwrap();
    let config = |listen: std::net::SocketAddr| sightline_server::Config {
        listen,
        database: Some(scene.path().join("rooms.sqlite")),
        ..sightline_server::Config::default()
    };
    let server = TestServer::with(config("127.0.0.1:0".parse().unwrap()));
    let (address, url) = (server.address, server.url());
    let media = media(&scene);
    let code = server.room();
    let sides = ["ada", "ben"].map(|name| {
        let record = scene.path().join(format!("{name}.sqlite"));
        (Client::join(&scene, &url, &code, name, &media.with(&["--history", path(&record)])), record)
    });
    wait_until(|| sides.iter().all(|(_, record)| events(record, "peer-connected") > 0));
    server.stop();
    wait_until(|| sides.iter().all(|(_, record)| events(record, "reconnecting") > 0));
    // How long it is away: several of the readings, a second apart, that the report is made of.
    std::thread::sleep(std::time::Duration::from_secs(4));
    let _server = TestServer::with(config(address));
    wait_until(|| sides.iter().all(|(_, record)| events(record, "reconnected") > 0));
    // While both are still there: whoever stays longer sees the other one leave.
    for (_, record) in &sides {
        assert_eq!(events(record, "peer-left"), 0);
    }
    for (client, _) in sides {
        let report = client.terminate().report();
        assert_eq!(report.peers.len(), 1, "the same participant throughout: {:?}", report.peers);
        let video = report.peers[0].video_in.as_ref().expect("pictures came");
        assert!(video.fps.unwrap() > 20.0, "media went on: {video:?}");
    }
}

fn unix_ms() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("after 1970").as_millis() as i64
}
