//! Passwords of rooms: Argon2id (RFC 9106), off the tasks that serve, and few at a time.

use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};
use sightline_protocol::{ErrorCode, Refusal};
use tokio::sync::Semaphore;

/// Hashes at a time: each takes 19 MiB and a processor for some 20 ms.
static AT_A_TIME: Semaphore = Semaphore::const_new(2);

/// The hash of a password, as a PHC string.
pub(crate) async fn hash(password: String) -> Result<String, Refusal> {
    run(move || Argon2::default().hash_password(password.as_bytes()).ok().map(|hash| hash.to_string())).await
}

/// Whether it is the password with this hash.
pub(crate) async fn fits(password: String, hash: String) -> Result<bool, Refusal> {
    run(move || {
        let hash = PasswordHash::new(&hash).ok()?;
        Some(Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    })
    .await
}

async fn run<T: Send + 'static>(work: impl FnOnce() -> Option<T> + Send + 'static) -> Result<T, Refusal> {
    let broken = || Refusal::new(ErrorCode::Internal, "The server could not work with the password. Try again.");
    let _permit = AT_A_TIME.acquire().await.map_err(|_| broken())?;
    tokio::task::spawn_blocking(work).await.ok().flatten().ok_or_else(broken)
}
