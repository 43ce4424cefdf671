//! What the peer tells of our packets, from the wire to the estimator
//! (draft-holmer-rmcat-transport-wide-cc-extensions-01).
//!
//! Mends a defect of the crate's reading (22): the last chunk of a feedback is filled up with packets that it is not about,
//! which the crate hands out as lost.
//!
//! Invariant: whatever comes, what comes out is about packets that were sent, in order of sending.

use std::time::Duration;

use rtc::interceptor::convert_twcc;
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use sightline_bandwidth::{ReferenceTime, Report};

/// Unit of the reference time.
const REFERENCE: Duration = Duration::from_millis(64);

/// Reads feedback.
#[derive(Debug, Default)]
pub(super) struct FeedbackReader {
    reference: ReferenceTime,
}

impl FeedbackReader {
    /// The reports of one feedback. `sequence` finds the packet that is meant by the last 16 bits of its number.
    pub(super) fn read(&mut self, feedback: &TransportLayerCc, sequence: impl Fn(u16) -> Option<u64>) -> Vec<Report> {
        let count = usize::from(feedback.packet_status_count);
        let last = feedback.base_sequence_number.wrapping_add(feedback.packet_status_count.wrapping_sub(1));
        let Some(last) = sequence(last).filter(|_| count > 0) else { return Vec::new() };
        // Numbers follow each other: the last one is found, and the others counted back from it.
        let Some(first) = (last + 1).checked_sub(count as u64) else { return Vec::new() };
        let reference = self.reference.unwrap(feedback.reference_time);
        // The crate counts from the 24 bits of this feedback alone.
        let before = REFERENCE * feedback.reference_time;
        let reports = convert_twcc(feedback).into_iter().take(count).zip(first..);
        let report = |(acknowledgement, sequence): (rtc::interceptor::Acknowledgement, u64)| {
            if !acknowledgement.arrived {
                return Some(Report { sequence, arrival: None });
            }
            // One that arrived at an unknown time says nothing.
            let arrival = acknowledgement.arrival?;
            let arrival = (reference + arrival).checked_sub(before)?;
            Some(Report { sequence, arrival: Some(arrival) })
        };
        reports.filter_map(report).collect()
    }
}
