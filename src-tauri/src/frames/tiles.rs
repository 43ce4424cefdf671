//! Which pictures there are to be shown.
//!
//! Invariant: a tile's slot is the one it was last given; whoever looks a tile up anew never holds on to an old one.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sightline_media::video::LatestFrame;

use super::wire::Size;

/// Id of our own picture.
pub(crate) const OWN_TILE: &str = "self";

/// All tiles by id. Bounded by the call: our own, and the tracks of at most a room full of peers.
#[derive(Default)]
pub(crate) struct Tiles {
    slots: Mutex<HashMap<String, Arc<LatestFrame>>>,
    /// What the page shows, and in how many pixels. Bounded by [`super::wire::MAX_TILES`].
    shown: Mutex<BTreeMap<String, Size>>,
}

impl Tiles {
    /// Gives a tile its pictures.
    pub(crate) fn set(&self, id: &str, slot: Arc<LatestFrame>) {
        self.lock().insert(id.to_owned(), slot);
    }

    /// Takes a tile away.
    pub(crate) fn remove(&self, id: &str) {
        self.lock().remove(id);
    }

    /// Takes all of them away.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    /// A tile's pictures.
    pub(crate) fn get(&self, id: &str) -> Option<Arc<LatestFrame>> {
        self.lock().get(id).cloned()
    }

    /// What the page shows from now on.
    pub(super) fn set_shown(&self, shown: BTreeMap<String, Size>) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = shown;
    }

    /// What the page shows, and in how many pixels each.
    pub(crate) fn shown(&self) -> BTreeMap<String, Size> {
        self.shown.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<LatestFrame>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
