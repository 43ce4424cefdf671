//! A record that went through batches, and what a history that is made of them gives.

use sightline_history::{CallFilter, History, Imported, Session, TrackTotals, import};
use sightline_protocol::logs::LogBatch;
use sightline_quality::{LinkMetric, Metric, PerMetric, ProcessMetric, Spread, TrackMetric};

use crate::bench::{EVER, Place, START_MS};
use crate::outbox::{batches_of, record, shared};

/// Metrics of tracks that are uploaded.
const UPLOADED: [TrackMetric; 12] = [
    TrackMetric::Bitrate,
    TrackMetric::Loss,
    TrackMetric::Jitter,
    TrackMetric::RoundTrip,
    TrackMetric::Buffer,
    TrackMetric::Concealed,
    TrackMetric::FrameRate,
    TrackMetric::Target,
    TrackMetric::Dropped,
    TrackMetric::LimitedByBandwidth,
    TrackMetric::LimitedByCpu,
    TrackMetric::Latency,
];

/// A call of a minute and a half, recorded and shared.
fn recorded(place: &Place) -> Vec<LogBatch> {
    let recorder = shared(place, "amber-canoe");
    record(&recorder, 0..=90);
    recorder.finish("left", START_MS + 90_500).unwrap();
    batches_of(place, 3)
}

fn made_of(batches: &[LogBatch]) -> Imported {
    import("ws://127.0.0.1:7788", "amber-canoe", batches).unwrap()
}

/// The same but for what a batch rounds to seven digits.
fn alike<M: Metric>(one: &PerMetric<M, Option<Spread>>, other: &PerMetric<M, Option<Spread>>, which: &[M]) {
    for metric in M::ALL {
        let known = which.iter().any(|of| of.name() == metric.name());
        match (one[*metric].filter(|_| known), other[*metric]) {
            (Some(one), Some(other)) => {
                for (one, other) in [(one.mean, other.mean), (one.min, other.min), (one.max, other.max)] {
                    assert!((one - other).abs() <= 1e-6 * one.abs(), "{}: {one} {other}", metric.name());
                }
            }
            (one, other) => assert_eq!(one, other, "{}", metric.name()),
        }
    }
}

fn without_ids(session: &Session) -> Session {
    Session { id: sightline_history::SessionId(0), call: sightline_history::CallId(0), ..session.clone() }
}

fn only_session(history: &History) -> Session {
    let calls = history.find(&CallFilter::default(), 10, 0).unwrap();
    assert_eq!(calls.len(), 1);
    let mut sessions = history.sessions(calls[0].id).unwrap();
    assert_eq!(sessions.len(), 1);
    sessions.remove(0)
}

#[test]
fn a_history_of_batches_gives_what_the_recorded_one_gives() {
    let place = Place::new();
    let batches = recorded(&place);
    assert!(batches.len() > 5, "in several parts");
    let (was, is) = (place.history(), made_of(&batches));
    let history = &is.history;
    let (before, after) = (only_session(&was), only_session(history));
    assert_eq!(without_ids(&before), without_ids(&after), "its set-up and standing, too");
    assert!(before.standing.connected && before.standing.heard && before.standing.windows > 2, "{before:?}");
    assert_eq!((is.reporters[0].call, is.reporters[0].ids.as_slice()), (after.call, ["me".to_owned()].as_slice()));

    let (stays, again) = (was.stays(before.id).unwrap(), history.stays(after.id).unwrap());
    assert_eq!(stays.len(), 2);
    for (one, other) in stays.iter().zip(&again) {
        let of = |s: &sightline_history::Stay| {
            (s.peer.clone(), s.name.clone(), s.joined_ms, s.left_ms, s.leave_reason.clone(), s.setup)
        };
        assert_eq!(of(one), of(other));
        let (links, theirs) = (was.link_samples(one, EVER).unwrap(), history.link_samples(other, EVER).unwrap());
        assert_eq!(links.len(), theirs.len());
        for (link, theirs) in links.iter().zip(&theirs) {
            assert_eq!((link.span, &link.counters.path), (theirs.span, &theirs.counters.path));
            alike(&link.values, &theirs.values, LinkMetric::ALL);
        }
    }
    tracks_are_alike(&was, &before, history, &after);
    let (process, theirs) =
        (was.process_samples(before.id, EVER).unwrap(), history.process_samples(after.id, EVER).unwrap());
    assert!(process.len() > 5 && process.len() == theirs.len());
    for (one, other) in process.iter().zip(&theirs) {
        assert_eq!(one.span, other.span);
        alike(&one.values, &other.values, ProcessMetric::ALL);
    }
    let events = was.events(before.id).unwrap();
    assert!(events.len() > 3);
    assert_eq!(events, history.events(after.id).unwrap());
    let gaps = |history: &History, session: &Session| {
        let gaps = history.breaks(session.call).unwrap();
        gaps.into_iter().map(|gap| (gap.stay.is_some(), gap.start_ms, gap.end_ms, gap.cause)).collect::<Vec<_>>()
    };
    assert_eq!(gaps(&was, &before), gaps(history, &after));
    assert_eq!(gaps(history, &after).len(), 2);
    let sentence = |history: &History, session: &Session| history.findings(session.call).unwrap().summary.sentence();
    assert_eq!(sentence(&was, &before), sentence(history, &after));
}

