//! Samples of tracks: at most 15 s each, with the raw counters at their end.

use std::ops::Range;
use std::sync::LazyLock;

use rusqlite::{Connection, params};
use sightline_quality::{
    Cause, Class, Direction, DroppedFrames, Kind, TrackCounters, TrackCounts, TrackKey, TrackMetric, TrackRow, Verdict,
};

use crate::cells::{Cells, Reader, columns};
use crate::schema::Step;
use crate::{SessionId, StayId, TrackId};

pub(crate) const STEPS: &[Step] = &[Step {
    version: 1,
    sql: "CREATE TABLE sample (
        id INTEGER PRIMARY KEY,
        track_id INTEGER NOT NULL REFERENCES track,
        start_ms INTEGER NOT NULL,
        end_ms INTEGER NOT NULL,
        measured_ms INTEGER NOT NULL,
        bitrate_bps_mean REAL, bitrate_bps_min REAL, bitrate_bps_max REAL,
        loss_percent_mean REAL, loss_percent_min REAL, loss_percent_max REAL,
        jitter_ms_mean REAL, jitter_ms_min REAL, jitter_ms_max REAL,
        rtt_ms_mean REAL, rtt_ms_min REAL, rtt_ms_max REAL,
        buffer_ms_mean REAL, buffer_ms_min REAL, buffer_ms_max REAL,
        concealed_percent_mean REAL, concealed_percent_min REAL, concealed_percent_max REAL,
        fps_mean REAL, fps_min REAL, fps_max REAL,
        target_bps_mean REAL, target_bps_min REAL, target_bps_max REAL,
        codec_ms_per_frame_mean REAL, codec_ms_per_frame_min REAL, codec_ms_per_frame_max REAL,
        dropped_percent_mean REAL, dropped_percent_min REAL, dropped_percent_max REAL,
        dropped_at_capture_percent_mean REAL,
        dropped_at_capture_percent_min REAL,
        dropped_at_capture_percent_max REAL,
        dropped_in_encoder_percent_mean REAL,
        dropped_in_encoder_percent_min REAL,
        dropped_in_encoder_percent_max REAL,
        dropped_in_decoder_percent_mean REAL,
        dropped_in_decoder_percent_min REAL,
        dropped_in_decoder_percent_max REAL,
        dropped_in_renderer_percent_mean REAL,
        dropped_in_renderer_percent_min REAL,
        dropped_in_renderer_percent_max REAL,
        limited_by_bandwidth_percent_mean REAL,
        limited_by_bandwidth_percent_min REAL,
        limited_by_bandwidth_percent_max REAL,
        limited_by_cpu_percent_mean REAL, limited_by_cpu_percent_min REAL, limited_by_cpu_percent_max REAL,
        nack_per_minute_mean REAL, nack_per_minute_min REAL, nack_per_minute_max REAL,
        pli_per_minute_mean REAL, pli_per_minute_min REAL, pli_per_minute_max REAL,
        fir_per_minute_mean REAL, fir_per_minute_min REAL, fir_per_minute_max REAL,
        retransmitted_percent_mean REAL, retransmitted_percent_min REAL, retransmitted_percent_max REAL,
        level_dbov_mean REAL, level_dbov_min REAL, level_dbov_max REAL,
        latency_ms_mean REAL, latency_ms_min REAL, latency_ms_max REAL,
        freezes INTEGER,
        frozen_us INTEGER,
        score REAL,
        class TEXT,
        cause TEXT,
        ssrc INTEGER,
        codec TEXT,
        implementation TEXT,
        muted INTEGER NOT NULL,
        fec INTEGER,
        dtx INTEGER,
        packets INTEGER,
        bytes INTEGER,
        packets_lost INTEGER,
        packets_reported INTEGER,
        jitter_us INTEGER,
        total_rtt_us INTEGER,
        rtt_measurements INTEGER,
        retransmitted_packets INTEGER,
        nack_count INTEGER,
        pli_count INTEGER,
        fir_count INTEGER,
        frames INTEGER,
        key_frames INTEGER,
        frames_dropped INTEGER,
        dropped_capture INTEGER,
        dropped_encoder INTEGER,
        dropped_decoder INTEGER,
        dropped_renderer INTEGER,
        expected_fps INTEGER,
        width INTEGER,
        height INTEGER,
        total_codec_us INTEGER,
        target_bps INTEGER,
        limited_bandwidth_us INTEGER,
        limited_cpu_us INTEGER,
        freeze_count INTEGER,
        total_freezes_us INTEGER,
        total_latency_us INTEGER,
        latency_measurements INTEGER,
        buffer_delay_us INTEGER,
        buffer_emitted INTEGER,
        samples_played INTEGER,
        samples_concealed INTEGER,
        samples_recovered INTEGER,
        audio_energy REAL,
        audio_duration_us INTEGER
    ) STRICT;
    CREATE INDEX sample_by_track ON sample (track_id, start_ms);",
}];

