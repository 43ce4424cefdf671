//! The server over real sockets, each test with one of its own on a free port.

mod abuse;
mod calls;
mod program;
mod support;
