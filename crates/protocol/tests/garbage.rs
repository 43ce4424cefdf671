//! Whatever comes, parsing ends with a message or a refusal that says which of the ways it failed.

use std::fmt::Debug;

use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use serde_json::Value;
use sightline_protocol::{ClientMessage, ErrorCode, Refusal, RoomCode, ServerMessage, limits};

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

/// Every message that the protocol's page shows.
fn examples() -> Vec<&'static str> {
    let blocks = include_str!("../../../PROTOCOL.md").split("\n```json ").skip(1);
    let messages = blocks.filter_map(|block| block.strip_prefix("client\n").or(block.strip_prefix("server\n")));
    messages.filter_map(|rest| rest.split("\n```").next()).collect()
}

/// Texts near to real messages go deeper into a parser than noise does, so all kinds are made.
#[test]
fn random_texts_end_as_a_message_or_a_refusal() {
    let mut rng = StdRng::seed_from_u64(0x51677);
    let examples = examples();
    assert!(examples.len() > 60, "{} examples", examples.len());
    let values: Vec<Value> = examples.iter().map(|text| serde_json::from_str(text).expect(text)).collect();
    let (mut taken, mut refused) = (0, [0; 3]);
    for round in 0..40_000 {
        let text = match round % 4 {
            0 => (0..rng.random_range(0..40)).map(|_| *PIECES.choose(&mut rng).expect("pieces")).collect(),
            1 => change_bytes(examples.choose(&mut rng).expect("examples"), &mut rng),
            2 => change_words(examples.choose(&mut rng).expect("examples"), &mut rng),
            _ => {
                let mut value = values.choose(&mut rng).expect("examples").clone();
                (0..rng.random_range(1..4)).for_each(|_| change(&mut value, &mut rng));
                value.to_string()
            }
        };
        for code in [
            outcome(&text, ClientMessage::parse, ClientMessage::to_json),
            outcome(&text, ServerMessage::parse, ServerMessage::to_json),
        ] {
            match code {
                None => taken += 1,
                Some(ErrorCode::BadMessage) => refused[0] += 1,
                Some(ErrorCode::UnknownEvent) => refused[1] += 1,
                Some(ErrorCode::TooLarge) => refused[2] += 1,
                Some(other) => panic!("{other} is no way to fail at reading {text}"),
            }
        }
        if let Some(code) = RoomCode::parse(&text) {
            assert_eq!(RoomCode::parse(code.as_str()).as_ref(), Some(&code), "canonical codes stay as they are");
        }
    }
    // The texts are what they should be: some of each.
    assert!(taken > 2500 && refused[0] > 20_000 && refused[1] > 2500 && refused[2] > 500, "{taken} {refused:?}");
}

/// Reads a text. What was read can be sent on as it is, and why it was not is short; gives the code.
fn outcome<M: PartialEq + Debug>(
    text: &str,
    parse: impl Fn(&str) -> Result<M, Refusal>,
    to_json: impl Fn(&M) -> String,
) -> Option<ErrorCode> {
    match parse(text) {
        Ok(message) => {
            assert_eq!(parse(&to_json(&message)).as_ref(), Ok(&message), "{text}");
            None
        }
        Err(Refusal { code, message }) => {
            assert!(message.ends_with('.') && message.chars().count() < 300, "{message}");
            Some(code)
        }
    }
}

const PIECES: [&str; 20] = [
    "{",
    "}",
    "[",
    "]",
    "\"",
    ":",
    ",",
    "null",
    "true",
    "1e999",
    "-0",
    "\\u0000",
    "\\ud800",
    "é",
    "\u{202e}",
    "🦀",
    "\"event\"",
    "\"data\"",
    "\"join\"",
    "\u{feff}",
];

/// What stands in a text in place of a number, a word or a sign: numbers at and beyond the ends of their types, halves of
/// characters, a key that is there already.
const ODD_WORDS: [&str; 20] = [
    "1e999",
    "-1e999",
    "1e-999",
    "18446744073709551615",
    "18446744073709551616",
    "-9223372036854775808",
    "-9223372036854775809",
    "9007199254740993",
    "65536",
    "4294967296",
    "007",
    "-",
    "NaN",
    "\"\\ud800\"",
    "\"\\udc00\\ud800\"",
    "\"\\u0000\"",
    "\"event\":\"ping\",\"event\"",
    "\"data\":{},\"data\"",
    "\u{202e}",
    "\"\u{1f468}\u{200d}\u{1f469}\"",
];

/// One to three bytes changed, taken out or doubled; what is no UTF-8 any more is mended.
fn change_bytes(text: &str, rng: &mut StdRng) -> String {
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

/// Puts something odd in the place of a key, a text or a number.
fn change_words(text: &str, rng: &mut StdRng) -> String {
    let mut words: Vec<&str> = text.split_inclusive([' ', ',', ':', '{', '}', '[', ']']).collect();
    for _ in 0..rng.random_range(1..3) {
        let at = rng.random_range(0..words.len());
        words[at] = ODD_WORDS.choose(rng).expect("words");
    }
    words.concat()
}

fn oddity(rng: &mut StdRng) -> Value {
    match rng.random_range(0..14) {
        0 => Value::Null,
        1 => rng.random::<bool>().into(),
        2 => (-1).into(),
        3 => [i64::MIN, i64::MAX, -(1 << 53), 1 << 53][rng.random_range(0..4)].into(),
        4 => [u64::MAX, u64::from(u32::MAX) + 1, 65_536, 65_535][rng.random_range(0..4)].into(),
        5 => [1e308, -0.0, 5e-324, 0.5][rng.random_range(0..4)].into(),
        6 => "".into(),
        7 => "\u{202e}\0\u{feff}💥'; --\u{85}\u{2028}".into(),
        8 => "عדה🦀".repeat(rng.random_range(1..2000)).into(),
        9 => "\u{1}".repeat(limits::MESSAGE_BYTES / rng.random_range(5..7)).into(),
        10 => Value::Array(vec![Value::Null; rng.random_range(0..300)]),
        11 => Value::Object(serde_json::Map::new()),
        // About as deep as the parser goes, on either side of it.
        _ => (0..rng.random_range(1..140)).fold(Value::Null, |inner, depth| {
            if depth % 2 == 0 { Value::Array(vec![inner]) } else { serde_json::json!({"data": inner}) }
        }),
    }
}

/// Changes something somewhere in it.
fn change(value: &mut Value, rng: &mut StdRng) {
    match value {
        Value::Array(list) if !list.is_empty() && rng.random_bool(0.9) => {
            let at = rng.random_range(0..list.len());
            match rng.random_range(0..6) {
                0 => drop(list.remove(at)),
                1 => list.push(list[at].clone()),
                _ => change(&mut list[at], rng),
            }
        }
        Value::Object(map) if !map.is_empty() && rng.random_bool(0.9) => {
            let key = map.keys().nth(rng.random_range(0..map.len())).cloned().unwrap_or_default();
            match rng.random_range(0..10) {
                0 => drop(map.remove(&key)),
                1 => drop(map.insert("odd".into(), oddity(rng))),
                _ => change(&mut map[&key], rng),
            }
        }
        _ => *value = oddity(rng),
    }
}
