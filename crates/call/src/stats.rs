//! From the counters of link, queue, codecs and process to one [`Snapshot`]. Pure: what was read is passed in.
//!
//! Invariant: a field that nobody measured stays `None`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use sightline_media::audio::{AudioReceiveCounters, AudioSendCounters};
use sightline_media::video::{LAYERS, LayerCounters, VideoReceiveCounters, VideoSendCounters};
use sightline_protocol::MediaState;
use sightline_quality::{Direction, Kind, ProcessCounters, Snapshot, TrackCounters};

use crate::forward::QueueCounters;
use crate::inbound::ReceiverCounters;
use crate::link::LinkReport;

/// What was read about one peer.
pub(crate) struct PeerReading {
    pub report: LinkReport,
    pub queue: QueueCounters,
    pub receivers: Vec<(u32, ReceiverCounters)>,
    /// What the peer says it sends.
    pub media: MediaState,
}

/// What was read about ourselves.
pub(crate) struct OwnReading {
    pub video: Option<VideoSendCounters>,
    pub audio: Option<AudioSendCounters>,
    pub media: MediaState,
    /// Frames per second we mean to send.
    pub fps: u32,
    pub dtx: bool,
    pub process: ProcessCounters,
}

/// Shares the time of a layer's encoder out among the links that take it, by the pictures each of them sent.
#[derive(Debug, Default)]
struct Share {
    /// Pictures and time of each layer at the last reading.
    layers: [(u64, Duration); LAYERS],
    sent: u64,
    time: Duration,
}

/// Keeps what is needed from one reading to the next.
#[derive(Debug, Default)]
pub(crate) struct Assembler {
    shares: HashMap<String, Share>,
}

impl Assembler {
    /// One snapshot.
    pub(crate) fn assemble(
        &mut self,
        at: Instant,
        unix_ms: i64,
        peers: Vec<PeerReading>,
        own: &OwnReading,
    ) -> Snapshot {
        self.shares.retain(|peer, _| peers.iter().any(|reading| reading.report.link.peer == *peer));
        let mut snapshot = Snapshot { at, unix_ms, links: Vec::new(), tracks: Vec::new(), process: own.process };
        for reading in peers {
            let PeerReading { report, queue, receivers, media } = reading;
            for mut track in report.tracks {
                match track.key.direction {
                    Direction::Outbound => self.outbound(&mut track, queue, own),
                    Direction::Inbound => inbound(&mut track, &receivers, media),
                }
                snapshot.tracks.push(track);
            }
            snapshot.links.push(report.link);
        }
        snapshot
    }

    fn outbound(&mut self, track: &mut TrackCounters, queue: QueueCounters, own: &OwnReading) {
        match track.key.kind {
            Kind::Video => {
                track.muted = !own.media.video;
                if let Some(video) = &own.video {
                    let share = self.shares.entry(track.key.peer.clone()).or_default();
                    outbound_video(track, queue, video, share);
                    track.expected_fps = Some(own.fps);
                }
            }
            Kind::Audio => {
                track.muted = !own.media.audio;
                if let Some(audio) = &own.audio {
                    outbound_audio(track, audio);
                    track.fec.get_or_insert(true);
                    track.dtx.get_or_insert(own.dtx);
                }
            }
        }
    }
}

impl Share {
    /// Adds the time for what was sent since the last reading, all of it taken to be of the layer that is taken now.
    fn update(&mut self, layers: &[LayerCounters; LAYERS], taken: Option<u8>, sent: u64) -> Duration {
        let Some((layer, before)) =
            taken.map(usize::from).and_then(|layer| layers.get(layer).zip(self.layers.get(layer)))
        else {
            return self.time;
        };
        let frames = layer.frames_encoded.saturating_sub(before.0);
        if frames > 0 {
            let per_frame = layer.encode_time.saturating_sub(before.1).as_secs_f64() / frames as f64;
            // More than were encoded: some were of another layer.
            let shared = sent.saturating_sub(self.sent).min(frames);
            self.time += Duration::from_secs_f64(per_frame * shared as f64);
            self.layers = layers.map(|layer| (layer.frames_encoded, layer.encode_time));
            self.sent = sent;
        }
        self.time
    }
}

