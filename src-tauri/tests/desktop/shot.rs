//! A picture of a part of the screen.

use std::collections::HashSet;

use anyhow::{Context, Result};

/// Its pixels.
pub(crate) struct Shot {
    pixels: Vec<u8>,
    channels: usize,
}

impl Shot {
    /// Reads a PNG.
    pub(crate) fn read(png: &[u8]) -> Result<Self> {
        let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().context("no PNG")?;
        let mut pixels = vec![0; reader.output_buffer_size().context("the picture is too large")?];
        let info = reader.next_frame(&mut pixels)?;
        pixels.truncate(info.buffer_size());
        Ok(Self { pixels, channels: info.color_type.samples() })
    }

    /// How many colours are in it: 1 where it is blank.
    pub(crate) fn colours(&self) -> usize {
        self.pixels.chunks_exact(self.channels).collect::<HashSet<_>>().len()
    }
}
