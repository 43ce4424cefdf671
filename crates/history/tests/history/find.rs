//! Calls are found by words, time and headline.

use sightline_history::{CallFilter, CallId, History, Rated};
use sightline_quality::{Class, Direction, Headline, Kind, TrackCounters, Unclassified};

use crate::bench::{Clock, Place, START_MS, full, full_link, key, start};

const HOUR_MS: i64 = 3_600_000;

/// Records a session of 30 s with these people, losing `lost` of every 100 packets; `None` never connects.
fn record(place: &Place, code: &str, hour: i64, people: &[&str], lost: Option<i64>) {
    let recorder = place.recorder();
    let clock = Clock::new(START_MS + hour * HOUR_MS);
    recorder.start_session(start(code, clock.start_ms)).unwrap();
    for (number, name) in people.iter().enumerate() {
        recorder.peer(&format!("peer-{number}"), name, clock.start_ms);
    }
    if let Some(lost) = lost {
        for second in 0..=30 {
            let counters = TrackCounters {
                packets_lost: Some(lost * second as i64),
                ..full(key(Kind::Audio, Direction::Inbound), second)
            };
            recorder.snapshot(&clock.snapshot(second, vec![counters], vec![full_link(second)]));
        }
    }
    recorder.finish("left", clock.start_ms + 30_000).unwrap();
}

fn some_calls() -> Place {
    let place = Place::new();
    record(&place, "blue-heron", 0, &["Ädä Lovelace", "Bob"], Some(0));
    record(&place, "red-fox", 1, &["Bob"], Some(20));
    record(&place, "grey-seal", 2, &[], None);
    record(&place, "blue-heron", 3, &["Bob"], Some(0));
    place
}

fn codes(history: &History, filter: &CallFilter) -> Vec<String> {
    history.find(filter, 100, 0).unwrap().into_iter().map(|line| line.code).collect()
}

#[test]
fn by_words_in_any_case_and_script() {
    let place = some_calls();
    let history = place.history();
    let by = |text: &str| codes(&history, &CallFilter { text: text.to_owned(), ..CallFilter::default() });
    assert_eq!(by(""), ["blue-heron", "grey-seal", "red-fox"], "the latest session decides the order");
    assert_eq!(by("  "), by(""));
    assert_eq!(by("HERON"), ["blue-heron"]);
    assert_eq!(by("ädÄ"), ["blue-heron"], "a name of the earlier session, and not only in ASCII");
    assert_eq!(by("bob"), ["blue-heron", "red-fox"]);
    assert_eq!(by("bob fox"), ["red-fox"], "each word somewhere");
    assert_eq!(by("e"), by(""));
    for nothing in ["%", "_", "'", "*", "bob heron seal", "\u{0}"] {
        assert_eq!(by(nothing), Vec::<String>::new(), "{nothing:?} is a text like any other");
    }
}

#[test]
fn by_time() {
    let place = some_calls();
    let history = place.history();
    let by = |from: Option<i64>, to: Option<i64>| {
        let at = |hour: i64| START_MS + hour * HOUR_MS;
        codes(&history, &CallFilter { from_ms: from.map(at), to_ms: to.map(at), ..CallFilter::default() })
    };
    assert_eq!(by(Some(1), Some(2)), ["red-fox"], "from one hour to the next");
    assert_eq!(by(Some(1), None), ["blue-heron", "grey-seal", "red-fox"]);
    assert_eq!(by(None, Some(1)), ["blue-heron"], "its first session");
    assert_eq!(by(Some(4), None), Vec::<String>::new());
    assert_eq!(by(None, Some(0)), Vec::<String>::new());
    let touching = START_MS + 30_000;
    let filter = |from_ms| CallFilter { from_ms: Some(from_ms), to_ms: Some(from_ms + 1), ..CallFilter::default() };
    assert_eq!(codes(&history, &filter(touching)), ["blue-heron"], "it ended then");
    assert_eq!(codes(&history, &filter(touching + 1)), Vec::<String>::new());
}

#[test]
fn by_headline() {
    let place = some_calls();
    let history = place.history();
    let by = |standing| codes(&history, &CallFilter { standing: Some(standing), ..CallFilter::default() });
    assert_eq!(by(Rated::As(Class::Good)), ["blue-heron"]);
    assert_eq!(by(Rated::As(Class::Terrible)), ["red-fox"]);
    assert_eq!(by(Rated::Unclassified), ["grey-seal"]);
    assert_eq!(by(Rated::As(Class::Ok)), Vec::<String>::new());
    let both =
        CallFilter { text: "bob".to_owned(), standing: Some(Rated::As(Class::Terrible)), ..CallFilter::default() };
    assert_eq!(codes(&history, &both), ["red-fox"]);
}

#[test]
fn page_by_page_with_and_without_a_filter() {
    let place = Place::new();
    for hour in 0..7 {
        record(&place, &format!("call-{hour}"), hour, &["Bob"], None);
    }
    let history = place.history();
    for text in ["", "bob"] {
        let filter = CallFilter { text: text.to_owned(), ..CallFilter::default() };
        let page = |skip| history.find(&filter, 3, skip).unwrap().into_iter().map(|line| line.code).collect::<Vec<_>>();
        assert_eq!([page(0), page(3), page(6), page(9)].concat(), codes(&history, &filter), "{text:?}");
        assert_eq!(page(6), ["call-0"]);
        assert_eq!(history.find(&filter, 0, 0).unwrap(), []);
    }
}

#[test]
fn one_call_says_what_its_line_says() {
    let place = some_calls();
    let history = place.history();
    for line in history.calls(10, 0).unwrap() {
        assert_eq!(history.call(line.id).unwrap(), Some(line));
    }
    assert_eq!(history.call(CallId(99)).unwrap(), None);
    let [heron, seal, fox] = &history.calls(10, 0).unwrap()[..] else { panic!("three calls") };
    assert_eq!((heron.sessions, heron.talk_ms, heron.started_ms), (2, 60_000, START_MS));
    assert_eq!(
        (&heron.peers[..], heron.missed, heron.crashed),
        (&["Bob".into(), "Ädä Lovelace".into()][..], false, false)
    );
    assert_eq!((seal.missed, seal.headline), (true, Headline::Unclassified(Unclassified::NeverConnected)));
    assert!(!fox.missed);
}

#[test]
fn a_call_under_way_and_one_that_crashed_say_so() {
    let place = Place::new();
    let recorder = place.recorder();
    recorder.start_session(start("blue-heron", START_MS)).unwrap();
    let history = place.history();
    let line = || history.calls(1, 0).unwrap().remove(0);
    assert_eq!((line().ended_ms, line().missed, line().crashed), (None, false, false), "it may connect yet");
    let later = CallFilter { from_ms: Some(START_MS + HOUR_MS), ..CallFilter::default() };
    assert_eq!(codes(&history, &later), ["blue-heron"], "it goes on");
    drop(recorder);
    drop(place.recorder());
    assert_eq!((line().ended_ms, line().crashed), (Some(START_MS), true));
}
