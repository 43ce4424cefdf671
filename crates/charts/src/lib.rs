//! The charts of a recorded call: data and input events in, triangles or a picture out.
//!
//! [`CallRecord::load`] reads what a call's charts show from the history, [`CallRecord::load_end`] one end of a stream; a [`View`] holds what the user has made of
//! them. Each [`View::frame`] takes the [`Input`] of a page and gives bytes that a few lines of WebGL2 can paint
//! ([`Scene`]), or pixels where there is no graphics card; [`paint`] turns a scene into a picture. No window, no screen, no clock.

mod chart;
mod chip;
mod ends;
mod fonts;
mod input;
mod kind;
mod marks;
mod navigate;
mod page;
mod people;
mod pixels;
mod plot;
mod raster;
mod record;
mod scale;
mod series;
mod state;
mod theme;
mod timeline;
mod view;
mod wire;

pub use ends::End;
pub use input::{Input, InputEvent, MOST_EVENTS};
pub use raster::{Picture, paint};
pub use record::{CallRecord, ChartsError, DEFAULT_POINTS};
pub use theme::Theme;
pub use view::{Frame, Hover, PictureError, Reading, Series, View};
pub use wire::{ClippedMesh, Scene, TexturePatch, WireError};
