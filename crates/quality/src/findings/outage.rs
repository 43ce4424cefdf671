//! What breaks, events and the end of a session tell.
//!
//! Invariant: what is explained by something greater is not told again: a connection that was lost while this computer
//! slept, or all of them together with the server, is no fault of a peer.

use std::collections::{BTreeMap, BTreeSet};

use super::{Dated, Evidence, Outage, own};
use crate::side::{Part, Side, Sign, Trouble, in_the_net};
use crate::{Class, Direction, EventKind, Kind, Warning};

/// A lost connection is terrible from here on.
const LONG_MS: i64 = 10_000;

/// Who only listens for a while is silent too; so this is told late, and as merely noticed.
const SILENT_MS: i64 = 60_000;

/// Everything but what the samples tell.
pub(super) fn signs(evidence: &Evidence) -> Vec<Dated> {
    let end_ms = end_ms(evidence);
    let mut dated: Vec<_> = evidence.outages.iter().filter_map(|outage| lost(outage, evidence, end_ms)).collect();
    dated.extend(devices(evidence, end_ms));
    dated.extend(end(evidence));
    dated
}

/// The end of the session, where it was not meant.
fn end(evidence: &Evidence) -> Option<Dated> {
    let sign = match evidence.end_reason.as_deref()? {
        "crash" => own(Trouble::Crash, Part::Computer, Class::Terrible, 0.0),
        "connection-lost" => Sign { side: Side::Server, ..own(Trouble::Removed, Part::Whole, Class::Terrible, 0.0) },
        _ => return None,
    };
    let to_ms = evidence.to_ms?;
    Some(Dated { sign, from_ms: to_ms, to_ms })
}

/// The last moment that is known of.
pub(super) fn end_ms(evidence: &Evidence) -> i64 {
    let rows = evidence.process.iter().map(|row| row.span.end_ms);
    let rows = rows.chain(evidence.tracks.iter().map(|row| row.span.end_ms));
    let events = evidence.events.iter().map(|event| event.unix_ms);
    let known = rows.chain(events).chain([evidence.from_ms]);
    evidence.to_ms.or(known.max()).unwrap_or(evidence.from_ms)
}

fn overlap(one: &Outage, other: &Outage, end_ms: i64) -> bool {
    let end = |outage: &Outage| outage.to_ms.unwrap_or(end_ms);
    one.from_ms <= end(other) && other.from_ms <= end(one)
}

fn lost(outage: &Outage, evidence: &Evidence, end_ms: i64) -> Option<Dated> {
    let to_ms = outage.to_ms.unwrap_or(end_ms).max(outage.from_ms);
    let length_ms = to_ms.saturating_sub(outage.from_ms);
    let seconds = length_ms as f64 / 1000.0;
    let class = if length_ms >= LONG_MS { Class::Terrible } else { Class::Bad };
    let together: Vec<_> = evidence.outages.iter().filter(|other| overlap(outage, other, end_ms)).collect();
    let asleep = together.iter().any(|other| matches!(other.cause.as_str(), "sleep" | "stall"));
    let troubled: BTreeSet<_> = together.iter().filter_map(|other| other.peer.as_deref()).collect();
    let there = evidence
        .presences
        .iter()
        .filter(|stay| stay.from_ms <= outage.from_ms && stay.to_ms.is_none_or(|to_ms| to_ms >= outage.from_ms));
    let there: BTreeSet<_> = there.map(|stay| stay.peer.as_str()).chain(troubled.iter().copied()).collect();
    // What server and peers have in common is here; a peer whose connection holds shows that ours does.
    let all =
        !troubled.is_empty() && troubled.len() == there.len() && together.iter().any(|other| other.peer.is_none());
    let sign = match (&outage.peer, outage.cause.as_str()) {
        (None, "sleep") => own(Trouble::Sleep, Part::Computer, class, seconds),
        (None, "stall") => own(Trouble::Stall, Part::Computer, class, seconds),
        _ if asleep => return None,
        _ if all => own(Trouble::ConnectionLost, Part::Connection, class, seconds),
        (None, _) => Sign { side: Side::Server, ..own(Trouble::ServerLost, Part::Whole, Class::Ok, seconds) },
        (Some(peer), _) => {
            let side = in_the_net(None, troubled.len(), there.len());
            let peer = (!matches!(side, Side::Ours(_))).then(|| peer.clone());
            Sign { side, peer, ..own(Trouble::ConnectionLost, Part::Connection, class, seconds) }
        }
    };
    Some(Dated { sign, from_ms: outage.from_ms, to_ms })
}

/// Our devices, from the event of their loss to that of their return, or to the end of the session.
fn devices(evidence: &Evidence, end_ms: i64) -> Vec<Dated> {
    let mut open: BTreeMap<(Trouble, Kind, Direction), i64> = BTreeMap::new();
    let mut dated = Vec::new();
    let mut close = |(trouble, kind, direction), from_ms: i64, to_ms: i64| {
        let to_ms = to_ms.min(end_ms).max(from_ms);
        let (class, least_ms) =
            if trouble == Trouble::SilentMicrophone { (Class::Ok, SILENT_MS) } else { (Class::Bad, 0) };
        if to_ms.saturating_sub(from_ms) >= least_ms {
            let sign = own(trouble, Part::Device, class, 0.0);
            let sign = Sign { kind: Some(kind), direction: Some(direction), ..sign };
            dated.push(Dated { sign, from_ms, to_ms });
        }
    };
    for event in evidence.events.iter().filter(|event| event.peer.is_none()) {
        let silent = (Trouble::SilentMicrophone, Kind::Audio, Direction::Outbound);
        let is_silence = |warning: &str| warning == Warning::ConstantLevel.name();
        let (device, failed) = match &event.kind {
            EventKind::Device { media, direction, state, .. } => {
                ((Trouble::Device, *media, *direction), matches!(state.as_str(), "lost" | "stalled"))
            }
            EventKind::WarningRaised { warning, .. } if is_silence(warning) => (silent, true),
            EventKind::WarningCleared { warning, .. } if is_silence(warning) => (silent, false),
            _ => continue,
        };
        if failed {
            // One that stalled and then is lost has been away since it stalled.
            open.entry(device).or_insert(event.unix_ms);
        } else if let Some(from_ms) = open.remove(&device) {
            close(device, from_ms, event.unix_ms);
        }
    }
    for (device, from_ms) in open {
        close(device, from_ms, end_ms);
    }
    dated
}
