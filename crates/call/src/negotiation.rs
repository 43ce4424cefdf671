//! Perfect negotiation (W3C webrtc-pc, 10.7) with one peer, as a pure state machine: events in, actions out.
//!
//! Invariant: at most one local offer is out at a time; of two offers that cross, the impolite side's wins; whatever is
//! lost on the way, [`Input::Restart`] leads back to an offer. The participant who joined later is the polite one.
//! Whoever drives the machine carries out the actions in order and to their end before it gives the next input.

use sightline_protocol::IceCandidate;

/// What the machine is told.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    /// From the driver: this side has to make the first offer, because it joined later or because the link is new and
    /// the other side waits.
    Begin,
    /// From the link: tracks or transceivers changed (`negotiationneeded`).
    Needed,
    /// From recovery: the path is broken or was never found; restart ICE. Takes back an offer that got no answer.
    Restart,
    /// From signaling: the peer's offer.
    RemoteOffer(String),
    /// From signaling: the peer's answer.
    RemoteAnswer(String),
    /// From signaling: a candidate, in whatever order; the link keeps it until its description is there.
    RemoteCandidate(IceCandidate),
    /// From whoever carries out the actions: this one failed. The rest of its batch was not done.
    Failed(Action),
}

/// What is to be done with the link, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Action {
    /// Create and set a local offer, with new ICE credentials where `restart`, and send it.
    Offer {
        /// New ICE credentials.
        restart: bool,
    },
    /// Drop the local offer that is out.
    Rollback,
    /// Set the remote offer, create and set the answer, and send it.
    Answer(String),
    /// Set the remote answer.
    Accept(String),
    /// Hand the candidate to the link. One that belongs to an ignored offer may be refused there without harm.
    Candidate(IceCandidate),
}

/// Where the exchange stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing was said yet and the other side is expected to offer; what the link needs is in its offer already.
    Waiting,
    /// No offer is out.
    Stable,
    /// Our offer is out and has no answer yet. `needed`: it says something that the peer's own offer would not.
    Offered { restart: bool, needed: bool },
}

/// The exchange of descriptions with one peer.
#[derive(Debug)]
pub(crate) struct Negotiation {
    polite: bool,
    phase: Phase,
    /// Another offer is due as soon as the exchange is stable.
    again: bool,
    /// That offer has to restart ICE.
    restart: bool,
    remote_ufrag: Option<String>,
}

impl Negotiation {
    /// An exchange in which nothing was said yet.
    pub(crate) fn new(polite: bool) -> Self {
        Self { polite, phase: Phase::Waiting, again: false, restart: false, remote_ufrag: None }
    }

    /// Takes an input; the actions are to be carried out in order.
    pub(crate) fn handle(&mut self, input: Input) -> Vec<Action> {
        match input {
            Input::Begin => self.begin(),
            Input::Needed => self.needed(),
            Input::Restart => self.restart(),
            Input::RemoteOffer(sdp) => self.remote_offer(sdp),
            Input::RemoteAnswer(sdp) => self.remote_answer(sdp),
            Input::RemoteCandidate(candidate) => vec![Action::Candidate(candidate)],
            Input::Failed(action) => self.failed(action),
        }
    }

    fn begin(&mut self) -> Vec<Action> {
        match self.phase {
            Phase::Waiting | Phase::Stable => vec![self.offer(false, false)],
            Phase::Offered { .. } => Vec::new(),
        }
    }

    fn needed(&mut self) -> Vec<Action> {
        match self.phase {
            Phase::Waiting => Vec::new(),
            Phase::Stable => vec![self.offer(false, true)],
            Phase::Offered { .. } => {
                self.again = true;
                Vec::new()
            }
        }
    }

    fn restart(&mut self) -> Vec<Action> {
        match self.phase {
            // Nothing to restart yet: the first offer is what is missing.
            Phase::Waiting => vec![self.offer(false, false)],
            Phase::Stable => vec![self.offer(true, false)],
            Phase::Offered { needed, .. } => {
                // The peer never accepted credentials of ours where this was the first offer; otherwise they are stale.
                let restart = self.remote_ufrag.is_some();
                vec![Action::Rollback, self.offer(restart, needed)]
            }
        }
    }

    fn remote_offer(&mut self, sdp: String) -> Vec<Action> {
        let ufrag = ice_ufrag(&sdp);
        let mut actions = Vec::new();
        match self.phase {
            Phase::Waiting | Phase::Stable => {}
            Phase::Offered { .. } if !self.polite => return Vec::new(),
            Phase::Offered { restart, needed } => {
                actions.push(Action::Rollback);
                self.again |= needed;
                // An offer that restarts ICE itself gives both sides new credentials (RFC 8839, 4.4.1.1.1).
                self.restart |= restart && ufrag == self.remote_ufrag;
            }
        }
        self.remote_ufrag = ufrag;
        self.phase = Phase::Stable;
        actions.push(Action::Answer(sdp));
        actions.extend(self.due());
        actions
    }

