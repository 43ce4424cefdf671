//! What totals are made of: for each hour of a session and each kind of path, counts that can be added up.
//!
//! Invariant: each uploaded row is counted once, when it is stored. The counts belong to their session, so that a deleted
//! session leaves nothing behind in any total.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, params};
use sightline_protocol::admin::PathType;

use super::histogram::{Histogram, put_varint, take_varint};

/// Counts are kept by the hour, so that days of most time zones can be made of them.
pub(crate) const HOUR_MS: i64 = 3_600_000;

/// Counts of a stretch of time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Part {
    /// Windows of tracks that have a class.
    pub(crate) rated: u64,
    /// Of these, good or OK.
    pub(crate) good: u64,
    /// Time for which connections were measured, milliseconds.
    pub(crate) connected_ms: u64,
    /// Mean loss of windows of tracks, percent.
    pub(crate) loss: Histogram,
    /// Mean round trip of windows of connections, milliseconds.
    pub(crate) rtt: Histogram,
}

impl Part {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(256);
        for count in [self.rated, self.good, self.connected_ms] {
            put_varint(&mut out, count);
        }
        self.loss.encode(&mut out);
        self.rtt.encode(&mut out);
        out
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.rated = self.rated.saturating_add(other.rated);
        self.good = self.good.saturating_add(other.good);
        self.connected_ms = self.connected_ms.saturating_add(other.connected_ms);
        self.loss.add_all(&other.loss);
        self.rtt.add_all(&other.rtt);
    }

    /// Adds what [`Part::encode`] wrote; `None` where it is damaged.
    pub(crate) fn add_encoded(&mut self, mut bytes: &[u8]) -> Option<()> {
        for total in [&mut self.rated, &mut self.good, &mut self.connected_ms] {
            *total = total.saturating_add(take_varint(&mut bytes)?);
        }
        self.loss.add_encoded(&mut bytes)?;
        self.rtt.add_encoded(&mut bytes)
    }
}

/// What a batch adds, by hour and path.
#[derive(Debug, Default)]
pub(crate) struct Parts(BTreeMap<(i64, u8), Part>);

impl Parts {
    pub(crate) fn at(&mut self, unix_ms: i64, path: PathType) -> &mut Part {
        self.0.entry((unix_ms.div_euclid(HOUR_MS), path.number())).or_default()
    }

    /// Adds them to those of the session.
    pub(crate) fn store(mut self, connection: &Connection, session: i64) -> rusqlite::Result<()> {
        let mut read =
            connection.prepare_cached("SELECT cells FROM log_rollup WHERE hour = ?1 AND session = ?2 AND path = ?3")?;
        let mut write = connection.prepare_cached(
            "INSERT INTO log_rollup (hour, session, path, cells) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET cells = excluded.cells",
        )?;
        for ((hour, path), part) in &mut self.0 {
            let before: Option<Vec<u8>> = read.query_row(params![hour, session, path], |row| row.get(0)).optional()?;
            if before.is_some_and(|bytes| part.add_encoded(&bytes).is_none()) {
                tracing::error!(session, hour, "counts of a session cannot be read and begin anew");
            }
            write.execute(params![hour, session, path, part.encode()])?;
        }
        Ok(())
    }
}

/// What kind of path a client's words tell (`LogLink::path`): the less direct of both ends.
pub(crate) fn path_type(words: &str) -> PathType {
    let has = |wanted: &str| words.split_ascii_whitespace().any(|word| word == wanted);
    let tcp = has("tcp");
    match () {
        () if has("relay") && tcp => PathType::RelayTcp,
        () if has("relay") => PathType::RelayUdp,
        () if (has("srflx") || has("prflx")) && tcp => PathType::ReflexiveTcp,
        () if has("srflx") || has("prflx") => PathType::ReflexiveUdp,
        () if has("host") && tcp => PathType::HostTcp,
        () if has("host") => PathType::HostUdp,
        () => PathType::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_less_direct_end_names_the_path() {
        for (words, path) in [
            ("host host udp", PathType::HostUdp),
            ("host srflx udp", PathType::ReflexiveUdp),
            ("prflx host tcp", PathType::ReflexiveTcp),
            ("srflx relay udp", PathType::RelayUdp),
            ("relay host tcp", PathType::RelayTcp),
            ("host host tcp", PathType::HostTcp),
            ("", PathType::Unknown),
            ("hosts of udp", PathType::Unknown),
        ] {
            assert_eq!(path_type(words), path, "{words}");
        }
    }

    #[test]
    fn a_part_is_written_and_read() {
        let mut part = Part { rated: 7, good: 5, connected_ms: 1 << 40, ..Part::default() };
        part.loss.add(1.5);
        part.rtt.add(80.0);
        let mut sum = Part::default();
        sum.add_encoded(&part.encode()).unwrap();
        assert_eq!(sum, part);
    }
}
