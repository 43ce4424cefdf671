//! Processes that die, and several at once. Each test runs itself again as the other process.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sightline_history::{History, Recorder};
use sightline_quality::{Event, EventKind};

use crate::bench::{Clock, EVER, Place, START_MS, incoming_video, only_session, start};

const FILE: &str = "SIGHTLINE_TEST_HISTORY";
const CODE: &str = "SIGHTLINE_TEST_CODE";
const WAIT: Duration = Duration::from_secs(60);

/// Where this process is the other one: the file and the code.
fn as_child() -> Option<(PathBuf, String)> {
    Some((std::env::var_os(FILE)?.into(), std::env::var(CODE).ok()?))
}

fn spawn(test: &str, path: &Path, code: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("crash::{test}"), "--nocapture"])
        .env(FILE, path)
        .env(CODE, code)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Records windows of 15 s in virtual time and says after each that it is in the file.
fn record(path: &Path, code: &str, windows: u64) -> Recorder {
    let recorder = Recorder::open(path).unwrap();
    let clock = Clock::new(START_MS);
    recorder.start_session(start(code, START_MS)).unwrap();
    recorder.peer("ada", "Ada", START_MS);
    recorder.snapshot(&clock.full(0));
    for window in 1..=windows {
        for second in 15 * (window - 1) + 1..=15 * window {
            recorder.snapshot(&clock.full(second));
        }
        recorder.flush(WAIT).unwrap();
        say(window);
    }
    recorder
}

fn say(window: u64) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "window {window}").unwrap();
    stdout.flush().unwrap();
}

/// Waits until the child has said that so many windows are in the file.
fn await_windows(child: &mut Child, windows: u64) {
    let stdout = child.stdout.as_mut().expect("piped");
    let wanted = format!("window {windows}");
    let mut lines = BufReader::new(stdout).lines();
    assert!(lines.any(|line| line.unwrap().ends_with(&wanted)), "the child ended early");
}

#[test]
fn all_that_was_acknowledged_survives_a_kill_and_the_session_ends_as_a_crash() {
    if let Some((path, code)) = as_child() {
        let recorder = record(&path, &code, 5);
        recorder.event(&Event {
            unix_ms: START_MS + 80_000,
            peer: Some("ada".to_owned()),
            kind: EventKind::Reconnecting { cause: "path lost".to_owned() },
        });
        recorder.flush(WAIT).unwrap();
        say(6);
        // To be killed; should the parent die first, its end of the pipe is closed.
        std::io::stdin().read_line(&mut String::new()).unwrap();
        return;
    }
    let place = Place::new();
    let mut child =
        spawn("all_that_was_acknowledged_survives_a_kill_and_the_session_ends_as_a_crash", &place.path, "c");
    await_windows(&mut child, 6);

    // While the child lives: others read, and even write, and leave its session alone.
    let rows =
        |history: &History| history.samples(&incoming_video(history, &only_session(history)), EVER).unwrap().len();
    assert_eq!(rows(&place.history()), 5);
    drop(place.recorder());
    assert_eq!(only_session(&place.history()).ended_ms, None, "is being recorded by a living process");

    child.kill().unwrap(); // SIGKILL
    child.wait().unwrap();
    let history = place.history();
    assert_eq!(rows(&history), 5, "every acknowledged row");
    assert_eq!(only_session(&history).ended_ms, None, "nobody was left to end it");

    drop(place.recorder());
    let session = only_session(&history);
    assert_eq!(session.ended_ms, Some(START_MS + 75_000), "the time of the last sample");
    assert_eq!(session.end_reason.as_deref(), Some("crash"));
    assert_eq!(rows(&history), 5);
    let stay = &history.stays(session.id).unwrap()[0];
    assert_eq!((stay.left_ms, stay.leave_reason.as_deref()), (session.ended_ms, Some("crash")));
    assert!(history.breaks(session.call).unwrap().iter().all(|b| b.end_ms.is_some()), "no break is left open");
    let left = EventKind::Left { reason: "crash".to_owned() };
    assert!(history.events(session.id).unwrap().iter().any(|event| event.kind == left));
    drop(history);

    drop(place.recorder());
    assert_eq!(place.files(), ["history.sqlite"], "nothing is left behind");
    assert_eq!(only_session(&place.history()), session, "closed once");
}

#[test]
fn two_processes_record_into_one_file_at_once() {
    const WINDOWS: u64 = 30;
    if let Some((path, code)) = as_child() {
        record(&path, &code, WINDOWS).finish("left", START_MS + 15_000 * WINDOWS as i64).unwrap();
        return;
    }
    // A new file, so that both also create it at once.
    let place = Place::new();
    let children = ["one", "two"].map(|code| spawn("two_processes_record_into_one_file_at_once", &place.path, code));
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    let history = place.history();
    let calls = history.calls(10, 0).unwrap();
    assert_eq!(calls.len(), 2);
    for call in calls {
        let sessions = history.sessions(call.id).unwrap();
        assert_eq!(sessions.len(), 1);
        assert_eq!(sessions[0].end_reason.as_deref(), Some("left"));
        for track in history.tracks(sessions[0].id).unwrap() {
            assert_eq!(history.samples(&track, EVER).unwrap().len() as u64, WINDOWS);
        }
    }
}

#[test]
fn two_recorders_of_one_process_leave_each_other_alone() {
    let place = Place::new();
    let first = place.recorder();
    first.start_session(start("one", START_MS)).unwrap();
    let second = place.recorder();
    second.start_session(start("one", START_MS)).unwrap();
    first.finish("left", START_MS + 1000).unwrap();
    second.finish("left", START_MS + 2000).unwrap();
    let history = place.history();
    let sessions = history.sessions(history.calls(1, 0).unwrap()[0].id).unwrap();
    let ends: Vec<_> = sessions.iter().map(|session| session.end_reason.as_deref()).collect();
    assert_eq!(ends, [Some("left"), Some("left")]);
}

#[test]
fn a_recorder_that_is_dropped_writes_its_rows_and_leaves_the_session_to_be_closed_as_a_crash() {
    let place = Place::new();
    let clock = Clock::new(START_MS);
    let recorder = place.recorder();
    recorder.start_session(start("one", START_MS)).unwrap();
    (0..=4).for_each(|second| drop(recorder.snapshot(&clock.full(second))));
    drop(recorder);
    let history = place.history();
    assert_eq!(history.samples(&incoming_video(&history, &only_session(&history)), EVER).unwrap().len(), 1);
    drop(place.recorder());
    let session = only_session(&history);
    assert_eq!((session.ended_ms, session.end_reason.as_deref()), (Some(START_MS + 4000), Some("crash")));
}
