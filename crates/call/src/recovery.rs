//! When to restart ICE, when to make a link anew, and when to give a peer up: decisions only, time passed in.
//!
//! Invariant: a link that is down is tried again within 2 s and from then on at growing intervals of at most
//! [`LONGEST_WAIT`], for as long as its peer is in the room; a peer that the server no longer sees, or of which nothing
//! is heard while the server is gone too, is given up.

use std::time::{Duration, Instant};

/// The first restart after the path is lost. The polite side waits longer, so that as a rule only one side restarts;
/// where both do, negotiation sorts it out.
/// With the 1.4 s in which ICE notices silence at the latest, ICE is restarted within 2 s of it whoever notices: behind
/// a NAT that forgot its mapping one side alone does, as the other one's checks are answered.
const FIRST_WAIT_IMPOLITE: Duration = Duration::from_millis(200);
const FIRST_WAIT_POLITE: Duration = Duration::from_millis(500);
/// By so much the polite side lets the other go first later on.
const POLITE_TURN: Duration = Duration::from_millis(1200);
/// How long a first set-up may take before it is tried again: candidates over a slow TURN server take 2 s (webrtc-rs.md).
const SETUP_PATIENCE: Duration = Duration::from_secs(6);
/// An offer without an answer is not taken back before this: its answer would be taken for that to the next offer.
const ANSWER_PATIENCE: Duration = Duration::from_secs(6);
/// From an answered offer to the next one: doubled from 2 s up to this.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// After so many restarts in vain the impolite side makes the link anew. One side only, or two new links would cross.
const RESTARTS_BEFORE_REPLACING: u32 = 3;
/// A peer whose link is down and whom the server lost too is gone after this; with the 1.4 s in which ICE notices a dead
/// path it makes less than the 15 s promised.
const PATIENCE_AWAY: Duration = Duration::from_secs(3);
/// The same while the server is not there to say anything.
const PATIENCE_SERVERLESS: Duration = Duration::from_secs(30);

/// What to do about a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remedy {
    /// Restart ICE.
    Restart,
    /// Close the link and make a new one.
    Replace,
    /// The peer is gone.
    GiveUp,
}

/// What is known of the world at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Surroundings {
    /// The server is there, so that offers reach somebody.
    pub signaling: bool,
    /// The server says that the peer lost its socket.
    pub peer_away: bool,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Up,
    /// Not connected since `since`; the next attempt at `next`, after `attempts` in vain.
    Down {
        since: Instant,
        next: Instant,
        attempts: u32,
        /// It was up before.
        set_up: bool,
    },
}

/// The health of the link to one peer.
#[derive(Debug)]
pub(crate) struct Recovery {
    polite: bool,
    state: State,
    /// No signal reaches the peer at the moment.
    cut_off: bool,
}

impl Recovery {
    /// A link that is being set up.
    pub(crate) fn new(polite: bool, now: Instant) -> Self {
        Self {
            polite,
            state: State::Down { since: now, next: now + SETUP_PATIENCE, attempts: 0, set_up: false },
            cut_off: false,
        }
    }

    /// The link is connected.
    pub(crate) fn connected(&mut self) {
        self.state = State::Up;
    }

    /// The link is disconnected, failed or closed by the peer.
    pub(crate) fn lost(&mut self, now: Instant) {
        if let State::Up = self.state {
            let wait = if self.polite { FIRST_WAIT_POLITE } else { FIRST_WAIT_IMPOLITE };
            self.state = State::Down { since: now, next: now + wait, attempts: 0, set_up: true };
        }
    }

