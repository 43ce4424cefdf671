//! What pointer, wheel, keys and page do to the view.

use egui::Color32;
use sightline_charts::{Input, InputEvent, MOST_EVENTS, Scene, Theme, View};

use crate::bench::{Page, START_MS, eventful, input};
use crate::looks::{DOWN, LEFT, UP, WIDTH, gaps, triangles};

const SOFT: Color32 = Color32::from_rgb(0x9a, 0xa7, 0xb5);

fn page() -> Page {
    Page::open(eventful().record())
}

fn moved(x: f32, y: f32) -> InputEvent {
    InputEvent::PointerMoved { x, y }
}

fn button(x: f32, y: f32, pressed: bool, primary: bool) -> InputEvent {
    InputEvent::Button { x, y, pressed, primary }
}

fn click(x: f32, y: f32) -> Vec<InputEvent> {
    vec![button(x, y, true, true), button(x, y, false, true)]
}

fn drag(from: f32, to: f32, primary: bool) -> Vec<InputEvent> {
    let y = 300.0;
    vec![button(from, y, true, primary), moved((from + to) / 2.0, y), moved(to, y), button(to, y, false, primary)]
}

fn key(name: &str) -> Vec<InputEvent> {
    vec![InputEvent::Key { name: name.to_owned(), pressed: true }]
}

fn seconds(page: &Page) -> (f64, f64) {
    let (from, to) = page.frame.range_ms;
    ((from - START_MS) as f64 / 1000.0, (to - START_MS) as f64 / 1000.0)
}

fn near(one: (f64, f64), other: (f64, f64)) -> bool {
    (one.0 - other.0).abs() < 1.5 && (one.1 - other.1).abs() < 1.5
}

#[test]
fn the_crosshair_stands_at_the_same_place_in_all_charts() {
    let mut page = page();
    for x in [200.0, 633.0] {
        page.send(vec![moved(x, 700.0)]);
        let lines = triangles(&page, SOFT).into_iter().filter(|rect| rect.width() < 4.0 && rect.height() > 60.0);
        let mut tops: Vec<i32> = lines
            .inspect(|rect| assert!((rect.center().x - x).abs() < 2.5, "{rect:?}"))
            .map(|rect| rect.top().round() as i32)
            .collect();
        tops.sort_unstable();
        tops.dedup_by(|one, other| *one - *other < 3);
        assert_eq!(tops.len(), 9, "{tops:?}");
    }
    page.send(vec![InputEvent::PointerLeft]);
    assert!(page.frame.hover.is_none());
    assert!(!triangles(&page, SOFT).iter().any(|rect| rect.width() < 4.0 && rect.height() > 60.0));
}

#[test]
fn all_charts_zoom_and_pan_together() {
    let mut page = page();
    let whole = seconds(&page);
    assert!(near(whole, (0.0, 741.0)), "{whole:?}");
    let start = gaps(&page);
    page.send(vec![moved(LEFT + WIDTH * 0.6, 700.0), InputEvent::Wheel { dx: 0.0, dy: -300.0, ctrl: true }]);
    let zoomed = gaps(&page);
    page.send(drag(500.0, 350.0, true));
    let panned = gaps(&page);
    assert_eq!((start.len(), zoomed.len(), panned.len()), (9, 9, 9));
    for gaps in [&start, &zoomed, &panned] {
        let first = gaps[0];
        let alike =
            |gap: &egui::Rect| (gap.left() - first.left()).abs() < 0.1 && (gap.right() - first.right()).abs() < 0.1;
        assert!(gaps.iter().all(alike), "{gaps:?}");
    }
    assert!(zoomed[0].width() > start[0].width() * 1.5);
    assert!((panned[0].left() - (zoomed[0].left() - 150.0)).abs() < 2.0, "{zoomed:?} {panned:?}");
}

#[test]
fn zooming_keeps_the_moment_under_the_pointer() {
    let mut page = page();
    page.send(vec![moved(300.0, 500.0)]);
    let before = page.frame.hover.as_ref().unwrap().at_ms;
    for dy in [-200.0, -400.0, 150.0] {
        page.send(vec![InputEvent::Wheel { dx: 0.0, dy, ctrl: true }]);
        let after = page.frame.hover.as_ref().unwrap().at_ms;
        assert!((after - before).abs() < 50, "{before} {after}");
    }
    let (from, to) = seconds(&page);
    assert!(to - from < 500.0);
    page.send(vec![InputEvent::Wheel { dx: 0.0, dy: 400.0, ctrl: true }; 20]);
    assert!(near(seconds(&page), (0.0, 741.0)));
}

