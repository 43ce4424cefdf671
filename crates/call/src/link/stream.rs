//! One stream that we send: numbers, timestamps and extensions of its packets, and what happens when there is no room.
//! Mends the rest of defect 3: nothing may queue without bound, so a frame that finds no room is left out as a whole.
//!
//! Invariant: sequence numbers follow without a gap, except where a frame broke off half way: there the receiver must
//! see the gap. Pictures begin with a keyframe, and begin with one again after a frame was left out.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc::rtp;
use rtc::shared::error::Error;
use sightline_media::{EncodedAudio, EncodedVideo};

use super::extension;
use super::red::Repeater;

/// How long a frame may wait for room in the connection's queue of 256 packets. Longer than a frame interval it would
/// hold up the next one.
pub(super) const ROOM: Duration = Duration::from_millis(30);
/// How long pictures may wait for the keyframe that was asked for before it is asked for again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Where packets go; waits while there is no room.
#[async_trait::async_trait]
pub(super) trait Wire: Send + Sync {
    /// Hands over one packet.
    async fn write(&self, packet: rtp::Packet) -> Result<(), Error>;
}

/// One in so many packets of sound says when it was captured: twice a second is enough for lip sync, and 0.3 kbit/s.
const SOUND_STAMPS: u32 = 25;

/// What the negotiation settled for a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Negotiated {
    pub(super) payload_type: u8,
    /// Of sound with copies of what was before it, where the peer takes that.
    pub(super) red: Option<u8>,
    /// Ids of header extensions, where the peer takes them.
    pub(super) capture_time: Option<u8>,
    pub(super) audio_level: Option<u8>,
}

/// What became of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Sent,
    /// Left out; nothing to do.
    LeftOut,
    /// Left out, and a keyframe must be asked for.
    NeedsKeyframe,
}

/// Where a stream stands.
pub(super) struct Stream {
    ssrc: u32,
    sequence: u16,
    /// Added to the timestamps of media; chosen with the first packet.
    offset: Option<u32>,
    /// Pictures wait for a keyframe, last asked for then.
    waiting: Option<Option<Instant>>,
    /// Packets of sound so far.
    sounds: u32,
    repeater: Repeater,
}

impl Stream {
    pub(super) fn new(ssrc: u32) -> Self {
        // Numbers begin below 2^15, so that the first loss cannot confuse the roll-over counter (RFC 3711, 3.3.1).
        Self {
            ssrc,
            sequence: rand::random::<u16>() >> 1,
            offset: None,
            waiting: Some(None),
            sounds: 0,
            repeater: Repeater::default(),
        }
    }

    /// Sends one picture.
    pub(super) async fn video(&mut self, wire: &dyn Wire, negotiated: Negotiated, frame: &EncodedVideo) -> Outcome {
        if frame.keyframe {
            self.waiting = None;
        } else if let Some(asked) = self.waiting {
            if asked.is_some_and(|at| at.elapsed() < ASK_AGAIN) {
                return Outcome::LeftOut;
            }
            self.waiting = Some(Some(Instant::now()));
            return Outcome::NeedsKeyframe;
        }
        let capture_time = negotiated.capture_time.zip(extension::capture_time(frame.captured_us));
        let last = frame.payloads.len().saturating_sub(1);
        let packets = frame.payloads.iter().enumerate().map(|(index, payload)| Packet {
            payload,
            marker: index == last,
            extensions: [capture_time.clone().filter(|_| index == 0), None],
        });
        match self.write(wire, negotiated.payload_type, frame.timestamp, packets).await {
            Ok(()) => Outcome::Sent,
            // A frame of the upper layer that left no trace is missed by none.
            Err(0) if frame.temporal_layer > 0 => Outcome::LeftOut,
            Err(_) => {
                self.waiting = Some(Some(Instant::now()));
                Outcome::NeedsKeyframe
            }
        }
    }

    /// Sends one Opus packet, with up to so many copies of those before it; false when it was left out.
    pub(super) async fn audio(
        &mut self,
        wire: &dyn Wire,
        negotiated: Negotiated,
        packet: &EncodedAudio,
        copies: usize,
    ) -> bool {
        let level = negotiated.audio_level.map(|id| (id, extension::audio_level(packet.level)));
        let stamped = self.sounds.is_multiple_of(SOUND_STAMPS);
        self.sounds = self.sounds.wrapping_add(1);
        let capture_time = negotiated.capture_time.filter(|_| stamped).zip(extension::capture_time(packet.captured_us));
        let extensions = [level, capture_time];
        let EncodedAudio { payload, timestamp, marker, .. } = packet;
        let wrapped = negotiated.red.and_then(|red| {
            let wrapped = self.repeater.wrap(payload, *timestamp, negotiated.payload_type, copies)?;
            Some((red, wrapped))
        });
        let (payload_type, sent) =
            wrapped.as_ref().map_or((negotiated.payload_type, payload), |(red, all)| (*red, all));
        let packets = std::iter::once(Packet { payload: sent, marker: *marker, extensions });
        let is_sent = self.write(wire, payload_type, *timestamp, packets).await.is_ok();
        if is_sent {
            self.repeater.sent(*timestamp, payload.clone());
        }
        is_sent
    }

