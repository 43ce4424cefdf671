//! What is seen: by the triangles of a frame, and by the pixels of a picture.

use egui::{Color32, Rect};
use sightline_charts::{InputEvent, Theme};

use crate::bench::{Page, START_MS, eventful};

/// Left end and width of all charts on a page of 900 points.
pub(crate) const LEFT: f32 = 44.0;
pub(crate) const WIDTH: f32 = 900.0 - 44.0 - 18.0;

pub(crate) const UP: Color32 = Color32::from_rgb(0x7a, 0xa7, 0xff);
pub(crate) const DOWN: Color32 = Color32::from_rgb(0x4f, 0xc3, 0xb3);
const UP_LIGHT: Color32 = Color32::from_rgb(0x2f, 0x62, 0xd9);
const SOFT: Color32 = Color32::from_rgb(0x9a, 0xa7, 0xb5);

/// Place of a second of the eventful call, which is 740 s long, while the whole of it is shown.
fn x(second: f32) -> f32 {
    LEFT + second / 741.0 * WIDTH
}

/// The bounds of all triangles that are painted in a colour, within the charts.
pub(crate) fn triangles(page: &Page, color: Color32) -> Vec<Rect> {
    let of_mesh = |clipped: &sightline_charts::ClippedMesh| {
        let (clip, mesh) = (clipped.clip, clipped.mesh.clone());
        let bounds = mesh.indices.chunks(3).filter_map(|corners| {
            let corners = [0, 1, 2].map(|number| mesh.vertices[corners[number] as usize]);
            // A feathered edge fades out: one corner in full colour tells whose it is.
            let is_it = corners.iter().any(|corner| corner.color == color);
            let rect = Rect::from_points(&corners.map(|corner| corner.pos)).intersect(clip);
            (is_it && rect.is_positive()).then_some(rect)
        });
        bounds.collect::<Vec<_>>()
    };
    let inside = |rect: &Rect| rect.right() > LEFT && rect.left() < LEFT + WIDTH;
    page.scene.meshes.iter().flat_map(of_mesh).filter(inside).collect()
}

/// Pieces of lines, as far as they are long enough to be told from what else has their colour.
fn strokes(page: &Page, color: Color32) -> Vec<Rect> {
    // The dots of chips lie above the charts and are hardly wider than 10 points.
    triangles(page, color).into_iter().filter(|rect| rect.width() > 11.0).collect()
}

#[test]
fn no_chart_is_blank() {
    let page = Page::open(eventful().record());
    let heights = |color| {
        let mut rows: Vec<i32> = strokes(&page, color).iter().map(|rect| rect.center().y as i32 / 165).collect();
        rows.sort_unstable();
        rows.dedup();
        rows.len()
    };
    assert!(heights(UP) >= 5, "bit rate, loss, jitter, frame rate, picture height");
    assert!(heights(DOWN) >= 7, "the same, buffer and concealment");
    let picture = page.picture();
    for color in [UP, DOWN] {
        let count = picture.pixels.iter().filter(|pixel| **pixel == color).count();
        assert!(count > 1000, "{count} pixels of {color:?}");
    }
}

#[test]
fn a_step_of_the_picture_height_is_a_line_and_no_wedge() {
    let mut page = Page::open(eventful().record());
    page.send(vec![InputEvent::Range { from_ms: START_MS + 190_000, to_ms: START_MS + 310_000 }]);
    let count = page.picture().pixels.iter().filter(|pixel| **pixel == UP).count();
    assert!((1000..9000).contains(&count), "{count} pixels for five lines of 838");
}

#[test]
fn samples_that_are_seen_one_by_one_are_not_joined_by_slopes_that_nobody_measured() {
    let mut page = Page::open(eventful().record());
    let slopes = |page: &Page| strokes(page, UP).into_iter().filter(|rect| rect.height() > 12.0).count();
    assert!(slopes(&page) > 0, "of a whole call there are");
    page.send(vec![InputEvent::Range { from_ms: START_MS + 180_000, to_ms: START_MS + 220_000 }]);
    assert_eq!(slopes(&page), 0);
}

