//! What an HTTP answer that is no success says (RFC 9457, `application/problem+json`).

use serde::{Deserialize, Serialize};

use crate::{ErrorCode, Refusal};

/// A problem document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Problem {
    /// `urn:sightline:` and the code.
    #[serde(rename = "type")]
    pub kind: String,
    /// The status in words, for example `Not Found`.
    pub title: String,
    /// HTTP status.
    pub status: u16,
    /// A sentence for people: what happened and what to do.
    pub detail: String,
    /// Stable, for programs.
    pub code: ErrorCode,
}

impl Problem {
    /// The media type of the document.
    pub const MEDIA_TYPE: &str = "application/problem+json";

    /// The problem that a refusal is, under this status.
    pub fn new(status: u16, title: &str, refusal: Refusal) -> Self {
        let Refusal { code, message } = refusal;
        Self { kind: format!("urn:sightline:{code}"), title: title.to_owned(), status, detail: message, code }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::new(problem.code, problem.detail)
    }
}
