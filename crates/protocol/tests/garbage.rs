//! Whatever comes, parsing ends with a message or a refusal that says which of the ways it failed.

use rand::{Rng, RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use sightline_protocol::{ClientMessage, ErrorCode, RoomCode, ServerMessage, limits};

fn code(text: &str) -> ErrorCode {
    ClientMessage::parse(text).expect_err(text).code
}

#[test]
fn the_three_ways_to_fail_are_told_apart() {
    for text in [
        "",
        "hello",
        "null",
        "[]",
        "{}",
        "{",
        r#"{"event":"ping"}"#,
        r#"{"event":7,"data":{}}"#,
        r#"{"data":{"nonce":1}}"#,
        r#"{"event":"ping","data":{}}"#,
        r#"{"event":"ping","data":{"nonce":-1}}"#,
        r#"{"event":"ping","data":{"nonce":"1"}}"#,
        r#"{"event":"ping","data":null}"#,
        r#"{"event":"leave","data":{}} trailing"#,
        r#"{"event":"hello","data":{"version":70000}}"#,
        r#"{"event":"offer","data":{"sdp":"v=0"}}"#,
    ] {
        assert_eq!(code(text), ErrorCode::BadMessage, "{text}");
    }
    for text in [r#"{"event":"dance","data":{}}"#, r#"{"event":"","data":7}"#, r#"{"event":"welcome","data":{}}"#] {
        assert_eq!(code(text), ErrorCode::UnknownEvent, "{text}");
    }
}

#[test]
fn length_is_looked_at_first_and_counts_the_whole_message() {
    let of_length = |length: usize| {
        let empty = ClientMessage::Chat { text: String::new() }.to_json().len();
        ClientMessage::Chat { text: "x".repeat(length - empty) }.to_json()
    };
    assert!(ClientMessage::parse(&of_length(limits::MESSAGE_BYTES)).is_ok());
    assert_eq!(code(&of_length(limits::MESSAGE_BYTES + 1)), ErrorCode::TooLarge);
    assert_eq!(code(&"garbage".repeat(limits::MESSAGE_BYTES)), ErrorCode::TooLarge);
}

#[test]
fn the_longest_message_of_a_client_is_still_read_when_it_was_relayed() {
    let bare =
        |text: &str| format!(r#"{{"event":"ice-candidate","data":{{"to":"u","candidate":{{"candidate":"{text}"}}}}}}"#);
    let longest = bare(&"x".repeat(limits::MESSAGE_BYTES - bare("").len()));
    let Ok(ClientMessage::IceCandidate { candidate, to }) = ClientMessage::parse(&longest) else { panic!("not read") };
    let relayed = ServerMessage::IceCandidate { from: to, candidate }.to_json();
    assert!(relayed.len() > limits::MESSAGE_BYTES);
    assert!(ServerMessage::parse(&relayed).is_ok());
    let too_long = "x".repeat(limits::SERVER_MESSAGE_BYTES + 1);
    assert_eq!(ServerMessage::parse(&too_long).expect_err("too long").code, ErrorCode::TooLarge);
}

#[test]
fn a_refusal_stays_short_however_long_the_garbage() {
    let long = "é".repeat(limits::MESSAGE_BYTES / 3);
    for text in
        [format!(r#"{{"event":"{long}","data":{{}}}}"#), format!(r#"{{"event":"update","data":{{"media":"{long}"}}}}"#)]
    {
        let refusal = ClientMessage::parse(&text).expect_err("garbage");
        assert!(refusal.message.chars().count() < 300, "{}", refusal.message);
    }
}

#[test]
fn deep_nesting_does_not_reach_the_end_of_the_stack() {
    let deep = format!(r#"{{"event":"ping","data":{}"#, "[".repeat(limits::MESSAGE_BYTES - 100));
    assert_eq!(code(&deep), ErrorCode::BadMessage);
}

#[test]
fn a_client_can_tell_a_newer_servers_event_from_garbage() {
    let error = |text| ServerMessage::parse(text).expect_err(text).code;
    assert_eq!(error(r#"{"event":"spotlight","data":{"on":true}}"#), ErrorCode::UnknownEvent);
    assert_eq!(error(r#"{"event":"pong","data":{}}"#), ErrorCode::BadMessage);
}

/// Texts near to real messages go deeper into a parser than noise does, so both are made.
#[test]
fn random_texts_never_panic() {
    let mut rng = StdRng::seed_from_u64(0x51677);
    let real: Vec<String> = vec![
        r#"{"event":"join","data":{"roomId":"amber-canoe","name":"Ada","media":{"audio":true,"video":false}}}"#.into(),
        r#"{"event":"ice-candidate","data":{"to":"u1","candidate":{"candidate":"c","sdpMLineIndex":0}}}"#.into(),
        r#"{"event":"update","data":{"roomId":"r","userId":"u","action":"left","reason":"lost"}}"#.into(),
    ];
    let pieces = [
        "{", "}", "[", "]", "\"", ":", ",", "null", "1e999", "-0", "\\u0000", "\\ud800", "é", "\u{202e}", "event",
        "data",
    ];
    let (mut refused, mut taken) = (0, 0);
    for round in 0..20_000 {
        let text = if round % 2 == 0 {
            (0..rng.random_range(0..40)).map(|_| *pieces.choose(&mut rng).expect("pieces")).collect()
        } else {
            mutate(real.choose(&mut rng).expect("texts"), &mut rng)
        };
        for failed in [ClientMessage::parse(&text).is_err(), ServerMessage::parse(&text).is_err()] {
            *(if failed { &mut refused } else { &mut taken }) += 1;
        }
        if let Some(code) = RoomCode::parse(&text) {
            assert_eq!(RoomCode::parse(code.as_str()).as_ref(), Some(&code), "canonical codes stay as they are");
        }
    }
    assert!(refused > 20_000 && taken > 100, "{refused} refused, {taken} taken: the texts are not what they should be");
}

/// One to three bytes changed, taken out or doubled; what is no UTF-8 any more is mended.
fn mutate(text: &str, rng: &mut impl Rng) -> String {
    let mut bytes = text.as_bytes().to_vec();
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..bytes.len());
        match rng.random_range(0..3) {
            0 => bytes[at] = rng.random(),
            1 => drop(bytes.remove(at)),
            _ => bytes.insert(at, bytes[at]),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
