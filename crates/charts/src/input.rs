//! What the page tells the charts: its size, the time, and what the pointer and the keys did.
//!
//! Invariant: after [`Input::sound`] every number is finite and within what can be drawn, and there are at most
//! [`MOST_EVENTS`] events.

use std::fmt;
use std::ops::Range;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::Theme;

/// A page sends what happened since the last frame: some dozens of moves. Of a flood the first ones count.
pub const MOST_EVENTS: usize = 500;

/// The widest and highest that is drawn, in points: beyond any screen.
pub(crate) const MOST_POINTS: f32 = 8192.0;

/// One frame's worth of input. As JSON: `{"widthPoints": 900, "heightPoints": 700, "pixelsPerPoint": 1, "timeS": 3.2,
/// "events": [{"pointerMoved": {"x": 10, "y": 20}}, "pointerLeft"]}`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Input {
    /// Width of the canvas, in points (CSS pixels).
    pub width_points: f32,
    /// Height of the canvas, in points. All charts are seen without scrolling at [`crate::Frame::height_points`].
    pub height_points: f32,
    /// Pixels of the screen for each point.
    pub pixels_per_point: f32,
    /// Top and bottom of what the page's window shows of the canvas, in points; `None` where that is all of it. Frames of
    /// pixels bring this and a little more up to date, frames of triangles everything.
    #[serde(default)]
    pub visible_points: Option<(f32, f32)>,
    /// Seconds on a clock that only goes on.
    pub time_s: f64,
    /// What happened, in its order.
    #[serde(default, deserialize_with = "bounded")]
    pub events: Vec<InputEvent>,
}

/// Something that happened. Places are in points from the upper left corner.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum InputEvent {
    /// The pointer is here now.
    PointerMoved {
        /// From the left.
        x: f32,
        /// From the top.
        y: f32,
    },
    /// It is not over the canvas any more.
    PointerLeft,
    /// A button went down or up. Primary: pulls the charts along, or clicks. Another: marks a range to zoom into.
    Button {
        /// From the left.
        x: f32,
        /// From the top.
        y: f32,
        /// Down, or up.
        pressed: bool,
        /// The left one, as a rule.
        primary: bool,
    },
    /// The wheel turned, or two fingers moved: positive is right and down, as in `WheelEvent`, in points. With control,
    /// or where there is nothing to scroll, it zooms; without, it scrolls. To the side it pans.
    Wheel {
        /// To the right.
        dx: f32,
        /// Down.
        dy: f32,
        /// With the control key, as pinching reports itself.
        ctrl: bool,
    },
    /// A key: `ArrowLeft`, `ArrowRight`, `+`, `-`, `0`, `Home`, `PageUp`, `PageDown`, `ArrowUp`, `ArrowDown`, `Escape`;
    /// others do nothing.
    Key {
        /// As `KeyboardEvent.key`.
        name: String,
        /// Down, or up.
        pressed: bool,
    },
    /// Shows or hides an entry of the legend, by [`crate::Series::id`].
    Hide {
        /// Which.
        series: String,
        /// Away with it.
        hidden: bool,
    },
    /// Shows a range of time, in milliseconds since the Unix epoch, as a finding names it.
    Range {
        /// From.
        from_ms: i64,
        /// To.
        to_ms: i64,
    },
    /// Shows exactly this range, in milliseconds since the Unix epoch, as charts beside these show it.
    Window {
        /// From.
        from_ms: i64,
        /// To.
        to_ms: i64,
    },
    /// The pointer is over charts beside these, at this moment; `None` where it has left them.
    Beside {
        /// Milliseconds since the Unix epoch.
        at_ms: Option<i64>,
    },
    /// Other colours.
    Theme(Theme),
}

impl InputEvent {
    fn is_sound(&self) -> bool {
        match self {
            Self::PointerMoved { x, y } | Self::Button { x, y, .. } => x.is_finite() && y.is_finite(),
            Self::Wheel { dx, dy, .. } => dx.is_finite() && dy.is_finite(),
            Self::PointerLeft
            | Self::Key { .. }
            | Self::Hide { .. }
            | Self::Range { .. }
            | Self::Window { .. }
            | Self::Beside { .. }
            | Self::Theme(_) => true,
        }
    }
}

/// The size of what is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Canvas {
    /// In points.
    pub(crate) width: f32,
    pub(crate) height: f32,
    pub(crate) pixels_per_point: f32,
}

