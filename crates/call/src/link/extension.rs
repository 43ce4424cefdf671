//! RTP header extensions (RFC 8285) that the link writes and reads itself.

use bytes::Bytes;

/// RFC 8843: which media section a packet belongs to.
pub(super) const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
/// RFC 6464: audio level of a packet.
pub(super) const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
/// draft-holmer-rmcat-transport-wide-cc-extensions-01: numbers for congestion feedback.
pub(super) const TRANSPORT_CC: &str = "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
/// When a frame was captured, in the sender's clock.
pub(super) const ABS_CAPTURE_TIME: &str = "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time";

/// Seconds from the NTP epoch, 1900, to the Unix epoch.
const NTP_TO_UNIX: u64 = 2_208_988_800;

/// abs-capture-time from microseconds since the Unix epoch: NTP 32.32, big endian. `None` for times before 1970.
pub(super) fn capture_time(unix_us: i64) -> Option<Bytes> {
    let unix_us = u64::try_from(unix_us).ok()?;
    let seconds = unix_us / 1_000_000 + NTP_TO_UNIX;
    let fraction = ((unix_us % 1_000_000) << 32) / 1_000_000;
    // Seconds wrap in 2036 into the next NTP era, as everybody's do.
    Some(Bytes::copy_from_slice(&((seconds << 32) | fraction).to_be_bytes()))
}

/// Microseconds since the Unix epoch from abs-capture-time. The optional clock offset behind it is not used.
pub(super) fn parse_capture_time(extension: &[u8]) -> Option<i64> {
    let ntp = u64::from_be_bytes(extension.get(..8)?.try_into().ok()?);
    let seconds = i64::try_from(ntp >> 32).ok()?.checked_sub(NTP_TO_UNIX as i64)?;
    // Rounded, so that microseconds come out as they went in.
    let micros = ((ntp & 0xffff_ffff) * 1_000_000 + 0x8000_0000) >> 32;
    seconds.checked_mul(1_000_000)?.checked_add(micros as i64)
}

/// Audio level in -dBov; the voice flag is left unset as nobody measures it.
pub(super) fn audio_level(level: u8) -> Bytes {
    Bytes::copy_from_slice(&[level & 0x7f])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capture_time_comes_back_to_the_microsecond() {
        for us in [0, 1, 999_999, 1_000_000, 1_795_000_000_123_457] {
            let wire = capture_time(us).expect("after 1970");
            assert_eq!(wire.len(), 8);
            assert_eq!(parse_capture_time(&wire), Some(us));
        }
        // 1970-01-01T00:00:00.5Z
        assert_eq!(&capture_time(500_000).expect("after 1970")[..], &[0x83, 0xaa, 0x7e, 0x80, 0x80, 0, 0, 0]);
    }

    #[test]
    fn nonsense_is_no_capture_time() {
        assert_eq!(capture_time(-1), None);
        assert_eq!(parse_capture_time(&[1, 2, 3]), None);
        assert_eq!(parse_capture_time(&[]), None);
        assert!(parse_capture_time(&[0; 8]).is_some_and(|us| us < 0), "1900 is long ago, but no crash");
    }
}
