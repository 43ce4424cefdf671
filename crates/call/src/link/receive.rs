//! What a link receives. Mends defect 6 for media: a remote track's queue holds 256 events and drops the rest, so each is
//! drained on a task of its own. Mends defect 14 with [`super::description`]: no event tells of a removed track.
//!
//! Invariant: a track is started before its first packet reaches the sink, and after it ended no packet does.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use sightline_media::RtpPacket;
use sightline_quality::Kind;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};

use super::description::Sending;
use super::handler::{Signal, Signals};
use super::tap::Counts;
use super::types::{MediaSink, RemoteTrack};
use super::{extension, red};

/// Streams remembered as ended. Packets of theirs are under way for a second at most; then they may be forgotten.
const MAX_ENDED: usize = 16;
/// Streams at a time. A peer has two, seldom four; packets of more are not passed on.
const MAX_ACTIVE: usize = 16;
/// How long a keyframe request may wait for room in the connection's queue.
const ROOM: Duration = Duration::from_millis(30);

/// The peer's tracks.
pub(super) struct Incoming {
    sink: Arc<dyn MediaSink>,
    signals: Signals,
    counts: Counts,
    tracks: Mutex<Tracks>,
    /// Id of the abs-capture-time extension, 0 for none.
    capture_time: AtomicU8,
    /// Payload types of sound and of sound with copies (RFC 2198); 0 for none.
    sound: [AtomicU8; 2],
}

#[derive(Default)]
struct Tracks {
    /// In the order in which they started.
    active: Vec<(RemoteTrack, Arc<dyn TrackRemote>)>,
    ended: VecDeque<u32>,
}

