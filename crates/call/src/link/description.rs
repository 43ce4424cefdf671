//! Mends defect 14: a track that the peer removes ends without an event. Its session description tells.
//!
//! Invariant: a stream counts as ended only if the description names the peer's streams and leaves this one out, or says
//! that nothing is sent; a description that names none ends none.

use std::collections::HashSet;

/// What the peer says it sends.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sending {
    /// SSRCs in sections with direction sendrecv or sendonly (RFC 5576).
    ssrcs: HashSet<u32>,
    /// Some sending section names no SSRC: it may be any.
    unnamed: bool,
}

impl Sending {
    /// Reads a session description of the peer.
    pub(super) fn read(sdp: &str) -> Self {
        let mut sending = Self::default();
        let mut session_direction = Direction::default();
        let mut section: Option<Section> = None;
        for line in sdp.lines().map(str::trim_end) {
            if let Some(media) = line.strip_prefix("m=") {
                sending.take(section.replace(Section::new(media, session_direction)));
            } else if let Some(attribute) = line.strip_prefix("a=") {
                match (&mut section, Direction::parse(attribute)) {
                    (Some(section), Some(direction)) => section.direction = direction,
                    (None, Some(direction)) => session_direction = direction,
                    (Some(section), None) => section.ssrcs.extend(ssrc(attribute)),
                    (None, None) => {}
                }
            }
        }
        sending.take(section);
        sending
    }

    fn take(&mut self, section: Option<Section>) {
        if let Some(section) = section
            && section.carries_rtp
            && section.direction == Direction::Sends
        {
            self.unnamed |= section.ssrcs.is_empty();
            self.ssrcs.extend(section.ssrcs);
        }
    }

    /// False once the peer has stopped sending this stream.
    pub(super) fn includes(&self, ssrc: u32) -> bool {
        self.unnamed || self.ssrcs.contains(&ssrc)
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Direction {
    /// sendrecv (the default, RFC 8866, 6.7) and sendonly.
    #[default]
    Sends,
    /// recvonly and inactive.
    Silent,
}

impl Direction {
    fn parse(attribute: &str) -> Option<Self> {
        match attribute {
            "sendrecv" | "sendonly" => Some(Self::Sends),
            "recvonly" | "inactive" => Some(Self::Silent),
            _ => None,
        }
    }
}

struct Section {
    carries_rtp: bool,
    direction: Direction,
    ssrcs: Vec<u32>,
}

impl Section {
    fn new(media: &str, direction: Direction) -> Self {
        let mut words = media.split(' ');
        let kind = words.next().unwrap_or_default();
        // Port 0 is a rejected section (RFC 8843, 6).
        let carries_rtp = matches!(kind, "audio" | "video") && words.next() != Some("0");
        Self { carries_rtp, direction, ssrcs: Vec::new() }
    }
}

fn ssrc(attribute: &str) -> Option<u32> {
    attribute.strip_prefix("ssrc:")?.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=sendrecv\r\na=ssrc:1 cname:x\r\n\
                       m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=sendonly\r\na=ssrc-group:FID 2 3\r\n\
                       a=ssrc:2 cname:x\r\na=ssrc:3 cname:x\r\n";

    #[test]
    fn what_is_named_and_sent_is_there() {
        let sending = Sending::read(TWO);
        assert!(sending.includes(1) && sending.includes(2) && sending.includes(3));
        assert!(!sending.includes(4));
    }

    #[test]
    fn a_removed_track_is_gone() {
        for silent in ["a=recvonly", "a=inactive"] {
            let sending = Sending::read(&TWO.replace("a=sendonly", silent));
            assert!(sending.includes(1) && !sending.includes(2), "{silent}");
        }
        let rejected = Sending::read(&TWO.replace("m=video 9", "m=video 0"));
        assert!(rejected.includes(1) && !rejected.includes(2));
    }

    #[test]
    fn a_section_without_names_may_send_anything() {
        assert!(Sending::read("v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n").includes(7));
        assert!(Sending::read("v=0\na=recvonly\nm=video 9 UDP/TLS/RTP/SAVPF 96\na=sendrecv\n").includes(7));
        assert!(!Sending::read("v=0\na=recvonly\nm=video 9 UDP/TLS/RTP/SAVPF 96\n").includes(7));
        assert!(!Sending::read("").includes(7));
    }

    #[test]
    fn garbage_does_no_harm() {
        let _ = Sending::read("m=\na=ssrc:\na=ssrc:99999999999 x\na=\n\u{0}m=video");
    }
}