    fn remote_answer(&mut self, sdp: String) -> Vec<Action> {
        match self.phase {
            // Late: its offer was rolled back or taken back.
            Phase::Waiting | Phase::Stable => Vec::new(),
            Phase::Offered { .. } => {
                self.remote_ufrag = ice_ufrag(&sdp);
                self.phase = Phase::Stable;
                let mut actions = vec![Action::Accept(sdp)];
                actions.extend(self.due());
                actions
            }
        }
    }

    /// Leaves the exchange stable. It offers nothing by itself: an offer that fails would fail at once again, so the next
    /// attempt is recovery's, with its backoff.
    fn failed(&mut self, action: Action) -> Vec<Action> {
        match action {
            Action::Offer { restart } => {
                self.again |= matches!(self.phase, Phase::Offered { needed: true, .. });
                self.phase = Phase::Stable;
                self.restart |= restart;
                Vec::new()
            }
            Action::Accept(_) => {
                self.phase = Phase::Stable;
                vec![Action::Rollback]
            }
            Action::Rollback | Action::Answer(_) => {
                self.phase = Phase::Stable;
                Vec::new()
            }
            Action::Candidate(_) => Vec::new(),
        }
    }

    fn due(&mut self) -> Option<Action> {
        (self.again || self.restart).then(|| self.offer(false, false))
    }

    fn offer(&mut self, restart: bool, needed: bool) -> Action {
        let restart = std::mem::take(&mut self.restart) || restart;
        let needed = std::mem::take(&mut self.again) || needed;
        self.phase = Phase::Offered { restart, needed };
        Action::Offer { restart }
    }
}

/// First ICE user fragment of a description (RFC 8839, 5.4).
fn ice_ufrag(sdp: &str) -> Option<String> {
    sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).map(|ufrag| ufrag.trim().to_owned())
}

