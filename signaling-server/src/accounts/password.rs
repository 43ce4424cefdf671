//! Passwords: what may be one, and how they are hashed.
//!
//! Invariants: a password is kept as its Argon2id hash only, and is in no log. At most [`AT_ONCE`] hashes run and at most
//! [`WAITING`] wait, whatever is asked for. Trying a password costs the same whether or not the account exists.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use argon2::{
    Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version,
    password_hash::{Error, phc::PasswordHash},
};
use rand::RngExt;
use sightline_protocol::limits;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use unicode_normalization::UnicodeNormalization;

/// Hashes that run at a time: 38 MiB, and a small machine's processors.
pub(crate) const AT_ONCE: usize = 2;

/// Hashes that wait for those. One takes some 20 ms, so the last waits well under two seconds; whoever comes then is told
/// to come again.
pub(crate) const WAITING: usize = 64;

/// Shortest and longest password, in characters (NIST SP 800-63B section 5.1.1.2 wants 8 and at least 64).
pub(crate) const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 8..=128;

/// A password somebody typed, in NFKC, so that it does not matter which keyboard typed its accents (NIST SP 800-63B).
/// Deliberately without `Debug`.
#[derive(Clone)]
pub(crate) struct Password(String);

/// Why a text is no password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("A password has {} to {} characters.", PASSWORD_CHARS.start(), PASSWORD_CHARS.end())]
pub(crate) struct PasswordError;

impl Password {
    pub(crate) fn parse(text: &str) -> Result<Self, PasswordError> {
        // Before anything else is done with a long text.
        let chars = text.chars().take(PASSWORD_CHARS.end() + 1).count();
        if PASSWORD_CHARS.contains(&chars) { Ok(Self(text.nfkc().collect())) } else { Err(PasswordError) }
    }
}

impl Password {
    /// A room's password, which may be short: it keeps out who has the code by accident, and guesses are few.
    pub(crate) fn of_room(text: &str) -> Option<Self> {
        let chars = text.chars().take(limits::ROOM_PASSWORD_CHARS + 1).count();
        (1..=limits::ROOM_PASSWORD_CHARS).contains(&chars).then(|| Self(text.nfkc().collect()))
    }
}

/// Hashes, a few at a time.
pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    running: Arc<Semaphore>,
    /// For those who run and those who wait.
    places: Arc<Semaphore>,
    hashed: AtomicU64,
}

/// The right to hash once. It goes along to the thread that hashes: whoever asked may be gone before that is done.
#[derive(Debug)]
pub(crate) struct Turn {
    _running: OwnedSemaphorePermit,
    _place: OwnedSemaphorePermit,
}

/// As many wait as may.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Crowded;

impl Passwords {
    /// OWASP Password Storage Cheat Sheet: Argon2id, 19 MiB, two passes, one lane.
    pub(crate) fn new() -> Self {
        Self::with(const { unwrapped(Params::new(19 * 1024, 2, 1, None)) })
    }

    /// For tests that are not about strength.
    #[cfg(test)]
    pub(crate) fn weak() -> Self {
        Self::with(const { unwrapped(Params::new(8, 1, 1, None)) })
    }

    fn with(params: Params) -> Self {
        Self {
            argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params),
            running: Arc::new(Semaphore::new(AT_ONCE)),
            places: Arc::new(Semaphore::new(AT_ONCE + WAITING)),
            hashed: AtomicU64::new(0),
        }
    }

    /// Waits for the right to hash, in the order of asking.
    pub(crate) async fn turn(&self) -> Result<Turn, Crowded> {
        let place = self.places.clone().try_acquire_owned().map_err(|_| Crowded)?;
        // Never closed.
        let running = self.running.clone().acquire_owned().await.map_err(|_| Crowded)?;
        Ok(Turn { _running: running, _place: place })
    }

    /// How many hashes were computed, for whatever reason.
    #[cfg(test)]
    pub(crate) fn hashed(&self) -> u64 {
        self.hashed.load(Ordering::Relaxed)
    }

    /// A PHC string with a salt of its own. Takes long: call it with a [`Turn`], on a thread that may block.
    pub(crate) fn hash(&self, _turn: &Turn, password: &Password) -> Result<String, Error> {
        self.hashed.fetch_add(1, Ordering::Relaxed);
        // 128 bits are what RFC 9106 section 3.1 recommends for passwords.
        let salt: [u8; 16] = rand::rng().random();
        Ok(self.argon2.hash_password_with_salt(password.0.as_bytes(), &salt)?.to_string())
    }

    /// Whether a password is that of a PHC string; with none it is not, and takes as long. Takes long: as [`Self::hash`].
    pub(crate) fn verify(&self, _turn: &Turn, password: &Password, stored: Option<&str>) -> bool {
        self.hashed.fetch_add(1, Ordering::Relaxed);
        let password = password.0.as_bytes();
        match stored.map(PasswordHash::new) {
            Some(Ok(stored)) => self.argon2.verify_password(password, &stored).is_ok(),
            none_or_unreadable => {
                if none_or_unreadable.is_some() {
                    tracing::error!("a password hash in the database cannot be read; its owner cannot sign in");
                }
                let unwanted: Result<PasswordHash, Error> = self.argon2.hash_password_with_salt(password, &[0; 16]);
                std::hint::black_box(unwanted.is_ok());
                false
            }
        }
    }
}

