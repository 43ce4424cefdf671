//! Rooms over HTTP, and the code that people speak.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::limits;

/// A room's code in canonical spelling: lower-case words of ASCII letters and digits joined by `-`.
///
/// Any such text is a `RoomCode`; whether a room has it is the server's to say.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

/// Body of `POST /rooms`; all of it may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", default)]
pub struct RoomWish {
    /// Shown name; without one the server makes one up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_name: Option<String>,
    /// The room ends for all after so many minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_in_minutes: Option<u32>,
    /// It ends when nobody was in it for so many minutes; 24 h without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub empty_minutes: Option<u32>,
    /// Most members at a time, at most what the server allows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_participants: Option<u32>,
    /// Whoever comes by the code has to know it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Guests wait until a host lets them in.
    pub waiting_room: bool,
    /// Only these accounts, if there are any here.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub invited: Vec<String>,
}

/// Body of the 201 to `POST /rooms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RoomCreated {
    /// Unique for good.
    #[serde(default)]
    pub id: String,
    /// Shown name.
    #[serde(default)]
    pub name: String,
    /// The new room's code.
    pub code: String,
    /// Opens the room in the app.
    #[serde(default)]
    pub link: String,
    /// Opens a page that opens the app.
    #[serde(default)]
    pub web_link: String,
    /// RFC 3339, UTC.
    #[serde(default, rename = "created_at")]
    pub created_at: String,
    /// RFC 3339, UTC: when it ends for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Most members at a time.
    pub max_participants: u32,
    /// A password is wanted.
    #[serde(default)]
    pub password_needed: bool,
    /// Guests wait for a host.
    #[serde(default)]
    pub waiting_room: bool,
    /// Token of the room's host: for whoever made the room, and nobody else.
    #[serde(default)]
    pub token: String,
}

/// Body of the 200 to `GET /rooms/{id}`: what one may know who has the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RoomInfo {
    /// Unique for good.
    #[serde(default)]
    pub id: String,
    /// Shown name.
    #[serde(default)]
    pub name: String,
    /// The room's code.
    pub code: String,
    /// RFC 3339, UTC.
    #[serde(default)]
    pub created_at: String,
    /// RFC 3339, UTC: when it ends for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Members at the moment, those who are away included.
    pub participant_count: u32,
    /// Most members at a time.
    pub max_participants: u32,
    /// A password is wanted.
    #[serde(default)]
    pub password_needed: bool,
    /// Guests wait for a host.
    #[serde(default)]
    pub waiting_room: bool,
    /// Nobody new is let in.
    #[serde(default)]
    pub locked: bool,
    /// Only accounts that were invited.
    #[serde(default)]
    pub invitation_needed: bool,
}

/// Body of the 200 to `GET /rooms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RoomList {
    /// The rooms that the asker may see, the newest first.
    pub rooms: Vec<RoomLine>,
}

/// A room in a [`RoomList`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct RoomLine {
    /// Unique for good.
    pub room_id: String,
    /// Shown name.
    pub name: String,
    /// Members at the moment.
    pub participant_count: u32,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// To an admin, or one of the room: the rest of it.
    #[serde(flatten)]
    pub live: Option<LiveRoom>,
}

/// What an admin sees of a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LiveRoom {
    /// To join it.
    pub code: String,
    /// RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Most members at a time.
    pub max_participants: u32,
    /// Nobody new is let in.
    pub locked: bool,
    /// Members in the order in which they joined.
    pub participants: Vec<crate::Participant>,
    /// How many wait to be let in.
    pub waiting: u32,
    /// How many watch.
    pub observers: u32,
}

/// Body of `POST /rooms/{id}/token`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TokenWish {
    /// Guests need the room's code only, and its password; hosts and observers are made by a host.
    pub role: crate::Role,
    /// Name shown to the others; the joiner may give another, without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The room's password, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Good for so many minutes; 12 h without, and never longer than the room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_minutes: Option<u32>,
}

/// Body of the 200 to `POST /rooms/{id}/token`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct TokenIssued {
    /// A JSON Web Token (RFC 7519).
    pub token: String,
    /// RFC 3339, UTC.
    pub expires_at: String,
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
