//! One track's windows, with what is told from them: scores, verdicts, and changes of codec and limitation.

use crate::metric::{PerMetric, TrackMetric};
use crate::sample::{LiveTrack, TrackRow};
use crate::score::{AudioConditions, VideoConditions, audio_score, codec_efficiency, video_score};
use crate::verdict::{StreamFigures, judge};
use crate::window::{Closed, Moment, Window};
use crate::{BitRate, Direction, EventKind, FrameRate, Kind, Millis, Percent, TrackCounters};

/// A limitation begins when it held for most of a second; it ends with the first second without it.
const LIMITED_FROM: f64 = 50.0;

#[derive(Debug)]
pub(crate) struct Track {
    window: Window<TrackCounters>,
    /// Best frame rate of a window so far: what the sender can do, where it did not say what it means to do.
    best_fps: f64,
    limited: [bool; 2],
}

impl Track {
    pub(crate) fn new() -> Self {
        Self { window: Window::new(), best_fps: 0.0, limited: [false; 2] }
    }

    pub(crate) fn cut(&mut self) {
        self.window.cut();
    }

    /// Takes a reading. `path_rtt` is the present round trip of the link.
    pub(crate) fn step(
        &mut self,
        now: Moment,
        counters: &TrackCounters,
        path_rtt: Option<Millis>,
    ) -> (LiveTrack, Vec<EventKind>) {
        let change = self.window.counters().and_then(|earlier| codec_change(earlier, counters));
        let mut events: Vec<_> = change.into_iter().collect();
        let values = self.window.step(now, counters);
        events.extend(self.limitations(&values));
        let live = LiveTrack {
            key: counters.key.clone(),
            muted: counters.muted,
            codec: counters.codec.clone(),
            size: counters.width.zip(counters.height),
            score: self.score(counters, |metric| values[metric], path_rtt),
            values,
        };
        (live, events)
    }

    /// Ends the window. `path_rtt` is the mean round trip of the link in it.
    pub(crate) fn close(&mut self, path_rtt: Option<Millis>) -> Option<TrackRow> {
        let Closed { span, values, counts, counters } = self.window.close()?;
        let value = |metric| values[metric].map(|spread: crate::Spread| spread.mean);
        let score = self.score(&counters, value, path_rtt);
        let verdict = judge(&figures(&counters, value, path_rtt));
        self.best_fps = self.best_fps.max(value(TrackMetric::FrameRate).unwrap_or(0.0));
        Some(TrackRow { span, values, counts, score, verdict, counters })
    }

    /// Scores what arrives here: the delay in a peer's buffer is not known.
    fn score(
        &self,
        counters: &TrackCounters,
        value: impl Fn(TrackMetric) -> Option<f64>,
        path_rtt: Option<Millis>,
    ) -> Option<f64> {
        if counters.key.direction == Direction::Outbound {
            return None;
        }
        let round_trip = path_rtt?;
        let buffer = Millis(value(TrackMetric::Buffer)?);
        let bit_rate = value(TrackMetric::Bitrate).map(BitRate);
        match counters.key.kind {
            Kind::Audio => {
                let conditions = AudioConditions {
                    loss: Percent(value(TrackMetric::Loss)?),
                    round_trip,
                    buffer,
                    bit_rate,
                    fec: counters.fec.unwrap_or(false),
                    dtx: counters.dtx.unwrap_or(false),
                };
                Some(audio_score(&conditions).mos)
            }
            Kind::Video => {
                let fps = value(TrackMetric::FrameRate)?;
                let expected = counters.expected_fps.map_or(self.best_fps.max(fps), f64::from);
                let conditions = VideoConditions {
                    bit_rate: bit_rate?,
                    pixels: u64::from(counters.width?) * u64::from(counters.height?),
                    frame_rate: FrameRate(fps),
                    expected: FrameRate(expected),
                    buffer,
                    round_trip,
                };
                Some(video_score(&conditions, codec_efficiency(counters.codec.as_deref()?)?))
            }
        }
    }

