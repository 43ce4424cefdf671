//! A camera and a microphone: 30 frames a second with sizes as of VP8 in two temporal layers, and 32 kbit/s of sound.

use sightline_bandwidth::{BitRate, Frame, Kind, Packet};
use sightline_netpath::Dice;

/// IPv4, UDP, RTP, the extension with the transport-wide number, SRTP's tag.
pub(crate) const HEADERS: usize = 20 + 8 + 12 + 8 + 10;
pub(crate) const PAYLOAD_MOST: usize = 1150;
const FRAMES_PER_SECOND: f64 = 30.0;
/// 32 kbit/s in frames of 20 ms.
pub(crate) const SOUND: usize = 80;
/// The same with headers, about, bit/s.
pub(crate) const AUDIO: f64 = 55_000.0;

/// What a packet carries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Media {
    /// Its own; a repair has that of the packet it repeats.
    pub(crate) id: u64,
    /// Bytes without headers.
    pub(crate) payload: usize,
    pub(crate) picture: Option<Picture>,
    /// Of packets of video: counts those that have left, as RTP does.
    pub(crate) number: Option<u64>,
}

/// Which frame it is part of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Picture {
    pub(crate) frame: u64,
    pub(crate) packets: usize,
    /// The frame it depends on.
    pub(crate) needs: Option<u64>,
}

pub(crate) struct Source {
    dice: Dice,
    next_packet: u64,
    next_frame: u64,
    /// The last frame of the lowest layer.
    lowest: u64,
    /// Bytes spent above the target so far.
    debt: f64,
    pub(crate) wants_key: bool,
    pub(crate) key_frames: u32,
    /// What it makes at its coarsest, bytes of payload for a frame of the mean; a key frame is eight times as large.
    pub(crate) least: f64,
}

impl Source {
    pub(crate) fn new(seed: u64) -> Self {
        let dice = Dice::new(seed);
        Self { dice, next_packet: 0, next_frame: 0, lowest: 0, debt: 0.0, wants_key: true, key_frames: 0, least: 60.0 }
    }

    /// Of so many bytes.
    pub(crate) fn sound(&mut self, payload: usize) -> Packet<Media> {
        let id = self.next_packet;
        self.next_packet += 1;
        Packet { kind: Kind::Audio, bytes: payload + HEADERS, body: Media { id, payload, picture: None, number: None } }
    }

    /// The packets of the next frame at `rate`, headers included.
    pub(crate) fn frame(&mut self, rate: BitRate) -> Vec<Packet<Media>> {
        let key = std::mem::take(&mut self.wants_key);
        self.key_frames += u32::from(key);
        let id = self.next_frame;
        self.next_frame += 1;
        let layer = u8::from(!key && id % 2 == 1);
        let mean = self.payload(rate);
        let bytes = if key {
            // No more than 150 ms of the link.
            (4.0 * mean).min(self.payload(rate) * 0.15 * FRAMES_PER_SECOND)
        } else {
            let share = if layer == 0 { 1.2 } else { 0.8 };
            share * mean * (0.25 * self.dice.normal()).exp() - 0.25 * self.debt
        };
        let least = if key { 8.0 } else { 1.0 } * self.least;
        let bytes = bytes.max(least) as usize;
        self.debt += bytes as f64 - mean;
        // An encoder forgives what it cannot make good.
        self.debt = self.debt.clamp(-6.0 * mean, 6.0 * mean);
        let needs = (!key).then_some(self.lowest);
        if layer == 0 {
            self.lowest = id;
        }
        let frame = Frame { stream: 1, id, layer, key };
        let packets = bytes.div_ceil(PAYLOAD_MOST);
        let picture = Some(Picture { frame: id, packets, needs });
        (0..packets)
            .map(|index| {
                let payload = bytes * (index + 1) / packets - bytes * index / packets;
                let id = self.next_packet;
                self.next_packet += 1;
                Packet {
                    kind: Kind::Video(frame),
                    bytes: payload + HEADERS,
                    body: Media { id, payload, picture, number: None },
                }
            })
            .collect()
    }

    /// Mean bytes of a frame without headers.
    fn payload(&self, rate: BitRate) -> f64 {
        let whole = rate.as_bps() as f64 / 8.0 / FRAMES_PER_SECOND;
        let packets = (whole / (PAYLOAD_MOST + HEADERS) as f64).ceil().max(1.0);
        (whole - packets * HEADERS as f64).max(60.0)
    }
}
