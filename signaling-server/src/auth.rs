//! Room tokens: JSON Web Tokens (RFC 7519), signed with HS256 by a secret that only this server has.
//!
//! Invariants: a token is good for one room and one role; the time is passed in, and clocks may differ by [`SKEW_S`]; only
//! HS256 is taken, whatever the token's own header says.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use rand::{CryptoRng, RngExt};
use serde::{Deserialize, Serialize};
use sightline_protocol::{ErrorCode, Refusal, Role};

/// How far the clock of another server that has the same secret may be off, in seconds.
const SKEW_S: i64 = 60;

/// A room token is good for so long where nothing shorter was wished, in seconds: longer than a working day.
pub(crate) const TOKEN_S: i64 = 12 * 3600;

/// What a token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Claims {
    /// Id of the room.
    pub(crate) room: String,
    /// What its bearer is there.
    pub(crate) role: Role,
    /// Shown name, where one was given.
    #[serde(default)]
    pub(crate) name: String,
    /// Whose: a participant id, or a random one where the bearer has not joined yet.
    pub(crate) sub: String,
    /// Unique: so that a token can be called back.
    pub(crate) jti: String,
    /// Issued at, Unix seconds.
    pub(crate) iat: i64,
    /// Good until, Unix seconds.
    pub(crate) exp: i64,
    /// A host made it for its bearer, who need not wait to be let in nor know the password.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) admitted: bool,
    /// In a room of random partners: whether its bearer sends the first offer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) offers: Option<bool>,
}

/// Signs and checks tokens.
#[derive(Clone)]
pub(crate) struct Keys {
    signing: EncodingKey,
    checking: DecodingKey,
    validation: Validation,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keys(..)")
    }
}

impl Keys {
    /// Keys of this secret.
    pub(crate) fn new(secret: &[u8]) -> Self {
        let mut validation = Validation::new(Algorithm::HS256);
        // Looked at in `check`, by the time that is passed in.
        validation.validate_exp = false;
        validation.required_spec_claims.clear();
        Self { signing: EncodingKey::from_secret(secret), checking: DecodingKey::from_secret(secret), validation }
    }

    /// The token that says this.
    pub(crate) fn issue(&self, claims: &Claims) -> Result<String, Refusal> {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.signing).map_err(|error| {
            tracing::error!(%error, "a token could not be signed");
            Refusal::new(ErrorCode::Internal, "The server could not make a token. Try again.")
        })
    }

    /// What a token says, if this server signed it and it is not older than `grace_s` seconds beyond its time.
    ///
    /// # Errors
    /// `unauthorized`, with a sentence.
    pub(crate) fn check(&self, token: &str, now_ms: i64, grace_s: i64) -> Result<Claims, Refusal> {
        let refused = |message: &str| Refusal::new(ErrorCode::Unauthorized, message);
        let decoded = jsonwebtoken::decode::<Claims>(token, &self.checking, &self.validation);
        let claims =
            decoded.map_err(|_| refused("The token was not made by this server, or was changed. Join again."))?.claims;
        let now_s = now_ms / 1000;
        if claims.exp.saturating_add(SKEW_S).saturating_add(grace_s) < now_s {
            return Err(refused("The token is no longer good: its time is over. Join again by the room's code."));
        }
        if claims.iat.saturating_sub(SKEW_S) > now_s {
            return Err(refused("The token is from the future: the server's clock was set back. Check the clocks."));
        }
        Ok(claims)
    }
}

/// A random id with this first letter: 64 bits.
pub(crate) fn new_id(first: char, rng: &mut impl CryptoRng) -> String {
    format!("{first}{:016x}", rng.random::<u64>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_780_000_000_000;

    fn claims() -> Claims {
        let now_s = NOW_MS / 1000;
        Claims {
            room: "r1".into(),
            role: Role::Guest,
            name: "Ada 🦀 עדה".into(),
            sub: "u1".into(),
            jti: "j1".into(),
            iat: now_s,
            exp: now_s + 600,
            admitted: false,
            offers: None,
        }
    }

    fn keys() -> Keys {
        Keys::new(b"a secret of at least thirty-two bytes, as it should be")
    }

    #[test]
    fn a_token_says_what_was_signed() {
        let token = keys().issue(&claims()).expect("signed");
        assert_eq!(keys().check(&token, NOW_MS, 0), Ok(claims()));
    }

    #[test]
    fn a_token_ends_with_its_time_but_for_the_skew_of_clocks() {
        let token = keys().issue(&claims()).expect("signed");
        let good = |after_s: i64, grace_s| keys().check(&token, NOW_MS + after_s * 1000, grace_s).is_ok();
        assert!(good(600, 0) && good(659, 0) && good(-59, 0));
        assert!(!good(661, 0) && !good(-61, 0));
        assert!(good(661, 3600) && !good(4300, 3600));
    }

    #[test]
    fn what_is_not_ours_is_refused() {
        let token = keys().issue(&claims()).expect("signed");
        let parts: Vec<&str> = token.split('.').collect();
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0"; // {"alg":"none","typ":"JWT"}
        let other = Keys::new(b"another secret, of more than thirty-two bytes").issue(&claims()).expect("signed");
        let host = Keys::new(b"x").issue(&Claims { role: Role::Host, ..claims() }).expect("signed");
        let mixed = format!("{}.{}.{}", parts[0], host.split('.').nth(1).expect("a body"), parts[2]);
        let unsigned = format!("{none}.{}.", parts[1]);
        for bad in ["", "a.b.c", "....", &token[..token.len() - 2], &other, &mixed, &unsigned, &"x".repeat(100_000)] {
            let refusal = keys().check(bad, NOW_MS, 0).expect_err("must be refused");
            assert_eq!(refusal.code, ErrorCode::Unauthorized);
        }
    }

    #[test]
    fn times_at_the_ends_of_their_range_do_not_overflow() {
        for (iat, exp) in [(i64::MIN, i64::MAX), (i64::MAX, i64::MIN), (i64::MIN, i64::MIN)] {
            let token = keys().issue(&Claims { iat, exp, ..claims() }).expect("signed");
            keys().check(&token, NOW_MS, i64::MAX).ok();
        }
    }
}
