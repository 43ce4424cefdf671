//! Frames, codecs, sound processing, jitter buffers, devices and test sources.

pub mod clock;
mod packet;

pub use packet::{AUDIO_CLOCK_HZ, EncodedAudio, EncodedVideo, MAX_PAYLOAD, RtpPacket, VIDEO_CLOCK_HZ};
