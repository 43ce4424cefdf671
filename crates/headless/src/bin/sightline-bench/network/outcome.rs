//! What came of a call over a bad path: figures of one direction, from the sender's report, the receiver's and the wire.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use sightline_headless::report::{PeerReport, Report, TrackReport};
use sightline_netpath::Party;

use super::wire::Wire;

/// The sender whose pictures and sound are judged, at the bad line; the other one sends too.
pub(crate) const SENDER: Party = Party(0);

/// A moment on both clocks: clients write Unix time, the relay the monotonic one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) at: Instant,
    pub(crate) unix_ms: f64,
}

impl Moment {
    /// Now.
    pub(crate) fn now() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { at: Instant::now(), unix_ms: unix.as_secs_f64() * 1e3 }
    }

    /// So much later.
    pub(crate) fn after(self, later: Duration) -> Self {
        Self { at: self.at + later, unix_ms: self.unix_ms + later.as_secs_f64() * 1e3 }
    }
}

/// See the module.
pub(crate) struct Outcome {
    /// The sender's view.
    pub(crate) sender: Report,
    /// The receiver's.
    pub(crate) receiver: Report,
    pub(crate) wire: Wire,
    /// The end of the warm-up, from when on figures count.
    pub(crate) begin: Moment,
    /// The end of the call.
    pub(crate) end: Moment,
    /// What happened to the path, and when, in order.
    pub(crate) changes: Vec<Moment>,
    /// The most that pictures may have, bit/s.
    pub(crate) cap_bps: u64,
}

impl Outcome {
    fn to(&self) -> Option<&PeerReport> {
        self.sender.peers.first()
    }

    fn from(&self) -> Option<&PeerReport> {
        self.receiver.peers.first()
    }

    fn seen(&self) -> Option<&TrackReport> {
        self.from()?.video_in.as_ref()
    }

    fn heard(&self) -> Option<&TrackReport> {
        self.from()?.audio_in.as_ref()
    }

    /// A call in which nobody met measures nothing.
    pub(crate) fn check(self) -> Result<Self> {
        self.to().and(self.from()).context("the two did not meet")?;
        Ok(self)
    }

    /// Seconds from the first picture to half a second at the cap.
    pub(crate) fn full_rate_s(&self) -> Option<f64> {
        let first = self.wire.first_picture(SENDER)?;
        self.wire.full_rate_after(SENDER, first, self.cap_bps).map(|after| after.as_secs_f64())
    }

    /// The same from a change of the path on, to a rate.
    pub(crate) fn full_rate_after_s(&self, change: usize, bps: u64) -> Option<f64> {
        let change = self.changes.get(change)?;
        self.wire.full_rate_after(SENDER, change.at, bps).map(|after| after.as_secs_f64())
    }

    /// Video sent, kbit/s.
    pub(crate) fn sent_kbps(&self) -> Option<f64> {
        self.to()?.video_out.as_ref()?.kbps
    }

    /// The seconds that count, as the sender wrote them down.
    fn sent_by_second(&self) -> Vec<f64> {
        let span = self.begin.unix_ms + 1000.0..self.end.unix_ms;
        let seconds = self.to().map_or(&[][..], |peer| &peer.series);
        seconds.iter().filter(|one| span.contains(&(one.unix_ms as f64))).filter_map(|one| one.sent_kbps).collect()
    }

    /// The second furthest from the mean, percent of it.
    pub(crate) fn swing_percent(&self) -> Option<f64> {
        let seconds = self.sent_by_second();
        let mean = seconds.iter().sum::<f64>() / seconds.len() as f64;
        seconds.iter().map(|kbps| (kbps / mean - 1.0).abs() * 100.0).reduce(f64::max)
    }

    /// Mean round trip of all small packets, ms. Not that of reports and pings alone: they come each second and each 400 ms, the
    /// times of 30 and of twelve pictures, and so meet the queue behind the same ones throughout a call.
    pub(crate) fn rtt_mean_ms(&self) -> Option<f64> {
        Some(self.wire.mean_round_trip(self.begin.at, self.end.at)?.as_secs_f64() * 1e3)
    }

