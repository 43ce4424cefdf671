//! The HTTP face of a running server, route by route: what it gives, to whom, and what it refuses.

mod access;
mod logs;
mod people;
mod rooms;
mod support;
