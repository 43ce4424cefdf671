//! Pictures in memory.
//!
//! Invariant: a picture is I420, its planes contiguous (Y, U, V, no padding), both sides even and within
//! [`MAX_SIDE`]; once made it never changes, so that everyone may share it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use crate::MediaError;

/// Longest side of a picture in pixels; larger ones are refused before memory is taken for them.
pub const MAX_SIDE: u32 = 4096;

/// Buffers that a pool keeps for later: one each for capture, slot, encoder and self-view, and some for a recorder.
const KEPT_BUFFERS: usize = 8;

/// Checks that a picture of this size can be handled.
pub(crate) fn check_size(width: u32, height: u32) -> Result<(), MediaError> {
    let fine = |side: u32| (2..=MAX_SIDE).contains(&side) && side.is_multiple_of(2);
    if fine(width) && fine(height) {
        return Ok(());
    }
    Err(MediaError::Unsupported(format!(
        "pictures of {width}x{height} are not supported; both sides must be even and at most {MAX_SIDE}"
    )))
}

/// Bytes of an I420 picture.
pub(crate) fn i420_len(width: u32, height: u32) -> usize {
    width as usize * height as usize * 3 / 2
}

/// One picture, cheap to clone.
#[derive(Clone)]
pub struct VideoFrame {
    width: u32,
    height: u32,
    captured_us: i64,
    index: Option<u64>,
    data: Arc<Pooled>,
}

impl VideoFrame {
    /// A picture from its bytes; `captured_us` is microseconds since the Unix epoch.
    pub fn from_i420(width: u32, height: u32, data: Vec<u8>, captured_us: i64) -> Result<Self, MediaError> {
        check_size(width, height)?;
        if data.len() != i420_len(width, height) {
            return Err(MediaError::Unsupported(format!(
                "an I420 picture of {width}x{height} has {} bytes, not {}",
                i420_len(width, height),
                data.len()
            )));
        }
        Ok(FrameBuffer { width, height, bytes: data, home: Weak::new() }.freeze(captured_us))
    }

    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// All three planes.
    pub fn i420(&self) -> &[u8] {
        &self.data.bytes
    }

    /// Luma, `width` bytes a row.
    pub fn y(&self) -> &[u8] {
        &self.i420()[..self.luma_len()]
    }

    /// Blue difference, `width / 2` bytes a row, `height / 2` rows.
    pub fn u(&self) -> &[u8] {
        &self.i420()[self.luma_len()..self.luma_len() * 5 / 4]
    }

    /// Red difference, likewise.
    pub fn v(&self) -> &[u8] {
        &self.i420()[self.luma_len() * 5 / 4..]
    }

    fn luma_len(&self) -> usize {
        self.width as usize * self.height as usize
    }

    /// When it was captured, microseconds since the Unix epoch.
    pub fn captured_us(&self) -> i64 {
        self.captured_us
    }

    /// Number of the frame in its clip, or since capture began; `None` for what came over the wire.
    pub fn index(&self) -> Option<u64> {
        self.index
    }

    /// The same picture with a number.
    pub fn with_index(mut self, index: u64) -> Self {
        self.index = Some(index);
        self
    }

    /// The same picture with another capture time.
    pub(crate) fn captured_at(mut self, captured_us: i64) -> Self {
        self.captured_us = captured_us;
        self
    }

    /// The same marks on another picture, as after scaling.
    pub(crate) fn marked_like(mut self, other: &VideoFrame) -> Self {
        self.index = other.index;
        self.captured_us = other.captured_us;
        self
    }
}

impl fmt::Debug for VideoFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VideoFrame({}x{}, index {:?})", self.width, self.height, self.index)
    }
}

type Shelf = Mutex<Vec<Vec<u8>>>;

/// Bytes that go back to their pool when the last picture that shows them is gone.
struct Pooled {
    bytes: Vec<u8>,
    home: Weak<Shelf>,
}

