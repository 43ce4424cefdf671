//! When what a packet holds was captured, by the sender's clock, from its sender reports (RFC 3550, 6.4.1): lip sync with browsers,
//! which do not say it in the packets.
//!
//! Invariant: the time of a stream comes from one source. One that says it in packets (abs-capture-time) is believed there, for its
//! reports may be about the time of sending.

use rtc::rtcp::sender_report::SenderReport;

use super::super::extension;

/// The clock of one stream of the peer.
#[derive(Debug, Default)]
pub(super) struct SenderClock {
    /// The same moment as microseconds since the Unix epoch and as RTP timestamp.
    report: Option<(i64, u32)>,
    is_stamped: bool,
}

impl SenderClock {
    /// The peer reports on what it sends. A sender without a clock says zero.
    pub(super) fn report(&mut self, report: &SenderReport) {
        let unix_us = extension::parse_capture_time(&report.ntp_time.to_be_bytes());
        if let Some(unix_us) = unix_us.filter(|_| report.ntp_time != 0) {
            self.report = Some((unix_us, report.rtp_time));
        }
    }

    /// When what has this timestamp was captured; `stamp` is what the packet says of itself.
    pub(super) fn captured_us(&mut self, timestamp: u32, clock_rate: u32, stamp: Option<i64>) -> Option<i64> {
        self.is_stamped |= stamp.is_some();
        if self.is_stamped {
            return stamp;
        }
        let (unix_us, reported) = self.report?;
        let later = i64::from(timestamp.wrapping_sub(reported) as i32) * 1_000_000 / i64::from(clock_rate);
        Some(unix_us.saturating_add(later))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIDEO_HZ: u32 = 90_000;
    const AUDIO_HZ: u32 = 48_000;
    const UNIX_US: i64 = 1_795_000_000_000_000;

    /// A report of a stream that began with `first`, `ms` after its first packet.
    fn report(first: u32, clock_rate: u32, ms: i64) -> SenderReport {
        let ntp = extension::capture_time(UNIX_US + ms * 1_000).expect("after 1970");
        let ntp_time = u64::from_be_bytes(ntp[..].try_into().expect("eight bytes"));
        SenderReport { ntp_time, rtp_time: at(first, clock_rate, ms), ..Default::default() }
    }

    fn at(first: u32, clock_rate: u32, ms: i64) -> u32 {
        first.wrapping_add((ms * i64::from(clock_rate) / 1_000) as u32)
    }

    #[test]
    fn sound_and_pictures_of_one_moment_have_one_time() {
        // Each stream has timestamps of its own, which wrap, and reports at times of its own.
        let (pictures, sound) = (u32::MAX - 100_000, 7);
        let (mut of_pictures, mut of_sound) = (SenderClock::default(), SenderClock::default());
        assert_eq!(of_pictures.captured_us(pictures, VIDEO_HZ, None), None, "nothing is known yet");
        for ms in (0..60_000).step_by(10) {
            if ms % 1_010 == 0 {
                of_pictures.report(&report(pictures, VIDEO_HZ, ms));
            }
            if ms % 4_700 == 0 {
                of_sound.report(&report(sound, AUDIO_HZ, ms - 30));
            }
            let picture = of_pictures.captured_us(at(pictures, VIDEO_HZ, ms), VIDEO_HZ, None).expect("reported");
            let heard = of_sound.captured_us(at(sound, AUDIO_HZ, ms), AUDIO_HZ, None).expect("reported");
            assert!((picture - UNIX_US - ms * 1_000).abs() <= 20 && (picture - heard).abs() <= 20, "{ms} ms");
        }
    }

    #[test]
    fn what_packets_say_of_themselves_goes_first() {
        let mut clock = SenderClock::default();
        clock.report(&report(0, AUDIO_HZ, 0));
        assert_eq!(clock.captured_us(48, AUDIO_HZ, None), Some(UNIX_US + 1_000));
        assert_eq!(clock.captured_us(96, AUDIO_HZ, Some(5)), Some(5));
        clock.report(&report(0, AUDIO_HZ, 3_000));
        assert_eq!(clock.captured_us(144, AUDIO_HZ, None), None, "two clocks are not mixed");
    }

    #[test]
    fn a_sender_without_a_clock_says_nothing() {
        let mut clock = SenderClock::default();
        clock.report(&SenderReport { rtp_time: 9, ..Default::default() });
        assert_eq!(clock.captured_us(9, VIDEO_HZ, None), None);
        clock.report(&SenderReport { ntp_time: u64::MAX, rtp_time: 0x8000_0000, ..Default::default() });
        assert!(clock.captured_us(0, 1, None).is_some(), "far away, but no crash");
    }
}
