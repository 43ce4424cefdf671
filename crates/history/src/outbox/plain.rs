//! What of the record may leave the machine: no text in which an address could be.
//!
//! Invariant: words pass that are words of this program, by their shape; sentences, which may quote what a system or a
//! library said, do not pass. Names are the only free text; one that holds an address is replaced as a whole.

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use sightline_protocol::logs::bounds::{EVENT_BYTES, TEXT_BYTES};
use sightline_quality::{EventKind, Path};

/// Stands for a word that does not pass.
const OTHER: &str = "other";

/// Stands for a name that does not pass.
const HIDDEN: &str = "(hidden)";

/// Longest word and codec.
const WORD_BYTES: usize = 32;

/// Longest participant id; a server gives 17 characters.
const ID_BYTES: usize = 64;

/// Hex digits of a digest: 96 bits, so that no two of a history are alike by chance.
const DIGEST_DIGITS: usize = 24;

/// SHA-256, shortened.
pub(super) fn digest(bytes: &[u8]) -> String {
    let hex = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    hex.chars().take(DIGEST_DIGITS).collect()
}

/// A reason or state, such as `connection-lost`: lower-case letters and hyphens. An address has digits, dots or colons.
pub(super) fn word(text: &str) -> String {
    let fits = !text.is_empty()
        && text.len() <= WORD_BYTES
        && text.split('-').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase()));
    if fits { text.to_owned() } else { OTHER.to_owned() }
}

/// Why a connection broke. It is recorded as a sentence, which may say what address could not be reached.
pub(super) fn cause(text: &str) -> String {
    const KNOWN: [(&str, &str); 4] = [
        ("our own network is gone", "own-network"),
        ("its network is gone", "peer-network"),
        ("the path between them broke", "path"),
        ("this machine slept", "sleep"),
    ];
    let known = KNOWN.iter().find(|(sentence, _)| text.contains(sentence));
    known.map_or_else(|| word(text), |(_, word)| (*word).to_owned())
}

/// A codec as negotiated, such as `VP8`: letters, digits and hyphens.
pub(super) fn codec(text: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (!text.is_empty() && text.len() <= WORD_BYTES && text.bytes().all(fits)).then(|| text.to_owned())
}

/// A version such as `0.1.0`. Three numbers, so it is no address of four.
pub(super) fn version(text: &str) -> String {
    let (numbers, rest) = text.split_at(text.find(['-', '+']).unwrap_or(text.len()));
    let is_number = |part: &str| !part.is_empty() && part.len() <= 5 && part.bytes().all(|byte| byte.is_ascii_digit());
    let fits = numbers.split('.').count() == 3
        && numbers.split('.').all(is_number)
        && rest.len() <= WORD_BYTES
        && !holds_address(text)
        && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-+.".contains(&byte));
    if fits { text.to_owned() } else { OTHER.to_owned() }
}

/// A participant's id, as a server gives it: letters, digits, hyphens and underscores.
pub(super) fn id(text: &str) -> String {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_id = !text.is_empty() && text.len() <= ID_BYTES && text.bytes().all(fits);
    if is_id { text.to_owned() } else { OTHER.to_owned() }
}

/// A person's name, within the bound for texts.
pub(super) fn name(text: &str) -> String {
    if holds_address(text) {
        return HIDDEN.to_owned();
    }
    text[..text.floor_char_boundary(TEXT_BYTES)].to_owned()
}

/// The kind of a path: `host srflx udp`.
pub(super) fn path(path: &Path) -> Option<String> {
    let protocol = protocol(&path.protocol)?;
    Some(format!("{} {} {protocol}", path.local.as_str(), path.remote.as_str()))
}

fn protocol(text: &str) -> Option<&'static str> {
    ["udp", "tcp"].into_iter().find(|known| text.eq_ignore_ascii_case(known))
}

/// An event with its details; `None` for one that this does not know, and so cannot vouch for.
pub(super) fn event(kind: &EventKind) -> Option<Map<String, Value>> {
    let Value::Object(object) = serde_json::to_value(without_sentences(kind)?).ok()? else { return None };
    (Value::Object(object.clone()).to_string().len() <= EVENT_BYTES).then_some(object)
}

