//! Pictures on their way to the page: a WebSocket on loopback that sends what the page shows, at the size it shows it.
//!
//! Invariant: nothing queues. For each tile the newest picture is taken when the page has credit for it; the page gives
//! credit back by acknowledging what it has drawn. A slow page sees fewer pictures, never old ones.
//!
//! ```text
//! tiles    which pictures there are: id -> slot with the newest
//! wire     bytes of a picture, and what the page says
//! credit   who may send when: pure
//! feed     one thread per tile shown: waits, scales, hands over
//! socket   accepts (token, origin), reads, writes
//! ```

mod credit;
mod feed;
mod socket;
mod tiles;
mod wire;

pub(crate) use socket::FrameSocket;
pub(crate) use tiles::{OWN_TILE, Tiles};
