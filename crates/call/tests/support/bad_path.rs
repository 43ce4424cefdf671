//! Two participants whose media pass a bad path, and whose signaling can be slowed down.
//!
//! Clients bind `127.0.0.1:0` only, as the doors to the relay want it.

use std::sync::Arc;
use std::time::Duration;

use sightline_call::{CallConfig, LinkOptions};
use sightline_netpath::{Change, Conditions, Door, Line, Loses, Party, Relay};

use super::participant::{Participant, config};
use super::server::TestServer;
use super::sinks::Memory;

/// See the module. Ends when dropped.
pub(crate) struct BadPath {
    relay: Arc<Relay>,
    doors: [Door; 2],
}

impl BadPath {
    /// A path without faults of its own; everything a client says to the server arrives after `delay`.
    pub(crate) async fn between(server: &TestServer, delay: Duration) -> Self {
        Self::with(server, Conditions::default(), delay).await
    }

    /// The same with faults, which spare set-up.
    pub(crate) async fn with(server: &TestServer, conditions: Conditions, delay: Duration) -> Self {
        let lines = vec![Line::new(conditions, 1), Line::perfect()];
        let relay = Arc::new(Relay::start(lines, Loses::MediaOnly).expect("the relay starts"));
        let door =
            async |party| Door::open(relay.clone(), Party(party), server.address, delay).await.expect("a free port");
        let doors = [door(0).await, door(1).await];
        Self { relay, doors }
    }

    /// Lets nothing of the media pass, or all of it.
    pub(crate) fn block(&self, blocked: bool) {
        self.relay.change(Party(0), if blocked { Change::Down } else { Change::Up });
    }

    /// The line carries so much from now on, bit/s each way.
    pub(crate) fn carries(&self, rate: u64) {
        self.relay.change(Party(0), Change::Rate(Some(rate)));
    }

    /// Gives one of the two another public address, as a NAT does that has forgotten its mapping.
    pub(crate) fn rebind(&self, party: usize) {
        self.relay.change(Party(party), Change::Address);
    }

    /// Two people, the first of them the impolite one.
    pub(crate) async fn two(&self, code: &str) -> [Participant; 2] {
        let mut people = Vec::new();
        for (door, name) in self.doors.iter().zip(["Ada", "Grace"]) {
            let memory = Memory::default();
            let link = LinkOptions { udp_bind: vec!["127.0.0.1:0".to_owned()], ..LinkOptions::default() };
            let config = CallConfig { link, ..config(&door.url(), code, name, &memory) };
            people.push(Participant::join_with(config, memory).await.expect("joined"));
        }
        people.try_into().unwrap_or_else(|_| unreachable!("two joined"))
    }
}
