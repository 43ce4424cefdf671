//! Two links talk to each other over loopback, with good and bad paths between them.

mod lip_sync;
mod media;
mod negotiation;
mod pair;
mod paths;
mod rate;
