//! What layers of a source cost, and which of them a tile needs.

use sightline_media::video::{LAYERS, layer_size};

/// Bits for each pixel below which the next smaller layer shows more: 115 kbit/s at 640x360 and 30 fps. Above it, coding
/// artefacts hide less than the missing pixels would, and VP8 keeps to the rate.
const LEAST_BITS_PER_PIXEL: f64 = 0.0167;
/// Of the highest rate of a layer that the next one, with a quarter of its pixels, makes use of: pixels are cheaper the more
/// of them there are, by a power of about 0.75.
const NEXT_CEILING: f64 = 0.354;
/// A layer is affordable at this part of its highest rate, whatever its pixels: who caps the rate of a large picture wants the
/// large picture.
const CAPPED_FLOOR: f64 = 0.75;
/// How much a tile may enlarge a picture before the next larger layer is sent for it.
const ENLARGEMENT: f64 = 1.25;
/// Shorter sides than this are not encoded: nobody is recognised on them, and they save next to nothing. Pixels.
const LEAST_SIDE: u32 = 90;

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Source {
    /// Of layer 0, pixels.
    pub size: (u32, u32),
    pub fps: u32,
    /// For one layer, bits a second.
    pub max_bps: u32,
}

impl Source {
    /// The smallest layer that is of use.
    pub(crate) fn smallest(&self) -> usize {
        let useful = |layer: &usize| {
            let (width, height) = layer_size(self.size, *layer);
            width.min(height) >= LEAST_SIDE
        };
        (1..LAYERS).take_while(useful).last().unwrap_or(0)
    }

    /// What a layer can make use of, bits a second.
    pub(super) fn ceiling(&self, layer: usize) -> u32 {
        (f64::from(self.max_bps) * NEXT_CEILING.powi(layer as i32)) as u32
    }

    /// What a layer needs, bits a second. The smallest is better than nothing.
    pub(super) fn floor(&self, layer: usize) -> u32 {
        if layer >= self.smallest() {
            return 0;
        }
        let (width, height) = layer_size(self.size, layer);
        let pixels_a_second = f64::from(width) * f64::from(height) * f64::from(self.fps);
        (pixels_a_second * LEAST_BITS_PER_PIXEL).min(f64::from(self.ceiling(layer)) * CAPPED_FLOOR) as u32
    }

    /// The largest layer that a link carries which has `bps` times `1 / margin`.
    pub(super) fn affordable(&self, bps: u32, margin: f64) -> usize {
        let bps = f64::from(bps);
        (0..=self.smallest()).find(|layer| bps >= f64::from(self.floor(*layer)) * margin).unwrap_or(self.smallest())
    }

    /// The smallest layer that fills a tile of this size; the smallest of all for one that is not shown.
    pub(super) fn for_tile(&self, tile: Option<(u32, u32)>) -> usize {
        let Some((width, height)) = tile else { return 0 };
        let (own_width, own_height) = (f64::from(self.size.0), f64::from(self.size.1));
        let shown = (f64::from(width) / own_width).min(f64::from(height) / own_height);
        let fills = |layer: &usize| f64::from(layer_size(self.size, *layer).0) * ENLARGEMENT >= shown * own_width;
        (0..=self.smallest()).rev().find(fills).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HD: Source = Source { size: (1280, 720), fps: 30, max_bps: 1_500_000 };

    #[test]
    fn a_rate_buys_the_layer_that_shows_most() {
        let bought = |kbps: u32| HD.affordable(kbps * 1000, 1.0);
        assert_eq!([2000, 500, 400, 120, 110, 0].map(bought), [0, 0, 1, 1, 2, 2]);
        let small = Source { size: (320, 180), ..HD };
        assert_eq!((small.smallest(), small.affordable(60_000, 1.0)), (1, 0));
        let tiny = Source { size: (160, 120), ..HD };
        assert_eq!((tiny.smallest(), tiny.affordable(1, 1.0)), (0, 0));
        // Capped at 300 kbit/s by choice: the size is kept.
        let capped = Source { max_bps: 300_000, ..HD };
        assert_eq!(capped.affordable(300_000, 1.0), 0);
        assert!(HD.ceiling(1) > HD.floor(0) / 2 && HD.ceiling(2) < HD.ceiling(1));
    }

    #[test]
    fn a_tile_takes_no_more_than_it_shows() {
        let needed = |width, height| HD.for_tile(Some((width, height)));
        assert_eq!(HD.for_tile(None), 0, "nothing is known of it");
        assert_eq!(needed(1920, 1080), 0);
        assert_eq!(needed(700, 400), 1, "a little larger than the layer is no reason for four times the pixels");
        assert_eq!(needed(900, 520), 0);
        assert_eq!(needed(200, 200), 2);
        assert_eq!(needed(3000, 180), 2, "the picture keeps its shape");
        assert_eq!(needed(0, 0), 2);
    }
}