fn outbound_video(track: &mut TrackCounters, queue: QueueCounters, video: &VideoSendCounters, share: &mut Share) {
    track.implementation = Some("libvpx".to_owned());
    track.frames = Some(queue.frames);
    track.key_frames = Some(queue.key_frames);
    track.frames_dropped = Some(video.frames_dropped + queue.dropped);
    track.total_codec_time = Some(share.update(&video.layers, queue.layer, queue.frames));
    let layer = queue.layer.and_then(|layer| video.layers.get(usize::from(layer)));
    track.target_bps = Some(layer.map_or(0, |layer| layer.target_bps).into());
    if let Some(layer) = layer.filter(|layer| layer.frames_encoded > 0) {
        (track.width, track.height) = (Some(layer.width), Some(layer.height));
    }
}

fn outbound_audio(track: &mut TrackCounters, audio: &AudioSendCounters) {
    track.implementation = Some("libopus".to_owned());
    track.total_codec_time = Some(audio.encode_time);
    track.audio_energy = Some(audio.energy);
    track.audio_duration = Some(audio.duration);
}

fn inbound(track: &mut TrackCounters, receivers: &[(u32, ReceiverCounters)], media: MediaState) {
    track.muted = match track.key.kind {
        Kind::Audio => !media.audio,
        Kind::Video => !media.video,
    };
    let receiver = receivers.iter().find(|(ssrc, _)| Some(*ssrc) == track.ssrc);
    match receiver {
        Some((_, ReceiverCounters::Video(video))) => inbound_video(track, video),
        Some((_, ReceiverCounters::Audio(audio))) => {
            inbound_audio(track, audio);
            // Our descriptions ask every peer for both (`useinbandfec=1;usedtx=1`, RFC 7587, 6.1).
            track.fec.get_or_insert(true);
            track.dtx.get_or_insert(true);
        }
        None => {}
    }
}

fn inbound_video(track: &mut TrackCounters, video: &VideoReceiveCounters) {
    track.implementation = Some("libvpx".to_owned());
    track.frames = Some(video.frames_decoded);
    track.key_frames = Some(video.key_frames);
    track.frames_dropped = Some(video.frames_dropped);
    track.total_codec_time = Some(video.decode_time);
    track.freeze_count = Some(video.freeze_count);
    track.total_freezes = Some(video.total_freezes);
    track.jitter_buffer_delay = Some(video.jitter_buffer_delay);
    track.jitter_buffer_emitted = Some(video.jitter_buffer_emitted);
    if video.frames_decoded > 0 {
        (track.width, track.height) = (Some(video.width), Some(video.height));
    }
    // A peer without the capture-time extension is not one with no latency.
    if video.capture_latency_measurements > 0 {
        track.total_capture_latency = Some(video.capture_latency);
        track.capture_latency_measurements = Some(video.capture_latency_measurements);
    }
}

fn inbound_audio(track: &mut TrackCounters, audio: &AudioReceiveCounters) {
    track.implementation = Some("libopus".to_owned());
    track.total_codec_time = Some(audio.decode_time);
    track.jitter_buffer_delay = Some(audio.jitter_buffer_delay);
    track.jitter_buffer_emitted = Some(audio.jitter_buffer_emitted);
    track.samples_played = Some(audio.samples_played);
    track.samples_concealed = Some(audio.samples_concealed);
    track.samples_recovered = Some(audio.samples_recovered);
    track.audio_energy = Some(audio.energy);
    track.audio_duration = Some(audio.duration);
}

#[cfg(test)]
mod tests {
    use sightline_quality::{LinkCounters, TrackKey};

    use super::*;
    use crate::link::Unsent;

    fn track(kind: Kind, direction: Direction, ssrc: u32) -> TrackCounters {
        let mut track = TrackCounters::unknown(TrackKey { peer: "p".into(), kind, direction });
        track.ssrc = Some(ssrc);
        track
    }

