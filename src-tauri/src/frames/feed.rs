//! One thread for each tile that a connection shows: waits for credit and for a newer picture, scales it, hands it over.
//!
//! Invariant: scaling never happens on a thread of the runtime, nor under a lock. A thread ends within
//! [`PATIENCE`] of being told to, or of the connection's end.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use sightline_media::video::{LatestFrame, Scaler};
use tokio::sync::mpsc;

use super::credit::Credit;
use super::tiles::Tiles;
use super::wire::{self, FromPage, Size};

/// How long a thread waits for something before it looks whether it is still wanted.
const PATIENCE: Duration = Duration::from_millis(200);

/// All feeds of one connection.
pub(crate) struct Feeds {
    tiles: Arc<Tiles>,
    shared: Arc<Shared>,
    feeds: BTreeMap<String, Arc<Feed>>,
}

/// What the threads of a connection share.
struct Shared {
    credit: Mutex<Credit>,
    given_back: Condvar,
    /// Bounded by the credit: what is in it has not been acknowledged.
    out: mpsc::Sender<Vec<u8>>,
}

/// One tile.
struct Feed {
    tile: String,
    /// Width in the upper half, height in the lower one.
    size: AtomicU64,
    stop: AtomicBool,
}

impl Feeds {
    /// No tile is shown yet; pictures go to `out`, which should hold [`wire::MAX_TILES`] of them.
    pub(crate) fn new(tiles: Arc<Tiles>, out: mpsc::Sender<Vec<u8>>) -> Self {
        let shared = Shared { credit: Mutex::default(), given_back: Condvar::new(), out };
        Self { tiles, shared: Arc::new(shared), feeds: BTreeMap::new() }
    }

    /// Does what the page says.
    pub(crate) fn obey(&mut self, message: FromPage) {
        match message {
            FromPage::Ack(number) => {
                self.shared.credit().give_back(number);
                self.shared.given_back.notify_all();
            }
            FromPage::Show(tiles) => self.show(tiles),
        }
    }

    fn show(&mut self, tiles: BTreeMap<String, Size>) {
        self.tiles.set_shown(tiles.clone());
        let shared = &self.shared;
        self.feeds.retain(|tile, feed| {
            let kept = tiles.contains_key(tile);
            if !kept {
                feed.stop();
                shared.credit().forget(tile);
            }
            kept
        });
        for (tile, size) in tiles {
            match self.feeds.get(&tile) {
                Some(feed) => feed.size.store(packed(size), Ordering::Relaxed),
                None => self.begin(tile, size),
            }
        }
    }

    fn begin(&mut self, tile: String, size: Size) {
        let feed =
            Arc::new(Feed { tile: tile.clone(), size: AtomicU64::new(packed(size)), stop: AtomicBool::new(false) });
        let (of_thread, tiles, shared) = (feed.clone(), self.tiles.clone(), self.shared.clone());
        let started = thread::Builder::new().name("tile".to_owned()).spawn(move || of_thread.run(&tiles, &shared));
        match started {
            Ok(_) => {
                self.feeds.insert(tile, feed);
            }
            Err(error) => tracing::error!(%error, "a tile cannot be shown"),
        }
    }
}

impl Drop for Feeds {
    fn drop(&mut self) {
        self.feeds.values().for_each(|feed| feed.stop());
        self.shared.given_back.notify_all();
    }
}

impl Shared {
    fn credit(&self) -> MutexGuard<'_, Credit> {
        self.credit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the tile may send, for at most [`PATIENCE`].
    fn may_send(&self, tile: &str) -> bool {
        let waiting = self.given_back.wait_timeout_while(self.credit(), PATIENCE, |credit| !credit.has(tile));
        waiting.unwrap_or_else(PoisonError::into_inner).0.has(tile)
    }
}

impl Feed {
    fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    fn run(&self, tiles: &Tiles, shared: &Shared) {
        let mut scaler = Scaler::new();
        let mut slot: Option<Arc<LatestFrame>> = None;
        let mut seen = 0;
        while !self.stop.load(Ordering::Relaxed) && !shared.out.is_closed() {
            if !shared.may_send(&self.tile) {
                continue;
            }
            let Some(now) = tiles.get(&self.tile) else {
                thread::sleep(PATIENCE);
                continue;
            };
            if slot.as_ref().is_none_or(|then| !Arc::ptr_eq(then, &now)) {
                seen = 0;
            }
            let waited = Instant::now();
            let newer = now.wait_newer_than(seen, PATIENCE);
            slot = Some(now);
            let Some((number, frame)) = newer else {
                // A slot that nobody fills any more does not let us wait.
                thread::sleep(PATIENCE.saturating_sub(waited.elapsed()));
                continue;
            };
            seen = number;
            let (width, height) = unpacked(self.size.load(Ordering::Relaxed));
            let frame = match scaler.fit(&frame, width, height) {
                Ok(frame) => frame,
                Err(error) => {
                    tracing::error!(%error, "a picture is not shown");
                    continue;
                }
            };
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let Some(number) = shared.credit().take(&self.tile) else { continue };
            let bytes = wire::picture(&self.tile, number, &frame, unix_us());
            if shared.out.blocking_send(bytes).is_err() {
                return;
            }
        }
    }
}

fn packed((width, height): Size) -> u64 {
    u64::from(width) << 32 | u64::from(height)
}

fn unpacked(size: u64) -> Size {
    ((size >> 32) as u32, size as u32)
}

fn unix_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64)
}
