//! The read side: what was recorded, for tables, charts and exports. Never writes.

use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, params};
use sightline_quality::findings::{Evidence, Outage, Presence, Report, findings};
use sightline_quality::{
    Event, LinkMetric, LinkRow, Metric, PerMetric, ProcessMetric, ProcessRow, Spread, TrackMetric, TrackRow,
};

use crate::cells::Reader;
use crate::file::open_for_reading;
use crate::find::{self, CallFilter, CallLine};
use crate::schema;
use crate::series::{self, Run};
use crate::table::breaks::{self, Break};
use crate::table::session::{self, Session};
use crate::table::stay::{self, Stay};
use crate::table::track::{self, Track};
use crate::table::{event, link_sample, process_sample, sample};
use crate::{CallId, HistoryError, SessionId, StayId};

/// A track over its whole stay.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackTotals {
    /// Number of samples.
    pub samples: u32,
    /// Means over time, least and greatest of all samples.
    pub values: PerMetric<TrackMetric, Option<Spread>>,
    /// Mean score over time, 1 to 5.
    pub score: Option<f64>,
    /// Freezes.
    pub freezes: Option<u64>,
    /// Time frozen.
    pub frozen: Option<Duration>,
}

/// A history that is open for reading.
#[derive(Debug)]
pub struct History {
    connection: Connection,
    path: PathBuf,
}

impl History {
    /// Opens a history, also while others write it. One of an older format is brought up to date.
    ///
    /// # Errors
    /// Where there is none, or it is damaged, something else, or from a newer version.
    pub fn open(path: &Path) -> Result<Self, HistoryError> {
        Ok(Self { connection: open_for_reading(path)?, path: path.to_owned() })
    }

    /// An empty one without a file.
    pub(crate) fn in_memory() -> Result<Self, HistoryError> {
        let path = PathBuf::from(":memory:");
        let opened = Connection::open_in_memory().and_then(|mut connection| {
            schema::migrate(&mut connection)?;
            Ok(connection)
        });
        let connection = opened.map_err(|source| HistoryError::from_sqlite(&path, source))?;
        Ok(Self { connection, path })
    }

    /// Calls, the latest first: `limit` of them, after the first `skip`.
    ///
    /// # Errors
    /// Where the file cannot be read; so for all that follow.
    pub fn calls(&self, limit: u32, skip: u32) -> Result<Vec<CallLine>, HistoryError> {
        self.find(&CallFilter::default(), limit, skip)
    }

