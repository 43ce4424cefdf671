//! Rows of a batch as rows of the record: the way back of `outbox/rows.rs`.

use std::time::Duration;

use sightline_protocol::logs::{
    LogBreak, LogDirection, LogKind, LogLink, LogProcess, LogSample, LogSession, LogSetup, LogSpread, LogStay,
};
use sightline_quality::{
    CandidateType, Cause, Class, Direction, Factor, Kind, LinkCounters, LinkCounts, LinkMetric, LinkRow, Path,
    PerMetric, ProcessCounters, ProcessMetric, ProcessRow, SetupTimes, Span, Spread, Standing, TrackCounters,
    TrackCounts, TrackKey, TrackMetric, TrackRow, Verdict,
};

use crate::table::breaks::Break;
use crate::table::stay::Stay;
use crate::{SessionId, StayId};

fn spread(told: LogSpread) -> Option<Spread> {
    let [mean, min, max] = told?.map(f64::from);
    Some(Spread { mean, min, max })
}

fn span(start_ms: i64, end_ms: i64, measured_ms: u32) -> Span {
    Span { start_ms, end_ms, measured_ms: measured_ms.into() }
}

pub(super) fn setup(told: &LogSetup) -> SetupTimes {
    let LogSetup { signaling_ms, ice_ms, dtls_ms, first_frame_ms } = *told;
    SetupTimes { signaling_ms, ice_ms, dtls_ms, first_frame_ms }
}

/// What the headline is made of. Whether a link ever came up, and whether anything was measured, a session does not say
/// itself: its rows do.
pub(super) fn standing<'a>(
    told: &LogSession,
    mut links: impl Iterator<Item = &'a LogLink>,
    mut samples: impl Iterator<Item = &'a LogSample> + Clone,
) -> Standing {
    let arrives = |spread: LogSpread| spread.is_some_and(|[mean, ..]| mean > 0.0);
    let inbound = |row: &LogSample| row.direction == LogDirection::Inbound && arrives(row.values.bitrate_bps);
    let up = |row: &LogLink| row.path.is_some() || row.path_rtt_ms.is_some() || arrives(row.received_bps);
    let mut words = told.worst.as_deref().unwrap_or_default().split(' ');
    let (cause, kind, direction) = (words.next(), words.next(), words.next());
    let factor = |((cause, kind), direction)| Factor::parse(cause, kind, direction);
    Standing {
        windows: told.windows,
        good: told.good_windows,
        worst: cause.zip(kind).zip(direction).and_then(factor),
        connected: links.any(up) || samples.clone().any(inbound),
        heard: samples.any(|row| row.values.bitrate_bps.is_some()),
    }
}

pub(super) fn stay(session: SessionId, told: &LogStay) -> Stay {
    Stay {
        id: StayId(0),
        session,
        peer: told.user_id.clone(),
        name: told.name.clone(),
        joined_ms: told.joined_ms,
        left_ms: told.left_ms,
        leave_reason: told.leave_reason.clone(),
        setup: setup(&told.setup),
    }
}

pub(super) fn track_row(told: &LogSample, peer: &str) -> TrackRow {
    let key = TrackKey {
        peer: peer.to_owned(),
        kind: match told.kind {
            LogKind::Audio => Kind::Audio,
            LogKind::Video => Kind::Video,
        },
        direction: match told.direction {
            LogDirection::Inbound => Direction::Inbound,
            LogDirection::Outbound => Direction::Outbound,
        },
    };
    let from = &told.values;
    let mut values = PerMetric::default();
    for (metric, value) in [
        (TrackMetric::Bitrate, from.bitrate_bps),
        (TrackMetric::Loss, from.loss_percent),
        (TrackMetric::Jitter, from.jitter_ms),
        (TrackMetric::RoundTrip, from.rtt_ms),
        (TrackMetric::Buffer, from.buffer_ms),
        (TrackMetric::Concealed, from.concealed_percent),
        (TrackMetric::FrameRate, from.fps),
        (TrackMetric::Target, from.target_bps),
        (TrackMetric::Dropped, from.dropped_percent),
        (TrackMetric::LimitedByBandwidth, from.limited_by_bandwidth_percent),
        (TrackMetric::LimitedByCpu, from.limited_by_cpu_percent),
        (TrackMetric::Latency, from.latency_ms),
    ] {
        values[metric] = spread(value);
    }
    let class = told.class.as_deref().and_then(Class::parse);
    let cause = told.cause.as_deref().and_then(Cause::parse);
    TrackRow {
        span: span(told.start_ms, told.end_ms, told.measured_ms),
        values,
        counts: TrackCounts {
            freezes: told.freezes.map(u64::from),
            // A negative or endless time is none.
            frozen: told.frozen_ms.and_then(|ms| Duration::try_from_secs_f32(ms / 1e3).ok()),
        },
        score: told.score.map(f64::from),
        verdict: class.map(|class| Verdict { class, cause }),
        counters: TrackCounters {
            codec: told.codec.clone(),
            width: told.width,
            height: told.height,
            muted: told.muted,
            ..TrackCounters::unknown(key)
        },
    }
}

pub(super) fn link_row(told: &LogLink, peer: &str) -> LinkRow {
    let mut values = PerMetric::default();
    for (metric, value) in [
        (LinkMetric::PathRoundTrip, told.path_rtt_ms),
        (LinkMetric::AvailableOutgoing, told.available_outgoing_bps),
        (LinkMetric::Sent, told.sent_bps),
        (LinkMetric::Received, told.received_bps),
    ] {
        values[metric] = spread(value);
    }
    LinkRow {
        span: span(told.start_ms, told.end_ms, told.measured_ms),
        values,
        counts: LinkCounts { pair_changes: None, ice_restarts: None },
        counters: LinkCounters {
            peer: peer.to_owned(),
            path: told.path.as_deref().and_then(path),
            ..LinkCounters::default()
        },
    }
}

/// Of `host srflx udp`.
fn path(text: &str) -> Option<Path> {
    let mut words = text.split(' ');
    let (local, remote) = (CandidateType::parse(words.next()?)?, CandidateType::parse(words.next()?)?);
    Some(Path { local, remote, protocol: words.next()?.to_owned() })
}

pub(super) fn process_row(told: &LogProcess) -> ProcessRow {
    let mut values = PerMetric::default();
    for (metric, value) in [
        (ProcessMetric::Cpu, told.cpu_percent),
        (ProcessMetric::SystemCpu, told.system_cpu_percent),
        (ProcessMetric::Resident, told.resident_bytes),
    ] {
        values[metric] = spread(value);
    }
    let counters = ProcessCounters::default();
    ProcessRow { span: span(told.start_ms, told.end_ms, told.measured_ms), values, counters }
}

pub(super) fn gap(session: SessionId, stay: Option<StayId>, told: &LogBreak) -> Break {
    Break { session, stay, start_ms: told.start_ms, end_ms: told.end_ms, cause: told.cause.clone() }
}