impl Drop for Pooled {
    fn drop(&mut self) {
        if let Some(shelf) = self.home.upgrade() {
            let mut shelf = shelf.lock().unwrap_or_else(PoisonError::into_inner);
            if shelf.len() < KEPT_BUFFERS {
                shelf.push(std::mem::take(&mut self.bytes));
            }
        }
    }
}

/// Reuses the memory of pictures: at 720p30 this saves 40 MB of fresh, zeroed pages a second.
#[derive(Clone, Default)]
pub struct FramePool {
    shelf: Arc<Shelf>,
}

impl FramePool {
    /// A picture to be filled in; what it shows at first is undefined.
    pub fn buffer(&self, width: u32, height: u32) -> Result<FrameBuffer, MediaError> {
        check_size(width, height)?;
        let spare = self.shelf.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut bytes = spare.unwrap_or_default();
        bytes.resize(i420_len(width, height), 0);
        Ok(FrameBuffer { width, height, bytes, home: Arc::downgrade(&self.shelf) })
    }
}

/// A picture in the making.
pub struct FrameBuffer {
    width: u32,
    height: u32,
    bytes: Vec<u8>,
    home: Weak<Shelf>,
}

/// The planes of a picture in the making.
pub struct PlanesMut<'a> {
    /// Luma.
    pub y: &'a mut [u8],
    /// Blue difference.
    pub u: &'a mut [u8],
    /// Red difference.
    pub v: &'a mut [u8],
}

impl FrameBuffer {
    /// Width in pixels.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// All three planes.
    pub fn i420_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// Each plane by itself.
    pub fn planes_mut(&mut self) -> PlanesMut<'_> {
        let luma = self.width as usize * self.height as usize;
        let (y, chroma) = self.bytes.split_at_mut(luma);
        let (u, v) = chroma.split_at_mut(luma / 4);
        PlanesMut { y, u, v }
    }

    /// Ends the making.
    pub fn freeze(self, captured_us: i64) -> VideoFrame {
        let data = Arc::new(Pooled { bytes: self.bytes, home: self.home });
        VideoFrame { width: self.width, height: self.height, captured_us, index: None, data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_are_contiguous_and_of_the_right_size() {
        let data: Vec<u8> = (0..24).collect();
        let frame = VideoFrame::from_i420(4, 4, data, 7).expect("a 4x4 picture");
        assert_eq!((frame.y().len(), frame.u(), frame.v()), (16, &[16, 17, 18, 19][..], &[20, 21, 22, 23][..]));
        assert_eq!((frame.captured_us(), frame.index()), (7, None));
    }

    #[test]
    fn odd_huge_and_mismatched_pictures_are_refused() {
        assert!(VideoFrame::from_i420(3, 4, vec![0; 18], 0).is_err());
        assert!(VideoFrame::from_i420(0, 4, vec![], 0).is_err());
        assert!(VideoFrame::from_i420(4, 4, vec![0; 23], 0).is_err());
        assert!(FramePool::default().buffer(4098, 2).is_err());
        assert!(FramePool::default().buffer(4096, 4096).is_ok());
    }

    #[test]
    fn a_pool_gets_its_memory_back_and_keeps_a_bounded_part() {
        let pool = FramePool::default();
        let address = |frame: &VideoFrame| frame.i420().as_ptr();
        let first = pool.buffer(64, 64).expect("buffer").freeze(0);
        let clone = first.clone();
        let was = address(&first);
        drop(first);
        assert_ne!(address(&pool.buffer(64, 64).expect("buffer").freeze(0)), was, "still shown by the clone");
        drop(clone);
        let frames: Vec<_> = (0..20).map(|_| pool.buffer(64, 64).expect("buffer").freeze(0)).collect();
        assert!(frames.iter().any(|frame| address(frame) == was));
        drop(frames);
        assert_eq!(pool.shelf.lock().expect("not poisoned").len(), KEPT_BUFFERS);
    }
}
