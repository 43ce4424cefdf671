//! What crosses between the app and its page: commands' arguments and answers, events, errors. Seams only, no logic.
//!
//! Invariant: every type here is written into `ui/generated/ipc.d.ts` by the test in `types`, and a test fails while
//! that file differs. Names are camelCase there; `null` is 'not known', never 0.

mod admin;
mod call;
mod chart;
mod error;
mod event;
mod history;
mod home;
mod lobby;
mod people;
mod settings;
mod sharing;
#[cfg(test)]
mod types;

pub(crate) use admin::*;
pub(crate) use call::*;
pub(crate) use chart::*;
pub(crate) use error::*;
pub(crate) use event::*;
pub(crate) use history::*;
pub(crate) use home::*;
pub(crate) use lobby::*;
pub(crate) use people::*;
pub(crate) use settings::*;
pub(crate) use sharing::*;
