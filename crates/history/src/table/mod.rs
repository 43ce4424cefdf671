//! The tables, one file each: its steps (SQL), its row type, its queries.

pub(crate) mod breaks;
pub(crate) mod call;
pub(crate) mod event;
pub(crate) mod link_sample;
pub(crate) mod process_sample;
pub(crate) mod sample;
pub(crate) mod session;
pub(crate) mod stay;
pub(crate) mod told;
pub(crate) mod track;
pub(crate) mod upload;