impl Incoming {
    /// `counts` knows the clocks of the peer.
    pub(super) fn new(sink: Arc<dyn MediaSink>, signals: Signals, counts: Counts) -> Self {
        Self {
            sink,
            signals,
            counts,
            tracks: Mutex::default(),
            capture_time: AtomicU8::new(0),
            sound: Default::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Tracks> {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The negotiated id of the abs-capture-time extension.
    pub(super) fn set_capture_time(&self, id: Option<u8>) {
        self.capture_time.store(id.unwrap_or(0), Ordering::Relaxed);
    }

    /// The negotiated payload types of sound and of sound with copies.
    pub(super) fn set_sound(&self, payload_types: Option<(u8, u8)>) {
        let (plain, red) = payload_types.unwrap_or_default();
        self.sound.iter().zip([plain, red]).for_each(|(place, value)| place.store(value, Ordering::Relaxed));
    }

    /// Passes a track's packets on until the connection is closed.
    pub(super) async fn drain(self: Arc<Self>, remote: Arc<dyn TrackRemote>) {
        let kind = match remote.kind().await {
            RtpCodecKind::Audio => Kind::Audio,
            RtpCodecKind::Video => Kind::Video,
            _ => return,
        };
        let mut track = RemoteTrack { kind, ssrc: 0, id: remote.track_id().await };
        while let Some(event) = remote.poll().await {
            match event {
                TrackRemoteEvent::OnRtpPacket(packet) => {
                    track.ssrc = packet.header.ssrc;
                    if self.admit(&track, &remote) {
                        self.packets(packet).for_each(|packet| self.sink.rtp(&track, packet));
                    }
                }
                TrackRemoteEvent::OnEnded => self.end(|one| one.id == track.id),
                _ => {}
            }
        }
        self.end(|one| one.id == track.id);
    }

    /// Whether a packet of this track goes to the sink; the first one starts it.
    fn admit(&self, track: &RemoteTrack, remote: &Arc<dyn TrackRemote>) -> bool {
        let mut tracks = self.lock();
        if tracks.active.iter().any(|(one, _)| one.ssrc == track.ssrc) {
            return true;
        }
        if tracks.ended.contains(&track.ssrc) || tracks.active.len() >= MAX_ACTIVE {
            return false;
        }
        tracks.active.push((track.clone(), remote.clone()));
        self.signals.push(Signal::Started(track.clone()));
        true
    }

    /// Ends what the peer's new description does not name any more.
    pub(super) fn described(&self, sending: &Sending) {
        self.lock().ended.retain(|ssrc| !sending.includes(*ssrc));
        self.end(|one| !sending.includes(one.ssrc));
    }

    fn end(&self, is_over: impl Fn(&RemoteTrack) -> bool) {
        let mut tracks = self.lock();
        let (over, active) = std::mem::take(&mut tracks.active).into_iter().partition(|(one, _)| is_over(one));
        tracks.active = active;
        let over: Vec<(RemoteTrack, Arc<dyn TrackRemote>)> = over;
        for (track, _) in over {
            if tracks.ended.len() == MAX_ENDED {
                tracks.ended.pop_front();
            }
            tracks.ended.push_back(track.ssrc);
            self.signals.push(Signal::Ended(track));
        }
    }

    /// The tracks there are, one of a kind: the one that began first, so that a second picture does not end the figures of the
    /// first.
    pub(super) fn first_of_each_kind(&self) -> Vec<RemoteTrack> {
        let tracks = self.lock();
        [Kind::Audio, Kind::Video]
            .into_iter()
            .filter_map(|kind| tracks.active.iter().find(|(one, _)| one.kind == kind))
            .map(|(track, _)| track.clone())
            .collect()
    }

    /// Asks for a keyframe (PLI, RFC 4585, 6.3.1).
    pub(super) async fn request_keyframe(&self, ssrc: u32) {
        let remote = self.lock().active.iter().find(|(one, _)| one.ssrc == ssrc).map(|(_, remote)| remote.clone());
        let Some(remote) = remote else { return };
        let pli = PictureLossIndication { sender_ssrc: 0, media_ssrc: ssrc };
        match tokio::time::timeout(ROOM, remote.write_rtcp(vec![Box::new(pli)])).await {
            Ok(Ok(())) => {}
            // Whoever asked asks again.
            Ok(Err(error)) => tracing::debug!(%error, "a keyframe request was refused"),
            Err(_) => tracing::debug!("the connection is behind; a keyframe request is left out"),
        }
    }

    /// The packet, and before it those of which it brings copies.
    fn packets(&self, packet: rtp::Packet) -> impl Iterator<Item = RtpPacket> {
        let [plain, red] = [0, 1].map(|at| self.sound[at].load(Ordering::Relaxed));
        let is_red = red != 0 && packet.header.payload_type == red;
        let packet = self.packet(packet);
        let blocks = is_red.then(|| red::unwrap(&packet.payload, plain).unwrap_or_default());
        let split = blocks.into_iter().flatten().map({
            let packet = packet.clone();
            move |block| RtpPacket {
                sequence: packet.sequence.wrapping_sub(block.back),
                timestamp: packet.timestamp.wrapping_sub(block.age),
                payload: block.payload,
                marker: packet.marker && block.back == 0,
                captured_us: packet.captured_us.filter(|_| block.back == 0),
                is_copy: block.back > 0,
                ..packet
            }
        });
        split.chain((!is_red).then_some(packet))
    }

    fn packet(&self, packet: rtp::Packet) -> RtpPacket {
        let id = self.capture_time.load(Ordering::Relaxed);
        let stamp = (id != 0).then(|| packet.header.get_extension(id)).flatten();
        let stamp = stamp.as_deref().and_then(extension::parse_capture_time);
        RtpPacket {
            sequence: packet.header.sequence_number,
            timestamp: packet.header.timestamp,
            marker: packet.header.marker,
            captured_us: self.counts.captured_us(packet.header.ssrc, packet.header.timestamp, stamp),
            payload: packet.payload,
            arrived: Instant::now(),
            is_copy: false,
        }
    }
}
