//! Who may send when.
//!
//! Invariant: of each tile at most [`IN_FLIGHT`] pictures are on the way, so at most that many times [`MAX_TILES`] in all;
//! a number that is acknowledged twice, or was never sent, changes nothing.
//!
//! [`MAX_TILES`]: super::wire::MAX_TILES

use std::collections::HashMap;

/// One that is being drawn and one on its way: with less the page waits for us, with more it shows older pictures.
const IN_FLIGHT: usize = 2;

/// The credit of one connection.
#[derive(Debug, Default)]
pub(crate) struct Credit {
    last: u32,
    /// Numbers that are on the way, with their tiles.
    on_the_way: HashMap<u32, String>,
}

impl Credit {
    /// Whether the tile may send.
    pub(crate) fn has(&self, tile: &str) -> bool {
        self.on_the_way.values().filter(|of| *of == tile).count() < IN_FLIGHT
    }

    /// Takes credit for a picture; gives its number, or `None` where there is no credit.
    pub(crate) fn take(&mut self, tile: &str) -> Option<u32> {
        if !self.has(tile) {
            return None;
        }
        // 2^32 pictures are a year of sixteen tiles; by then the first ones are long drawn.
        self.last = self.last.wrapping_add(1);
        self.on_the_way.insert(self.last, tile.to_owned());
        Some(self.last)
    }

    /// The page is done with a picture.
    pub(crate) fn give_back(&mut self, number: u32) {
        self.on_the_way.remove(&number);
    }

    /// A tile is not shown any more.
    pub(crate) fn forget(&mut self, tile: &str) {
        self.on_the_way.retain(|_, of| of != tile);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_on_the_way_for_each_tile() {
        let mut credit = Credit::default();
        let numbers = ["a", "a", "a", "b", "b", "b"].map(|tile| credit.take(tile));
        assert_eq!(numbers, [Some(1), Some(2), None, Some(3), Some(4), None]);
        credit.give_back(2);
        credit.give_back(2);
        credit.give_back(77);
        assert!(credit.has("a") && !credit.has("b"));
        assert_eq!((credit.take("a"), credit.take("a"), credit.take("b")), (Some(5), None, None));
    }

    #[test]
    fn a_tile_that_comes_back_has_its_credit() {
        let mut credit = Credit::default();
        credit.take("a");
        credit.take("a");
        credit.take("b");
        credit.forget("a");
        assert_eq!((credit.take("a"), credit.take("a"), credit.take("a")), (Some(4), Some(5), None));
        credit.give_back(1);
        assert_eq!(credit.take("a"), None, "an acknowledgement of old gives nothing");
    }
}
