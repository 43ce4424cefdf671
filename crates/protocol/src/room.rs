//! Rooms over HTTP, and the code that people speak.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::limits;

/// A room's code in canonical spelling: lower-case words of ASCII letters and digits joined by `-`.
///
/// Any such text is a `RoomCode`; whether a room has it is the server's to say.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RoomCode(String);

impl RoomCode {
    /// Takes what a person typed or pasted: case, and what stands between and around the words, do not matter.
    pub fn parse(text: &str) -> Option<Self> {
        // Twice the bound leaves room for what stands between the words, and keeps the work small for a pasted novel.
        if text.len() > 2 * limits::CODE_BYTES {
            return None;
        }
        let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty());
        let code = words.collect::<Vec<_>>().join("-").to_ascii_lowercase();
        (!code.is_empty() && code.len() <= limits::CODE_BYTES).then_some(Self(code))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RoomCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text has no words in it, or too many to be a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("This is not a room code. A code is a few words, for example `amber-canoe-violet-magnet`.")]
pub struct NotACode;

impl FromStr for RoomCode {
    type Err = NotACode;

    fn from_str(text: &str) -> Result<Self, NotACode> {
        Self::parse(text).ok_or(NotACode)
    }
}

impl TryFrom<String> for RoomCode {
    type Error = NotACode;

    fn try_from(text: String) -> Result<Self, NotACode> {
        text.parse()
    }
}

impl From<RoomCode> for String {
    fn from(code: RoomCode) -> Self {
        code.0
    }
}

/// Body of the 201 to `POST /rooms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomCreated {
    /// The new room's code.
    pub code: String,
    /// Most members at a time.
    pub max_participants: u32,
}

/// Body of the 200 to `GET /rooms/{code}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoomInfo {
    /// The room's code.
    pub code: String,
    /// Members at the moment, those who are away included.
    pub participant_count: u32,
    /// Most members at a time.
    pub max_participants: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        for text in ["amber-canoe", " Amber  CANOE\n", "amber.canoe", "amber_canoe", "«amber – canoe»"] {
            assert_eq!(RoomCode::parse(text).expect(text).as_str(), "amber-canoe", "{text}");
        }
    }

    #[test]
    fn what_is_no_code_is_refused() {
        let long = "a".repeat(limits::CODE_BYTES + 1);
        for text in ["", "   ", "---", "žšč", long.as_str()] {
            assert_eq!(text.parse::<RoomCode>(), Err(NotACode), "{text}");
        }
        let longest = "a".repeat(limits::CODE_BYTES);
        assert_eq!(longest.parse::<RoomCode>().expect("fits").as_str(), longest);
    }

    #[test]
    fn json_takes_only_codes_and_makes_them_canonical() {
        let code: RoomCode = serde_json::from_str("\"Amber Canoe\"").expect("a code");
        assert_eq!(serde_json::to_string(&code).expect("json"), "\"amber-canoe\"");
        assert_eq!(code.to_string(), "amber-canoe");
        assert!(serde_json::from_str::<RoomCode>("\"!\"").is_err());
    }
}
