//! Rooms and relay for Sightline calls: `POST /rooms` gives a code, a WebSocket relays descriptions and candidates between
//! the members of one room. PROTOCOL.md at the root of the repository specifies both.
//!
//! ```text
//! server   binds, ends in good order      accept   connection to answer, in bounded time       tls, proxy
//! http     routes, upgrade                 page     what a browser shows                       metrics
//! connection   reader and writer of one client      outbox   what waits for it
//! switch   the task that owns the hub
//! hub      every decision, pure: calls with the time in, effects out       limiter, code, token, turn
//! store    the thread that owns the database        record   what is kept for good: stays, uploaded records
//! ```
//!
//! ```no_run
//! # async fn demo() -> Result<(), Box<dyn std::error::Error>> {
//! let server = sightline_server::Server::bind(sightline_server::Config::default())?;
//! println!("listening on {}", server.local_addr());
//! server.run_until(async { std::future::pending().await }).await?;
//! # Ok(()) }
//! ```

mod accept;
mod accounts;
mod auth;
mod code;
mod config;
mod connection;
mod http;
mod hub;
mod limiter;
mod metrics;
mod outbox;
mod page;
mod pairing;
mod passwords;
mod proxy;
pub mod record;
mod server;
mod store;
mod switch;
mod tls;
mod token;
mod turn;

pub use config::{Accounts, Config, Limits, Secret, TOKEN_SECRET_BYTES, Tls, WebUrl};
pub use limiter::Rate;
pub use server::{Server, ServerError};
pub use store::StoreError;
pub use tls::{Reloader, TlsError, check as check_tls};
pub use turn::Turn;
