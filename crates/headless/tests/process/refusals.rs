//! Bad input from the command line and the file system: each ends in one clear line and the right exit code.

use std::path::Path;

use crate::support::{Client, TestServer, path};
use tempfile::TempDir;

fn join(scene: &TempDir, server: &TestServer, args: &[&str]) -> crate::support::End {
    let code = server.room();
    Client::join(scene, &server.url(), &code, "ada", &[&["--seconds", "20"], args].concat()).wait()
}

#[test]
fn wrong_usage_exits_with_2() {
    for args in [
        &[][..],
        &["join"],
        &["join", "a-b-c-d", "--server", "ws://127.0.0.1:1"],
        &["join", "a-b-c-d", "--server", "ws://127.0.0.1:1", "--name", "n", "--camera", "nonsense"],
        &["join", "a-b-c-d", "--server", "ws://127.0.0.1:1", "--name", "n", "--size", "641x3"],
        &["join", "a-b-c-d", "--server", "ws://127.0.0.1:1", "--name", "n", "--fps", "0"],
        &["frobnicate"],
    ] {
        let end = Client::spawn(args).wait();
        assert_eq!(end.status.code(), Some(2), "{args:?}: {}", end.stderr);
    }
}

#[test]
fn an_unknown_code_is_refused() {
    let (scene, server) = (TempDir::new().unwrap(), TestServer::start());
    let end = Client::join(&scene, &server.url(), "no-such-room-here", "ada", &["--seconds", "5"]).wait();
    assert!(end.refused(1).contains("no-such-room-here"), "{}", end.stderr);
}

#[test]
fn a_server_that_is_not_there_is_named() {
    let scene = TempDir::new().unwrap();
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("ws://{free}");
    let end = Client::join(&scene, &url, "a-b-c-d", "ada", &["--seconds", "5"]).wait();
    assert!(end.refused(1).contains(&free.to_string()), "{}", end.stderr);
    let end = Client::spawn(&["create", "--server", &url]).wait();
    assert!(end.refused(1).contains(&free.to_string()), "{}", end.stderr);
    for wrong in ["127.0.0.1:7788", "http://x", "ftp://x", "ws://", "not a url"] {
        Client::spawn(&["create", "--server", wrong]).wait().refused(1);
    }
}

#[test]
fn nobody_else_in_the_room_is_no_call() {
    let (scene, server) = (TempDir::new().unwrap(), TestServer::start());
    let code = server.room();
    let end = Client::join(&scene, &server.url(), &code, "ada", &["--seconds", "1"]).wait();
    assert!(end.refused(1).contains(&code));
}

#[test]
fn a_full_room_is_refused() {
    let config = sightline_server::Config {
        listen: "127.0.0.1:0".parse().unwrap(),
        max_participants: 2,
        ..sightline_server::Config::default()
    };
    let (scene, server) = (TempDir::new().unwrap(), TestServer::with(config));
    let code = server.room();
    let args = ["--microphone", "tone", "--seconds", "12"];
    let inside = ["ada", "ben"].map(|name| Client::join(&scene, &server.url(), &code, name, &args));
    // The third tries until both are in: before that it might be let in itself.
    wait_for_members(&server, &code, 2);
    let end = Client::join(&scene, &server.url(), &code, "carl", &["--seconds", "5"]).wait();
    assert!(end.refused(1).contains("full"), "{}", end.stderr);
    for client in inside {
        client.wait().report();
    }
}

fn wait_for_members(server: &TestServer, code: &str, count: u32) {
    let deadline = std::time::Instant::now() + crate::support::PATIENCE;
    while members(server, code) < count {
        assert!(std::time::Instant::now() < deadline, "the room did not fill");
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}

fn members(server: &TestServer, code: &str) -> u32 {
    use std::io::{Read, Write};
    let mut socket = std::net::TcpStream::connect(server.address).expect("the server accepts");
    write!(socket, "GET /rooms/{code} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("the request goes out");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("the answer is text");
    let body = answer.split("\r\n\r\n").nth(1).expect("the answer has a body");
    let room: sightline_protocol::RoomInfo = serde_json::from_str(body).expect("the body is a room");
    room.participant_count
}

#[test]
fn missing_and_broken_clips_and_voices_are_named() {
    let (scene, server) = (TempDir::new().unwrap(), TestServer::start());
    let file = |name: &str, content: &[u8]| {
        let path = scene.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let clips = [
        scene.path().join("missing.y4m"),
        file("empty.y4m", b""),
        file("wrong.y4m", b"this is not a video at all\n"),
        file("headless.y4m", b"YUV4MPEG2 W64 H64 F30:1 Ip C420jpeg\nFRAME\nshort"),
        file("huge.y4m", b"YUV4MPEG2 W999999 H999999 F30:1 C420jpeg\nFRAME\n"),
        file("zero.y4m", b"YUV4MPEG2 W0 H0 F0:0 C420jpeg\nFRAME\n"),
    ];
    for clip in &clips {
        refused_by_name(&join(&scene, &server, &["--camera", &format!("file:{}", path(clip))]), clip);
    }
    let voices = [
        scene.path().join("missing.wav"),
        file("empty.wav", b""),
        file("wrong.wav", b"RIFF but not really a wave file"),
    ];
    for voice in &voices {
        refused_by_name(&join(&scene, &server, &["--microphone", &format!("file:{}", path(voice))]), voice);
    }
}

fn refused_by_name(end: &crate::support::End, file: &Path) {
    let name = file.file_name().and_then(|name| name.to_str()).expect("a file name");
    let line = end.refused(1);
    assert!(line.contains(name), "{line}");
}

#[test]
fn missing_devices_are_named() {
    let (scene, server) = (TempDir::new().unwrap(), TestServer::start());
    for args in [["--camera", "device:no-such-camera"], ["--microphone", "device:no-such-microphone"]] {
        let end = join(&scene, &server, &args);
        assert!(end.refused(1).contains("no-such-"), "{}", end.stderr);
    }
}

#[test]
fn a_history_that_cannot_be_written_is_refused_before_the_call() {
    let (scene, server) = (TempDir::new().unwrap(), TestServer::start());
    let corrupt = scene.path().join("corrupt.sqlite");
    std::fs::write(
        &corrupt,
        b"certainly not a database, and longer than a hundred bytes so that a header fits in, \
                               which is what the library looks at first of all",
    )
    .unwrap();
    let before = std::fs::read(&corrupt).unwrap();
    refused_by_name(&join(&scene, &server, &["--history", path(&corrupt)]), &corrupt);
    assert_eq!(std::fs::read(&corrupt).unwrap(), before, "a foreign file is not touched");

    let nowhere = scene.path().join("no-such-directory").join("h.sqlite");
    refused_by_name(&join(&scene, &server, &["--history", path(&nowhere)]), &nowhere);
}

#[test]
fn a_report_or_recording_that_cannot_be_written_is_told() {
    let (scene, server) = (TempDir::new().unwrap(), TestServer::start());
    let file = scene.path().join("a-file");
    std::fs::write(&file, b"x").unwrap();
    let below = file.join("recordings");
    refused_by_name(&join(&scene, &server, &["--record", path(&below)]), &below);
}