/// Session id of a description's origin (RFC 8866, 5.2): the same in all descriptions of one peer connection
/// (RFC 8829, 5.2.1), so that another one means that the peer has made its connection anew.
pub(crate) fn session_id(sdp: &str) -> Option<&str> {
    sdp.lines().find_map(|line| line.strip_prefix("o=")).and_then(|origin| origin.split_whitespace().nth(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sdp(ufrag: &str) -> String {
        format!("v=0\r\no=- 77 1 IN IP4 0.0.0.0\r\na=ice-ufrag:{ufrag}\r\n")
    }

    /// A machine after a first exchange in which it answered `remote`.
    fn stable(polite: bool, remote: &str) -> Negotiation {
        let mut machine = Negotiation::new(polite);
        machine.handle(Input::RemoteOffer(sdp(remote)));
        machine
    }

    #[test]
    fn the_newcomer_offers_and_the_other_answers() {
        let mut newcomer = Negotiation::new(true);
        assert_eq!(newcomer.handle(Input::Begin), [Action::Offer { restart: false }]);
        assert_eq!(newcomer.handle(Input::RemoteAnswer(sdp("a"))), [Action::Accept(sdp("a"))]);

        let mut other = Negotiation::new(false);
        assert_eq!(other.handle(Input::Needed), [], "the newcomer's offer is on its way");
        assert_eq!(other.handle(Input::RemoteOffer(sdp("b"))), [Action::Answer(sdp("b"))]);
        assert_eq!(other.handle(Input::Needed), [Action::Offer { restart: false }]);
    }

    #[test]
    fn in_glare_the_impolite_side_ignores_and_the_polite_side_yields() {
        let mut impolite = stable(false, "p");
        impolite.handle(Input::Needed);
        assert_eq!(impolite.handle(Input::RemoteOffer(sdp("p"))), []);
        assert_eq!(impolite.handle(Input::RemoteAnswer(sdp("p"))), [Action::Accept(sdp("p"))]);

        let mut polite = stable(true, "i");
        polite.handle(Input::Needed);
        assert_eq!(
            polite.handle(Input::RemoteOffer(sdp("i"))),
            [Action::Rollback, Action::Answer(sdp("i")), Action::Offer { restart: false }],
            "what it needed is offered again once the other's offer is answered"
        );
        assert_eq!(polite.handle(Input::RemoteAnswer(sdp("i"))), [Action::Accept(sdp("i"))]);
    }

    #[test]
    fn glare_of_two_first_offers_ends_with_one_exchange() {
        let mut impolite = Negotiation::new(false);
        let mut polite = Negotiation::new(true);
        impolite.handle(Input::Begin);
        polite.handle(Input::Begin);
        assert_eq!(impolite.handle(Input::RemoteOffer(sdp("p"))), []);
        let yielded = polite.handle(Input::RemoteOffer(sdp("i")));
        assert_eq!(yielded, [Action::Rollback, Action::Answer(sdp("i"))], "both offer the same");
        assert_eq!(impolite.handle(Input::RemoteAnswer(sdp("p"))), [Action::Accept(sdp("p"))]);
    }

    #[test]
    fn two_ice_restarts_that_cross_become_one() {
        let mut polite = stable(true, "old");
        assert_eq!(polite.handle(Input::Restart), [Action::Offer { restart: true }]);
        let actions = polite.handle(Input::RemoteOffer(sdp("new")));
        assert_eq!(actions, [Action::Rollback, Action::Answer(sdp("new"))], "the other's restart renews both sides");
        let mut impolite = stable(false, "old");
        impolite.handle(Input::Restart);
        assert_eq!(impolite.handle(Input::RemoteOffer(sdp("other"))), []);
    }

    #[test]
    fn a_restart_that_yields_to_an_ordinary_offer_is_made_up_for() {
        let mut polite = stable(true, "same");
        polite.handle(Input::Restart);
        assert_eq!(
            polite.handle(Input::RemoteOffer(sdp("same"))),
            [Action::Rollback, Action::Answer(sdp("same")), Action::Offer { restart: true }]
        );
    }

    #[test]
    fn a_late_answer_is_dropped() {
        let mut machine = stable(true, "i");
        assert_eq!(machine.handle(Input::RemoteAnswer(sdp("i"))), []);
        assert_eq!(Negotiation::new(false).handle(Input::RemoteAnswer(sdp("x"))), []);
    }

    #[test]
    fn candidates_pass_at_any_time() {
        let candidate = IceCandidate {
            candidate: "candidate:1 1 udp 1 127.0.0.1 9 typ host".into(),
            sdp_mid: Some("0".into()),
            sdp_m_line_index: None,
            username_fragment: None,
        };
        let mut machine = Negotiation::new(false);
        assert_eq!(machine.handle(Input::RemoteCandidate(candidate.clone())), [Action::Candidate(candidate.clone())]);
        machine.handle(Input::Begin);
        assert_eq!(machine.handle(Input::RemoteCandidate(candidate.clone())), [Action::Candidate(candidate)]);
    }

    #[test]
    fn an_offer_that_got_no_answer_is_taken_back() {
        let mut first = Negotiation::new(true);
        first.handle(Input::Begin);
        assert_eq!(first.handle(Input::Restart), [Action::Rollback, Action::Offer { restart: false }]);
        let mut later = stable(true, "i");
        later.handle(Input::Needed);
        assert_eq!(later.handle(Input::Restart), [Action::Rollback, Action::Offer { restart: true }]);
    }

    #[test]
    fn one_who_waits_in_vain_offers_when_told_to_restart() {
        assert_eq!(Negotiation::new(false).handle(Input::Restart), [Action::Offer { restart: false }]);
    }

    #[test]
    fn needs_that_come_up_meanwhile_are_offered_after_the_answer() {
        let mut machine = stable(true, "i");
        machine.handle(Input::Needed);
        assert_eq!(machine.handle(Input::Needed), []);
        assert_eq!(
            machine.handle(Input::RemoteAnswer(sdp("i"))),
            [Action::Accept(sdp("i")), Action::Offer { restart: false }]
        );
    }

    #[test]
    fn a_failed_step_leaves_the_exchange_stable() {
        let mut machine = stable(true, "i");
        machine.handle(Input::Restart);
        assert_eq!(machine.handle(Input::Failed(Action::Offer { restart: true })), []);
        assert_eq!(machine.handle(Input::Needed), [Action::Offer { restart: true }], "the restart is not forgotten");
        machine.handle(Input::RemoteAnswer(sdp("i")));
        assert_eq!(machine.handle(Input::Failed(Action::Accept(sdp("i")))), [Action::Rollback]);
        assert_eq!(machine.handle(Input::Failed(Action::Rollback)), []);
        assert_eq!(machine.handle(Input::Begin), [Action::Offer { restart: false }]);
    }

    #[test]
    fn the_session_id_is_read_from_the_origin() {
        assert_eq!(session_id(&sdp("x")), Some("77"));
        assert_eq!(session_id("v=0\r\n"), None);
        assert_eq!(session_id("o=-\r\n"), None);
    }
}