#[test]
fn ranges_keys_and_double_clicks() {
    let mut page = page();
    page.send(vec![InputEvent::Range { from_ms: START_MS + 200_000, to_ms: START_MS + 300_000 }]);
    assert!(near(seconds(&page), (175.0, 325.0)), "with some of what is around it: {:?}", seconds(&page));
    page.send(key("ArrowRight"));
    assert!(near(seconds(&page), (190.0, 340.0)));
    page.send(key("+"));
    assert!(near(seconds(&page), (205.0, 325.0)));
    page.send(key("Home"));
    assert!(near(seconds(&page), (0.0, 741.0)));
    page.send(drag(LEFT + WIDTH * 0.25, LEFT + WIDTH * 0.5, false));
    assert!(near(seconds(&page), (185.25, 370.5)), "{:?}", seconds(&page));
    page.send([click(400.0, 300.0), click(401.0, 300.0)].concat());
    assert!(near(seconds(&page), (0.0, 741.0)));
    page.send(drag(600.0, 100.0, true));
    assert!(near(seconds(&page), (0.0, 741.0)), "there is nothing beyond the call");
    page.send(key("F5"));
    page.send(vec![InputEvent::Key { name: "+".to_owned(), pressed: false }]);
    assert!(near(seconds(&page), (0.0, 741.0)));
}

#[test]
fn the_legend_hides_a_direction_in_all_charts_and_brings_it_back() {
    let mut page = page();
    let of = |page: &Page, color| triangles(page, color).iter().filter(|rect| rect.width() > 11.0).count();
    let (sent, received) = (of(&page, UP), of(&page, DOWN));
    let hide = |hidden| vec![InputEvent::Hide { series: "sent".to_owned(), hidden }];
    assert!(page.send(hide(true)));
    assert_eq!(of(&page, UP), 0);
    // Not as many as before: some charts have another scale now.
    assert!(of(&page, DOWN) > received / 2);
    assert!(page.frame.series.iter().any(|series| series.id == "sent" && series.hidden && series.color == "#7aa7ff"));
    assert!(page.send(hide(false)));
    assert_eq!((of(&page, UP), of(&page, DOWN)), (sent, received));
    assert!(!page.send(vec![InputEvent::Hide { series: "x".repeat(100_000), hidden: true }]));
}

#[test]
fn a_click_on_a_chip_toggles_it() {
    let mut page = page();
    let hidden =
        |page: &Page| page.frame.series.iter().filter(|series| series.hidden).map(|s| s.id.clone()).collect::<Vec<_>>();
    // The chips of the first chart are somewhere above it, flush right.
    let places = (0..40).flat_map(|row| (500..880).step_by(20).map(move |x| (x as f32, 20.0 + row as f32 * 4.0)));
    let chip = places.into_iter().find(|(x, y)| {
        page.send(click(*x, *y));
        !hidden(&page).is_empty()
    });
    let (x, y) = chip.expect("there is a legend");
    assert_eq!(hidden(&page).len(), 1);
    page.send(vec![button(x, y, true, true), moved(x, y + 200.0), button(x, y + 200.0, false, true)]);
    assert_eq!(hidden(&page).len(), 1, "let go elsewhere is no click");
    page.send(click(x, y));
    assert!(hidden(&page).is_empty());
}

#[test]
fn a_page_with_a_legend_of_its_own_is_the_only_one_that_toggles() {
    let record = eventful().record();
    let looks = |view: View, width_points| {
        let mut view = view;
        view.frame(&Input { width_points, ..input(Vec::new()) }).bytes
    };
    for width in [480.0, 900.0] {
        let outside = looks(View::new(record.clone(), Theme::Dark).with_legend_outside(), width);
        assert!(looks(View::new(record.clone(), Theme::Dark), width) == outside, "with one peer they look alike");
    }
    let mut page = Page::of(View::new(record.clone(), Theme::Dark).with_legend_outside());
    for row in 0..40 {
        for x in (300..880).step_by(20) {
            page.send(click(x as f32, 20.0 + row as f32 * 4.0));
        }
    }
    assert!(page.frame.series.iter().all(|series| !series.hidden), "{:?}", page.frame.series);
    assert!(page.send(vec![InputEvent::Hide { series: "sent".to_owned(), hidden: true }]));
    let picture = |view: View| view.to_png(600.0, 400.0, 1.0).unwrap();
    let outside = picture(View::new(record.clone(), Theme::Dark).with_legend_outside());
    assert!(picture(View::new(record, Theme::Dark)) == outside, "a picture for itself has its legend");
}

