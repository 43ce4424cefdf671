//! One call: signaling, links to peers, what is sent to whom, statistics.

pub mod link;
