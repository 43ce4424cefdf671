//! Totals over a range: made of the counts of hours ([`super::rollup`]), never of the samples.
//!
//! Invariant: what was deleted is in no total. Client versions are texts of clients, so only the most frequent ones are
//! told apart; memory does not grow with what clients make up.

use std::collections::{HashMap, HashSet};

use rusqlite::{Connection, params};
use sightline_protocol::admin::{Figures, Group, PathType, Percentiles, Totals};

use super::{
    calls,
    histogram::Histogram,
    rollup::{HOUR_MS, Part},
    summary::OBSERVER,
};

/// Client versions that are told apart: more than are about at a time.
const VERSIONS: usize = 20;

/// Worst calls that are given.
const WORST: u32 = 10;

const OTHER: &str = "other";

const PATHS: usize = PathType::ALL.len();

/// An uploaded session of the range.
struct Session {
    room: i64,
    user: String,
    version: usize,
    path: PathType,
    /// Where it began in the range.
    setup_ms: Option<f64>,
}

/// What belongs to one name.
#[derive(Default)]
struct Sum {
    part: Part,
    setups: Vec<f64>,
    rooms: HashSet<i64>,
    people: HashSet<String>,
}

pub(super) fn totals(connection: &Connection, from_ms: i64, to_ms: i64) -> rusqlite::Result<Totals> {
    // No range is so wide that times could not be computed with; the ends are those of uploaded times.
    let (from_ms, to_ms) = (from_ms.clamp(0, i64::MAX / 4), to_ms.clamp(0, i64::MAX / 4));
    let from_hour = from_ms.div_euclid(HOUR_MS);
    let to_hour = to_ms.saturating_add(HOUR_MS - 1).div_euclid(HOUR_MS).max(from_hour);
    let (from_ms, to_ms) = (from_hour * HOUR_MS, to_hour * HOUR_MS);
    let mut totals = Totals { from_ms, to_ms, ..Totals::default() };
    presence(connection, &mut totals)?;
    let versions = versions(connection, from_ms, to_ms)?;
    let sessions = sessions(connection, from_ms, to_ms, &versions)?;
    let mut by_version: Vec<Sum> = Vec::new();
    by_version.resize_with(versions.len() + 1, Sum::default);
    let mut by_path: [Sum; PATHS] = Default::default();
    for session in sessions.values() {
        let version = &mut by_version[session.version];
        version.rooms.insert(session.room);
        version.people.insert(session.user.clone());
        version.setups.extend(session.setup_ms);
        by_path[usize::from(session.path.number())].setups.extend(session.setup_ms);
    }
    add_rollups(connection, from_hour..to_hour, &sessions, &mut by_version, &mut by_path)?;
    let mut all = Part::default();
    let mut setups = Vec::new();
    for sum in &by_path {
        all.add(&sum.part);
        setups.extend_from_slice(&sum.setups);
    }
    totals.quality = figures(&all, setups);
    let names = versions.iter().map(String::as_str).chain([OTHER]);
    totals.by_version = names.zip(by_version).filter_map(group).collect();
    totals.by_path = PathType::ALL.iter().map(|path| path.as_str()).zip(by_path).filter_map(group).collect();
    totals.worst = calls::worst(connection, from_ms, to_ms, WORST)?;
    Ok(totals)
}

/// Calls, minutes and people, from the stays. A stay that lasts counts up to when last something was known of the call.
fn presence(connection: &Connection, totals: &mut Totals) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(
        "WITH part AS (
            SELECT room, coalesce(account, user) AS person, joined_ms, left_ms FROM stay
            WHERE left_ms > ?1 AND joined_ms < ?2 AND role <> ?3
            UNION ALL
            SELECT stay.room, coalesce(account, user), joined_ms, max(joined_ms, last_ms) FROM stay
            JOIN call_summary ON call_summary.room = stay.room
            WHERE left_ms IS NULL AND joined_ms < ?2 AND role <> ?3)
         SELECT count(DISTINCT room), count(DISTINCT person),
            coalesce(sum(max(0, min(left_ms, ?2) - max(joined_ms, ?1))), 0) FROM part",
    )?;
    statement.query_row(params![totals.from_ms, totals.to_ms, OBSERVER], |row| {
        totals.calls = row.get::<_, i64>(0)?.unsigned_abs();
        totals.people = row.get::<_, i64>(1)?.unsigned_abs();
        totals.minutes = row.get::<_, i64>(2)? as f64 / 60_000.0;
        Ok(())
    })
}