    /// The calls that a filter asks for, the latest first: `limit` of them, after the first `skip`.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn find(&self, filter: &CallFilter, limit: u32, skip: u32) -> Result<Vec<CallLine>, HistoryError> {
        self.said(find::find(&self.connection, filter, limit, skip))
    }

    /// One call; `None` where there is none of this id, for example because it was deleted.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn call(&self, id: CallId) -> Result<Option<CallLine>, HistoryError> {
        self.said(find::call(&self.connection, id))
    }

    /// The sessions of a call, the first one first.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn sessions(&self, call: CallId) -> Result<Vec<Session>, HistoryError> {
        self.said(session::of_call(&self.connection, call))
    }

    /// Who was there in a session, and when.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn stays(&self, session: SessionId) -> Result<Vec<Stay>, HistoryError> {
        self.said(stay::of_session(&self.connection, session))
    }

    /// The tracks of a session, by stay.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn tracks(&self, session: SessionId) -> Result<Vec<Track>, HistoryError> {
        self.said(track::of_session(&self.connection, session))
    }

    /// The samples of a track that touch a range of time, in milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn samples(&self, track: &Track, range: Range<i64>) -> Result<Vec<TrackRow>, HistoryError> {
        self.said(sample::of_track(&self.connection, track.id, &track.key, &range))
    }

    /// The samples of a link that touch a range of time.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn link_samples(&self, stay: &Stay, range: Range<i64>) -> Result<Vec<LinkRow>, HistoryError> {
        self.said(link_sample::of_stay(&self.connection, stay.id, &stay.peer, &range))
    }

    /// The samples of the process that touch a range of time.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn process_samples(&self, session: SessionId, range: Range<i64>) -> Result<Vec<ProcessRow>, HistoryError> {
        self.said(process_sample::of_session(&self.connection, session, &range))
    }

    /// The events of a session in the order of time.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn events(&self, session: SessionId) -> Result<Vec<Event>, HistoryError> {
        self.said(event::of_session(&self.connection, session))
    }

    /// The breaks of a call: those within its sessions, and the time between two sessions.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn breaks(&self, call: CallId) -> Result<Vec<Break>, HistoryError> {
        let sessions = self.sessions(call)?;
        let mut all = Vec::new();
        for (position, session) in sessions.iter().enumerate() {
            all.extend(self.said(breaks::of_session(&self.connection, session.id))?);
            let next = sessions.get(position + 1);
            if let (Some(start_ms), Some(next)) = (session.ended_ms, next)
                && next.started_ms > start_ms
            {
                let cause = session.end_reason.clone().unwrap_or_default();
                let end_ms = Some(next.started_ms);
                all.push(Break { session: session.id, stay: None, start_ms, end_ms, cause });
            }
        }
        Ok(all)
    }

    /// A metric of a track over time, in at most `max_points` points and one for each gap.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn track_series(
        &self,
        track: &Track,
        metric: TrackMetric,
        range: Range<i64>,
        max_points: usize,
    ) -> Result<Vec<Run>, HistoryError> {
        let table = ("sample", "track_id");
        self.said(series::read(&self.connection, table, track.id.0, metric, &range, max_points))
    }

    /// A metric of a link over time.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn link_series(
        &self,
        stay: &Stay,
        metric: LinkMetric,
        range: Range<i64>,
        max_points: usize,
    ) -> Result<Vec<Run>, HistoryError> {
        let table = ("link_sample", "stay_id");
        self.said(series::read(&self.connection, table, stay.id.0, metric, &range, max_points))
    }

    /// A metric of the process over time.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn process_series(
        &self,
        session: SessionId,
        metric: ProcessMetric,
        range: Range<i64>,
        max_points: usize,
    ) -> Result<Vec<Run>, HistoryError> {
        let table = ("process_sample", "session_id");
        self.said(series::read(&self.connection, table, session.0, metric, &range, max_points))
    }

    /// What went wrong in a call, and on whose side.
    ///
    /// # Errors
    /// Where there is no such call, or the file cannot be read.
    pub fn findings(&self, call: CallId) -> Result<Report, HistoryError> {
        let sessions = self.sessions(call)?;
        if sessions.is_empty() {
            return Err(HistoryError::NoSuchCall);
        }
        let evidence = sessions.into_iter().map(|session| self.evidence(session));
        Ok(findings(&evidence.collect::<Result<Vec<_>, _>>()?))
    }

    fn evidence(&self, session: Session) -> Result<Evidence, HistoryError> {
        const EVER: Range<i64> = i64::MIN..i64::MAX;
        let mut evidence = Evidence {
            process: self.process_samples(session.id, EVER)?,
            events: self.events(session.id)?,
            from_ms: session.started_ms,
            to_ms: session.ended_ms,
            end_reason: session.end_reason,
            standing: session.standing,
            ..Evidence::default()
        };
        let stays = self.stays(session.id)?;
        for track in self.tracks(session.id)? {
            evidence.tracks.extend(self.samples(&track, EVER)?);
        }
        for stay in &stays {
            evidence.links.extend(self.link_samples(stay, EVER)?);
        }
        let peer = |id: StayId| stays.iter().find(|stay| stay.id == id).map(|stay| stay.peer.clone());
        let breaks = self.said(breaks::of_session(&self.connection, session.id))?;
        evidence.outages.extend(breaks.into_iter().map(|Break { stay, start_ms, end_ms, cause, .. }| Outage {
            peer: stay.and_then(peer),
            from_ms: start_ms,
            to_ms: end_ms,
            cause,
        }));
        evidence.presences.extend(stays.iter().map(|stay| Presence {
            peer: stay.peer.clone(),
            name: stay.name.clone(),
            from_ms: stay.joined_ms,
            to_ms: stay.left_ms,
        }));
        Ok(evidence)
    }

    /// A track over its whole stay.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn totals(&self, track: &Track) -> Result<TrackTotals, HistoryError> {
        self.said(read_totals(&self.connection, track))
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn said<T>(&self, result: rusqlite::Result<T>) -> Result<T, HistoryError> {
        result.map_err(|source| HistoryError::from_sqlite(&self.path, source))
    }
}

fn read_totals(connection: &Connection, track: &Track) -> rusqlite::Result<TrackTotals> {
    let by_time = |value: &str| {
        format!("sum({value} * max(measured_ms, 1)) / sum(CASE WHEN {value} IS NOT NULL THEN max(measured_ms, 1) END)")
    };
    let metrics = TrackMetric::ALL.iter().map(|metric| {
        let name = metric.name();
        format!("{}, min({name}_min), max({name}_max)", by_time(&format!("{name}_mean")))
    });
    let sql = format!(
        "SELECT count(*), {}, sum(freezes), sum(frozen_us), {} FROM sample WHERE track_id = ?1",
        by_time("score"),
        metrics.collect::<Vec<_>>().join(", ")
    );
    connection.prepare_cached(&sql)?.query_row(params![track.id], |row| {
        let mut row = Reader::new(row);
        let samples = row.get()?;
        let (score, freezes, frozen) = (row.get()?, row.count()?, row.micros()?);
        Ok(TrackTotals { samples, values: row.metrics()?, score, freezes, frozen })
    })
}
