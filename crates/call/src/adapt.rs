//! What the links can carry decides what is encoded: asks the planner, and carries its plan out.
//!
//! Invariant: after each plan every link takes the layer that the plan says, and exactly the layers that links take are
//! encoded; sound is never encoded for more than the weakest link carries.

use std::collections::BTreeMap;
use std::time::Instant;

use sightline_media::video::{LAYERS, LayerRates, VideoSender, VideoSettings};
use sightline_protocol::Hint;

use crate::driver::Driver;
use crate::event::CallEvent;
use crate::layers::{Demand, EncodeLoad, Planner, Source, Work};
use crate::link::LinkRate;
use crate::members::Peer;

/// Opus gains nothing from expecting more loss than this.
const MOST_LOSS_PERCENT: f32 = 50.0;

/// What is kept from one plan to the next.
pub(crate) struct Adaptation {
    settings: VideoSettings,
    planner: Planner,
    load: EncodeLoad,
    /// Of the last plan.
    rates: LayerRates,
}

impl Adaptation {
    /// `settings` are those of the sender of pictures.
    pub(crate) fn new(settings: VideoSettings) -> Self {
        Self { settings, planner: Planner::default(), load: EncodeLoad::new(), rates: [0; LAYERS] }
    }

    /// What there is to be sent. Before the first picture it is taken to be as large as it may be.
    fn source(&self, size: (u32, u32)) -> Source {
        let VideoSettings { width, height, fps, max_bps } = self.settings;
        Source { size: if size.0 > 0 { size } else { (width, height) }, fps, max_bps }
    }
}

impl Driver {
    /// Decides anew which layer each link takes and at which rates they are encoded. Called whenever a link can carry more or
    /// less, comes or goes, and several times a second, because some steps are due after a while.
    pub(crate) fn adapt(&mut self, now: Instant) {
        self.adapt_sound();
        self.adapt_pictures(now);
    }

    /// All links get the same packets of sound, so that they are made for the worst of them.
    fn adapt_sound(&self) {
        let Some(audio) = self.local.as_ref().and_then(|local| local.audio.as_ref()) else { return };
        let rates = || self.peers.values().filter_map(link_rate);
        let (Some(bps), Some(loss)) =
            (rates().map(|rate| rate.audio_bps).min(), rates().map(|rate| rate.audio_loss).reduce(f32::max))
        else {
            return;
        };
        audio.set_bitrate(bps);
        audio.set_expected_loss((loss * 100.0).clamp(0.0, MOST_LOSS_PERCENT).round() as u8);
    }

    fn adapt_pictures(&mut self, now: Instant) {
        let Some(video) = self.local.as_ref().and_then(|local| local.video.as_ref()) else { return };
        let counters = video.counters();
        let state = &mut self.adaptation;
        let source = state.source((counters.full_width, counters.full_height));
        if state.load.update(now, Work::from(&counters), source.fps, source.smallest()) {
            tracing::info!(top = state.load.top(), "the machine encodes another size");
        }
        let demands: BTreeMap<u32, Demand> = self.peers.values().filter_map(demand).collect();
        let plan = state.planner.plan(now, source, state.load.top(), &demands);
        let before = std::mem::replace(&mut state.rates, plan.rates);
        let takers = self.peers.values().filter(|peer| plan.links.get(&peer.generation).is_some_and(Option::is_some));
        video.set_waiting(all_wait(takers.filter_map(link_rate)));
        let mut paused = Vec::new();
        for (id, peer) in &mut self.peers {
            let Some(link) = &peer.link else { continue };
            let planned = plan.links.get(&peer.generation).copied();
            let layer = planned.flatten();
            if link.sources.queue.take(layer.map(|layer| layer as u8)) {
                ask_for(video, before, layer);
            }
            let pauses = planned == Some(None);
            if std::mem::replace(&mut peer.pictures_paused, pauses) != pauses {
                paused.push((id.clone(), peer.info.clone(), pauses));
            }
        }
        // Last, so that the first picture of a layer finds those who wait for it.
        video.set_layers(plan.rates);
        for (id, peer, paused) in paused {
            self.say_hint(&id, Hint::Pictures { paused });
            self.events.emit(CallEvent::PicturesPaused { peer, ours: true, paused });
        }
    }

    /// Somebody needs keyframes of these layers, one bit each.
    pub(crate) fn request_keyframes(&self, layers: u8) {
        tracing::debug!(layers, "keyframes are asked for");
        if let Some(video) = self.local.as_ref().and_then(|local| local.video.as_ref()) {
            (0..LAYERS).filter(|layer| layers & 1 << layer != 0).for_each(|layer| video.request_keyframe(layer));
        }
    }
}

/// A layer that is not encoded yet begins with a keyframe anyway; asked for as well, there would be two.
fn ask_for(video: &VideoSender, encoded: LayerRates, layer: Option<usize>) {
    if let Some(layer) = layer.filter(|layer| encoded[*layer] > 0) {
        video.request_keyframe(layer);
    }
}

/// Whether there are links that take pictures, and none of them would send one now.
fn all_wait(mut takers: impl Iterator<Item = LinkRate>) -> bool {
    takers.next().is_some_and(|first| first.waits && takers.all(|rate| rate.waits))
}

/// What a peer can take of our pictures; `None` while it cannot take any.
fn demand(peer: &Peer) -> Option<(u32, Demand)> {
    link_rate(peer).map(|rate| (peer.generation, Demand { video_bps: rate.video_bps, tile: peer.tile }))
}

/// What the link to a peer carries, while anything may arrive there.
fn link_rate(peer: &Peer) -> Option<LinkRate> {
    let link = peer.link.as_ref()?.sources.link.get().filter(|_| peer.flows)?;
    let rate = *link.rate().borrow();
    Some(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_waits_for_one_whose_feedback_is_overdue() {
        let all =
            |waits: &[bool]| all_wait(waits.iter().map(|waits| LinkRate { waits: *waits, ..LinkRate::default() }));
        assert!(all(&[true]) && all(&[true, true]));
        assert!(!all(&[]) && !all(&[false]) && !all(&[true, false]) && !all(&[false, true]));
    }
}
