//! Decoded pictures that wait until they are due.
//!
//! Invariant: pictures leave in the order in which they came; at most [`MOST`] wait. Pure: time is passed in.

use std::collections::VecDeque;
use std::time::Instant;

/// A third of a second at 30 fps: longer than anything waits. 14 MB at 720p.
const MOST: usize = 10;

/// What waits.
#[derive(Debug)]
pub(crate) struct Playout<T> {
    waiting: VecDeque<(Instant, T)>,
}

impl<T> Default for Playout<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new() }
    }
}

impl<T> Playout<T> {
    /// One more, to be shown then.
    pub(crate) fn push(&mut self, due: Instant, picture: T) {
        self.waiting.push_back((due, picture));
    }

    /// The next one that is due, or for which there is no room.
    pub(crate) fn next(&mut self, now: Instant) -> Option<T> {
        let (due, _) = self.waiting.front()?;
        let leaves = *due <= now || self.waiting.len() > MOST;
        leaves.then(|| self.waiting.pop_front()).flatten().map(|(_, picture)| picture)
    }

    /// When to ask again.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.waiting.front().map(|(due, _)| *due)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn pictures_leave_when_they_are_due_in_their_order() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut playout = Playout::default();
        assert_eq!((playout.next(start), playout.deadline()), (None, None));
        playout.push(at(50), 'a');
        // The second is due earlier, and yet it is the second.
        playout.push(at(20), 'b');
        playout.push(at(80), 'c');
        assert_eq!((playout.next(at(49)), playout.deadline()), (None, Some(at(50))));
        let due: Vec<char> = std::iter::from_fn(|| playout.next(at(50))).collect();
        assert_eq!(due, ['a', 'b']);
        assert_eq!(playout.deadline(), Some(at(80)));
    }

    #[test]
    fn what_does_not_fit_is_shown_early() {
        let start = Instant::now();
        let mut playout = Playout::default();
        let mut shown = Vec::new();
        for number in 0..MOST + 3 {
            playout.push(start + Duration::from_secs(60), number);
            shown.extend(playout.next(start));
        }
        assert_eq!(shown, [0, 1, 2]);
    }
}