    /// Whether media can flow.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.state, State::Up)
    }

    /// An offer was answered, ours or the peer's: the path gets its time to come up.
    pub(crate) fn agreed(&mut self, now: Instant) {
        let State::Down { next, attempts, set_up, .. } = &mut self.state else { return };
        let wait = if *set_up {
            Duration::from_secs(2 << (*attempts).saturating_sub(1).min(4)).min(LONGEST_WAIT)
        } else {
            SETUP_PATIENCE
        };
        let turn = if self.polite { POLITE_TURN } else { Duration::ZERO };
        *next = now + wait + turn;
    }

    /// What is to be done at `now`, to be asked a few times a second.
    pub(crate) fn poll(&mut self, now: Instant, around: Surroundings) -> Option<Remedy> {
        let reachable = around.signaling && !around.peer_away;
        let was_cut_off = std::mem::replace(&mut self.cut_off, !reachable);
        let State::Down { since, next, attempts, .. } = &mut self.state else { return None };
        if !reachable {
            let patience = if around.signaling { PATIENCE_AWAY } else { PATIENCE_SERVERLESS };
            return (now.saturating_duration_since(*since) >= patience).then_some(Remedy::GiveUp);
        }
        if was_cut_off && *attempts > 0 {
            // Offers made meanwhile did not arrive; they say nothing about the path.
            *attempts = 0;
            *next = now;
        }
        if now < *next {
            return None;
        }
        *attempts += 1;
        *next = now + ANSWER_PATIENCE;
        let replace = *attempts > RESTARTS_BEFORE_REPLACING && !self.polite;
        Some(if replace { Remedy::Replace } else { Remedy::Restart })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: Surroundings = Surroundings { signaling: true, peer_away: false };
    const AWAY: Surroundings = Surroundings { signaling: true, peer_away: true };
    const SERVERLESS: Surroundings = Surroundings { signaling: false, peer_away: false };

    /// Polls each 100 ms and returns what was done and when.
    fn run(recovery: &mut Recovery, from: Instant, millis: u64, around: Surroundings) -> Vec<(u64, Remedy)> {
        (0..=millis / 100)
            .map(|step| step * 100)
            .filter_map(|at| recovery.poll(from + Duration::from_millis(at), around).map(|remedy| (at, remedy)))
            .collect()
    }

    fn lost_link(polite: bool, now: Instant) -> Recovery {
        let mut recovery = Recovery::new(polite, now);
        recovery.connected();
        recovery.lost(now);
        recovery
    }

    #[test]
    fn a_link_that_is_up_needs_nothing() {
        let now = Instant::now();
        let mut recovery = Recovery::new(false, now);
        recovery.connected();
        assert_eq!(run(&mut recovery, now, 60_000, FINE), []);
    }

    #[test]
    fn both_sides_restart_within_two_seconds_the_impolite_first() {
        let now = Instant::now();
        let impolite = run(&mut lost_link(false, now), now, 2000, FINE);
        let polite = run(&mut lost_link(true, now), now, 2000, FINE);
        assert_eq!(impolite, [(200, Remedy::Restart)]);
        assert_eq!(polite, [(500, Remedy::Restart)]);
    }

    #[test]
    fn an_offer_without_an_answer_is_not_taken_back_at_once() {
        let now = Instant::now();
        let done = run(&mut lost_link(false, now), now, 20_000, FINE);
        let (times, remedies): (Vec<_>, Vec<_>) = done.into_iter().unzip();
        assert_eq!(times, [200, 6200, 12_200, 18_200]);
        assert_eq!(remedies, [Remedy::Restart, Remedy::Restart, Remedy::Restart, Remedy::Replace]);
        let polite = run(&mut lost_link(true, now), now, 40_000, FINE);
        assert!(polite.iter().all(|(_, remedy)| *remedy == Remedy::Restart), "only one side makes the link anew");
    }

    #[test]
    fn answered_restarts_that_do_not_help_back_off() {
        let now = Instant::now();
        let mut recovery = lost_link(false, now);
        let mut times = Vec::new();
        for tenth in 0..400 {
            let at = now + Duration::from_millis(tenth * 100);
            if recovery.poll(at, FINE).is_some() {
                times.push(tenth * 100);
                recovery.agreed(at);
            }
        }
        assert_eq!(times, [200, 2200, 6200, 14_200, 24_200, 34_200]);
    }

    #[test]
    fn the_peers_restart_spares_ours() {
        let now = Instant::now();
        let mut polite = lost_link(true, now);
        polite.agreed(now + Duration::from_millis(400));
        assert_eq!(run(&mut polite, now, 3500, FINE), []);
        assert_eq!(run(&mut polite, now, 3600, FINE), [(3600, Remedy::Restart)]);
    }

    #[test]
    fn a_repeated_loss_does_not_put_the_restart_off() {
        let now = Instant::now();
        let mut recovery = lost_link(true, now);
        recovery.lost(now + Duration::from_millis(400));
        assert_eq!(recovery.poll(now + Duration::from_millis(500), FINE), Some(Remedy::Restart));
    }

    #[test]
    fn a_killed_peer_is_given_up_in_time() {
        let now = Instant::now();
        assert_eq!(run(&mut lost_link(false, now), now, 3000, AWAY), [(3000, Remedy::GiveUp)]);
    }

    #[test]
    fn without_a_server_nothing_is_offered_and_patience_is_longer() {
        let now = Instant::now();
        assert_eq!(run(&mut lost_link(false, now), now, 30_000, SERVERLESS), [(30_000, Remedy::GiveUp)]);
    }

    #[test]
    fn a_server_that_is_back_is_used_at_once() {
        let now = Instant::now();
        let mut recovery = lost_link(false, now);
        assert_eq!(run(&mut recovery, now, 2000, FINE), [(200, Remedy::Restart)]);
        assert_eq!(run(&mut recovery, now + Duration::from_secs(2), 6000, SERVERLESS), []);
        assert_eq!(recovery.poll(now + Duration::from_millis(8100), FINE), Some(Remedy::Restart));
    }

    #[test]
    fn a_first_set_up_has_more_time() {
        let now = Instant::now();
        assert_eq!(run(&mut Recovery::new(true, now), now, 6000, FINE), [(6000, Remedy::Restart)]);
    }
}
