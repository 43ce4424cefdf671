//! Rows of the record as rows of a batch.
//!
//! Invariant: what was not measured is absent; a text goes through `plain.rs`, or is one of a closed list.

use sightline_protocol::logs::{
    LogBreak, LogDirection, LogEvent, LogKind, LogLink, LogProcess, LogSample, LogSession, LogSetup, LogSpread,
    LogStay, LogValues,
};
use sightline_quality::{
    Direction, Event, Kind, LinkMetric, LinkRow, ProcessMetric, ProcessRow, SetupTimes, Spread, TrackMetric, TrackRow,
};

use super::plain;
use crate::table::breaks::Break;
use crate::table::session::Session;
use crate::table::stay::Stay;

fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// JSON has no number for what is infinite: not measured, then.
#[expect(clippy::cast_possible_truncation, reason = "seven digits of a measured value are enough")]
fn small(value: f64) -> Option<f32> {
    Some(value as f32).filter(|value| value.is_finite())
}

fn spread(spread: Option<Spread>) -> LogSpread {
    let Spread { mean, min, max } = spread?;
    Some([small(mean)?, small(min)?, small(max)?])
}

fn measured(ms: i64) -> u32 {
    u32::try_from(ms.max(0)).unwrap_or(u32::MAX)
}

fn log_setup(setup: &SetupTimes) -> LogSetup {
    LogSetup {
        signaling_ms: setup.signaling_ms.and_then(finite),
        ice_ms: setup.ice_ms.and_then(finite),
        dtls_ms: setup.dtls_ms.and_then(finite),
        first_frame_ms: setup.first_frame_ms.and_then(finite),
    }
}

pub(super) fn log_session(id: &str, session: &Session) -> LogSession {
    let worst = session.standing.worst;
    LogSession {
        id: id.to_owned(),
        user_id: plain::id(&session.own_id),
        name: plain::name(&session.own_name),
        client_version: plain::version(&session.client_version),
        platform: std::env::consts::OS.to_owned(),
        started_ms: session.started_ms,
        ended_ms: session.ended_ms,
        end_reason: session.end_reason.as_deref().map(plain::word),
        setup: log_setup(&session.setup),
        windows: session.standing.windows,
        good_windows: session.standing.good,
        worst: worst.map(|w| format!("{} {} {}", w.cause.as_str(), w.kind.as_str(), w.direction.as_str())),
    }
}

pub(super) fn log_stay(number: u32, stay: &Stay) -> LogStay {
    LogStay {
        stay: number,
        user_id: plain::id(&stay.peer),
        name: stay.name.as_deref().map(plain::name),
        joined_ms: stay.joined_ms,
        left_ms: stay.left_ms,
        leave_reason: stay.leave_reason.as_deref().map(plain::word),
        setup: log_setup(&stay.setup),
    }
}

pub(super) fn log_sample(seq: u32, stay: u32, row: &TrackRow) -> LogSample {
    let counters = &row.counters;
    let value = |metric: TrackMetric| spread(row.values[metric]);
    LogSample {
        seq,
        stay,
        kind: match counters.key.kind {
            Kind::Audio => LogKind::Audio,
            Kind::Video => LogKind::Video,
        },
        direction: match counters.key.direction {
            Direction::Inbound => LogDirection::Inbound,
            Direction::Outbound => LogDirection::Outbound,
        },
        start_ms: row.span.start_ms,
        end_ms: row.span.end_ms,
        measured_ms: measured(row.span.measured_ms),
        values: LogValues {
            bitrate_bps: value(TrackMetric::Bitrate),
            loss_percent: value(TrackMetric::Loss),
            jitter_ms: value(TrackMetric::Jitter),
            rtt_ms: value(TrackMetric::RoundTrip),
            buffer_ms: value(TrackMetric::Buffer),
            concealed_percent: value(TrackMetric::Concealed),
            fps: value(TrackMetric::FrameRate),
            target_bps: value(TrackMetric::Target),
            dropped_percent: value(TrackMetric::Dropped),
            limited_by_bandwidth_percent: value(TrackMetric::LimitedByBandwidth),
            limited_by_cpu_percent: value(TrackMetric::LimitedByCpu),
            latency_ms: value(TrackMetric::Latency),
        },
        freezes: row.counts.freezes.map(|count| u32::try_from(count).unwrap_or(u32::MAX)),
        frozen_ms: row.counts.frozen.and_then(|frozen| small(frozen.as_secs_f64() * 1e3)),
        score: row.score.and_then(small),
        class: row.verdict.map(|verdict| verdict.class.as_str().to_owned()),
        cause: row.verdict.and_then(|verdict| verdict.cause).map(|cause| cause.as_str().to_owned()),
        codec: counters.codec.as_deref().and_then(plain::codec),
        width: counters.width,
        height: counters.height,
        muted: counters.muted,
    }
}

pub(super) fn log_link(seq: u32, stay: u32, row: &LinkRow) -> LogLink {
    let value = |metric: LinkMetric| spread(row.values[metric]);
    LogLink {
        seq,
        stay,
        start_ms: row.span.start_ms,
        end_ms: row.span.end_ms,
        measured_ms: measured(row.span.measured_ms),
        path_rtt_ms: value(LinkMetric::PathRoundTrip),
        available_outgoing_bps: value(LinkMetric::AvailableOutgoing),
        sent_bps: value(LinkMetric::Sent),
        received_bps: value(LinkMetric::Received),
        path: row.counters.path.as_ref().and_then(plain::path),
    }
}

pub(super) fn log_process(seq: u32, row: &ProcessRow) -> LogProcess {
    let value = |metric: ProcessMetric| spread(row.values[metric]);
    LogProcess {
        seq,
        start_ms: row.span.start_ms,
        end_ms: row.span.end_ms,
        measured_ms: measured(row.span.measured_ms),
        cpu_percent: value(ProcessMetric::Cpu),
        system_cpu_percent: value(ProcessMetric::SystemCpu),
        resident_bytes: value(ProcessMetric::Resident),
    }
}

pub(super) fn log_event(seq: u32, event: &Event) -> Option<LogEvent> {
    let object = plain::event(&event.kind)?;
    Some(LogEvent { seq, unix_ms: event.unix_ms, peer: event.peer.as_deref().map(plain::id), event: object })
}

pub(super) fn log_break(seq: u32, stay: Option<u32>, row: &Break) -> LogBreak {
    LogBreak { seq, stay, start_ms: row.start_ms, end_ms: row.end_ms, cause: plain::cause(&row.cause) }
}
