//! The words and links by which people are asked into a room.
//!
//! Invariant: parsing is pure and takes a bounded time, whatever was pasted; what [`Invitation::link`] writes is read back as
//! the same invitation.

use sightline_protocol::RoomCode;

use crate::CallError;
use crate::signaling::ServerUrl;

/// More than any link has; the rest of what was pasted is not looked at.
const LONGEST: usize = 4096;
/// How the app's own links begin.
const OWN_SCHEME: &str = "sightline://";

/// Where to join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Signaling server, `ws://host:port` (`wss://` from a link with `https`); `None` where only a code was given.
    pub server: Option<String>,
    /// The room's code in canonical spelling.
    pub code: String,
}

impl Invitation {
    /// The link that opens the app with this invitation, `sightline://join/HOST:PORT/CODE`; with `?tls=1` where TLS is
    /// spoken there.
    ///
    /// # Errors
    /// There is no server, or its address cannot be used.
    pub fn link(&self) -> Result<String, CallError> {
        let server = ServerUrl::parse(self.server.as_deref().unwrap_or_default())?;
        let tls = if server.secure { "?tls=1" } else { "" };
        Ok(format!("{OWN_SCHEME}join/{}/{}{tls}", server.place(), self.code))
    }
}

/// Reads what a person typed, pasted or clicked, in any case and with anything around it: a code; a link of the app,
/// `sightline://join/HOST[:PORT]/CODE`; a link of the web, `http(s)://HOST[:PORT]/j/CODE`; or `HOST[:PORT]/CODE`.
///
/// # Errors
/// [`CallError::BadInvitation`]: there is no code in it.
pub fn parse_invitation(text: &str) -> Result<Invitation, CallError> {
    let bad = || CallError::BadInvitation(shortened(text));
    let head = text.char_indices().nth(LONGEST).map_or(text, |(end, _)| &text[..end]);
    let (scheme, rest) = match find_link(head) {
        Some((scheme, rest)) => (scheme, until_space(rest)),
        None if head.contains('/') => ("", head.trim()),
        None => {
            let code = RoomCode::parse(head).ok_or_else(bad)?;
            return Ok(Invitation { server: None, code: code.as_str().to_owned() });
        }
    };
    let path = rest.split(['?', '#']).next().unwrap_or_default();
    let mut parts: Vec<&str> = path.split('/').map(str::trim).filter(|part| !part.is_empty()).collect();
    let own = scheme == OWN_SCHEME;
    if own {
        if parts.first().is_none_or(|first| !first.eq_ignore_ascii_case("join")) {
            return Err(bad());
        }
        parts.remove(0);
    }
    let spelled = parts.pop().ok_or_else(bad)?.replace("%20", " ");
    let code = RoomCode::parse(&spelled).ok_or_else(bad)?;
    if !own && parts.len() > 1 && parts.last().is_some_and(|last| last.eq_ignore_ascii_case("j")) {
        parts.pop();
    }
    let (host, prefix) = parts.split_first().ok_or_else(bad)?;
    let asked = rest.split_once('?').map_or("", |(_, query)| query.split('#').next().unwrap_or_default());
    let says_tls = own && asked.split('&').any(|part| part == "tls=1");
    let secure = says_tls || scheme == "https://" || scheme == "wss://";
    let mut server = format!("{}{}", if secure { "wss://" } else { "ws://" }, host.to_ascii_lowercase());
    for part in prefix {
        server = format!("{server}/{part}");
    }
    match ServerUrl::parse(&server) {
        Ok(_) => Ok(Invitation { server: Some(server), code: code.as_str().to_owned() }),
        Err(_) => Err(bad()),
    }
}

/// The first link in a text: its scheme, and what follows that.
fn find_link(text: &str) -> Option<(&'static str, &str)> {
    // The case of ASCII letters can be changed without moving anything.
    let lower = text.to_ascii_lowercase();
    let schemes = [OWN_SCHEME, "https://", "http://", "wss://", "ws://"];
    let found = schemes.into_iter().filter_map(|scheme| Some((lower.find(scheme)?, scheme)));
    let (at, scheme) = found.min_by_key(|(at, _)| *at)?;
    Some((scheme, &text[at + scheme.len()..]))
}

fn until_space(text: &str) -> &str {
    let ends = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '"' | '\'' | ')' | '»');
    text.split(ends).next().unwrap_or_default()
}

/// For the error: people recognise what they typed by its beginning.
fn shortened(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(60) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Option<String>, String) {
        let Invitation { server, code } = parse_invitation(text).expect(text);
        (server, code)
    }

    #[test]
    fn a_code_is_enough() {
        for text in ["amber-canoe", "  Amber  Canoe\n", "AMBER.CANOE", "«amber canoe»"] {
            assert_eq!(parsed(text), (None, "amber-canoe".into()), "{text}");
        }
    }

    #[test]
    fn links_carry_the_server() {
        for text in [
            "sightline://join/192.168.1.5:7788/amber-canoe",
            "  SIGHTLINE://JOIN/192.168.1.5:7788/Amber-Canoe/ ",
            "Come in: sightline://join/192.168.1.5:7788/amber-canoe (now!)",
            "<http://192.168.1.5:7788/j/amber-canoe>",
            "http://192.168.1.5:7788/amber-canoe?from=mail#top",
            "ws://192.168.1.5:7788/amber%20canoe",
            "192.168.1.5:7788/amber-canoe",
            "192.168.1.5:7788 / Amber Canoe",
        ] {
            assert_eq!(parsed(text), (Some("ws://192.168.1.5:7788".into()), "amber-canoe".into()), "{text}");
        }
        assert_eq!(parsed("sightline://join/Calls.Example/a-b").0.as_deref(), Some("ws://calls.example"));
        assert_eq!(parsed("https://calls.example/j/a-b").0.as_deref(), Some("wss://calls.example"));
        assert_eq!(parsed("http://calls.example/sightline/j/a-b").0.as_deref(), Some("ws://calls.example/sightline"));
        assert_eq!(parsed("sightline://join/[::1]:9/a-b").0.as_deref(), Some("ws://[::1]:9"));
        // A server may well be called j, and a room too.
        assert_eq!(parsed("http://j/j/j"), (Some("ws://j".into()), "j".into()));
    }

    #[test]
    fn what_is_no_invitation_is_refused_with_its_beginning() {
        let long = "/".repeat(1 << 20);
        let novel = "word ".repeat(1 << 18);
        let wide = "ž".repeat(1 << 16);
        for text in [
            "",
            "   ",
            "!?",
            "sightline://",
            "sightline://join",
            "sightline://join/host",
            "sightline://leave/host/a-b",
            "http://",
            "http://host",
            "http:///j/",
            "http://me:secret@host/j/a-b",
            "host:99999/a-b",
            "/a-b",
            &long,
            &novel,
            &wide,
        ] {
            let error = parse_invitation(text).expect_err(text).to_string();
            assert!(error.chars().count() < 250, "{error}");
        }
    }

    #[test]
    fn a_link_is_read_back() {
        for server in ["ws://192.168.1.5:7788", "ws://calls.example/sightline", "ws://[::1]:9"] {
            let invitation = Invitation { server: Some(server.into()), code: "amber-canoe".into() };
            let link = invitation.link().expect("a link");
            assert!(link.starts_with("sightline://join/"), "{link}");
            assert_eq!(parse_invitation(&link).expect("an invitation"), invitation, "{link}");
        }
        assert!(Invitation { server: None, code: "a".into() }.link().is_err());
    }
}