fn tracks_are_alike(was: &History, before: &Session, is: &History, after: &Session) {
    let (tracks, again) = (was.tracks(before.id).unwrap(), is.tracks(after.id).unwrap());
    assert_eq!(tracks.len(), 4);
    let keys = |tracks: &[sightline_history::Track]| tracks.iter().map(|track| track.key.clone()).collect::<Vec<_>>();
    assert_eq!(keys(&tracks), keys(&again));
    for (track, theirs) in tracks.iter().zip(&again) {
        let (rows, copies) = (was.samples(track, EVER).unwrap(), is.samples(theirs, EVER).unwrap());
        assert!(rows.len() > 5 && rows.len() == copies.len());
        for (row, copy) in rows.iter().zip(&copies) {
            assert_eq!((row.span, row.verdict, row.counts.freezes), (copy.span, copy.verdict, copy.counts.freezes));
            let (one, other) = (&row.counters, &copy.counters);
            assert_eq!((&one.codec, one.width, one.height), (&other.codec, other.width, other.height));
            assert_eq!(other.packets, None, "what a batch does not have is not known");
            alike(&row.values, &copy.values, &UPLOADED);
        }
        let (TrackTotals { samples, freezes, .. }, copy) = (was.totals(track).unwrap(), is.totals(theirs).unwrap());
        assert_eq!((samples, freezes), (copy.samples, copy.freezes));
        let points = |history: &History, track| history.track_series(track, TrackMetric::Loss, EVER, 3).unwrap();
        let ends = |runs: Vec<sightline_history::Run>| {
            runs.concat().iter().map(|p| (p.start_ms, p.end_ms)).collect::<Vec<_>>()
        };
        assert_eq!(ends(points(was, track)), ends(points(is, theirs)));
    }
}

#[test]
fn batches_may_come_in_any_order_and_twice() {
    let place = Place::new();
    let batches = recorded(&place);
    let whole = made_of(&batches);
    let mut shuffled: Vec<_> = batches.iter().rev().chain(&batches).cloned().collect();
    shuffled.rotate_left(3);
    let other = made_of(&shuffled);
    let (one, two) = (only_session(&whole.history), only_session(&other.history));
    assert_eq!(one, two);
    assert_eq!(whole.history.events(one.id).unwrap(), other.history.events(two.id).unwrap());
    assert_eq!(whole.history.stays(one.id).unwrap(), other.history.stays(two.id).unwrap());
    for (track, theirs) in whole.history.tracks(one.id).unwrap().iter().zip(other.history.tracks(two.id).unwrap()) {
        assert_eq!(whole.history.samples(track, EVER).unwrap(), other.history.samples(&theirs, EVER).unwrap());
    }
}

