//! What can be set about a server, and every bound it keeps, each with the reason for its number.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use sightline_protocol::IceServer;

use crate::{limiter::Rate, turn::Turn};

/// How a server is to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen. Port 0 takes any free one; [`crate::Server::local_addr`] says which.
    pub listen: SocketAddr,
    /// SQLite file that keeps rooms and places over a restart; none keeps them in memory.
    pub database: Option<PathBuf>,
    /// Most members of a room at a time.
    pub max_participants: u32,
    /// STUN and TURN servers that clients are told to use.
    pub ice_servers: Vec<IceServer>,
    /// A TURN server that each client gets a login of its own for.
    pub turn: Option<Turn>,
    /// The bounds; the defaults are those of PROTOCOL.md.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 0).into(),
            database: None,
            // A mesh of 8 is 7 uploads each; beyond it the clients' lines give in, not the server.
            max_participants: 8,
            ice_servers: Vec::new(),
            turn: None,
            limits: Limits::default(),
        }
    }
}

/// The bounds a server keeps. Tests shorten the times.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Between two WebSocket pings to a client.
    pub ping_interval: Duration,
    /// A client that is not heard for so long, not even by a pong, is taken for dead.
    pub silence: Duration,
    /// How long the place of a participant without a socket is kept.
    pub resume: Duration,
    /// A room that nobody is in is forgotten after so long.
    pub room_expiry: Duration,
    /// Messages from one client.
    pub messages: Rate,
    /// Codes that no room has, from one address.
    pub guesses: Rate,
    /// New rooms, from one address.
    pub creations: Rate,
    /// Bytes that wait to be read by one client.
    pub outgoing_bytes: usize,
    /// Messages that wait to be read by one client.
    pub outgoing_messages: usize,
    /// Bytes that wait for one member who is away.
    pub away_bytes: usize,
    /// Messages that wait for one member who is away.
    pub away_messages: usize,
    /// Bytes that wait for all who are away together.
    pub all_away_bytes: usize,
    /// WebSockets at a time.
    pub max_connections: usize,
    /// Rooms at a time.
    pub max_rooms: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            // Two pings fit into the silence, so that one lost packet kills nobody; 12 s and the timer's grain stay
            // under the 15 s within which the others are promised to know.
            ping_interval: Duration::from_secs(5),
            silence: Duration::from_secs(12),
            // A change of networks or a restart of the server takes seconds; nobody looks at a frozen tile for longer.
            resume: Duration::from_secs(30),
            room_expiry: Duration::from_secs(24 * 3600),
            // The latecomer in a full room sends seven offers and some fifty candidates for each: 357 at once.
            messages: Rate { burst: 400, every: Duration::from_millis(20) },
            // A person mistypes a few times; PROTOCOL.md works out what this leaves to one who guesses.
            guesses: Rate { burst: 20, every: Duration::from_secs(30) },
            // In the time a room lives unused one address makes 2000 + 43 200 of them: not all that there may be.
            creations: Rate { burst: 2000, every: Duration::from_secs(2) },
            // Seven offers of the longest kind are 448 KiB.
            outgoing_bytes: 1024 * 1024,
            // The latecomer's 350 candidates and offers, the answers to them, and as much again.
            outgoing_messages: 1024,
            // An ICE restart of seven peers, with long descriptions (7 * 16 KiB) and their candidates, and some chat.
            away_bytes: 256 * 1024,
            away_messages: 512,
            // 256 who are away with full queues; whoever is far above that is not having a call.
            all_away_bytes: 64 * 1024 * 1024,
            // About 15 KiB each: 300 MiB.
            max_connections: 20_000,
            // About 300 bytes each: 30 MiB.
            max_rooms: 100_000,
        }
    }
}