impl Canvas {
    /// A size that can be drawn. What is no number becomes a usual one.
    pub(crate) fn sound(width: f32, height: f32, pixels_per_point: f32) -> Self {
        let or = |value: f32, usual: f32| if value.is_finite() { value } else { usual };
        Self {
            width: or(width, 800.0).clamp(1.0, MOST_POINTS),
            height: or(height, 600.0).clamp(1.0, MOST_POINTS),
            pixels_per_point: or(pixels_per_point, 1.0).clamp(0.5, 4.0),
        }
    }
}

impl Input {
    /// The size, and those events that can be; both bounded.
    pub(crate) fn sound(&self) -> (Canvas, impl Iterator<Item = &InputEvent>) {
        let canvas = Canvas::sound(self.width_points, self.height_points, self.pixels_per_point);
        (canvas, self.events.iter().take(MOST_EVENTS).filter(|event| event.is_sound()))
    }

    /// The rows of pixels that are seen.
    pub(crate) fn seen_rows(&self) -> Range<u32> {
        let scale = Canvas::sound(self.width_points, self.height_points, self.pixels_per_point).pixels_per_point;
        // Such casts stay within bounds, and what is no number is 0.
        let rows = |(top, bottom): (f32, f32)| (top * scale) as u32..(bottom * scale).ceil() as u32;
        self.visible_points.map_or(0..u32::MAX, rows)
    }
}

/// Reads at most [`MOST_EVENTS`]; what follows is skipped, not stored.
fn bounded<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<InputEvent>, D::Error> {
    struct Events;

    impl<'de> Visitor<'de> for Events {
        type Value = Vec<InputEvent>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of events")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            let mut events = Vec::new();
            while events.len() < MOST_EVENTS {
                match list.next_element()? {
                    Some(event) => events.push(event),
                    None => return Ok(events),
                }
            }
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok(events)
        }
    }
    deserializer.deserialize_seq(Events)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_the_page_sends_it() {
        let text = r#"{"widthPoints": 900, "heightPoints": 700.5, "pixelsPerPoint": 2, "timeS": 1.5, "events": [
            {"pointerMoved": {"x": 1, "y": 2}}, "pointerLeft", {"wheel": {"dx": 0, "dy": -3, "ctrl": true}},
            {"button": {"x": 1, "y": 2, "pressed": true, "primary": false}}, {"theme": "light"},
            {"key": {"name": "+", "pressed": true}}, {"range": {"fromMs": 5, "toMs": 6}},
            {"hide": {"series": "sent", "hidden": true}}, {"window": {"fromMs": 5, "toMs": 6}},
            {"beside": {"atMs": 7}}, {"beside": {"atMs": null}}]}"#;
        let input: Input = serde_json::from_str(text).unwrap();
        assert_eq!((input.width_points, input.time_s, input.events.len()), (900.0, 1.5, 11));
        assert_eq!(input.events[1], InputEvent::PointerLeft);
        assert_eq!(input.events[4], InputEvent::Theme(Theme::Light));
        assert_eq!(input.events[6], InputEvent::Range { from_ms: 5, to_ms: 6 });
        assert_eq!(input.events[8], InputEvent::Window { from_ms: 5, to_ms: 6 });
        assert_eq!(input.events[9..], [7.into(), None].map(|at_ms| InputEvent::Beside { at_ms }));
    }

    #[test]
    fn a_flood_is_cut_off_and_nonsense_left_out() {
        let flood = vec![r#""pointerLeft""#; 100_000].join(",");
        let text = format!(
            r#"{{"widthPoints": -5, "heightPoints": 1e9, "pixelsPerPoint": 0, "timeS": 0, "events": [{flood}]}}"#
        );
        let input: Input = serde_json::from_str(&text).unwrap();
        assert_eq!(input.events.len(), MOST_EVENTS);
        let (canvas, _) = input.sound();
        assert_eq!(canvas, Canvas { width: 1.0, height: MOST_POINTS, pixels_per_point: 0.5 });
        let nan = InputEvent::PointerMoved { x: f32::NAN, y: 0.0 };
        let input = Input { width_points: f32::NAN, events: vec![nan; 10_000], ..Input::default() };
        let (canvas, events) = input.sound();
        assert_eq!((canvas.width, events.count()), (800.0, 0));
    }
}