#[test]
fn reporters_are_told_apart_and_one_who_came_back_is_one() {
    let place = Place::new();
    let batches = recorded(&place);
    // What the same call looked like to another, under another id; `after_ms` later.
    let as_of = |id: &'static str, user: &'static str, name: &'static str, after_ms: i64| {
        batches.iter().cloned().map(move |mut batch| {
            (batch.session.id, batch.session.user_id, batch.session.name) = (id.into(), user.into(), name.into());
            batch.session.started_ms += after_ms;
            batch.session.ended_ms = batch.session.ended_ms.map(|ms| ms + after_ms);
            batch
        })
    };
    let mut all: Vec<LogBatch> = as_of("session-1", "u1", "Ada", 0).collect();
    all.extend(as_of("session-2", "u2", "Ada", 10_000));
    all.extend(as_of("session-3", "u3", "Ben", 0));
    // Ben's computer crashed, and he came back under a new id; one without a name is never taken for another.
    all.extend(as_of("session-4", "u4", "Ben", 300_000));
    all.extend(as_of("session-5", "u5", "", 0));
    all.extend(as_of("session-6", "u6", "", 300_000));
    let is = made_of(&all);
    let told: Vec<_> = is.reporters.iter().map(|reporter| (reporter.name.as_str(), reporter.ids.join(" "))).collect();
    assert_eq!(
        told,
        [("Ada", "u1"), ("Ben", "u3 u4"), ("", "u5"), ("Ada", "u2"), ("", "u6")].map(|(n, i)| (n, i.to_owned()))
    );
    let codes: Vec<_> =
        is.reporters.iter().map(|reporter| is.history.call(reporter.call).unwrap().unwrap().code).collect();
    assert_eq!(codes[..2], ["amber-canoe · Ada", "amber-canoe · Ben"]);
    assert_eq!(codes[3], "amber-canoe · Ada (2)");
    let ben = is.reporters[1].call;
    assert_eq!(is.history.sessions(ben).unwrap().len(), 2);
    let between = is.history.breaks(ben).unwrap();
    assert!(between.iter().any(|gap| gap.start_ms == START_MS + 90_500 && gap.end_ms == Some(START_MS + 300_000)));
}

#[test]
fn what_makes_no_sense_is_left_out() {
    let place = Place::new();
    let mut batch = recorded(&place).remove(0);
    batch.session.worst = Some("nothing like it".into());
    for sample in &mut batch.samples {
        (sample.class, sample.cause, sample.frozen_ms) = (Some("splendid".into()), Some("moon".into()), Some(-1.0));
    }
    batch.links.iter_mut().for_each(|link| link.path = Some("host".into()));
    let mut stray = batch.samples[0].clone();
    (stray.seq, stray.stay) = (4_000_000_000, 77);
    batch.samples.push(stray);
    let mut event = batch.events.first().cloned().unwrap_or_else(|| sightline_protocol::logs::LogEvent {
        seq: 0,
        unix_ms: START_MS,
        peer: None,
        event: serde_json::Map::new(),
    });
    event.seq = 4_000_000_000;
    event.event = serde_json::Map::from_iter([("kind".to_owned(), "from-the-future".into())]);
    batch.events.push(event);
    let known = batch.samples.len() - 1;
    let is = made_of(&[batch]);
    let session = only_session(&is.history);
    assert_eq!(session.standing.worst, None);
    let tracks = is.history.tracks(session.id).unwrap();
    let rows: Vec<_> = tracks.iter().flat_map(|track| is.history.samples(track, EVER).unwrap()).collect();
    assert_eq!(rows.len(), known, "all but the one about nobody");
    assert!(rows.iter().all(|row| row.verdict.is_none() && row.counts.frozen.is_none()));
    is.history.events(session.id).unwrap();
}

#[test]
fn nobody_reported() {
    let is = made_of(&[]);
    assert_eq!(is.reporters, []);
    assert_eq!(is.history.calls(10, 0).unwrap(), []);
}
