//! Mends defect 18: the default codecs advertise goog-remb, which nothing answers, and a dozen codecs we cannot decode;
//! the `mid` extension is not registered for audio.
//!
//! Invariant: what the session description offers is what this client can do, and nothing else.

use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpHeaderExtensionCapability, RtpCodecKind,
};
use rtc::shared::error::Error;
use sightline_media::{AUDIO_CLOCK_HZ, VIDEO_CLOCK_HZ};
use sightline_quality::Kind;
use webrtc::peer_connection::MediaEngine;

use super::extension;

const VP8_PAYLOAD_TYPE: u8 = 96;
const RTX_PAYLOAD_TYPE: u8 = 97;
const OPUS_PAYLOAD_TYPE: u8 = 111;
const RED_PAYLOAD_TYPE: u8 = 63;
/// Sound that later packets bring once more (RFC 2198).
pub(super) const RED: &str = "audio/red";

/// The MIME type to look for in what was negotiated.
pub(super) fn mime_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Audio => "audio/opus",
        Kind::Video => "video/VP8",
    }
}

/// The codec's name as counters show it.
pub(super) fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::Audio => "opus",
        Kind::Video => "VP8",
    }
}

/// Our codec of a kind.
pub(super) fn codec(kind: Kind) -> RTCRtpCodec {
    match kind {
        Kind::Audio => RTCRtpCodec {
            mime_type: mime_type(kind).to_owned(),
            clock_rate: AUDIO_CLOCK_HZ,
            // Always two in the description, whatever is sent (RFC 7587, 7).
            channels: 2,
            sdp_fmtp_line: "minptime=10;useinbandfec=1;usedtx=1".to_owned(),
            // No NACK: a repair takes a round trip, while in-band FEC and RED are there with the next packets.
            rtcp_feedback: vec![feedback("transport-cc", "")],
        },
        Kind::Video => RTCRtpCodec {
            mime_type: mime_type(kind).to_owned(),
            clock_rate: VIDEO_CLOCK_HZ,
            channels: 0,
            sdp_fmtp_line: String::new(),
            rtcp_feedback: vec![
                feedback("nack", ""),
                feedback("nack", "pli"),
                feedback("ccm", "fir"),
                feedback("transport-cc", ""),
            ],
        },
    }
}

fn feedback(typ: &str, parameter: &str) -> RTCPFeedback {
    RTCPFeedback { typ: typ.to_owned(), parameter: parameter.to_owned() }
}

/// Codecs and header extensions as we offer them.
pub(super) fn media_engine() -> Result<MediaEngine, Error> {
    let mut engine = MediaEngine::default();
    let red = RTCRtpCodec {
        mime_type: RED.to_owned(),
        clock_rate: AUDIO_CLOCK_HZ,
        channels: 2,
        sdp_fmtp_line: format!("{OPUS_PAYLOAD_TYPE}/{OPUS_PAYLOAD_TYPE}"),
        rtcp_feedback: Vec::new(),
    };
    let rtx = RTCRtpCodec {
        mime_type: "video/rtx".to_owned(),
        clock_rate: VIDEO_CLOCK_HZ,
        channels: 0,
        sdp_fmtp_line: format!("apt={VP8_PAYLOAD_TYPE}"),
        rtcp_feedback: Vec::new(),
    };
    for (rtp_codec, payload_type, kind) in [
        (codec(Kind::Audio), OPUS_PAYLOAD_TYPE, RtpCodecKind::Audio),
        // Behind Opus: a browser then takes it, and sends it only if asked to.
        (red, RED_PAYLOAD_TYPE, RtpCodecKind::Audio),
        (codec(Kind::Video), VP8_PAYLOAD_TYPE, RtpCodecKind::Video),
        (rtx, RTX_PAYLOAD_TYPE, RtpCodecKind::Video),
    ] {
        engine.register_codec(RTCRtpCodecParameters { rtp_codec, payload_type }, kind)?;
    }
    for (uri, kind) in [
        (extension::MID, RtpCodecKind::Audio),
        (extension::MID, RtpCodecKind::Video),
        (extension::TRANSPORT_CC, RtpCodecKind::Audio),
        (extension::TRANSPORT_CC, RtpCodecKind::Video),
        (extension::AUDIO_LEVEL, RtpCodecKind::Audio),
        (extension::ABS_CAPTURE_TIME, RtpCodecKind::Audio),
        (extension::ABS_CAPTURE_TIME, RtpCodecKind::Video),
    ] {
        engine.register_header_extension(RTCRtpHeaderExtensionCapability { uri: uri.to_owned() }, kind, None)?;
    }
    Ok(engine)
}
