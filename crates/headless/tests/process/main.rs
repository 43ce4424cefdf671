//! The programs as people and scripts run them: processes, sockets, files.

mod call;
mod refusals;
mod support;
