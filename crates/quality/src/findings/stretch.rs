//! From signs, a window each, to findings: neighbours become one.
//!
//! Invariant: only signs of one trouble, side, peer and direction are taken together, and a figure is the mean (of
//! lengths of time: the sum) over the windows that had it, never over those between.

use std::collections::BTreeMap;

use super::{Dated, Finding};
use crate::side::{Side, Sign, Trouble};
use crate::{Direction, Kind};

/// What a window lasts; see [`crate::WINDOW`].
pub(super) const WINDOW_MS: i64 = crate::WINDOW.as_millis() as i64;

/// Two windows this near are neighbours: what two readings of the wall clock differ by rounding.
const TOUCH_MS: i64 = 1000;

/// More stretches of one trouble than this are told in one sentence.
const APART: usize = 3;

type Key = (Trouble, Side, Option<String>, Option<Direction>, Option<Kind>);

fn key(sign: &Sign) -> Key {
    // Two devices are two; sound and pictures over one way are one.
    let device = matches!(sign.trouble, Trouble::Device | Trouble::NothingCame);
    (sign.trouble, sign.side, sign.peer.clone(), sign.direction, sign.kind.filter(|_| device))
}

/// Neighbours become one finding; what comes again and again, one for all of it.
pub(super) fn merge(mut dated: Vec<Dated>) -> Vec<Finding> {
    dated.sort_by_key(|dated| (dated.from_ms, dated.to_ms));
    let mut by_key: BTreeMap<Key, Vec<Finding>> = BTreeMap::new();
    for dated in &dated {
        let stretches = by_key.entry(key(&dated.sign)).or_default();
        let next = finding(dated);
        match stretches.last_mut().filter(|last| next.from_ms <= last.to_ms.saturating_add(TOUCH_MS)) {
            Some(last) => *last = joined(last, &next, last.times),
            None => stretches.push(next),
        }
    }
    let told = by_key.into_values().flat_map(|stretches| match stretches.len() {
        ..=APART => stretches,
        _ => stretches
            .into_iter()
            .reduce(|all, next| joined(&all, &next, all.times.saturating_add(next.times)))
            .into_iter()
            .collect(),
    });
    told.collect()
}

fn finding(dated: &Dated) -> Finding {
    let Sign { trouble, side, ref peer, kind, direction, class, figure } = dated.sign;
    Finding {
        trouble,
        figure,
        side,
        class,
        peer: peer.clone(),
        name: None,
        kind,
        direction,
        from_ms: dated.from_ms,
        to_ms: dated.to_ms,
        times: 1,
        lasted_ms: dated.to_ms.saturating_sub(dated.from_ms),
    }
}

fn joined(one: &Finding, other: &Finding, times: u32) -> Finding {
    let weight = |finding: &Finding| finding.lasted_ms.max(1) as f64;
    // Of two that overlap, what they share counts once.
    let shared = one.to_ms.saturating_sub(other.from_ms).clamp(0, other.lasted_ms.max(0));
    let lasted_ms = one.lasted_ms.saturating_add(other.lasted_ms).saturating_sub(shared);
    let figure = match one.trouble {
        Trouble::ConnectionLost | Trouble::ServerLost | Trouble::Sleep | Trouble::Stall => lasted_ms as f64 / 1000.0,
        Trouble::Freeze => one.figure + other.figure,
        _ => (one.figure * weight(one) + other.figure * weight(other)) / (weight(one) + weight(other)),
    };
    Finding {
        figure,
        class: one.class.max(other.class),
        kind: one.kind.filter(|kind| other.kind == Some(*kind)),
        to_ms: one.to_ms.max(other.to_ms),
        times,
        lasted_ms,
        ..one.clone()
    }
}