/// Deletes what belongs to a session.
pub(crate) const DELETE: &str = "DELETE FROM sample WHERE track_id IN
    (SELECT track.id FROM stay JOIN track ON track.stay_id = stay.id WHERE session_id = ?1)";

/// What follows the metrics; from `packets` on as they are counted, cumulative.
const REST: &[&str] = &[
    "freezes",
    "frozen_us",
    "score",
    "class",
    "cause",
    "ssrc",
    "codec",
    "implementation",
    "muted",
    "fec",
    "dtx",
    "packets",
    "bytes",
    "packets_lost",
    "packets_reported",
    "jitter_us",
    "total_rtt_us",
    "rtt_measurements",
    "retransmitted_packets",
    "nack_count",
    "pli_count",
    "fir_count",
    "frames",
    "key_frames",
    "frames_dropped",
    "dropped_capture",
    "dropped_encoder",
    "dropped_decoder",
    "dropped_renderer",
    "expected_fps",
    "width",
    "height",
    "total_codec_us",
    "target_bps",
    "limited_bandwidth_us",
    "limited_cpu_us",
    "freeze_count",
    "total_freezes_us",
    "total_latency_us",
    "latency_measurements",
    "buffer_delay_us",
    "buffer_emitted",
    "samples_played",
    "samples_concealed",
    "samples_recovered",
    "audio_energy",
    "audio_duration_us",
];

pub(crate) static COLUMNS: LazyLock<Vec<String>> = LazyLock::new(|| columns::<TrackMetric>("track_id", REST));

pub(crate) fn insert(connection: &Connection, track: TrackId, row: &TrackRow) -> rusqlite::Result<()> {
    let mut cells = Cells::of(track.0, row.span);
    cells.metrics(&row.values);
    cells.count(row.counts.freezes);
    cells.micros(row.counts.frozen);
    cells.put(row.score);
    cells.text(row.verdict.map(|verdict| verdict.class.as_str()));
    cells.text(row.verdict.and_then(|verdict| verdict.cause).map(Cause::as_str));
    counters(&mut cells, &row.counters);
    cells.insert(connection, "sample", &COLUMNS)
}

fn counters(cells: &mut Cells, c: &TrackCounters) {
    cells.count(c.ssrc.map(u64::from));
    cells.text(c.codec.as_deref());
    cells.text(c.implementation.as_deref());
    cells.put(c.muted);
    cells.put(c.fec);
    cells.put(c.dtx);
    cells.count(c.packets);
    cells.count(c.bytes);
    cells.put(c.packets_lost);
    cells.count(c.packets_reported);
    cells.micros(c.jitter);
    cells.micros(c.total_rtt);
    cells.count(c.rtt_measurements);
    cells.count(c.retransmitted_packets);
    cells.count(c.nack_count);
    cells.count(c.pli_count);
    cells.count(c.fir_count);
    cells.count(c.frames);
    cells.count(c.key_frames);
    cells.count(c.frames_dropped);
    cells.count(c.dropped_at.capture);
    cells.count(c.dropped_at.encoder);
    cells.count(c.dropped_at.decoder);
    cells.count(c.dropped_at.renderer);
    cells.count(c.expected_fps.map(u64::from));
    cells.count(c.width.map(u64::from));
    cells.count(c.height.map(u64::from));
    cells.micros(c.total_codec_time);
    cells.count(c.target_bps);
    cells.micros(c.limited_by_bandwidth);
    cells.micros(c.limited_by_cpu);
    cells.count(c.freeze_count);
    cells.micros(c.total_freezes);
    cells.micros(c.total_capture_latency);
    cells.count(c.capture_latency_measurements);
    cells.micros(c.jitter_buffer_delay);
    cells.count(c.jitter_buffer_emitted);
    cells.count(c.samples_played);
    cells.count(c.samples_concealed);
    cells.count(c.samples_recovered);
    cells.put(c.audio_energy);
    cells.micros(c.audio_duration);
}

