//! Tokens of the rooms that this app made, until it ends: who made a room is its host.

use std::collections::VecDeque;

/// Rooms that are remembered; who makes more in one sitting is a guest in the first.
const MOST: usize = 64;

/// The tokens, the oldest first.
#[derive(Default)]
pub(crate) struct Passes(VecDeque<Pass>);

struct Pass {
    server: String,
    code: String,
    token: String,
}

impl Passes {
    /// Keeps the token of a room that was made just now. Older servers give none.
    pub(crate) fn keep(&mut self, server: &str, code: &str, token: String) {
        if token.is_empty() {
            return;
        }
        self.0.push_back(Pass { server: server.to_owned(), code: code.to_owned(), token });
        while self.0.len() > MOST {
            self.0.pop_front();
        }
    }

    /// The token of a room.
    pub(crate) fn of(&self, server: &str, code: &str) -> Option<String> {
        let mut passes = self.0.iter().rev();
        passes.find(|pass| pass.server == server && pass.code == code).map(|pass| pass.token.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_for_its_room_on_its_server() {
        let mut passes = Passes::default();
        passes.keep("ws://one", "a-b", "t1".into());
        passes.keep("ws://two", "a-b", "t2".into());
        passes.keep("ws://old", "a-b", String::new());
        let of = |server, code| passes.of(server, code);
        assert_eq!((of("ws://one", "a-b"), of("ws://two", "a-b")), (Some("t1".into()), Some("t2".into())));
        assert_eq!((of("ws://one", "a-c"), of("ws://old", "a-b")), (None, None));
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let mut passes = Passes::default();
        for n in 0..=MOST {
            passes.keep("ws://one", &format!("room-{n}"), format!("t{n}"));
        }
        assert_eq!((passes.of("ws://one", "room-0"), passes.of("ws://one", "room-1")), (None, Some("t1".into())));
    }
}