    fn limitations(&mut self, values: &PerMetric<TrackMetric, Option<f64>>) -> Vec<EventKind> {
        let reasons = [(TrackMetric::LimitedByBandwidth, "bandwidth"), (TrackMetric::LimitedByCpu, "cpu")];
        let mut events = Vec::new();
        for ((metric, reason), limited) in reasons.into_iter().zip(&mut self.limited) {
            let Some(share) = values[metric] else { continue };
            let reason = reason.to_owned();
            if !*limited && share >= LIMITED_FROM {
                *limited = true;
                events.push(EventKind::LimitationBegan { reason });
            } else if *limited && share <= 0.0 {
                *limited = false;
                events.push(EventKind::LimitationEnded { reason });
            }
        }
        events
    }
}

fn figures(
    counters: &TrackCounters,
    value: impl Fn(TrackMetric) -> Option<f64>,
    path_rtt: Option<Millis>,
) -> StreamFigures {
    StreamFigures {
        kind: counters.key.kind,
        packets: counters.packets,
        loss: value(TrackMetric::Loss).map(Percent),
        round_trip: value(TrackMetric::RoundTrip).map(Millis).or(path_rtt),
        jitter: value(TrackMetric::Jitter).map(Millis),
        concealed: value(TrackMetric::Concealed).map(Percent),
        frame_rate: value(TrackMetric::FrameRate).map(FrameRate),
        frame_loss: value(TrackMetric::Dropped).map(Percent),
    }
}

/// Another codec than before; the first one is no change.
fn codec_change(earlier: &TrackCounters, later: &TrackCounters) -> Option<EventKind> {
    let codec = later.codec.as_ref().filter(|codec| earlier.codec.as_ref().is_some_and(|before| before != *codec))?;
    let (media, direction) = (later.key.kind, later.key.direction);
    Some(EventKind::CodecChanged { media, direction, codec: codec.clone() })
}

/// What a verdict on a row needs to know besides the row itself: whether anything was measured.
pub(crate) fn measured(row: &TrackRow) -> bool {
    row.values[TrackMetric::Bitrate].is_some()
}

/// Whether anything was ever heard from the peer on this track.
pub(crate) fn arrived(counters: &TrackCounters) -> bool {
    counters.key.direction == Direction::Inbound && counters.packets.is_some_and(|packets| packets > 0)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::TrackKey;

    fn video(second: u64) -> TrackCounters {
        let key = TrackKey { peer: "p".to_owned(), kind: Kind::Video, direction: Direction::Outbound };
        TrackCounters { packets: Some(100 * second + 1), codec: Some("VP8".to_owned()), ..TrackCounters::unknown(key) }
    }

    fn moments() -> impl Fn(u64) -> Moment {
        let start = Instant::now();
        move |second| Moment { at: start + Duration::from_secs(second), unix_ms: second as i64 * 1000 }
    }

    #[test]
    fn another_codec_is_an_event_and_the_first_one_is_none() {
        let (mut track, at) = (Track::new(), moments());
        assert_eq!(track.step(at(0), &TrackCounters { codec: None, ..video(0) }, None).1, []);
        assert_eq!(track.step(at(1), &video(1), None).1, []);
        let other = TrackCounters { codec: Some("AV1".to_owned()), ..video(2) };
        let changed =
            EventKind::CodecChanged { media: Kind::Video, direction: Direction::Outbound, codec: "AV1".to_owned() };
        assert_eq!(track.step(at(2), &other, None).1, [changed]);
        assert_eq!(track.step(at(3), &TrackCounters { codec: None, ..other }, None).1, []);
    }

    #[test]
    fn limitation_begins_with_most_of_a_second_and_ends_with_none() {
        let (mut track, at) = (Track::new(), moments());
        let mut events = Vec::new();
        // Limited time in ms after each second: shares 40 %, 60 %, 10 %, 0 %.
        for (second, limited) in [0, 400, 1000, 1100, 1100].into_iter().enumerate() {
            let counters =
                TrackCounters { limited_by_cpu: Some(Duration::from_millis(limited)), ..video(second as u64) };
            let seen = track.step(at(second as u64), &counters, None).1;
            events.extend(seen.into_iter().map(|event| (second, event)));
        }
        let reason = || "cpu".to_owned();
        assert_eq!(
            events,
            [
                (2, EventKind::LimitationBegan { reason: reason() }),
                (4, EventKind::LimitationEnded { reason: reason() })
            ]
        );
    }
}
