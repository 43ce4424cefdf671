//! What the members of a room tell one another about the pictures between them: how large they are shown, and that they pause.
//!
//! Invariant: nothing depends on a hint: a server or a peer that does not know them costs bits and a sentence, not the call.

use std::time::{Duration, Instant};

use sightline_protocol::{ClientMessage, Hint, UserId};

use crate::driver::Driver;
use crate::event::CallEvent;
use crate::members::Presence;

/// Between two sizes of the same tile: a window that is being dragged has a new one for each picture.
const SETTLE: Duration = Duration::from_millis(500);

/// The size in which we show a peer's pictures.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    size: Option<(u16, u16)>,
    /// What the peer was told last, and when.
    told: Option<((u16, u16), Instant)>,
}

impl Shown {
    pub(crate) fn set(&mut self, size: (u16, u16)) {
        self.size = Some(size);
    }

    /// What to tell the peer now.
    fn news(&mut self, now: Instant) -> Option<(u16, u16)> {
        let size = self.size?;
        let due = self.told.is_none_or(|(told, at)| told != size && now.saturating_duration_since(at) >= SETTLE);
        if due {
            self.told = Some((size, now));
        }
        due.then_some(size)
    }
}

impl Driver {
    /// A hint of a peer.
    pub(crate) fn on_hint(&mut self, from: &UserId, hint: Hint, now: Instant) {
        let Some(peer) = self.peers.get_mut(from) else { return tracing::debug!("a hint of somebody who has left") };
        match hint {
            Hint::Tile { width, height } => {
                peer.tile = Some((width.into(), height.into()));
                self.adapt(now);
            }
            Hint::Pictures { paused } => {
                if std::mem::replace(&mut peer.their_pictures_pause, paused) != paused {
                    if let Some(link) = &peer.link {
                        link.sources.inbound.camera(peer.media.video && !paused);
                    }
                    let peer = peer.info.clone();
                    self.events.emit(CallEvent::PicturesPaused { peer, ours: false, paused });
                }
            }
            Hint::Other => tracing::debug!("a hint of a newer client"),
        }
    }

    /// The server does not know hints.
    pub(crate) fn without_hints(&mut self) {
        self.hints = false;
    }

    /// Tells a peer something, where the server can.
    pub(crate) fn say_hint(&self, to: &UserId, hint: Hint) {
        if self.hints {
            self.say_to(to, |to| ClientMessage::Hint { to, hint });
        }
    }

    /// Tells the peers the sizes of their tiles, where those have changed.
    pub(crate) fn tell_tiles(&mut self, now: Instant) {
        if !self.online || !self.hints {
            return;
        }
        let here = self.peers.iter_mut().filter(|(_, peer)| peer.presence == Presence::Here);
        let news: Vec<_> = here.filter_map(|(id, peer)| Some((id.clone(), peer.shown.news(now)?))).collect();
        for (id, (width, height)) in news {
            self.say_hint(&id, Hint::Tile { width, height });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_told_once_and_a_dragged_window_now_and_then() {
        let start = Instant::now();
        let mut shown = Shown::default();
        assert_eq!(shown.news(start), None, "nothing was said of it");
        shown.set((640, 360));
        assert_eq!((shown.news(start), shown.news(start + 2 * SETTLE)), (Some((640, 360)), None));
        let told: Vec<_> = (0..100u16)
            .filter_map(|step| {
                shown.set((640 + step, 360));
                shown.news(start + 2 * SETTLE + Duration::from_millis(16) * u32::from(step))
            })
            .collect();
        assert!((3..=5).contains(&told.len()), "{told:?}");
        assert_eq!(shown.news(start + 10 * SETTLE), Some((739, 360)), "the last one is told in the end");
    }
}
