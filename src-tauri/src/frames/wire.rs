//! What goes over the frame socket.
//!
//! A picture, little endian: u8 version 1, u8 length of the tile's id, u16 width, u16 height, u16 zero, u32 sequence
//! number, i64 captured, i64 sent (both Unix microseconds), the id in UTF-8 padded with 0 to a multiple of 4, then the
//! planes Y, U, V without gaps (rows of `width`, `width / 2`, `width / 2` bytes; sides are even). A page without a graphics
//! card converts them in a script: that takes 0.5 ms at 640x360, and the way there of a picture as R, G, B, A takes more.

use std::collections::BTreeMap;

use serde::Deserialize;
use sightline_media::video::VideoFrame;

/// Version of the format.
const VERSION: u8 = 1;
/// Bytes before the tile's id.
const HEADER: usize = 28;

/// Tiles shown at a time: a full room of 8 with a second picture each is 16.
pub(crate) const MAX_TILES: usize = 32;
/// A message names each tile in some 60 bytes.
pub(crate) const MAX_MESSAGE: usize = 8 * 1024;
/// Longest id of a tile; a participant's id and a number.
const MAX_ID: usize = 200;
/// Bounds of what a tile may ask for, pixels. A 4K screen shown whole is within them.
const SIDES: std::ops::RangeInclusive<u32> = 16..=3840;

/// Width and height in pixels.
pub(crate) type Size = (u32, u32);

/// What the page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FromPage {
    /// These tiles are shown from now on, and no others.
    Show(BTreeMap<String, Size>),
    /// The picture of this number is drawn, or dropped.
    Ack(u32),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Message {
    Show { show: Vec<Shown> },
    Ack { ack: u32 },
}

#[derive(Deserialize)]
struct Shown {
    tile: String,
    width: u32,
    height: u32,
}

/// Reads a message; `None` for what is none. Sizes are brought within bounds.
pub(crate) fn parse(text: &str) -> Option<FromPage> {
    match serde_json::from_str(text).ok()? {
        Message::Ack { ack } => Some(FromPage::Ack(ack)),
        Message::Show { show } if show.len() <= MAX_TILES => {
            let fine = show.iter().all(|shown| (1..=MAX_ID).contains(&shown.tile.len()));
            let side = |pixels: u32| pixels.clamp(*SIDES.start(), *SIDES.end()).next_multiple_of(2);
            let tiles = show.into_iter().map(|shown| (shown.tile, (side(shown.width), side(shown.height))));
            fine.then(|| FromPage::Show(tiles.collect()))
        }
        Message::Show { .. } => None,
    }
}

/// A picture as bytes. The one copy on its way from the scaler to the socket.
pub(crate) fn picture(tile: &str, sequence: u32, frame: &VideoFrame, sent_us: i64) -> Vec<u8> {
    let id = tile.as_bytes();
    let head = HEADER + id.len().next_multiple_of(4);
    let mut bytes = Vec::with_capacity(head + frame.i420().len());
    // Sides are at most 4096 (`MAX_SIDE`), ids at most `MAX_ID` bytes.
    bytes.extend_from_slice(&[VERSION, id.len() as u8]);
    bytes.extend_from_slice(&(frame.width() as u16).to_le_bytes());
    bytes.extend_from_slice(&(frame.height() as u16).to_le_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes.extend_from_slice(&sequence.to_le_bytes());
    bytes.extend_from_slice(&frame.captured_us().to_le_bytes());
    bytes.extend_from_slice(&sent_us.to_le_bytes());
    bytes.extend_from_slice(id);
    bytes.resize(head, 0);
    bytes.extend_from_slice(frame.i420());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_laid_out_as_documented() {
        let frame = VideoFrame::from_i420(4, 2, (1..=12).collect(), 0x0102_0304_0506_0708).unwrap();
        let bytes = picture("abcde", 0x0A0B_0C0D, &frame, -2);
        assert_eq!(bytes[..8], [1, 5, 4, 0, 2, 0, 0, 0]);
        assert_eq!(bytes[8..12], [0x0D, 0x0C, 0x0B, 0x0A]);
        assert_eq!(bytes[12..20], [8, 7, 6, 5, 4, 3, 2, 1]);
        assert_eq!(bytes[20..28], [0xFE, 255, 255, 255, 255, 255, 255, 255]);
        assert_eq!(&bytes[28..36], b"abcde\0\0\0");
        assert_eq!(bytes[36..], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    }

    #[test]
    fn what_the_page_says_is_bounded() {
        assert_eq!(parse(r#"{"ack": 7}"#), Some(FromPage::Ack(7)));
        let shown = parse(r#"{"show": [{"tile": "self", "width": 641, "height": 0}]}"#);
        assert_eq!(shown, Some(FromPage::Show([("self".to_owned(), (642, 16))].into())));
        let huge = parse(r#"{"show": [{"tile": "self", "width": 4294967295, "height": 2160}]}"#);
        assert_eq!(huge, Some(FromPage::Show([("self".to_owned(), (3840, 2160))].into())));
        let many: Vec<String> = (0..33).map(|n| format!(r#"{{"tile": "{n}", "width": 16, "height": 16}}"#)).collect();
        let long = format!(r#"{{"show": [{{"tile": "{}", "width": 16, "height": 16}}]}}"#, "x".repeat(201));
        for wrong in [
            "",
            "{}",
            "[]",
            r#"{"ack": -1}"#,
            r#"{"ack": 4294967296}"#,
            r#"{"show": [{"tile": "", "width": 16, "height": 16}]}"#,
            r#"{"show": [{"tile": "self", "width": 1e9, "height": 16}]}"#,
            &long,
            &format!(r#"{{"show": [{}]}}"#, many.join(",")),
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
