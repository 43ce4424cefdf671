//! The programs as people and scripts run them: processes, sockets, files, devices.

mod call;
#[cfg(target_os = "linux")]
mod devices;
#[cfg(target_os = "linux")]
mod given_back;
mod network;
mod record;
mod refusals;
mod share;
#[cfg(target_os = "linux")]
#[expect(dead_code, reason = "the media tests use the rest of it")]
#[path = "../../../media/tests/support/sound_session.rs"]
mod sound_session;
mod support;