    fn peer(tracks: Vec<TrackCounters>, queue: QueueCounters, receivers: Vec<(u32, ReceiverCounters)>) -> PeerReading {
        let link = LinkCounters { peer: "p".into(), ..LinkCounters::default() };
        let media = MediaState { audio: false, video: true };
        PeerReading {
            report: LinkReport { link, tracks, audio_unsent: Unsent::default(), video_unsent: Unsent::default() },
            queue,
            receivers,
            media,
        }
    }

    fn own(video: Option<VideoSendCounters>) -> OwnReading {
        let media = MediaState { audio: true, video: video.is_some() };
        OwnReading { video, audio: None, media, fps: 30, dtx: false, process: ProcessCounters::default() }
    }

    fn encoder(frames_encoded: u64, encode_ms: u64) -> VideoSendCounters {
        let layer = LayerCounters {
            frames_encoded,
            encode_time: Duration::from_millis(encode_ms),
            width: 640,
            height: 360,
            target_bps: 500_000,
        };
        let other = LayerCounters { frames_encoded: 7, ..LayerCounters::default() };
        VideoSendCounters { frames_dropped: 2, layers: [other, layer, other], ..VideoSendCounters::default() }
    }

    #[test]
    fn a_link_counts_its_own_pictures_and_its_share_of_the_encoder() {
        let mut assembler = Assembler::default();
        let mut read = |encoded, ms, sent| {
            let queue = QueueCounters { frames: sent, key_frames: 1, dropped: 3, layer: Some(1) };
            let reading = peer(vec![track(Kind::Video, Direction::Outbound, 1)], queue, Vec::new());
            let mut snapshot = assembler.assemble(Instant::now(), 0, vec![reading], &own(Some(encoder(encoded, ms))));
            snapshot.tracks.remove(0)
        };
        let first = read(100, 400, 0);
        assert_eq!(first.total_codec_time, Some(Duration::ZERO), "joined late: nothing of that was for this link");
        let second = read(130, 550, 30);
        assert_eq!(second.total_codec_time, Some(Duration::from_millis(150)));
        assert_eq!((second.frames, second.frames_dropped), (Some(30), Some(5)));
        assert_eq!((second.width, second.height, second.target_bps), (Some(640), Some(360), Some(500_000)));
        assert_eq!(second.expected_fps, Some(30));
        let stalled = read(160, 700, 30);
        assert_eq!(stalled.total_codec_time, Some(Duration::from_millis(150)));
    }

    #[test]
    fn receivers_are_found_by_ssrc() {
        let video = VideoReceiveCounters { frames_decoded: 7, width: 320, height: 180, ..Default::default() };
        let audio = AudioReceiveCounters { samples_played: 4800, ..Default::default() };
        let tracks = vec![
            track(Kind::Video, Direction::Inbound, 11),
            track(Kind::Audio, Direction::Inbound, 12),
            track(Kind::Video, Direction::Inbound, 13),
        ];
        let receivers = vec![(12, ReceiverCounters::Audio(audio)), (11, ReceiverCounters::Video(video))];
        let reading = peer(tracks, QueueCounters::default(), receivers);
        let snapshot = Assembler::default().assemble(Instant::now(), 5, vec![reading], &own(None));
        let [camera, sound, screen] = &snapshot.tracks[..] else { panic!("three tracks") };
        assert_eq!((camera.frames, camera.width, camera.muted), (Some(7), Some(320), false));
        assert_eq!(camera.total_capture_latency, None, "no capture time on the wire is not a latency of 0");
        assert_eq!((sound.samples_played, sound.muted), (Some(4800), true));
        assert_eq!((screen.frames, screen.width), (None, None), "no receiver: nothing is known");
        assert_eq!(snapshot.links.len(), 1);
    }

    #[test]
    fn without_a_camera_nothing_is_made_up() {
        let tracks = vec![track(Kind::Video, Direction::Outbound, 1), track(Kind::Audio, Direction::Outbound, 2)];
        let reading = peer(tracks, QueueCounters::default(), Vec::new());
        let snapshot = Assembler::default().assemble(Instant::now(), 0, vec![reading], &own(None));
        let video = &snapshot.tracks[0];
        assert!(video.muted);
        assert_eq!((video.frames, video.width, video.total_codec_time), (None, None, None));
        assert_eq!(snapshot.tracks[1].audio_energy, None);
    }
}
