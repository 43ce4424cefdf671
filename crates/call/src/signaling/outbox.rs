//! What waits to be sent while the server is away.
//!
//! Invariant: at most [`CAPACITY`] messages, the oldest go first; only the last media state is kept, as it says all.

use std::collections::VecDeque;

use sightline_protocol::ClientMessage;

/// Seven peers with an offer and 30 candidates each fit twice; whoever needs more restarts ICE once signaling is back.
const CAPACITY: usize = 512;

/// Bounded queue of outgoing messages.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    queue: VecDeque<ClientMessage>,
}

impl Outbox {
    /// Adds a message; the oldest is dropped where there is no room.
    pub(crate) fn push(&mut self, message: ClientMessage) {
        if matches!(message, ClientMessage::Update { .. }) {
            self.queue.retain(|queued| !matches!(queued, ClientMessage::Update { .. }));
        }
        if self.queue.len() == CAPACITY {
            self.queue.pop_front();
        }
        self.queue.push_back(message);
    }

    /// Puts back a message that could not be sent: it goes first again.
    pub(crate) fn put_back(&mut self, message: ClientMessage) {
        self.queue.push_front(message);
    }

    /// The next message to send.
    pub(crate) fn pop(&mut self) -> Option<ClientMessage> {
        self.queue.pop_front()
    }

    /// We are somebody else now, and so may be the peers: what was meant for one of them would reach nobody.
    pub(crate) fn forget_peers(&mut self) {
        self.queue.retain(|message| match message {
            ClientMessage::Offer { .. }
            | ClientMessage::Answer { .. }
            | ClientMessage::IceCandidate { .. }
            | ClientMessage::Hint { .. } => false,
            ClientMessage::Hello { .. }
            | ClientMessage::Join { .. }
            | ClientMessage::Leave {}
            | ClientMessage::Update { .. }
            | ClientMessage::Host(_)
            | ClientMessage::People(_)
            | ClientMessage::Meet(_)
            | ClientMessage::Chat { .. }
            | ClientMessage::Ping { .. } => true,
        });
    }
}

#[cfg(test)]
mod tests {
    use sightline_protocol::{MediaState, UserId};

    use super::*;

    fn chat(text: &str) -> ClientMessage {
        ClientMessage::Chat { text: text.into() }
    }

    #[test]
    fn keeps_order_and_drops_the_oldest() {
        let mut outbox = Outbox::default();
        for n in 0..CAPACITY + 2 {
            outbox.push(chat(&n.to_string()));
        }
        assert_eq!(outbox.pop(), Some(chat("2")));
        assert_eq!(std::iter::from_fn(|| outbox.pop()).count(), CAPACITY - 1);
    }

    #[test]
    fn only_the_last_media_state_is_kept() {
        let mut outbox = Outbox::default();
        let update = |video| ClientMessage::media(MediaState { audio: true, video });
        outbox.push(update(false));
        outbox.push(chat("between"));
        outbox.push(update(true));
        assert_eq!(outbox.pop(), Some(chat("between")));
        assert_eq!(outbox.pop(), Some(update(true)));
        assert_eq!(outbox.pop(), None);
    }

    #[test]
    fn what_could_not_be_sent_goes_first_again() {
        let mut outbox = Outbox::default();
        outbox.push(chat("second"));
        outbox.put_back(chat("first"));
        assert_eq!(outbox.pop(), Some(chat("first")));
    }

    #[test]
    fn a_new_identity_takes_only_what_is_for_everybody() {
        let mut outbox = Outbox::default();
        outbox.push(ClientMessage::Offer { to: UserId("gone".into()), sdp: String::new() });
        outbox.push(chat("still here"));
        outbox.forget_peers();
        assert_eq!(outbox.pop(), Some(chat("still here")));
        assert_eq!(outbox.pop(), None);
    }
}
