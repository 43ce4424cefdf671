//! What an encoder and a decoder of pictures must do, whatever the codec.
//!
//! Invariant: one call, one picture: no look-ahead, no reordering. Both are used from one thread at a time.

use super::VideoFrame;
use crate::MediaError;

/// How an encoder is set up; the size stays for its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderSettings {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Expected frames a second.
    pub fps: u32,
    /// Bits a second.
    pub bitrate_bps: u32,
}

/// One encoded picture, valid until the encoder is used again.
#[derive(Debug)]
pub struct EncodedPicture<'a> {
    /// The bitstream.
    pub data: &'a [u8],
    /// Decodable without any other.
    pub keyframe: bool,
    /// 0 is the base; pictures of higher layers can be left out.
    pub temporal_layer: u8,
    /// Needs nothing but the base layer (RFC 7741: Y).
    pub layer_sync: bool,
}

/// What a picture is to be to those that follow it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureKind {
    /// Decodable without any other. The first picture of an encoder is one, whatever was asked for.
    Key,
    /// Of the base layer: refers to the last base picture and is referred to.
    Base,
    /// Of the upper temporal layer: refers to the last base picture, and no picture refers to it.
    Upper,
}

/// Encodes pictures of one size.
pub trait VideoEncoder: Send {
    /// Who encodes, for the record.
    fn name(&self) -> &'static str;
    /// Encodes a picture; `None` if the encoder chose to leave it out.
    fn encode(&mut self, frame: &VideoFrame, kind: PictureKind) -> Result<Option<EncodedPicture<'_>>, MediaError>;
    /// Changes the rate from the next picture on.
    fn set_bitrate(&mut self, bps: u32) -> Result<(), MediaError>;
    /// So many pictures a second are going to come, for the same rate.
    fn expect_pictures(&mut self, per_second: f64) -> Result<(), MediaError>;
}

/// Decodes pictures. After an error it must be given a keyframe.
pub trait VideoDecoder: Send {
    /// Who decodes, for the record.
    fn name(&self) -> &'static str;
    /// Decodes one picture; its capture time is 0. `None` for a picture that is not to be shown.
    fn decode(&mut self, data: &[u8]) -> Result<Option<VideoFrame>, MediaError>;
}
