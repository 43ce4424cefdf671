//! What peers send, into the tiles.
//!
//! Invariant: a track has the same tile for as long as it is sent, also when its link is made anew; when it ends, its tile
//! goes. The first picture of a peer has the peer's id, further ones `id:2` and so on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sightline_call::link::RemoteTrack;
use sightline_call::{PeerInfo, SinkFactory};
use sightline_media::audio::AudioSink;
use sightline_media::video::{DecodedFrame, LatestFrame, VideoSink};

use crate::frames::Tiles;

/// Makes the slots of remote tracks.
pub(crate) struct Sinks {
    shared: Arc<Shared>,
}

struct Shared {
    tiles: Arc<Tiles>,
    /// Bounded by what a call takes: eight peers, a few tracks each.
    tracks: Mutex<Vec<Track>>,
}

struct Track {
    peer: String,
    /// Of the session description.
    id: String,
    number: u32,
    slot: Arc<LatestFrame>,
}

/// A track on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Picture {
    pub(crate) tile: String,
    /// There is a picture, and not merely a place for one.
    pub(crate) live: bool,
}

impl Sinks {
    pub(crate) fn new(tiles: Arc<Tiles>) -> Self {
        Self { shared: Arc::new(Shared { tiles, tracks: Mutex::default() }) }
    }

    /// The pictures of each peer, in the order of their numbers.
    pub(crate) fn pictures(&self) -> BTreeMap<String, Vec<Picture>> {
        let of_track = |track: &Track| (track.peer.clone(), track.number, !track.slot.is_empty());
        let mut tracks: Vec<_> = self.shared.lock().iter().map(of_track).collect();
        tracks.sort();
        let mut pictures = BTreeMap::<String, Vec<Picture>>::new();
        for (peer, number, live) in tracks {
            let tile = tile_id(&peer, number);
            pictures.entry(peer).or_default().push(Picture { tile, live });
        }
        pictures
    }
}

impl SinkFactory for Sinks {
    fn video(&self, peer: &PeerInfo, track: &RemoteTrack) -> Arc<dyn VideoSink> {
        let slot = Arc::new(LatestFrame::new());
        let mut tracks = self.shared.lock();
        let number = match tracks.iter_mut().find(|known| known.peer == peer.id && known.id == track.id) {
            Some(known) => {
                known.slot = slot.clone();
                known.number
            }
            None => {
                let taken = |number| tracks.iter().any(|known| known.peer == peer.id && known.number == number);
                let number = (1..).find(|number| !taken(*number)).unwrap_or(1);
                tracks.push(Track { peer: peer.id.clone(), id: track.id.clone(), number, slot: slot.clone() });
                number
            }
        };
        self.shared.tiles.set(&tile_id(&peer.id, number), slot.clone());
        Arc::new(TileSink { shared: self.shared.clone(), slot })
    }

    fn audio(&self, _peer: &PeerInfo, _track: &RemoteTrack) -> Option<Arc<dyn AudioSink>> {
        None
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Vec<Track>> {
        self.tracks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn tile_id(peer: &str, number: u32) -> String {
    if number == 1 { peer.to_owned() } else { format!("{peer}:{number}") }
}

/// One track's way into its tile.
struct TileSink {
    shared: Arc<Shared>,
    slot: Arc<LatestFrame>,
}

impl VideoSink for TileSink {
    fn frame(&self, frame: &DecodedFrame) {
        self.slot.frame(frame);
    }

    fn interrupted(&self) {
        self.slot.clear();
    }
}

impl Drop for TileSink {
    fn drop(&mut self) {
        let mut tracks = self.shared.lock();
        // Where the track has another slot by now, its link was made anew.
        if let Some(position) = tracks.iter().position(|track| Arc::ptr_eq(&track.slot, &self.slot)) {
            let track = tracks.swap_remove(position);
            self.shared.tiles.remove(&tile_id(&track.peer, track.number));
        }
    }
}

#[cfg(test)]
mod tests {
    use sightline_media::video::VideoFrame;
    use sightline_quality::Kind;

    use super::*;

    fn peer(id: &str) -> PeerInfo {
        PeerInfo { id: id.into(), name: "Ada".into() }
    }

    fn track(id: &str, ssrc: u32) -> RemoteTrack {
        RemoteTrack { kind: Kind::Video, ssrc, id: id.into() }
    }

    #[test]
    fn further_pictures_are_numbered_and_go_when_they_end() {
        let tiles = Arc::new(Tiles::default());
        let sinks = Sinks::new(tiles.clone());
        let camera = sinks.video(&peer("p"), &track("camera", 1));
        let screen = sinks.video(&peer("p"), &track("screen", 2));
        let other = sinks.video(&peer("q"), &track("camera", 1));
        let empty = |tile: &str| Picture { tile: tile.to_owned(), live: false };
        let expected =
            BTreeMap::from([("p".into(), vec![empty("p"), empty("p:2")]), ("q".to_owned(), vec![empty("q")])]);
        assert_eq!(sinks.pictures(), expected);
        assert!(tiles.get("p:2").is_some());
        drop(camera);
        assert!(tiles.get("p").is_none() && tiles.get("p:2").is_some());
        assert_eq!(sinks.pictures()["p"], [empty("p:2")]);
        let _again = sinks.video(&peer("p"), &track("camera", 3));
        assert_eq!(sinks.pictures()["p"], [empty("p"), empty("p:2")]);
        drop((screen, other));
        assert_eq!(sinks.pictures().len(), 1);
    }

    #[test]
    fn a_picture_that_nothing_follows_is_none_any_more() {
        let sinks = Sinks::new(Arc::new(Tiles::default()));
        let camera = sinks.video(&peer("p"), &track("camera", 1));
        let live = || sinks.pictures()["p"][0].live;
        assert!(!live(), "none came yet");
        let frame = VideoFrame::from_i420(2, 2, vec![128; 6], 0).unwrap();
        camera.frame(&DecodedFrame { frame, rtp_timestamp: 0, decoded_us: 0, captured_us: None });
        assert!(live());
        camera.interrupted();
        assert!(!live());
    }

    #[test]
    fn a_link_made_anew_keeps_its_tile() {
        let tiles = Arc::new(Tiles::default());
        let sinks = Sinks::new(tiles.clone());
        let old = sinks.video(&peer("p"), &track("camera", 1));
        let before = tiles.get("p").unwrap();
        let _new = sinks.video(&peer("p"), &track("camera", 9));
        let after = tiles.get("p").unwrap();
        assert!(!Arc::ptr_eq(&before, &after));
        drop(old);
        assert!(tiles.get("p").is_some_and(|slot| Arc::ptr_eq(&slot, &after)), "the old one takes nothing with it");
    }
}
