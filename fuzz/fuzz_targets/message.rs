//! Any text as a WebSocket message, either way, and as a room's code.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sightline_protocol::{ClientMessage, ErrorCode, Refusal, RoomCode, ServerMessage};

fuzz_target!(|text: &str| {
    look(text, ClientMessage::parse, ClientMessage::to_json);
    look(text, ServerMessage::parse, ServerMessage::to_json);
    if let Some(code) = RoomCode::parse(text) {
        assert_eq!(RoomCode::parse(code.as_str()), Some(code), "canonical codes stay as they are");
    }
});

/// What was read can be sent on as it is; why it was not is short, and one of three.
fn look<M>(text: &str, parse: impl Fn(&str) -> Result<M, Refusal>, to_json: impl Fn(&M) -> String)
where
    M: PartialEq + std::fmt::Debug,
{
    match parse(text) {
        Ok(message) => assert_eq!(parse(&to_json(&message)), Ok(message)),
        Err(Refusal { code, message }) => {
            assert!(matches!(code, ErrorCode::BadMessage | ErrorCode::UnknownEvent | ErrorCode::TooLarge), "{code}");
            assert!(message.ends_with('.') && message.chars().count() < 300, "{message}");
        }
    }
}
