//! Passwords of rooms, hashed as those of accounts are, off the tasks that serve.

use std::sync::Arc;

use sightline_protocol::{ErrorCode, Refusal, limits};

use crate::accounts::password::{Password, Passwords, Turn};

/// Hashes and compares.
#[derive(Clone)]
pub(crate) struct RoomPasswords(Arc<Passwords>);

impl std::fmt::Debug for RoomPasswords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RoomPasswords")
    }
}

impl RoomPasswords {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Passwords::new()))
    }

    /// The hash of a new room's password, as a PHC string.
    pub(crate) async fn hash(&self, password: &str) -> Result<String, Refusal> {
        let password = Password::of_room(password).ok_or_else(|| {
            let message = format!("A room's password has at most {} characters.", limits::ROOM_PASSWORD_CHARS);
            Refusal::new(ErrorCode::BadMessage, message)
        })?;
        self.run(move |passwords, turn| passwords.hash(turn, &password).map_err(|_| broken())).await
    }

    /// Whether it is the password with this hash.
    pub(crate) async fn fits(&self, password: &str, hash: String) -> Result<bool, Refusal> {
        let Some(password) = Password::of_room(password) else { return Ok(false) };
        self.run(move |passwords, turn| Ok(passwords.verify(turn, &password, Some(&hash)))).await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Passwords, &Turn) -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let turn = self.0.turn().await.map_err(|_| {
            Refusal::new(ErrorCode::TooFast, "Too many passwords are being looked at. Try again in a few seconds.")
        })?;
        let passwords = self.0.clone();
        tokio::task::spawn_blocking(move || work(&passwords, &turn)).await.map_err(|_| broken())?
    }
}

fn broken() -> Refusal {
    Refusal::new(ErrorCode::Internal, "The server could not work with the password. Try again.")
}
