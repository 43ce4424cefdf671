//! Looking into a history while it is written, and waiting for what it will say.

use std::path::Path;
use std::time::{Duration, Instant};

use sightline_history::History;

use crate::support::PATIENCE;

/// The only session in a history; `None` until it is there.
pub(crate) fn session(file: &Path) -> Option<(History, sightline_history::Session)> {
    let history = History::open(file).ok()?;
    let call = history.calls(1, 0).expect("calls are listed").pop()?;
    let session = history.sessions(call.id).expect("sessions are listed").pop()?;
    Some((history, session))
}

/// Sample rows of all tracks.
pub(crate) fn rows(file: &Path) -> usize {
    let Some((history, session)) = session(file) else { return 0 };
    let tracks = history.tracks(session.id).expect("tracks are listed");
    let count = |track| history.samples(track, i64::MIN..i64::MAX).expect("samples are read").len();
    tracks.iter().map(count).sum()
}

/// Events of this kind.
pub(crate) fn events(file: &Path, kind: &str) -> usize {
    let Some((history, session)) = session(file) else { return 0 };
    let events = history.events(session.id).expect("events are read");
    let tag = |event: &sightline_quality::Event| {
        serde_json::to_value(&event.kind).expect("an event is JSON")["kind"].as_str().map(str::to_owned)
    };
    events.iter().filter(|event| tag(event).as_deref() == Some(kind)).count()
}

pub(crate) fn left_at(file: &Path, name: &str) -> i64 {
    let (history, session) = session(file).expect("the call was recorded");
    let stays = history.stays(session.id).expect("stays are listed");
    let stay = stays.iter().find(|stay| stay.name.as_deref() == Some(name)).expect("the peer was there");
    stay.left_ms.expect("the peer left")
}

pub(crate) fn end_reason(file: &Path) -> Option<String> {
    session(file)?.1.end_reason
}

pub(crate) fn wait_until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "what the test waits for did not happen");
        std::thread::sleep(Duration::from_millis(100));
    }
}
