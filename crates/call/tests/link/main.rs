//! Two links talk to each other over loopback, with good and bad paths between them.

mod media;
mod negotiation;
mod pair;
mod paths;
#[path = "../support/relay.rs"]
mod relay;
