//! Both ends of a stream: what one sent beside what the other received of it, each as its own record has it.
//!
//! Invariant: the two views can be compared at a glance: the same charts at the same height, in the same units, over one
//! axis of time, with axes of values that reach equally far.

use sightline_history::{CallId, History};
use sightline_quality::Direction;

use crate::chart::Chart;
use crate::kind::ChartKind;
use crate::record::{CallRecord, ChartsError, Scope};

/// One end of a stream.
#[derive(Debug, Clone, Copy)]
pub struct End<'a> {
    /// Whose record it is read from.
    pub call: CallId,
    /// The other end, by its participant ids.
    pub peers: &'a [String],
    /// Outbound is the sender's end.
    pub direction: Direction,
}

impl CallRecord {
    /// Reads one end of a stream, with at most about `max_points` points on each line.
    ///
    /// # Errors
    /// Where the history cannot be read, or the call is not in it.
    pub fn load_end(history: &History, end: &End<'_>, max_points: usize) -> Result<Self, ChartsError> {
        Self::load_scope(history, end.call, Scope::OneWay(end.direction, end.peers), max_points)
    }

    /// Makes the ends of a stream such that they can stand side by side.
    #[must_use]
    pub fn side_by_side(mut one: Self, mut other: Self) -> [Self; 2] {
        one.timeline = one.timeline.joined(&other.timeline);
        other.timeline = one.timeline.clone();
        one.has_lane |= other.has_lane;
        other.has_lane = one.has_lane;
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for kind in ChartKind::ALL {
            let take = |charts: &mut Vec<Chart>| {
                let place = charts.iter().position(|chart| chart.kind == kind)?;
                Some(charts.remove(place))
            };
            let pair = match (take(&mut one.charts), take(&mut other.charts)) {
                (None, None) => continue,
                (first, second) => {
                    [first.unwrap_or_else(|| Chart::empty(kind)), second.unwrap_or_else(|| Chart::empty(kind))]
                }
            };
            let [first, second] = alike(pair);
            left.push(first);
            right.push(second);
        }
        (one.charts, other.charts) = (left, right);
        [one, other]
    }
}

fn alike(mut pair: [Chart; 2]) -> [Chart; 2] {
    if pair[0].unit != pair[1].unit {
        for chart in pair.iter_mut().filter(|chart| chart.unit == "kb/s") {
            chart.convert("Mb/s", 1e-3);
        }
    }
    let reaches = pair[0].greatest().max(pair[1].greatest());
    pair.map(|chart| Chart { reaches, ..chart })
}
