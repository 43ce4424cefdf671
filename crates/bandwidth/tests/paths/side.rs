//! What is compared: a send side, ours or another's.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use sightline_bandwidth::{BitRate, Departure, Limits, Packet, Repair, Report, SendSide, Uplink};

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
    /// Whether a picture that is made now would only wait.
    fn is_waiting(&self) -> bool {
        false
    }
}

pub(crate) struct Ours(SendSide<Media>);

impl Ours {
    pub(crate) fn new(limits: Limits) -> Self {
        Self(SendSide::new(limits))
    }
}

/// Ours, among links of one call that know of each other.
pub(crate) struct Coupled {
    side: Ours,
    limits: Limits,
    link: u32,
    uplink: Rc<RefCell<Uplink>>,
}

impl Coupled {
    pub(crate) fn new(limits: Limits, link: u32, uplink: Rc<RefCell<Uplink>>) -> Self {
        Self { side: Ours::new(limits), limits, link, uplink }
    }
}

impl Side for Coupled {
    fn push(&mut self, now: Instant, packet: Packet<Media>) {
        self.side.push(now, packet);
    }

    fn repair(&mut self, now: Instant, bytes: usize, media: Media) -> bool {
        self.side.repair(now, bytes, media)
    }

    fn poll(&mut self, now: Instant, padding: Padding) -> Option<(u64, Departure<Media>)> {
        self.side.poll(now, padding)
    }

    fn feedback(&mut self, now: Instant, reports: &[Report]) {
        self.side.feedback(now, reports);
        let mut uplink = self.uplink.borrow_mut();
        uplink.report(now, self.link, &self.side.0.state(now));
        let max = uplink.share(now, self.link).map_or(self.limits.max, |share| share.min(self.limits.max));
        self.side.0.set_limits(Limits { max, ..self.limits });
    }

    fn wake(&self) -> Option<Instant> {
        self.side.wake()
    }

    fn target(&self) -> BitRate {
        self.side.target()
    }

    fn video_target(&mut self, now: Instant) -> BitRate {
        self.side.video_target(now)
    }

    fn wants_key_frame(&mut self, now: Instant) -> bool {
        self.side.wants_key_frame(now)
    }

    fn is_waiting(&self) -> bool {
        self.side.is_waiting()
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

    fn is_waiting(&self) -> bool {
        self.0.is_waiting()
    }
}
