//! Accounts over HTTP.

use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;

/// A name as it is shown: in NFKC (UAX 15), without space around it and without the selectors between text and emoji style.
pub fn shown_name(text: &str) -> String {
    text.trim().nfkc().filter(|c| !matches!(c, '\u{fe0e}' | '\u{fe0f}')).collect()
}

/// The same for all spellings of one name: [`shown_name`] without case. Whatever compares names of accounts compares this.
pub fn name_key(text: &str) -> String {
    without_case(&shown_name(text))
}

/// Down, up and down again, which comes to what case folding in Unicode does. 'ẞ', 'ß' and 'SS' are 'ss', and all sigmas are
/// one. Character by character, or the last sigma of a word would differ.
pub fn without_case(text: &str) -> String {
    let lower = text.chars().flat_map(char::to_lowercase);
    lower.flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkc().collect()
}

/// Body of `POST /accounts` and `POST /accounts/sign-in`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Credentials {
    /// 1 to 32 characters without space in them.
    pub name: String,
    /// 8 to 128 characters.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Who is signed in from now on.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SignedIn {
    /// Goes into `Authorization: Bearer`, and into the `accountToken` of a hello. Good for 30 days after its last use.
    pub token: String,
    /// As it is shown.
    pub name: String,
    /// May do what admins may.
    pub admin: bool,
}

impl std::fmt::Debug for SignedIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignedIn").field("name", &self.name).field("admin", &self.admin).finish_non_exhaustive()
    }
}

/// Body of `POST /accounts/password`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PasswordChange {
    /// The one there is.
    pub old: String,
    /// The one there is to be.
    pub new: String,
}

impl std::fmt::Debug for PasswordChange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordChange")
    }
}

/// Body of `DELETE /accounts/me`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PasswordProof {
    /// The account's.
    pub password: String,
}

impl std::fmt::Debug for PasswordProof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordProof")
    }
}

/// Whose token it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Me {
    /// As it is shown.
    pub name: String,
    /// May do what admins may.
    pub admin: bool,
}

/// Names of accounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Names {
    /// As they are shown.
    pub names: Vec<String>,
}

/// An account by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Named {
    /// However it is written.
    pub name: String,
}

/// Body of `POST /api/admin/accounts/{name}/admin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AdminWish {
    /// May do what admins may.
    pub admin: bool,
}

/// What somebody reported about a random partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct ReportLine {
    /// Names the report.
    pub id: i64,
    /// Who reported: name, and id of the account or the visit.
    pub who: String,
    /// Of the same kind.
    pub who_id: String,
    /// Whom.
    pub whom: String,
    /// Of the same kind.
    pub whom_id: String,
    /// Id of their room.
    pub room_id: String,
    /// In the words of the one who reported.
    pub reason: String,
    /// Milliseconds since the Unix epoch.
    pub unix_ms: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_have_one_key() {
        for (one, other) in [
            ("Anna", " aNNA\n"),
            ("Ａｎｎａ", "anna"),
            ("STRAẞE", "strasse"),
            ("οδοσ", "ΟΔΟΣ"),
            ("❤\u{fe0f}", "❤"),
            ("é", "E\u{301}"),
        ] {
            assert_eq!(name_key(one), name_key(other), "{one} {other}");
        }
        assert_ne!(name_key("anna"), name_key("anne"));
        assert_eq!(shown_name(" ﬁNN "), "fiNN");
    }
}
