//! What can be set about a server, and every bound it keeps, each with the reason for its number.

use std::{
    fmt,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    str::FromStr,
    time::Duration,
};

use axum::http::Uri;
use ipnet::IpNet;
use sightline_protocol::IceServer;

use crate::{limiter::Rate, turn::Turn};

/// How a server is to run.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen. Port 0 takes any free one; [`crate::Server::local_addr`] says which.
    pub listen: SocketAddr,
    /// SQLite file that keeps rooms, accounts and the record over a restart; none keeps no record, and the rest in memory.
    pub database: Option<PathBuf>,
    /// Most members of a room at a time.
    pub max_participants: u32,
    /// STUN and TURN servers that clients are told to use.
    pub ice_servers: Vec<IceServer>,
    /// A TURN server that each client gets a login of its own for.
    pub turn: Option<Turn>,
    /// Whether people have accounts here.
    pub accounts: Accounts,
    /// What is recorded is deleted after so many days; none keeps it for good.
    pub keep_days: Option<u32>,
    /// Certificate and key to speak TLS with; none speaks plain HTTP, for a proxy or a private network.
    pub tls: Option<Tls>,
    /// Proxies whose word counts on whom a request comes from (`Forwarded`, RFC 7239, or `X-Forwarded-For`).
    pub trust_proxy: Vec<IpNet>,
    /// Where people reach this server, for links; none goes by what the client calls it.
    pub public_url: Option<WebUrl>,
    /// Where people get the app, for the page of an invitation.
    pub app_url: Option<WebUrl>,
    /// Opens everything to whoever has it; none lets nobody in that way.
    pub admin_token: Option<Secret>,
    /// Signs room tokens (HS256), at least [`TOKEN_SECRET_BYTES`]; none makes one, which is kept in the database if there is
    /// one, and else lasts until the server ends.
    pub token_secret: Option<Secret>,
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
            accounts: Accounts::Off,
            keep_days: None,
            tls: None,
            trust_proxy: Vec::new(),
            public_url: None,
            app_url: None,
            admin_token: None,
            token_secret: None,
            limits: Limits::default(),
        }
    }
}

/// Shortest secret to sign tokens with: a key as long as the hash (RFC 7518, 3.2).
pub const TOKEN_SECRET_BYTES: usize = 32;

/// Whether people have accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Accounts {
    /// There are none.
    #[default]
    Off,
    /// Who has one can be called by name; nobody needs one.
    Optional,
    /// Nothing without one.
    Required,
}

impl Accounts {
    /// As it is written in a configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Optional => "optional",
            Self::Required => "required",
        }
    }
}

impl FromStr for Accounts {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::Off, Self::Optional, Self::Required];
        all.into_iter().find(|accounts| accounts.as_str() == text).ok_or("accounts are `off`, `optional` or `required`")
    }
}

/// Files to speak TLS with. They are read again when the server is told to, see [`crate::Reloader`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// The certificate and those between it and the root, in that order, as PEM.
    pub cert: PathBuf,
    /// Its private key, as PEM (PKCS #8, PKCS #1 or SEC 1).
    pub key: PathBuf,
}

/// Text that shows itself to nobody who does not ask for it by [`Self::expose`].
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Takes any text; what is too short for its use is the user's to say.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// `http://` or `https://`, a host and perhaps a path, without a slash at its end: things can be put behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebUrl {
    text: String,
    /// Where its host begins.
    place: usize,
}

impl WebUrl {
    /// All of it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What follows the scheme, `HOST[:PORT][/PATH]`: what links of the app have for a server.
    pub fn place(&self) -> &str {
        &self.text[self.place..]
    }
}

impl fmt::Display for WebUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for WebUrl {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "a URL here is http(s)://HOST[:PORT][/PATH], without a user, `?` or `#`";
        let uri: Uri = text.parse().map_err(|_| FORM)?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else { return Err(FORM) };
        if !matches!(scheme, "http" | "https")
            || authority.host().is_empty()
            || authority.as_str().contains('@')
            || text.contains(['?', '#'])
        {
            return Err(FORM);
        }
        Ok(Self { text: text.trim_end_matches('/').to_owned(), place: scheme.len() + "://".len() })
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
    /// Connections at a time that have not become a WebSocket (yet), TLS handshakes among them; more of them wait in the
    /// kernel.
    pub max_requests: usize,
    /// Requests at a time that have [`Self::body`] for their body; further ones have [`Self::answer`] for it.
    pub max_slow_bodies: usize,
    /// Bytes of uploads that are in memory at a time as they were sent, of all clients together; who sends more then is told to
    /// come again.
    pub upload_bytes: usize,
    /// From a connection to the end of its TLS handshake.
    pub handshake: Duration,
    /// From there to the end of a request's head.
    pub head: Duration,
    /// From there to the end of its body.
    pub body: Duration,
    /// From there to the end of its answer.
    pub answer: Duration,
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
            // About 15 KiB each: 300 MiB. With TLS 8 KiB more.
            max_connections: 20_000,
            // About 300 bytes each: 30 MiB.
            max_rooms: 100_000,
            // 25 KiB each with half a head over TLS, 18 KiB without: 25 MiB.
            max_requests: 1024,
            // Half a MiB each: 32 MiB. Who uploads slowly, on purpose or not, keeps nobody from joining a call.
            max_slow_bodies: 64,
            // 128 of the longest kind; there may be 1024 requests, which would be half a GiB.
            upload_bytes: 64 * 1024 * 1024,
            // Two round trips over the slowest line that can carry a call, and one packet lost in each.
            handshake: Duration::from_secs(5),
            // A head fits into a few packets.
            head: Duration::from_secs(10),
            // Half a MiB over 70 kbit/s.
            body: Duration::from_secs(60),
            // Handlers take milliseconds, and answers are as small as requests.
            answer: Duration::from_secs(10),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_show_itself() {
        let config = Config {
            admin_token: Some(Secret::new("open sesame")),
            token_secret: Some(Secret::new("0123456789abcdef0123456789abcdef")),
            ..Config::default()
        };
        let text = format!("{config:?}");
        assert!(text.contains("admin_token: Some(Secret)"), "{text}");
        assert!(!text.contains("sesame") && !text.contains("0123456789"), "{text}");
    }

    #[test]
    fn a_web_url_can_be_put_before_a_path() {
        for (text, whole, place) in [
            ("https://calls.example", "https://calls.example", "calls.example"),
            ("https://calls.example/", "https://calls.example", "calls.example"),
            ("http://192.0.2.1:7788/calls//", "http://192.0.2.1:7788/calls", "192.0.2.1:7788/calls"),
            ("https://[2001:db8::1]:9", "https://[2001:db8::1]:9", "[2001:db8::1]:9"),
        ] {
            let url: WebUrl = text.parse().expect(text);
            assert_eq!((url.as_str(), url.place()), (whole, place));
        }
        for text in [
            "",
            "calls.example",
            "/j",
            "ftp://calls.example",
            "https://",
            "https:///j",
            "https://user@calls.example",
            "https://calls.example/?a=b",
            "https://calls.example/#a",
            "https://calls example",
            "javascript:alert(1)",
        ] {
            assert!(text.parse::<WebUrl>().is_err(), "{text}");
        }
    }
}
