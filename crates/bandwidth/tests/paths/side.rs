//! What is compared: a send side, ours or another's.

use std::time::Instant;

use sightline_bandwidth::{BitRate, Departure, Limits, Packet, Repair, Report, SendSide};

use crate::source::Media;

pub(crate) type Padding<'a> = &'a mut dyn FnMut(usize) -> Option<Packet<Media>>;

pub(crate) trait Side {
    fn push(&mut self, now: Instant, packet: Packet<Media>);
    /// Returns whether it will be sent.
    fn repair(&mut self, now: Instant, bytes: usize, media: Media) -> bool;
    fn poll(&mut self, now: Instant, padding: Padding) -> Option<(u64, Departure<Media>)>;
    fn feedback(&mut self, now: Instant, reports: &[Report]);
    fn wake(&self) -> Option<Instant>;
    fn target(&self) -> BitRate;
    fn video_target(&mut self, now: Instant) -> BitRate;
    fn wants_key_frame(&mut self, now: Instant) -> bool;
}

pub(crate) struct Ours(SendSide<Media>);

impl Ours {
    pub(crate) fn new(limits: Limits) -> Self {
        Self(SendSide::new(limits))
    }
}

impl Side for Ours {
    fn push(&mut self, now: Instant, packet: Packet<Media>) {
        self.0.push(now, packet);
    }

    fn repair(&mut self, now: Instant, bytes: usize, media: Media) -> bool {
        self.0.push_repair(now, (1, media.number.unwrap_or(0) as u16), bytes, media) == Repair::Send
    }

    fn poll(&mut self, now: Instant, padding: Padding) -> Option<(u64, Departure<Media>)> {
        self.0.poll(now, padding)
    }

    fn feedback(&mut self, now: Instant, reports: &[Report]) {
        self.0.feedback(now, reports);
    }

    fn wake(&self) -> Option<Instant> {
        self.0.wake()
    }

    fn target(&self) -> BitRate {
        self.0.target()
    }

    fn video_target(&mut self, now: Instant) -> BitRate {
        self.0.video_target(now)
    }

    fn wants_key_frame(&mut self, now: Instant) -> bool {
        self.0.wants_key_frame(now).is_some()
    }
}
