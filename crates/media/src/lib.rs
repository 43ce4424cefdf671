//! Frames, codecs, sound processing, jitter buffers, devices and test sources.
//!
//! Everything here is thread based and blocking; callbacks are called on those threads and must return quickly.

pub mod audio;
pub mod choice;
pub mod clock;
mod delay;
pub mod device;
mod error;
mod packet;
mod stop;
mod sync;
pub mod video;

pub use error::MediaError;
pub use packet::{AUDIO_CLOCK_HZ, EncodedAudio, EncodedVideo, MAX_PAYLOAD, RtpPacket, VIDEO_CLOCK_HZ};
pub use sync::LipSync;
