//! What the lines say, read off at the crosshair.

use jiff::tz::TimeZone;
use sightline_charts::{CallRecord, ChartsError, InputEvent, Reading};
use sightline_history::CallId;
use sightline_quality::EventKind;

use crate::bench::{Call, FINE, Page, START_MS, Weather, eventful};

/// What the crosshair reads at a second of the call.
fn at(page: &mut Page, second: f64) -> Vec<Reading> {
    let ms = START_MS + (second * 1000.0) as i64;
    page.send(vec![InputEvent::Range { from_ms: ms - 5000, to_ms: ms + 5000 }]);
    let (from, to) = page.frame.range_ms;
    let x = crate::looks::LEFT + (ms - from) as f32 / (to - from) as f32 * crate::looks::WIDTH;
    page.send(vec![InputEvent::PointerMoved { x, y: 400.0 }]);
    let hover = page.frame.hover.clone().expect("the pointer is over the charts");
    assert!((hover.at_ms - ms).abs() < 100, "{} is not {ms}", hover.at_ms);
    hover.values
}

fn value<'a>(values: &'a [Reading], chart: &str, line: &str) -> Option<&'a Reading> {
    values.iter().find(|reading| reading.chart == chart && reading.line == line)
}

fn mean(values: &[Reading], chart: &str, line: &str) -> f64 {
    value(values, chart, line).unwrap_or_else(|| panic!("{chart}, {line}: {values:?}")).mean
}

#[test]
fn each_direction_says_what_was_measured_in_its_unit() {
    let mut page = Page::open(eventful().record());
    let fine = at(&mut page, 100.0);
    // Sound and pictures together: 0.03 and about 1.4 Mb/s.
    assert!((1.2..1.8).contains(&mean(&fine, "Bit rate", "Ada, sent")));
    assert_eq!(value(&fine, "Bit rate", "Ada, sent").unwrap().unit, "Mb/s");
    assert!(mean(&fine, "Packet loss", "Ada, sent") < 1.0);
    assert!((35.0..65.0).contains(&mean(&fine, "Round trip", "Ada, there and back")));
    assert!((28.5..29.5).contains(&mean(&fine, "Frame rate", "Ada, received")));
    assert_eq!(mean(&fine, "Picture height", "Ada, sent"), 720.0);
    assert!(mean(&fine, "Jitter-buffer delay", "Ada, received") > 20.0);
    assert!(value(&fine, "Jitter-buffer delay", "Ada, sent").is_none());
    assert!((20.0..50.0).contains(&mean(&fine, "Processor", "Sightline, of one core")));
    let bad = at(&mut page, 270.0);
    let loss = value(&bad, "Packet loss", "Ada, sent").unwrap();
    assert!((4.0..10.0).contains(&loss.mean) && loss.max > loss.mean && loss.min < loss.mean, "{loss:?}");
    assert!(mean(&bad, "Packet loss", "Ada, received") < 1.0, "the other direction is fine");
    assert_eq!(mean(&bad, "Picture height", "Ada, sent"), 360.0);
    assert_eq!(mean(&bad, "Picture height", "Ada, received"), 720.0);
}

#[test]
fn between_two_sessions_nothing_is_known() {
    let mut page = Page::open(eventful().record());
    assert!(!at(&mut page, 439.0).is_empty());
    assert_eq!(at(&mut page, 460.0), []);
    assert!(!at(&mut page, 485.0).is_empty());
}

#[test]
fn a_lost_peer_leaves_a_gap_in_its_own_lines_only_even_within_a_sample() {
    let mut call = Call::new(&["Ada", "Ben"]);
    call.go(34, |_, _| FINE);
    call.event(Some(1), EventKind::Reconnecting { cause: "ice-failed".to_owned() });
    call.go(5, |_, _| FINE);
    call.event(Some(1), EventKind::Reconnected);
    call.go(30, |_, _| FINE);
    let mut page = Page::open(call.record());
    let within = at(&mut page, 36.5);
    assert!(value(&within, "Bit rate", "Ada, received").is_some());
    assert!(value(&within, "Bit rate", "Ben, received").is_none());
    assert!(value(&within, "Processor", "Sightline, of one core").is_some());
    for second in [32.0, 41.0] {
        assert!(value(&at(&mut page, second), "Bit rate", "Ben, received").is_some(), "{second}");
    }
}

#[test]
fn a_lost_server_leaves_none_for_media_go_on() {
    let mut call = Call::new(&["Ada"]);
    call.go(34, |_, _| FINE);
    call.event(None, EventKind::Reconnecting { cause: "socket closed".to_owned() });
    call.go(20, |_, _| FINE);
    call.event(None, EventKind::Reconnected);
    call.go(20, |_, _| FINE);
    let mut page = Page::open(call.record());
    assert!(value(&at(&mut page, 45.0), "Bit rate", "Ada, received").is_some());
}

#[test]
fn peaks_survive_thinning() {
    let mut call = Call::new(&["Ada"]);
    call.go(2000, |second, _| Weather { rtt_ms: if second == 777 { 900.0 } else { 40.0 }, ..FINE });
    let (history, id) = call.history();
    let record = CallRecord::load(&history, id, 1).unwrap().in_zone(TimeZone::UTC);
    let mut page = Page::open(record);
    let reading = at(&mut page, 777.0);
    let rtt = value(&reading, "Round trip", "Ada, there and back").unwrap();
    assert!((rtt.min, rtt.max) == (40.0, 900.0) && rtt.mean < 100.0, "{rtt:?}");
}

#[test]
fn who_comes_and_goes_all_the_time_is_one_person_whose_long_stays_are_seen() {
    let mut call = Call::new(&["Ada"]);
    call.go(40, |_, _| FINE);
    call.flap(250);
    call.go(40, |_, _| FINE);
    let mut page = Page::open(call.record());
    for second in [20.0, 60.0] {
        let values = at(&mut page, second);
        assert!(value(&values, "Bit rate", "Ada, received").is_some(), "{second}: {values:?}");
    }
    assert!(!page.frame.series.iter().any(|series| series.id.starts_with("peer-")), "one needs no legend");
}

#[test]
fn a_call_that_is_not_there_is_said_to_be_gone() {
    let (history, _) = Call::new(&[]).history();
    let error = CallRecord::load(&history, CallId(4711), 100).unwrap_err();
    assert!(matches!(error, ChartsError::NoSuchCall));
    assert!(error.to_string().contains("not in the history any more"), "{error}");
}

#[test]
fn a_call_without_anyone_still_has_a_time_and_charts_to_be_empty() {
    let mut page = Page::open(Call::new(&[]).record());
    assert!(page.frame.range_ms.1 > page.frame.range_ms.0);
    page.send(vec![InputEvent::PointerMoved { x: 300.0, y: 300.0 }]);
    assert_eq!(page.frame.hover.as_ref().map(|hover| hover.values.len()), Some(0));
    assert!(page.frame.series.is_empty());
}

#[test]
fn forty_people_and_more_events_than_marks_are_bounded() {
    let names: Vec<String> = (0..40).map(|number| format!("Guest with a rather long name {number}")).collect();
    let mut call = Call::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for _ in 0..2500 {
        call.event(None, EventKind::Mark);
    }
    call.go(20, |_, _| FINE);
    let page = Page::open(call.record());
    assert_eq!(page.frame.series.iter().filter(|series| series.id.starts_with("peer-")).count(), 16);
    assert!(page.scene.encode(None).len() < 4_000_000, "{}", page.scene.encode(None).len());
}
