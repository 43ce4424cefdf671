//! What a link sends of one kind. Mends two defects on the way:
//! 9, the payload type is known only after negotiation, so it is looked up each time one ends;
//! 12, writes before DTLS is up return Ok and are dropped, so a gate holds them back.
//!
//! Invariant: nothing is handed to the connection that it would throw away.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rtc::media_stream::MediaStreamTrack;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodingParameters, RTCRtpEncodingParameters, RTCRtpRtxParameters, RtpCodecKind,
};
use rtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverId};
use rtc::shared::error::Error;
use sightline_media::{EncodedAudio, EncodedVideo};
use sightline_quality::Kind;
use tokio::sync::watch;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::PeerConnection;
use webrtc::rtp_transceiver::RtpSender;

use super::stream::{Negotiated, Outcome, Stream, Wire};
use super::types::{LinkRate, MediaSink, Sent, Unsent};
use super::{codecs, extension};

/// Whether DTLS is up.
#[derive(Default)]
pub(super) struct Gate(AtomicBool);

impl Gate {
    pub(super) fn open(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(super) fn shut(&self) {
        self.0.store(false, Ordering::Release);
    }

    fn is_open(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

#[async_trait::async_trait]
impl Wire for TrackLocalStaticRTP {
    async fn write(&self, packet: rtp::Packet) -> Result<(), Error> {
        self.write_rtp(packet).await
    }
}

/// Whether the session description has a place for a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It has a media section, whether or not the peer takes what we send.
    Section,
    /// The peer's offer had none: one of ours must follow.
    None,
}

/// Our stream of one kind.
pub(super) struct Outgoing {
    kind: Kind,
    pub(super) ssrc: u32,
    track: Arc<TrackLocalStaticRTP>,
    sender: Arc<dyn RtpSender>,
    gate: Arc<Gate>,
    sink: Arc<dyn MediaSink>,
    negotiated: Mutex<Option<Negotiated>>,
    rate: watch::Receiver<LinkRate>,
    /// Held while a frame is written, so that two callers cannot mix their packets.
    stream: tokio::sync::Mutex<Stream>,
    not_ready: AtomicU64,
    dropped: AtomicU64,
}

impl Outgoing {
    /// Adds a stream to the connection.
    pub(super) async fn add(
        connection: &dyn PeerConnection,
        kind: Kind,
        gate: Arc<Gate>,
        sink: Arc<dyn MediaSink>,
        rate: watch::Receiver<LinkRate>,
    ) -> Result<Self, Error> {
        let ssrc = rand::random_range(2..u32::MAX);
        // One bit away: never the same, and as random.
        let rtx = (kind == Kind::Video).then_some(RTCRtpRtxParameters { ssrc: ssrc ^ 1 });
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), rtx, ..Default::default() },
            codec: codecs::codec(kind),
            ..Default::default()
        };
        let (name, codec_kind) = match kind {
            Kind::Audio => ("audio", RtpCodecKind::Audio),
            Kind::Video => ("video", RtpCodecKind::Video),
        };
        // Ids are unique, because peers (this crate too) look tracks up by them.
        let id = format!("{name}-{:08x}", rand::random::<u32>());
        let source = MediaStreamTrack::new("sightline".to_owned(), id, name.to_owned(), codec_kind, vec![encoding]);
        let track = Arc::new(TrackLocalStaticRTP::new(source));
        let sender = connection.add_track(track.clone()).await?;
        Ok(Self {
            kind,
            ssrc,
            track,
            sender,
            gate,
            sink,
            negotiated: Mutex::new(None),
            rate,
            stream: tokio::sync::Mutex::new(Stream::new(ssrc)),
            not_ready: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        })
    }

    /// Resolves when the task that drives the connection has ended: only then do its events end.
    pub(super) fn driver_stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let track = self.track.clone();
        async move { while track.poll().await.is_some() {} }
    }

    /// Looks up what the exchange that has just ended settled.
    pub(super) async fn settle(&self, connection: &dyn PeerConnection) -> Place {
        let id: RTCRtpTransceiverId = self.sender.id().into();
        let transceiver = connection.get_transceivers().await.into_iter().find(|one| one.id() == id);
        let Some(transceiver) = transceiver else { return Place::None };
        let takes = matches!(
            transceiver.current_direction().await,
            Ok(RTCRtpTransceiverDirection::Sendrecv | RTCRtpTransceiverDirection::Sendonly)
        );
        let negotiated = if takes { self.look_up().await } else { None };
        *self.negotiated.lock().unwrap_or_else(PoisonError::into_inner) = negotiated;
        match transceiver.mid().await {
            Ok(Some(_)) => Place::Section,
            _ => Place::None,
        }
    }

    async fn look_up(&self) -> Option<Negotiated> {
        let parameters = self.sender.get_parameters().await.ok()?.rtp_parameters;
        let payload_type = |mime_type: &str| {
            let codec = parameters.codecs.iter().find(|one| one.rtp_codec.mime_type.eq_ignore_ascii_case(mime_type));
            codec.map(|codec| codec.payload_type)
        };
        let id_of = |uri: &str| {
            let one = parameters.header_extensions.iter().find(|one| one.uri == uri)?;
            // One-byte headers (RFC 8285, 4.2) have ids 1 to 14.
            u8::try_from(one.id).ok().filter(|id| (1..=14).contains(id))
        };
        Some(Negotiated {
            payload_type: payload_type(codecs::mime_type(self.kind))?,
            red: payload_type(codecs::RED),
            capture_time: id_of(extension::ABS_CAPTURE_TIME),
            audio_level: id_of(extension::AUDIO_LEVEL),
        })
    }

    /// Id of the abs-capture-time extension; ids hold both ways (RFC 8285, 5).
    pub(super) fn capture_time_id(&self) -> Option<u8> {
        self.settled().and_then(|negotiated| negotiated.capture_time)
    }

    /// Payload types of sound, and of sound with copies; they hold both ways.
    pub(super) fn sound(&self) -> Option<(u8, u8)> {
        self.settled().and_then(|negotiated| Some((negotiated.payload_type, negotiated.red?)))
    }

    /// The codec in use.
    pub(super) fn codec(&self) -> Option<String> {
        self.settled().map(|_| codecs::name(self.kind).to_owned())
    }

    fn settled(&self) -> Option<Negotiated> {
        *self.negotiated.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was settled, once the connection carries media.
    fn ready(&self) -> Option<Negotiated> {
        self.settled().filter(|_| self.gate.is_open())
    }

    /// Frames or packets not sent.
    pub(super) fn unsent(&self) -> Unsent {
        Unsent { not_ready: self.not_ready.load(Ordering::Relaxed), dropped: self.dropped.load(Ordering::Relaxed) }
    }

    /// Sends one picture.
    pub(super) async fn video(&self, frame: &EncodedVideo) -> Sent {
        let Some(negotiated) = self.ready() else { return self.not_ready() };
        match self.stream.lock().await.video(self.track.as_ref(), negotiated, frame).await {
            Outcome::Sent => return Sent::Ok,
            Outcome::LeftOut => {}
            Outcome::NeedsKeyframe => self.sink.keyframe_requested(),
        }
        self.dropped()
    }

    /// Sends one Opus packet.
    pub(super) async fn audio(&self, packet: &EncodedAudio) -> Sent {
        let Some(negotiated) = self.ready() else { return self.not_ready() };
        let copies = self.rate.borrow().audio_copies;
        if self.stream.lock().await.audio(self.track.as_ref(), negotiated, packet, copies).await {
            return Sent::Ok;
        }
        self.dropped()
    }

    fn not_ready(&self) -> Sent {
        self.not_ready.fetch_add(1, Ordering::Relaxed);
        Sent::NotReady
    }

    fn dropped(&self) -> Sent {
        self.dropped.fetch_add(1, Ordering::Relaxed);
        Sent::Dropped
    }
}
