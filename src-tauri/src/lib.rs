//! The desktop app. Everything but the window and its plugins is in `app`, which knows nothing of Tauri and is tested
//! without a window.
//!
//! ```text
//! window   Tauri: window, plugins, tray, the order of ending          commands   the page's commands
//! app      what the commands do                                        ipc        what crosses to the page
//! call     the call that runs     lobby   devices before it            frames     pictures to the page
//! history  the record as the page shows it     hosting   the server inside the app
//! chart    the charts of one of its calls     people    accounts, calls by name, random partners
//! sharing  what of the record goes to servers
//! admin    what a server tells its admins
//! settings the settings file      options the command line             invitation, words, folders
//! ```

mod admin;
mod app;
mod call;
mod chart;
mod commands;
mod folders;
mod frames;
mod history;
mod hosting;
mod invitation;
mod ipc;
mod launch;
mod lobby;
mod options;
mod passes;
mod people;
mod settings;
mod sharing;
#[cfg(test)]
mod testing;
mod tray;
mod window;
mod words;

pub use launch::settle;
pub use options::Options;
pub use sightline_media::choice::{Camera, Loudspeaker, Microphone};
pub use window::run;