    /// Hands packets to the wire. `Err` says how many it took before it was behind.
    async fn write<'a>(
        &mut self,
        wire: &dyn Wire,
        payload_type: u8,
        timestamp: u32,
        packets: impl Iterator<Item = Packet<'a>>,
    ) -> Result<(), usize> {
        // The first timestamp on the wire is random below 2^31: the crate's receiver reports take a wrap for jitter
        // (read in its source), and so it is 6 hours away.
        let offset = *self.offset.get_or_insert_with(|| (rand::random::<u32>() >> 1).wrapping_sub(timestamp));
        let timestamp = timestamp.wrapping_add(offset);
        let mut handed = 0;
        let all = async {
            for packet in packets {
                wire.write(packet.numbered(self.ssrc, payload_type, self.sequence, timestamp)).await?;
                self.sequence = self.sequence.wrapping_add(1);
                handed += 1;
            }
            Ok::<(), Error>(())
        };
        match tokio::time::timeout(ROOM, all).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => tracing::debug!(%error, "a packet was refused"),
            Err(_) => tracing::debug!("the connection is behind; a frame is left out"),
        }
        if handed > 0 {
            self.sequence = self.sequence.wrapping_add(1);
        }
        Err(handed)
    }
}

/// One packet to be.
struct Packet<'a> {
    payload: &'a Bytes,
    marker: bool,
    extensions: [Option<(u8, Bytes)>; 2],
}

