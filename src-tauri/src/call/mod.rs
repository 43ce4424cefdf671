//! The call that runs.
//!
//! ```text
//! plan     what is sent from where: settings and options put together
//! model    events in, what the page shows out: pure
//! stats    the last second of a peer: pure
//! asked    in which size the peers' pictures are wanted: pure
//! sinks    what peers send, into the tiles
//! record   the history's recorder, from open to finish
//! running  the task that owns the call, the recorder and the model
//! ```

mod asked;
mod model;
mod plan;
mod record;
mod room;
mod running;
mod sinks;
mod stats;

pub(crate) use model::Beginning;
pub(crate) use plan::{Choice, Equipment, video_settings};
pub(crate) use running::{Order, Plan, Running, join, unix_ms};
