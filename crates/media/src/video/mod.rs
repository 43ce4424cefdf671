//! Pictures: sources, conversion, VP8, reassembly, and what takes them in.
//!
//! Invariant: between any two threads there is a slot or a bounded queue; a slow consumer loses old pictures, it never
//! delays new ones. Each picture carries the time it was captured from its source to its last sink.

mod assembly;
mod catch_up;
mod codec;
mod convert;
mod effort;
mod encoding;
mod feed;
mod frame;
mod freeze;
mod layers;
mod pace;
mod pattern;
mod payload;
mod playout;
mod preview;
mod receiver;
mod recorder;
mod request;
mod scale;
mod schedule;
mod sender;
mod slot;
mod source;
mod stillness;
mod thinning;
mod vpx;
mod y4m;

pub use assembly::{Assembly, CompleteFrame};
pub use codec::{EncodedPicture, EncoderSettings, PictureKind, VideoDecoder, VideoEncoder};
pub use convert::{Converter, PixelLayout};
pub use frame::{FrameBuffer, FramePool, MAX_SIDE, PlanesMut, VideoFrame};
pub use freeze::FreezeMeter;
pub use layers::{LAYERS, LayerRates, layer_size};
pub use pattern::{Pattern, read_frame_counter, write_test_clip};
pub use payload::PayloadInfo;
pub use preview::Preview;
pub use receiver::{VideoReceiveCounters, VideoReceiver};
pub use recorder::{Y4mRecorder, Y4mRecording};
pub use scale::Scaler;
pub use sender::{ENCODE_THREAD, LayerCounters, VideoSendCounters, VideoSender, VideoSenderHooks};
pub use slot::LatestFrame;
pub(crate) use source::{DeviceSink, FrameSink};
pub use source::{VideoSettings, VideoSource};
pub use vpx::{Vp8Decoder, Vp8Encoder};
pub use y4m::{Y4mFormat, Y4mReader, Y4mWriter};

/// A picture that came over the wire.
#[derive(Debug, Clone)]
pub struct DecodedFrame {
    /// The picture.
    pub frame: VideoFrame,
    /// RTP timestamp as on the wire, 90 kHz.
    pub rtp_timestamp: u32,
    /// When it was decoded, microseconds since the Unix epoch.
    pub decoded_us: i64,
    /// When it was captured, in the sender's clock, microseconds since the Unix epoch; where the wire carries it.
    pub captured_us: Option<i64>,
}

/// Takes decoded pictures. Called on the decode thread: it must be quick and not block.
pub trait VideoSink: Send + Sync {
    /// One picture, in order.
    fn frame(&self, frame: &DecodedFrame);

    /// None follows for now: the camera is off, the path is lost or the track has ended. What is shown is to be taken away,
    /// for a frozen picture looks as if somebody were there.
    fn interrupted(&self) {}
}