    /// The 95th percentile of the round trips of all seconds, as measured by the sender.
    pub(crate) fn rtt_p95_ms(&self) -> Option<f64> {
        Some(self.to()?.rtt_ms?.p95)
    }

    /// For how many seconds the round trip was over `limit`, from the first change of the path on.
    pub(crate) fn slow_s(&self, limit: Duration) -> Option<f64> {
        let from = self.changes.first()?.at;
        Some(self.wire.slower_than(limit, from, self.end.at).as_secs_f64())
    }

    /// The least that was sent in two seconds between two changes of the path, from 2 s after the first on, kbit/s.
    pub(crate) fn held_kbps(&self, change: usize) -> Option<f64> {
        const SETTLE: Duration = Duration::from_secs(2);
        let (begin, end) = (self.changes.get(change)?, self.changes.get(change + 1)?);
        Some(self.wire.lowest_rate(SENDER, begin.at + SETTLE, end.at)? / 1e3)
    }

    /// Mean time of sound in the jitter buffer, ms.
    pub(crate) fn buffer_ms(&self) -> Option<f64> {
        self.heard()?.buffer_ms
    }

    /// Sound that was neither received nor recovered, percent.
    pub(crate) fn concealed_percent(&self) -> Option<f64> {
        self.heard()?.concealed_percent
    }

    /// Pictures sent and not seen, percent.
    pub(crate) fn missing_percent(&self) -> Option<f64> {
        let left_out = self.to()?.video_out.as_ref()?.dropped?;
        self.from()?.clip?.missing_percent(left_out)
    }

    /// Pictures seen per second.
    pub(crate) fn fps(&self) -> Option<f64> {
        self.seen()?.fps
    }

    /// Freezes.
    pub(crate) fn freezes(&self) -> Option<f64> {
        Some(self.from()?.freezes.len() as f64)
    }

    /// The longest of them, ms; 0 where there was none.
    pub(crate) fn longest_freeze_ms(&self) -> Option<f64> {
        Some(self.from()?.freezes.iter().map(|freeze| freeze.ms).fold(0.0, f64::max))
    }

    /// Mean PSNR of luma, dB.
    pub(crate) fn psnr_db(&self) -> Option<f64> {
        Some(self.from()?.picture?.psnr_y_db)
    }

    /// From a change of the path to the next picture at the receiver, seconds.
    pub(crate) fn picture_after_s(&self, change: usize) -> Option<f64> {
        picture_after(self.from()?, self.changes.get(change)?)
    }

    /// The same at the side where it took longer.
    pub(crate) fn pictures_after_s(&self, change: usize) -> Option<f64> {
        let change = self.changes.get(change)?;
        Some(picture_after(self.from()?, change)?.max(picture_after(self.to()?, change)?))
    }

    /// Breaks in the two records: of the one that has more, if each of them has a cause and an end.
    pub(crate) fn breaks(&self) -> Option<f64> {
        let both = [&self.sender, &self.receiver];
        let whole = both.iter().all(|report| {
            report.breaks.iter().all(|one| one.peer.is_some() && !one.cause.is_empty() && one.ended_unix_ms.is_some())
        });
        whole.then(|| both.iter().map(|report| report.breaks.len()).max().unwrap_or(0) as f64)
    }

    /// Other participants that either of the two met: more than one is another session.
    pub(crate) fn met(&self) -> Option<f64> {
        Some(self.sender.peers.len().max(self.receiver.peers.len()) as f64)
    }
}

/// The end of what froze at the change, or within a second of it. Where nothing did, pictures went on.
fn picture_after(peer: &PeerReport, change: &Moment) -> Option<f64> {
    peer.video_in.as_ref()?;
    let around = peer.freezes.iter().filter(|freeze| {
        let ended = freeze.ended_unix_ms as f64;
        ended >= change.unix_ms && ended - freeze.ms <= change.unix_ms + 1000.0
    });
    Some(around.map(|freeze| (freeze.ended_unix_ms as f64 - change.unix_ms) / 1e3).fold(0.0, f64::max))
}