/// Refuses bad constants when the program is compiled.
const fn unwrapped(params: argon2::Result<Params>) -> Params {
    match params {
        Ok(params) => params,
        Err(_) => panic!("parameters out of range"),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(text).unwrap_or_else(|error| panic!("{error}"))
    }

    fn turn(passwords: &Passwords) -> Turn {
        passwords.turn().now_or_never().expect("at once").expect("a turn")
    }

    #[test]
    fn the_length_is_counted_in_characters() {
        for fits in ["12345678", "žžžžžžžž", &"x".repeat(128), &"🦊".repeat(128)] {
            password(fits);
        }
        for unfit in ["", "1234567", "🦊🦊🦊🦊🦊🦊🦊", &"x".repeat(129), &"x".repeat(10_000_000)] {
            assert!(Password::parse(unfit).is_err(), "{} bytes", unfit.len());
        }
    }

    #[test]
    fn only_the_password_itself_verifies_however_its_accents_were_typed() {
        let passwords = Passwords::weak();
        let turn = turn(&passwords);
        let stored = passwords.hash(&turn, &password("kočka-v-okně")).expect("hashes");
        assert!(passwords.verify(&turn, &password("koc\u{30c}ka-v-okne\u{30c}"), Some(&stored)));
        assert!(!passwords.verify(&turn, &password("kocka-v-okne"), Some(&stored)));
        assert!(!passwords.verify(&turn, &password("kočka-v-okně"), None));
        assert!(!passwords.verify(&turn, &password("kočka-v-okně"), Some("kočka-v-okně")));
        assert_ne!(passwords.hash(&turn, &password("kočka-v-okně")).expect("hashes"), stored, "the salt is the same");
        assert_eq!(passwords.hashed(), 6);
    }

    #[test]
    fn the_hash_is_argon2id_as_owasp_wants_it() {
        let passwords = Passwords::new();
        let turn = turn(&passwords);
        let stored = passwords.hash(&turn, &password("correct horse")).expect("hashes");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(passwords.verify(&turn, &password("correct horse"), Some(&stored)));
        // What was made with other parameters is verified with those.
        assert!(Passwords::weak().verify(&turn, &password("correct horse"), Some(&stored)));
    }

    #[test]
    fn two_run_some_wait_and_the_rest_is_sent_away() {
        let passwords = Passwords::weak();
        let running = [turn(&passwords), turn(&passwords)];
        let mut waiting: Vec<_> = (0..WAITING).map(|_| Box::pin(passwords.turn())).collect();
        for wait in &mut waiting {
            assert!(wait.now_or_never_ref().is_none());
        }
        assert_eq!(passwords.turn().now_or_never().expect("at once").err(), Some(Crowded));
        drop(running);
        let third = waiting[0].now_or_never_ref().expect("its turn").expect("a turn");
        let fourth = waiting[1].now_or_never_ref().expect("its turn").expect("a turn");
        assert!(waiting[2].now_or_never_ref().is_none());
        // Who gives up gives the place back.
        waiting.truncate(3);
        let again = Box::pin(passwords.turn()).now_or_never_ref().is_none();
        assert!(again, "there is room to wait in");
        drop((third, fourth));
        waiting[2].now_or_never_ref().expect("its turn").expect("a turn");
    }

    trait NowOrNever: Future + Unpin {
        /// Polls once.
        fn now_or_never_ref(&mut self) -> Option<Self::Output> {
            (&mut *self).now_or_never()
        }
    }
    impl<F: Future + Unpin> NowOrNever for F {}
}