#[test]
fn a_break_is_an_empty_labelled_gap_in_all_charts() {
    let page = Page::open(eventful().record());
    let (start, end) = (x(440.0), x(481.0));
    for color in [UP, DOWN] {
        let across =
            strokes(&page, color).into_iter().find(|rect| rect.left() < end - 2.0 && rect.right() > start + 2.0);
        assert_eq!(across, None, "{color:?} across {start} to {end}");
        let near = |at: f32| triangles(&page, color).iter().any(|rect| (rect.left()..=rect.right()).contains(&at));
        assert!(near(start - 2.0) && near(end + 2.0), "the lines reach up to it on both sides");
    }
    assert_eq!(gaps(&page).len(), 9);
    let picture = page.picture();
    let letters = |from: f32, to: f32| {
        let column = |column: usize| (0..picture.height as usize).map(move |row| row * 900 + column);
        let pixels = (from as usize + 2..to as usize - 1).flat_map(column).map(|index| picture.pixels[index]);
        let mut colors: Vec<_> = pixels.map(|pixel| pixel.to_array()).collect();
        colors.sort_unstable();
        colors.dedup();
        colors.len()
    };
    assert!(letters(start, end) > 20, "the shades of letters, of which a plain gap has none");
}

/// What fills the gaps, one for each chart.
pub(crate) fn gaps(page: &Page) -> Vec<Rect> {
    let fill = Color32::from_rgb(0x1c, 0x23, 0x2c).lerp_to_gamma(Color32::from_rgb(0x28, 0x31, 0x3c), 0.3);
    let mut gaps: Vec<Rect> = Vec::new();
    for rect in triangles(page, fill).into_iter().filter(|rect| rect.height() > 60.0) {
        match gaps.iter_mut().find(|gap| (gap.top() - rect.top()).abs() < 20.0) {
            Some(gap) => *gap = gap.union(rect),
            None => gaps.push(rect),
        }
    }
    gaps
}

#[test]
fn bands_lie_round_the_lines() {
    let page = Page::open(eventful().record());
    for color in [UP, DOWN] {
        let band = triangles(&page, color.gamma_multiply(0.18));
        assert!(band.len() > 100, "{}", band.len());
        let highest = band.iter().map(|rect| rect.height()).fold(0.0, f32::max);
        assert!(highest > 8.0, "a band has a height: {highest}");
    }
}

#[test]
fn there_are_events_in_the_strip_and_a_note_says_which() {
    let mut page = Page::open(eventful().record());
    let bad = Color32::from_rgb(0xe8, 0x80, 0x4a);
    let flag = triangles(&page, bad);
    assert!(flag.iter().any(|rect| (rect.center().x - x(240.0)).abs() < 8.0), "{flag:?}");
    let before = triangles(&page, SOFT).len();
    let y = flag[0].center().y;
    page.send(vec![InputEvent::PointerMoved { x: x(240.0), y }]);
    assert!(page.frame.hover.is_none(), "no values are asked for");
    assert!(triangles(&page, SOFT).len() > before + 20, "the letters of the note");
}

#[test]
fn a_picture_for_export_in_both_themes() {
    let mut page = Page::open(eventful().record());
    let decode = |file: &[u8]| {
        let mut reader = png::Decoder::new(std::io::Cursor::new(file)).read_info().unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        (info.width, info.height, pixels)
    };
    let count = |pixels: &[u8], color: Color32| {
        pixels.chunks(3).filter(|pixel| **pixel == [color.r(), color.g(), color.b()]).count()
    };
    let (width, height, dark) = decode(&page.view.to_png(700.0, 10.0, 1.0).unwrap());
    assert_eq!(width, 700);
    assert!(height as f32 >= page.frame.height_points - 1.0, "as high as all charts need: {height}");
    assert!(count(&dark, UP) > 500 && count(&dark, Color32::from_rgb(0x0e, 0x11, 0x16)) > 300_000);
    page.send(vec![InputEvent::Theme(Theme::Light)]);
    let (width, _, light) = decode(&page.view.to_png(700.0, 10.0, 1.5).unwrap());
    assert_eq!(width, 1050);
    assert!(count(&light, UP_LIGHT) > 500 && count(&light, UP) == 0);
    assert_eq!(&light[..3], &[0xf6, 0xf7, 0xf9]);
}
