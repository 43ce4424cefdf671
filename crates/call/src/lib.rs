//! One call: signaling, links to peers, what is sent to whom, statistics.
//!
//! [`Call`] is the handle. Behind it one driver task owns the call's state, one task per peer owns its link, and
//! threads of `sightline-media` own devices and codecs; see ARCHITECTURE.md.

mod adapt;
mod call;
mod config;
mod cpu;
mod driver;
mod error;
mod event;
mod forward;
mod hints;
mod inbound;
mod invitation;
mod layers;
mod levels;
pub mod link;
mod links;
mod local;
mod members;
mod negotiation;
mod network;
mod orders;
mod own_media;
mod peer;
mod recovery;
mod reporting;
mod setup;
mod signaling;
mod sleep;
mod stats;

pub use call::Call;
pub use config::{CallConfig, Entry, LinkOptions, OnCaptured, OnWaiting, PeerInfo, SinkFactory};
pub use error::CallError;
pub use event::{CallEvent, CallSummary, EndReason, RoomNews};
pub use invitation::{Invitation, parse_invitation};
pub use levels::Levels;
pub use network::{AddressKind, NetworkReport, check_network};
pub use signaling::{Api, Lounge, LoungeEvent, create_room, find_room, http_address};