fn read_counters(row: &mut Reader<'_>, key: TrackKey) -> rusqlite::Result<TrackCounters> {
    Ok(TrackCounters {
        key,
        ssrc: row.small()?,
        codec: row.get()?,
        implementation: row.get()?,
        muted: row.get()?,
        fec: row.get()?,
        dtx: row.get()?,
        packets: row.count()?,
        bytes: row.count()?,
        packets_lost: row.get()?,
        packets_reported: row.count()?,
        jitter: row.micros()?,
        total_rtt: row.micros()?,
        rtt_measurements: row.count()?,
        retransmitted_packets: row.count()?,
        nack_count: row.count()?,
        pli_count: row.count()?,
        fir_count: row.count()?,
        frames: row.count()?,
        key_frames: row.count()?,
        frames_dropped: row.count()?,
        dropped_at: DroppedFrames {
            capture: row.count()?,
            encoder: row.count()?,
            decoder: row.count()?,
            renderer: row.count()?,
        },
        expected_fps: row.small()?,
        width: row.small()?,
        height: row.small()?,
        total_codec_time: row.micros()?,
        target_bps: row.count()?,
        limited_by_bandwidth: row.micros()?,
        limited_by_cpu: row.micros()?,
        freeze_count: row.count()?,
        total_freezes: row.micros()?,
        total_capture_latency: row.micros()?,
        capture_latency_measurements: row.count()?,
        jitter_buffer_delay: row.micros()?,
        jitter_buffer_emitted: row.count()?,
        samples_played: row.count()?,
        samples_concealed: row.count()?,
        samples_recovered: row.count()?,
        audio_energy: row.get()?,
        audio_duration: row.micros()?,
    })
}

/// The samples of a track that touch a range of time (milliseconds since the Unix epoch).
pub(crate) fn of_track(
    connection: &Connection,
    track: TrackId,
    key: &TrackKey,
    range: &Range<i64>,
) -> rusqlite::Result<Vec<TrackRow>> {
    let sql = format!(
        "SELECT {} FROM sample WHERE track_id = ?1 AND start_ms < ?3 AND end_ms > ?2 ORDER BY start_ms, id",
        COLUMNS[1..].join(", ")
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows =
        statement.query_map(params![track, range.start, range.end], |row| read(&mut Reader::new(row), key.clone()))?;
    rows.collect()
}

fn read(row: &mut Reader<'_>, key: TrackKey) -> rusqlite::Result<TrackRow> {
    Ok(TrackRow {
        span: row.span()?,
        values: row.metrics()?,
        counts: TrackCounts { freezes: row.count()?, frozen: row.micros()? },
        score: row.get()?,
        verdict: read_verdict(row)?,
        counters: read_counters(row, key)?,
    })
}

/// The samples of a session after a row, in the order of their ids, with their stays. One of a kind of track that this
/// program does not know is `None`.
pub(crate) fn after(
    connection: &Connection,
    session: SessionId,
    id: i64,
    limit: u32,
) -> rusqlite::Result<Vec<(i64, StayId, Option<TrackRow>)>> {
    // By the tracks, of which there are few: the sign keeps SQLite from going through all sessions that came later.
    let sql = format!(
        "SELECT sample.id, stay_id, peer, kind, direction, {}
         FROM stay JOIN track ON track.stay_id = stay.id JOIN sample ON track_id = track.id
         WHERE stay.session_id = ?1 AND +sample.id > ?2 ORDER BY sample.id LIMIT ?3",
        COLUMNS[1..].join(", ")
    );
    let mut statement = connection.prepare_cached(&sql)?;
    let rows = statement.query_map(params![session, id, limit], |row| {
        let mut row = Reader::new(row);
        let (id, stay, peer) = (row.get()?, row.get()?, row.get()?);
        let (kind, direction) = (row.word(Kind::parse)?, row.word(Direction::parse)?);
        let key = kind.zip(direction).map(|(kind, direction)| TrackKey { peer, kind, direction });
        Ok((id, stay, key.map(|key| read(&mut row, key)).transpose()?))
    })?;
    rows.collect()
}

fn read_verdict(row: &mut Reader<'_>) -> rusqlite::Result<Option<Verdict>> {
    let (class, cause) = (row.word(Class::parse)?, row.word(Cause::parse)?);
    Ok(class.map(|class| Verdict { class, cause }))
}
