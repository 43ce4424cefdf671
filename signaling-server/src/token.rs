//! Who a participant is: an id that everybody may see, and a resume token that only its client has.
//!
//! Invariant: the server keeps and stores no token, only its SHA-256. A token has 256 random bits, so a plain hash is
//! enough: there is nothing to guess. It begins with the user id, so finding its place needs no look-up by secret, and the
//! comparison that decides takes the same time for every wrong token.

use rand::{CryptoRng, RngExt};
use sha2::{Digest, Sha256};
use sightline_protocol::UserId;
use subtle::ConstantTimeEq;

/// SHA-256 of a resume token.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(crate) fn of(token: &str) -> Self {
        Self(Sha256::digest(token).into())
    }

    /// Whether this is the hash of `token`, in constant time.
    pub(crate) fn is_of(&self, token: &str) -> bool {
        self.0.ct_eq(&Self::of(token).0).into()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

/// A new participant's id, and its token.
pub(crate) fn issue(rng: &mut impl CryptoRng) -> (UserId, String) {
    let id = UserId(format!("u{:016x}", rng.random::<u64>()));
    let token = format!("{id}.{:032x}{:032x}", rng.random::<u128>(), rng.random::<u128>());
    (id, token)
}

/// Whose token this says it is.
pub(crate) fn owner(token: &str) -> Option<UserId> {
    token.split_once('.').map(|(id, _)| UserId(id.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::{SeedableRng, rngs::StdRng};

    #[test]
    fn a_token_names_its_owner_and_fits_only_its_own_hash() {
        let mut rng = StdRng::seed_from_u64(1);
        let (id, token) = issue(&mut rng);
        let (_, other) = issue(&mut rng);
        assert_eq!(owner(&token), Some(id));
        assert_eq!(token.len(), 1 + 16 + 1 + 64);
        let hash = TokenHash::of(&token);
        assert!(hash.is_of(&token));
        assert!(!hash.is_of(&other) && !hash.is_of("") && !hash.is_of(&token[..token.len() - 1]));
        assert_eq!(owner("no dot"), None);
    }

    #[test]
    fn a_hash_survives_being_stored() {
        let hash = TokenHash::of("u1.secret");
        assert!(TokenHash::from_bytes(hash.as_bytes()).expect("32 bytes").is_of("u1.secret"));
        assert!(TokenHash::from_bytes(&[0; 31]).is_none());
    }
}