fn without_sentences(kind: &EventKind) -> Option<EventKind> {
    use EventKind as E;
    Some(match kind.clone() {
        E::Left { reason } => E::Left { reason: word(&reason) },
        E::PeerJoined { name: of_peer } => E::PeerJoined { name: name(&of_peer) },
        E::PeerLeft { reason } => E::PeerLeft { reason: word(&reason) },
        E::LinkState { state } => E::LinkState { state: word(&state) },
        E::PathChanged { path } => {
            let protocol = protocol(&path.protocol).unwrap_or(OTHER).to_owned();
            E::PathChanged { path: Path { protocol, ..path } }
        }
        E::Reconnecting { cause: sentence } => E::Reconnecting { cause: cause(&sentence) },
        // The sentence names the device.
        E::Device { media, direction, state, detail: _ } => {
            E::Device { media, direction, state: word(&state), detail: String::new() }
        }
        E::CodecChanged { media, direction, codec: name } => {
            E::CodecChanged { media, direction, codec: codec(&name).unwrap_or_else(|| OTHER.to_owned()) }
        }
        E::LimitationBegan { reason } => E::LimitationBegan { reason: word(&reason) },
        E::LimitationEnded { reason } => E::LimitationEnded { reason: word(&reason) },
        E::WarningRaised { warning, media, direction } => {
            E::WarningRaised { warning: word(&warning), media, direction }
        }
        E::WarningCleared { warning, media, direction } => {
            E::WarningCleared { warning: word(&warning), media, direction }
        }
        kind @ (E::Joined { .. }
        | E::PeerConnected { .. }
        | E::IceRestart
        | E::Reconnected
        | E::Muted { .. }
        | E::Unmuted { .. }
        | E::Resolution { .. }
        | E::Mark) => kind,
        // One that is new is looked at here first, and named in the words that tell people what is uploaded.
        _ => return None,
    })
}

/// Whether there is something in a text that looks like an IP or hardware address, a name of mDNS (RFC 6762), an ICE
/// candidate line (RFC 8839), or a URL. Rather too much than too little.
fn holds_address(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    lower.contains("candidate:")
        || lower.contains("://")
        || lower
            .split(|c: char| !c.is_alphanumeric() && c != '.')
            .any(|part| part.trim_end_matches('.').ends_with(".local"))
        || lower.split(|c: char| !c.is_ascii_digit() && c != '.').any(holds_ipv4)
        || lower.split(|c: char| !c.is_ascii_hexdigit() && c != ':').any(is_ipv6_or_hardware)
}

/// Four short numbers in a row, whatever is around them.
fn holds_ipv4(run: &str) -> bool {
    let parts: Vec<&str> = run.split('.').collect();
    parts.windows(4).any(|four| four.iter().all(|part| !part.is_empty() && part.len() <= 3))
}

/// Groups of hex digits that are abbreviated as in RFC 4291, 2.2, or at least six: a hardware address has six, an
/// unabbreviated one of IPv6 eight, a time of day three.
fn is_ipv6_or_hardware(run: &str) -> bool {
    let abbreviated = run.contains("::") && run.bytes().any(|byte| byte.is_ascii_hexdigit());
    abbreviated || run.split(':').filter(|group| !group.is_empty()).count() >= 6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_all_their_forms() {
        for text in [
            "10.0.0.1",
            "Ada 192.168.1.77",
            "ada@10.1.2.3:7788",
            "x10.0.0.5y",
            "(172.16.0.1)",
            "::1",
            "fe80::1%eth0",
            "[2001:db8::7]:443",
            "2001:db8:0:0:0:0:0:7.",
            "00:1A:2b:3c:4d:5e",
            "address:2001:db8::7",
            "::ffff:10.0.0.1",
            "at 2001:DB8::A, port 3",
            "7f3a-11.local",
            "candidate:1 1 udp 2122260223 kitchen 54321 typ host",
            "ws://kitchen:7788",
        ] {
            assert!(holds_address(text), "{text}");
        }
        for text in ["Ada", "anna.schmidt", "12:30:45", "version 1.2.3", "g::h", "ünï 👋", "R2.D2", "local", ""] {
            assert!(!holds_address(text), "{text}");
        }
    }

    #[test]
    fn words_pass_by_their_shape_and_sentences_do_not() {
        for good in ["left", "connection-lost", "too-slow"] {
            assert_eq!(word(good), good);
        }
        for bad in ["", "-", "a-", "fe80", "kitchen.lan", "no route to 10.0.0.1", "Left", "é", "\u{0}"] {
            assert_eq!(word(bad), "other", "{bad}");
        }
        assert_eq!(word(&"a".repeat(33)), "other");
        assert_eq!(cause("the connection to the peer is failed, and the path between them broke, or ..."), "path");
        assert_eq!(cause("this machine slept for 70 s"), "sleep");
        assert_eq!(cause("ice-failed"), "ice-failed");
        assert_eq!(cause("connect to kitchen: refused"), "other");
    }

    #[test]
    fn ids_names_codecs_and_versions() {
        assert_eq!(id("u00ff-_Z"), "u00ff-_Z");
        assert_eq!((id("10.0.0.1"), id("")), ("other".to_owned(), "other".to_owned()));
        assert_eq!(name(&"é".repeat(200)).len(), 256);
        assert_eq!(name(&format!("a{}", "é".repeat(200))).len(), 255, "no half of a character");
        assert_eq!(name("at 10.0.0.1"), "(hidden)");
        assert_eq!((codec("H264"), codec("10.0.0.1"), codec("")), (Some("H264".to_owned()), None, None));
        for good in ["0.1.0", "1.22.333-beta.1", "1.0.0+abc"] {
            assert_eq!(version(good), good);
        }
        for bad in ["", "1", "10.0.0.1", "1.2.3-10.0.0.1", "1.2.x", "1..3"] {
            assert_eq!(version(bad), "other", "{bad}");
        }
    }
}
