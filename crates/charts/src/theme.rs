//! The tokens of the product's design, as far as charts need them: colours in light and dark, spacing, sizes of type.

use egui::{Color32, FontFamily, FontId};
use serde::{Deserialize, Serialize};

use crate::fonts::STRONG;

/// Light or dark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Theme {
    /// Dark ink on light paper.
    Light,
    /// The other way round.
    #[default]
    Dark,
}

/// The colours of a theme, by the names they have in the design.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Palette {
    pub(crate) bg: Color32,
    pub(crate) panel: Color32,
    pub(crate) raised: Color32,
    pub(crate) line: Color32,
    pub(crate) text: Color32,
    pub(crate) soft: Color32,
    pub(crate) faint: Color32,
    pub(crate) accent: Color32,
    pub(crate) ok: Color32,
    pub(crate) bad: Color32,
    /// Sent, everywhere.
    pub(crate) up: Color32,
    /// Received, everywhere.
    pub(crate) down: Color32,
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16) as u8, (hex >> 8) as u8, hex as u8)
}

const DARK: Palette = Palette {
    bg: rgb(0x0e1116),
    panel: rgb(0x151a21),
    raised: rgb(0x1c232c),
    line: rgb(0x28313c),
    text: rgb(0xe8edf3),
    soft: rgb(0x9aa7b5),
    faint: rgb(0x66727f),
    accent: rgb(0x4fc3b3),
    ok: rgb(0xd8b24a),
    bad: rgb(0xe8804a),
    up: rgb(0x7aa7ff),
    down: rgb(0x4fc3b3),
};

const LIGHT: Palette = Palette {
    bg: rgb(0xf6f7f9),
    panel: rgb(0xffffff),
    raised: rgb(0xf0f2f5),
    line: rgb(0xdde2e8),
    text: rgb(0x17202a),
    soft: rgb(0x55626f),
    faint: rgb(0x8593a0),
    accent: rgb(0x0f8a7b),
    ok: rgb(0x96720c),
    bad: rgb(0xbd5316),
    up: rgb(0x2f62d9),
    down: rgb(0x0f8a7b),
};

impl Theme {
    pub(crate) fn palette(self) -> &'static Palette {
        match self {
            Self::Light => &LIGHT,
            Self::Dark => &DARK,
        }
    }
}

/// Spacing, in points.
pub(crate) const S1: f32 = 4.0;
/// See [`S1`].
pub(crate) const S2: f32 = 8.0;
/// See [`S1`].
pub(crate) const S3: f32 = 12.0;

/// Chips, axes and notes.
pub(crate) fn small() -> FontId {
    FontId::new(12.0, FontFamily::Proportional)
}

/// The same, semibold.
pub(crate) fn small_strong() -> FontId {
    FontId::new(12.0, FontFamily::Name(STRONG.into()))
}

/// Units and what stands beside titles.
pub(crate) fn body() -> FontId {
    FontId::new(13.0, FontFamily::Proportional)
}

/// Titles.
pub(crate) fn title() -> FontId {
    FontId::new(13.0, FontFamily::Name(STRONG.into()))
}

/// A colour on the way to another: 0 is the one, 1 the other.
pub(crate) fn mix(one: Color32, other: Color32, share: f32) -> Color32 {
    one.lerp_to_gamma(other, share.clamp(0.0, 1.0))
}
