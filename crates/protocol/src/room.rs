//! Rooms over HTTP, and the code that people speak.

use serde::{Deserialize, Serialize};

/// A room's code in canonical spelling: lower-case words joined by `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RoomCode(String);

impl RoomCode {
    /// Takes what a person typed or pasted: case, spaces, dots and underscores do not matter.
    pub fn parse(text: &str) -> Option<Self> {
        let code = text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()).collect::<Vec<_>>().join("-");
        (!code.is_empty() && code.len() <= 128).then(|| Self(code.to_lowercase()))
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
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
    /// Members at the moment.
    pub participant_count: u32,
    /// Most members at a time.
    pub max_participants: u32,
}
