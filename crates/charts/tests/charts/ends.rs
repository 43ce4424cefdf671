//! Both ends of a stream side by side.

use egui::Color32;
use jiff::tz::TimeZone;
use sightline_charts::{CallRecord, ChartsError, DEFAULT_POINTS, End, InputEvent, Theme, View};
use sightline_history::CallId;
use sightline_quality::Direction;

use crate::bench::{Call, FINE, Page, START_MS, Weather};
use crate::looks::{LEFT, WIDTH, triangles};

const SOFT: Color32 = Color32::from_rgb(0x9a, 0xa7, 0xb5);

/// What Ada sends to Ben and what Ben receives of it; the second half of it hardly arrives. Ben came a minute later. There
/// is a third one in the call.
fn ends() -> [CallRecord; 2] {
    let mut sender = Call::new(&["Ben", "Eve"]);
    sender.go(300, |_, _| Weather { sent: 3.0, ..FINE });
    let mut receiver = Call::new(&["Ada", "Eve"]);
    receiver.end(60);
    receiver.begin();
    receiver.go(100, |_, _| Weather { received: 2.9, ..FINE });
    receiver.go(140, |_, _| Weather { received: 0.25, received_loss: 30.0, ..FINE });
    let peer = ["peer-id-0".to_owned()];
    let load = |call: &mut Call, direction| {
        let (history, id) = call.history();
        let end = End { call: id, peers: &peer, direction };
        CallRecord::load_end(&history, &end, DEFAULT_POINTS).unwrap().in_zone(TimeZone::UTC)
    };
    let one = load(&mut sender, Direction::Outbound);
    let other = load(&mut receiver, Direction::Inbound);
    CallRecord::side_by_side(one, other)
}

fn pages() -> [Page; 2] {
    ends().map(Page::open)
}

/// What the crosshair reads in the middle of what is shown.
fn readings(page: &mut Page) -> Vec<(String, String, f64)> {
    page.send(vec![InputEvent::PointerMoved { x: LEFT + WIDTH / 2.0, y: 400.0 }]);
    let hover = page.frame.hover.clone().expect("over the charts");
    hover.values.into_iter().map(|value| (value.chart, value.line, value.mean)).collect()
}

fn at(page: &mut Page, second: i64) -> Vec<(String, String, f64)> {
    let (from_ms, to_ms) = (START_MS + second * 1000 - 10_000, START_MS + second * 1000 + 10_000);
    page.send(vec![InputEvent::Window { from_ms, to_ms }]);
    assert_eq!(page.frame.range_ms, (from_ms, to_ms), "exactly what was asked for");
    readings(page)
}

fn value(readings: &[(String, String, f64)], chart: &str) -> Option<f64> {
    readings.iter().find(|(of, ..)| of == chart).map(|(.., value)| *value)
}

#[test]
fn each_side_shows_one_way_with_one_peer() {
    let [mut sent, mut received] = pages();
    let lines: Vec<_> = at(&mut sent, 250).into_iter().map(|(_, line, _)| line).collect();
    assert!(lines.iter().any(|line| line == "Ben, sent"), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("received") || line.contains("Eve")), "{lines:?}");
    let lines: Vec<_> = at(&mut received, 250).into_iter().map(|(_, line, _)| line).collect();
    assert!(lines.iter().any(|line| line == "Ada, received"), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("sent") || line.contains("Eve")), "{lines:?}");
    let (before, after) = (at(&mut sent, 100), at(&mut sent, 250));
    assert!((2.5..3.6).contains(&value(&before, "Bit rate").unwrap()));
    assert!((2.5..3.6).contains(&value(&after, "Bit rate").unwrap()), "the sender does not notice");
    // In the sender's unit, although so little is written in kb/s otherwise.
    assert!((0.2..0.4).contains(&value(&at(&mut received, 250), "Bit rate").unwrap()));
    assert!(value(&at(&mut received, 250), "Packet loss").unwrap() > 15.0);
    assert_eq!(value(&at(&mut received, 30), "Bit rate"), None, "Ben was not there yet");
}

#[test]
fn the_two_have_the_same_charts_axes_and_times() {
    let [sent, received] = pages();
    assert_eq!(sent.frame.range_ms, received.frame.range_ms);
    assert_eq!(sent.frame.height_points, received.frame.height_points);
    // The lines of the grid: one for each step of each axis of values.
    let line = Color32::from_rgb(0x28, 0x31, 0x3c);
    let grid = |page: &Page| {
        let flat = triangles(page, line).into_iter().filter(|rect| rect.width() > WIDTH * 0.9);
        let mut heights: Vec<i32> = flat.map(|rect| rect.center().y.round() as i32).collect();
        heights.sort_unstable();
        heights.dedup();
        heights
    };
    assert!(grid(&sent).len() > 15, "{:?}", grid(&sent));
    assert_eq!(grid(&sent), grid(&received));
}

#[test]
fn the_crosshair_of_one_is_seen_in_the_other() {
    let [mut sent, mut received] = pages();
    let crosshairs = |page: &Page| {
        let tall = triangles(page, SOFT).into_iter().filter(|rect| rect.width() < 4.0 && rect.height() > 60.0);
        tall.map(|rect| rect.center().x.round() as i32).collect::<Vec<_>>()
    };
    assert!(crosshairs(&received).is_empty());
    readings(&mut sent);
    let at_ms = sent.frame.hover.as_ref().map(|hover| hover.at_ms);
    assert!(received.send(vec![InputEvent::Beside { at_ms }]));
    let (seen, middle) = (crosshairs(&received), (LEFT + WIDTH / 2.0).round() as i32);
    assert!(!seen.is_empty() && seen.iter().all(|x| (x - middle).abs() <= 1), "{seen:?}");
    assert!(received.frame.hover.is_none(), "or each would tell the other, on and on");
    received.send(vec![InputEvent::Beside { at_ms: None }]);
    assert!(crosshairs(&received).is_empty());
    received
        .send(vec![InputEvent::Beside { at_ms: Some(i64::MAX) }, InputEvent::Window { from_ms: 9, to_ms: i64::MIN }]);
}

#[test]
fn two_that_never_met_have_nothing_to_show() {
    let mut call = Call::new(&["Ben"]);
    call.go(60, |_, _| FINE);
    let (history, id) = call.history();
    let nobody = ["nobody".to_owned()];
    let end = End { call: id, peers: &nobody, direction: Direction::Outbound };
    let record = || CallRecord::load_end(&history, &end, DEFAULT_POINTS).unwrap();
    let [one, _] = CallRecord::side_by_side(record(), record());
    let mut view = View::new(one, Theme::Light);
    let frame = view.frame(&crate::bench::input(Vec::new()));
    assert!(frame.series.iter().all(|series| series.id == "app" || series.id == "computer"), "{:?}", frame.series);
    let end = End { call: CallId(99), ..end };
    assert!(matches!(CallRecord::load_end(&history, &end, 10), Err(ChartsError::NoSuchCall)));
}