/// The most frequent ones.
fn versions(connection: &Connection, from_ms: i64, to_ms: i64) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare_cached(
        "SELECT client_version FROM log_session WHERE last_ms >= ?1 AND started_ms < ?2
         GROUP BY client_version ORDER BY count(*) DESC, client_version LIMIT ?3",
    )?;
    statement.query_map(params![from_ms, to_ms, VERSIONS as i64], |row| row.get(0))?.collect()
}

fn sessions(
    connection: &Connection,
    from_ms: i64,
    to_ms: i64,
    versions: &[String],
) -> rusqlite::Result<HashMap<i64, Session>> {
    let mut statement = connection.prepare_cached(
        "SELECT number, room, user, client_version, path, coalesce(first_frame_ms, dtls_ms), started_ms
         FROM log_session WHERE last_ms >= ?1 AND started_ms < ?2",
    )?;
    let places: HashMap<&str, usize> = versions.iter().enumerate().map(|(at, name)| (name.as_str(), at)).collect();
    let rows = statement.query_map(params![from_ms, to_ms], |row| {
        let version = row.get_ref(3)?.as_str()?;
        let session = Session {
            room: row.get(1)?,
            user: row.get(2)?,
            version: places.get(version).copied().unwrap_or(versions.len()),
            path: PathType::from_number(row.get(4)?),
            setup_ms: row.get::<_, Option<f64>>(5)?.filter(|_| row.get(6).is_ok_and(|at: i64| at >= from_ms)),
        };
        Ok((row.get(0)?, session))
    })?;
    rows.collect()
}

fn add_rollups(
    connection: &Connection,
    hours: std::ops::Range<i64>,
    sessions: &HashMap<i64, Session>,
    by_version: &mut [Sum],
    by_path: &mut [Sum; PATHS],
) -> rusqlite::Result<()> {
    // Each row is added once, to what is common to its version and its path; those are put together at the end.
    let mut crossed: HashMap<(usize, PathType), Part> = HashMap::new();
    let mut statement =
        connection.prepare_cached("SELECT session, path, cells FROM log_rollup WHERE hour >= ?1 AND hour < ?2")?;
    let mut rows = statement.query(params![hours.start, hours.end])?;
    while let Some(row) = rows.next()? {
        let number: i64 = row.get(0)?;
        // A session's times and those of its rows may differ by the slack that clocks are given.
        let Some(session) = sessions.get(&number) else { continue };
        let path = PathType::from_number(row.get(1)?);
        let part = crossed.entry((session.version, path)).or_default();
        if part.add_encoded(row.get_ref(2)?.as_blob()?).is_none() {
            tracing::error!(session = number, "counts of a session cannot be read and are left out of totals");
        }
        let sum = &mut by_path[usize::from(path.number())];
        sum.rooms.insert(session.room);
        if !sum.people.contains(&session.user) {
            sum.people.insert(session.user.clone());
        }
    }
    for ((version, path), part) in crossed {
        by_version[version].part.add(&part);
        by_path[usize::from(path.number())].part.add(&part);
    }
    Ok(())
}

fn group((name, sum): (&str, Sum)) -> Option<Group> {
    let is_used = !sum.rooms.is_empty() || !sum.setups.is_empty();
    is_used.then(|| Group {
        name: name.to_owned(),
        calls: sum.rooms.len() as u64,
        people: sum.people.len() as u64,
        quality: figures(&sum.part, sum.setups),
    })
}

fn figures(part: &Part, mut setups: Vec<f64>) -> Figures {
    setups.sort_unstable_by(f64::total_cmp);
    let rank = |percent: f64| {
        let rank = (percent / 100.0 * setups.len() as f64).ceil().max(1.0) as usize;
        setups.get(rank - 1).copied()
    };
    let of = |histogram: &Histogram| Percentiles {
        p50: histogram.percentile(50.0),
        p95: histogram.percentile(95.0),
        count: histogram.count(),
    };
    Figures {
        connected_minutes: part.connected_ms as f64 / 60_000.0,
        loss_percent: of(&part.loss),
        rtt_ms: of(&part.rtt),
        setup_ms: Percentiles { p50: rank(50.0), p95: rank(95.0), count: setups.len() as u64 },
        good_percent: (part.rated > 0).then(|| 100.0 * part.good as f64 / part.rated as f64),
    }
}
