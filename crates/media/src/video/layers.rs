//! The sizes in which a sender encodes its pictures.
//!
//! Invariant: layer 0 is the full size, and each further one has half of the sides of the one before, made even; the size of a
//! layer depends on the full size only, not on which others are encoded.

use super::frame::MAX_SIDE;
use super::scale::fit_size;

/// Encoders that a sender has at most: 720p, 360p and 180p for a source of 720p. A link of 100 kbit/s, below which no
/// pictures are sent at all, carries the smallest.
pub const LAYERS: usize = 3;

/// The rate of each layer in bits a second, 0 where nobody takes it.
pub type LayerRates = [u32; LAYERS];

/// The size of a layer in pixels.
pub fn layer_size(full: (u32, u32), layer: usize) -> (u32, u32) {
    let side = |side: u32| (side.checked_shr(layer as u32).unwrap_or(0) & !1).clamp(2, MAX_SIDE);
    (side(full.0), side(full.1))
}

/// The full size: that of the source, made to fit inside of the wanted one.
pub(super) fn full_size(source: (u32, u32), wanted: (u32, u32)) -> (u32, u32) {
    if source.0 <= wanted.0 && source.1 <= wanted.1 { source } else { fit_size(source, wanted) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_layer_halves_the_sides_and_stays_even() {
        let sizes = |full| [0, 1, 2].map(|layer| layer_size(full, layer));
        assert_eq!(sizes((1280, 720)), [(1280, 720), (640, 360), (320, 180)]);
        assert_eq!(sizes((640, 360)), [(640, 360), (320, 180), (160, 90)]);
        assert_eq!(sizes((1000, 562)), [(1000, 562), (500, 280), (250, 140)]);
        assert_eq!(sizes((2, 4)), [(2, 4), (2, 2), (2, 2)]);
        assert_eq!(layer_size((1280, 720), 40), (2, 2), "there is no such layer, and no reason to fall over");
        assert_eq!(full_size((1920, 1080), (1280, 720)), (1280, 720));
        assert_eq!(full_size((640, 480), (1280, 720)), (640, 480));
    }
}