impl Packet<'_> {
    fn numbered(self, ssrc: u32, payload_type: u8, sequence_number: u16, timestamp: u32) -> rtp::Packet {
        let mut header = rtp::header::Header {
            version: 2,
            marker: self.marker,
            payload_type,
            sequence_number,
            timestamp,
            ssrc,
            ..Default::default()
        };
        for (id, value) in self.extensions.into_iter().flatten() {
            if let Err(error) = header.set_extension(id, value) {
                tracing::debug!(%error, "a header extension is left out");
            }
        }
        rtp::Packet { header, payload: self.payload.clone() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::red;
    use super::*;

    /// A wire that takes so many packets and then no more.
    struct Narrow {
        room: AtomicUsize,
        taken: Mutex<Vec<rtp::Packet>>,
    }

    impl Narrow {
        fn with_room(room: usize) -> Self {
            Self { room: AtomicUsize::new(room), taken: Mutex::default() }
        }

        fn taken(&self) -> Vec<rtp::Packet> {
            std::mem::take(&mut self.taken.lock().unwrap())
        }
    }

    #[async_trait::async_trait]
    impl Wire for Narrow {
        async fn write(&self, packet: rtp::Packet) -> Result<(), Error> {
            if self.room.load(Ordering::Relaxed) == 0 {
                std::future::pending::<()>().await;
            }
            self.room.fetch_sub(1, Ordering::Relaxed);
            self.taken.lock().unwrap().push(packet);
            Ok(())
        }
    }

    const NEGOTIATED: Negotiated =
        Negotiated { payload_type: 96, red: Some(63), capture_time: Some(4), audio_level: Some(3) };

    fn frame(keyframe: bool, temporal_layer: u8, timestamp: u32) -> EncodedVideo {
        EncodedVideo {
            payloads: vec![Bytes::from_static(b"one"), Bytes::from_static(b"two"), Bytes::from_static(b"three")],
            timestamp,
            captured_us: 1_795_000_000_000_001,
            keyframe,
            temporal_layer,
            spatial_layer: 0,
            width: 640,
            height: 360,
        }
    }

    #[tokio::test]
    async fn a_picture_is_numbered_stamped_and_marked() {
        let (mut stream, wire) = (Stream::new(7), Narrow::with_room(100));
        assert_eq!(stream.video(&wire, NEGOTIATED, &frame(true, 0, u32::MAX)).await, Outcome::Sent);
        assert_eq!(stream.video(&wire, NEGOTIATED, &frame(false, 1, 2_999)).await, Outcome::Sent);
        let taken = wire.taken();
        let first = taken[0].header.sequence_number;
        assert!(first < 0x8000);
        assert!(taken[0].header.timestamp < 0x8000_0000, "far from a wrap");
        for (index, packet) in taken.iter().enumerate() {
            assert_eq!(packet.header.sequence_number, first + index as u16);
            assert_eq!(packet.header.ssrc, 7);
            assert_eq!(packet.header.marker, index % 3 == 2);
            let captured = packet.header.get_extension(4);
            assert_eq!(captured.is_some(), index % 3 == 0, "on the first packet of each frame");
        }
        assert_eq!(taken[3].header.timestamp - taken[0].header.timestamp, 3_000);
    }

    #[tokio::test]
    async fn pictures_begin_with_a_keyframe() {
        let (mut stream, wire) = (Stream::new(7), Narrow::with_room(100));
        assert_eq!(stream.video(&wire, NEGOTIATED, &frame(false, 0, 0)).await, Outcome::NeedsKeyframe);
        assert_eq!(stream.video(&wire, NEGOTIATED, &frame(false, 0, 0)).await, Outcome::LeftOut, "asked a moment ago");
        assert_eq!(stream.video(&wire, NEGOTIATED, &frame(true, 0, 0)).await, Outcome::Sent);
        assert_eq!(wire.taken().len(), 3);
    }

    #[tokio::test]
    async fn a_frame_without_room_is_left_out_as_a_whole_and_a_keyframe_follows() {
        let (mut stream, wire) = (Stream::new(7), Narrow::with_room(3));
        assert_eq!(stream.video(&wire, NEGOTIATED, &frame(true, 0, 0)).await, Outcome::Sent);
        assert_eq!(stream.video(&wire, NEGOTIATED, &frame(false, 1, 1)).await, Outcome::LeftOut, "nobody needs it");
        assert_eq!(stream.video(&wire, NEGOTIATED, &frame(false, 0, 2)).await, Outcome::NeedsKeyframe);
        wire.room.store(100, Ordering::Relaxed);
        assert_eq!(stream.video(&wire, NEGOTIATED, &frame(false, 0, 3)).await, Outcome::LeftOut);
        assert_eq!(stream.video(&wire, NEGOTIATED, &frame(true, 0, 4)).await, Outcome::Sent);
        let taken = wire.taken();
        assert_eq!(taken.len(), 6);
        assert_eq!(taken[3].header.sequence_number, taken[2].header.sequence_number + 1, "no gap: nothing was begun");
    }

    #[tokio::test]
    async fn a_frame_that_broke_off_leaves_a_gap_to_see() {
        let (mut stream, wire) = (Stream::new(7), Narrow::with_room(2));
        assert_eq!(stream.video(&wire, NEGOTIATED, &frame(true, 0, 0)).await, Outcome::NeedsKeyframe);
        wire.room.store(100, Ordering::Relaxed);
        assert_eq!(stream.video(&wire, NEGOTIATED, &frame(true, 0, 1)).await, Outcome::Sent);
        let taken = wire.taken();
        assert_eq!(taken[2].header.sequence_number, taken[1].header.sequence_number + 2);
    }

    #[tokio::test]
    async fn sound_carries_its_level_and_is_dropped_without_room() {
        let (mut stream, wire) = (Stream::new(8), Narrow::with_room(1));
        let packet = EncodedAudio {
            payload: Bytes::from_static(b"opus"),
            timestamp: 960,
            captured_us: 0,
            marker: true,
            level: 37,
        };
        assert!(stream.audio(&wire, NEGOTIATED, &packet, 0).await);
        assert!(!stream.audio(&wire, NEGOTIATED, &packet, 0).await);
        let taken = wire.taken();
        assert_eq!(taken[0].header.get_extension(4), extension::capture_time(0), "the first one is stamped");
        assert_eq!(taken[0].header.get_extension(3).as_deref(), Some(&[37u8][..]));
        assert!(taken[0].header.marker);
    }

    #[tokio::test]
    async fn sound_is_sent_again_with_what_follows_it() {
        let (mut stream, wire) = (Stream::new(8), Narrow::with_room(2));
        let packet = |number: u8| EncodedAudio {
            payload: vec![number; 3].into(),
            timestamp: u32::from(number) * 960,
            captured_us: 0,
            marker: false,
            level: 37,
        };
        assert!(stream.audio(&wire, NEGOTIATED, &packet(0), 2).await);
        assert!(stream.audio(&wire, NEGOTIATED, &packet(1), 2).await);
        // What was left out has no number that copies could be counted by.
        assert!(!stream.audio(&wire, NEGOTIATED, &packet(2), 2).await);
        wire.room.store(100, Ordering::Relaxed);
        assert!(stream.audio(&wire, NEGOTIATED, &packet(3), 2).await);
        assert!(stream.audio(&wire, NEGOTIATED, &packet(4), 0).await);
        assert!(stream.audio(&wire, Negotiated { red: None, ..NEGOTIATED }, &packet(5), 2).await);
        let taken = wire.taken();
        let brought = |index: usize| {
            let blocks = red::unwrap(&taken[index].payload, 96).expect("it can be read");
            blocks.iter().map(|block| (block.back, block.payload[0])).collect::<Vec<_>>()
        };
        assert_eq!(taken.iter().map(|one| one.header.payload_type).collect::<Vec<_>>(), [96, 63, 63, 96, 96]);
        assert_eq!((brought(1), brought(2)), (vec![(1, 0), (0, 1)], vec![(2, 0), (1, 1), (0, 3)]));
        assert_eq!((&taken[0].payload[..], &taken[3].payload[..]), (&[0; 3][..], &[4; 3][..]));
    }
}
