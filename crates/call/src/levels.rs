//! How loud everybody is, for showing who speaks.
//!
//! Invariant: reading costs a lock and a few loads, and waits for nobody: levels are kept by those who send and play.

use std::sync::{Mutex, MutexGuard, PoisonError};

use sightline_media::audio::Level;

/// How loud everybody is at the moment: peaks of the last 100 ms, 0 to 1 (full scale).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Levels {
    /// Ourselves, as sent: 0 while muted.
    pub own: f32,
    /// Peers by id, as played. One who sends no sound is not in here.
    pub peers: Vec<(String, f32)>,
}

/// Where those who send and play put their levels.
#[derive(Debug, Default)]
pub(crate) struct LevelBoard {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    own: Option<Level>,
    /// By peer; one may send several tracks. As many as there are receivers, which are bounded.
    peers: Vec<(String, Level)>,
}

impl LevelBoard {
    pub(crate) fn set_own(&self, level: Level) {
        self.lock().own = Some(level);
    }

    pub(crate) fn add(&self, peer: &str, level: Level) {
        let mut state = self.lock();
        state.peers.retain(|(_, level)| level.is_kept());
        state.peers.push((peer.to_owned(), level));
    }

    pub(crate) fn read(&self) -> Levels {
        let mut state = self.lock();
        state.peers.retain(|(_, level)| level.is_kept());
        let mut peers: Vec<(String, f32)> = Vec::with_capacity(state.peers.len());
        for (peer, level) in &state.peers {
            match peers.iter_mut().find(|(known, _)| known == peer) {
                Some((_, loudest)) => *loudest = loudest.max(level.now()),
                None => peers.push((peer.clone(), level.now())),
            }
        }
        Levels { own: state.own.as_ref().map_or(0.0, Level::now), peers }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_with_two_tracks_is_one_and_goes_with_them() {
        let board = LevelBoard::default();
        assert_eq!(board.read(), Levels::default());
        let (ada, again, grace) = (Level::default(), Level::default(), Level::default());
        for (peer, level) in [("ada", &ada), ("ada", &again), ("grace", &grace)] {
            board.add(peer, level.clone());
        }
        assert_eq!(board.read().peers, [("ada".to_owned(), 0.0), ("grace".to_owned(), 0.0)]);
        drop((ada, again));
        assert_eq!(board.read().peers, [("grace".to_owned(), 0.0)]);
    }
}
