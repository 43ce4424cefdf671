//! The selected candidate pair, from the half of the crate's statistics that is right.
//!
//! Mends a gap beside defect 1: the report leaves out candidates of the peer that showed in its checks before they were
//! told, or were never told.
//!
//! Invariant: counters of the transport, which outlive a change of the pair, never those of the pair.

use std::time::Duration;

use rtc::statistics::report::{RTCStatsReport, RTCStatsReportEntry};
use sightline_quality::{CandidateType, LinkCounters, Path};
use webrtc::peer_connection::RTCIceCandidateType;

/// Fills what the report knows of the path.
pub(super) fn fill(report: &RTCStatsReport, counters: &mut LinkCounters) {
    let Some(transport) = report.transport() else { return };
    counters.bytes_sent = Some(transport.bytes_sent);
    counters.bytes_received = Some(transport.bytes_received);
    // The crate counts the first selection too.
    counters.pair_changes = u64::from(transport.selected_candidate_pair_changes.saturating_sub(1));
    let Some(RTCStatsReportEntry::IceCandidatePair(pair)) = report.get(&transport.selected_candidate_pair_id) else {
        return;
    };
    counters.pair_id = Some(transport.selected_candidate_pair_id.clone());
    // Zero until the first answer came.
    counters.path_rtt = (pair.current_round_trip_time > 0.0)
        .then(|| Duration::try_from_secs_f64(pair.current_round_trip_time).ok())
        .flatten();
    // The pair names candidates by the agent's ids, the report by these with a prefix.
    let local = candidate(report, &format!("RTCLocalIceCandidate_{}", pair.local_candidate_id));
    let remote = candidate(report, &format!("RTCRemoteIceCandidate_{}", pair.remote_candidate_id));
    // All that were told are in the report: another one is peer-reflexive (RFC 8445, 7.3.1.3).
    let remote = remote.map_or(CandidateType::Prflx, |(kind, _)| kind);
    counters.path = local.map(|(local, protocol)| Path { local, remote, protocol });
}

fn candidate(report: &RTCStatsReport, id: &str) -> Option<(CandidateType, String)> {
    let (RTCStatsReportEntry::LocalCandidate(stats) | RTCStatsReportEntry::RemoteCandidate(stats)) = report.get(id)?
    else {
        return None;
    };
    let kind = match stats.candidate_type {
        RTCIceCandidateType::Host => CandidateType::Host,
        RTCIceCandidateType::Srflx => CandidateType::Srflx,
        RTCIceCandidateType::Prflx => CandidateType::Prflx,
        RTCIceCandidateType::Relay => CandidateType::Relay,
        _ => return None,
    };
    Some((kind, stats.protocol.clone()))
}