#[test]
fn nothing_is_sent_while_nothing_changes() {
    let mut page = page();
    page.send(vec![moved(300.0, 300.0)]);
    for events in [Vec::new(), vec![moved(300.0, 300.0)], key("q")] {
        let frame = page.view.frame(&input(events));
        assert!(frame.bytes.is_empty());
        assert_eq!(frame.repaint_after, None);
        assert!(frame.hover.is_some(), "what is known is still said");
    }
    assert!(!page.view.frame(&input(vec![moved(301.0, 300.0)])).bytes.is_empty());
    assert!(!page.view.frame(&Input { width_points: 700.0, ..input(Vec::new()) }).bytes.is_empty());
}

#[test]
fn a_move_of_the_crosshair_does_not_send_the_lines_again() {
    let mut page = page();
    page.send(vec![moved(300.0, 300.0)]);
    let all = page.scene.encode(None).len();
    page.send(vec![moved(320.0, 300.0)]);
    let sent = page.frame.bytes.len();
    assert!(sent > 0 && sent < all / 2, "{sent} of {all}");
}

#[test]
fn what_does_not_fit_scrolls_and_says_how_high_it_would_be() {
    let mut page = page();
    let small = |events| Input { height_points: 500.0, ..input(events) };
    let wheel = |dy| vec![moved(300.0, 300.0), InputEvent::Wheel { dx: 0.0, dy, ctrl: false }];
    let top = Scene::decode(&page.view.frame(&small(Vec::new())).bytes, Some(&page.scene)).unwrap();
    let frame = page.view.frame(&small(wheel(200.0)));
    let scrolled = Scene::decode(&frame.bytes, Some(&top)).unwrap();
    assert_ne!(top.meshes, scrolled.meshes);
    assert!(near(seconds(&page), (0.0, 741.0)), "scrolling is no zooming");
    assert!((1200.0..1700.0).contains(&frame.height_points), "{}", frame.height_points);
    page.view.frame(&small(wheel(1e6)));
    page.view.frame(&small(wheel(1e6)));
    let mut last = Vec::new();
    (0..40).for_each(|_| last = page.view.frame(&small(wheel(1e6))).bytes);
    assert!(last.is_empty(), "there is an end to it");
}

#[test]
fn whatever_comes_in_is_bounded() {
    let mut view = View::new(eventful().record(), Theme::Light);
    let wild = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -1e30, -1.0, 0.0, 1e-30, 0.5, 33.0, 333.0, 1e30];
    let mut greatest = 0;
    for (number, one) in wild.into_iter().enumerate() {
        for other in wild {
            let mut events = vec![
                moved(one, other),
                button(other, one, number % 2 == 0, number % 3 == 0),
                InputEvent::Wheel { dx: one, dy: other, ctrl: number % 2 == 1 },
                InputEvent::Range { from_ms: one as i64, to_ms: other as i64 },
            ];
            events.extend(key("-"));
            let frame = view.frame(&Input {
                width_points: one,
                height_points: other,
                pixels_per_point: other,
                visible_points: Some((other, one)),
                time_s: f64::from(one),
                events,
            });
            greatest = greatest.max(frame.bytes.len());
            assert!(frame.range_ms.0 < frame.range_ms.1);
        }
    }
    assert!(greatest < 40_000_000, "{greatest}");
    let flood = vec![InputEvent::Wheel { dx: 3.0, dy: -3.0, ctrl: true }; 200 * MOST_EVENTS];
    view.frame(&input(flood));
    assert!(view.to_png(f32::NAN, -5.0, f32::INFINITY).is_ok());
}

#[test]
fn a_view_can_go_to_another_thread() {
    fn sendable<T: Send>(_: &T) {}
    sendable(&page().view);
}
