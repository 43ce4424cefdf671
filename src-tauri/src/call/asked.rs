//! In how many pixels a peer is told that it is shown. Pure.
//!
//! Invariant: a tile counts as hidden only while there is a picture that the page could show and does not. One that stopped
//! coming is not on the page for that reason, and need not begin small when it comes again.

/// Looks in a row, each a fifth of a second after the other, at a picture that is not shown: the page takes a moment to
/// show what has just come.
const UNSEEN: u8 = 5;

/// What a peer was told of its tile.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Width and height in pixels; `None` while nothing was said.
    size: Option<(u32, u32)>,
    unseen: u8,
}

impl Asked {
    /// Looks at the tile: its size, where the page shows it, and whether there is a picture for it. Gives what the peer is
    /// to be told, where that is new; 0 x 0 is hidden.
    pub(super) fn look(&mut self, shown: Option<(u32, u32)>, is_live: bool) -> Option<(u32, u32)> {
        self.unseen = if shown.is_none() && is_live { self.unseen.saturating_add(1) } else { 0 };
        let is_hidden = self.unseen >= UNSEEN && self.size.is_some();
        let size = shown.or(is_hidden.then_some((0, 0))).filter(|size| Some(*size) != self.size)?;
        self.size = Some(size);
        Some(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: (u32, u32) = (640, 360);

    #[test]
    fn a_peer_is_told_once_how_large_it_is_shown_and_when_it_is_not() {
        let mut asked = Asked::default();
        assert!((0..20).all(|_| asked.look(None, true).is_none()), "nothing is known before it was shown");
        assert_eq!((asked.look(Some(SIZE), true), asked.look(Some(SIZE), true)), (Some(SIZE), None));
        let told: Vec<_> = (0..20).filter_map(|_| asked.look(None, true)).collect();
        assert_eq!(told, [(0, 0)]);
        assert_eq!(asked.look(Some(SIZE), true), Some(SIZE));
    }

    #[test]
    fn a_picture_that_stopped_and_comes_again_is_asked_for_as_before() {
        let mut asked = Asked::default();
        asked.look(Some(SIZE), true);
        assert!((0..50).all(|_| asked.look(None, false).is_none()), "the path is lost");
        assert_eq!((asked.look(None, true), asked.look(None, true)), (None, None), "the page has not shown it yet");
        assert_eq!(asked.look(Some(SIZE), true), None, "it knows");
    }
}
