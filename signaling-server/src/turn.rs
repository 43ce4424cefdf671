//! Credentials for a TURN server that shares a secret with this one and knows no users
//! (draft-uberti-behave-turn-rest-00; coturn: `use-auth-secret`).
//!
//! Invariant: what a client is given works for [`LIFETIME`] and names the participant; the secret leaves the server in no
//! other form, and is not in the debug output of its configuration.

use std::{fmt, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sightline_protocol::{IceServer, UserId};

/// Longer than calls last; a link that is made anew later gets fresh ones with the next welcome.
const LIFETIME: Duration = Duration::from_secs(12 * 3600);

/// A TURN server and the secret shared with it.
#[derive(Clone, PartialEq, Eq)]
pub struct Turn {
    /// Its addresses, `turn:HOST:PORT`.
    pub urls: Vec<String>,
    /// What both servers know: coturn's `static-auth-secret`.
    pub secret: String,
}

impl Turn {
    /// What a client is told of the server at `unix_ms`.
    pub(crate) fn for_client(&self, user: &UserId, unix_ms: i64) -> IceServer {
        let expires = u64::try_from(unix_ms).unwrap_or(0) / 1000 + LIFETIME.as_secs();
        let username = format!("{expires}:{}", user.0);
        let credential = STANDARD.encode(sign(self.secret.as_bytes(), username.as_bytes()));
        IceServer { urls: self.urls.clone(), username: Some(username), credential: Some(credential) }
    }
}

impl fmt::Debug for Turn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turn").field("urls", &self.urls).finish_non_exhaustive()
    }
}

/// HMAC-SHA1 (RFC 2104), as the draft has it.
fn sign(key: &[u8], text: &[u8]) -> Vec<u8> {
    // A key of any length is taken; without one nothing could be signed, and no TURN server would accept it.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(key) else { return Vec::new() };
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_rfc_2202() {
        // Test case 2.
        let hex: String = sign(b"Jefe", b"what do ya want for nothing?").iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    }

    #[test]
    fn a_login_names_its_end_and_its_owner() {
        let turn = Turn { urls: vec!["turn:t.example:3478".to_owned()], secret: "s3cret".to_owned() };
        let server = turn.for_client(&UserId("u1".to_owned()), 1_795_000_000_500);
        assert_eq!(server.urls, turn.urls);
        assert_eq!(server.username.as_deref(), Some("1795043200:u1"));
        assert_eq!(server.credential.expect("a credential").len(), 28, "20 bytes in base64");
        assert!(!format!("{turn:?}").contains("s3cret"));
    }
}
