//! A peer that is not ours: other payload types, other extension ids, other tracks than we offer, as browsers have them.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use rtc::media_stream::MediaStreamTrack;
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters,
    RTCRtpHeaderExtensionCapability, RtpCodecKind,
};
use sightline_media::RtpPacket;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnectionEventHandler, RTCIceCandidateInit, RTCPeerConnectionIceEvent, RTCSessionDescription,
};
use webrtc::rtp_transceiver::RtpSender;

use super::*;

const PATIENCE: Duration = Duration::from_secs(30);
const VP8: u8 = 120;
const OPUS: u8 = 109;

/// What the foreign peer's callbacks see.
enum Seen {
    Candidate(RTCIceCandidateInit),
    Track(Arc<dyn TrackRemote>),
}

struct Callbacks(mpsc::UnboundedSender<Seen>);

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Callbacks {
    async fn on_ice_candidate(&self, event: RTCPeerConnectionIceEvent) {
        let _ = self.0.send(Seen::Candidate(event.candidate.to_json().expect("a candidate")));
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let _ = self.0.send(Seen::Track(track));
    }
}

#[derive(Default)]
struct Basket {
    ssrcs: Mutex<Vec<u32>>,
    keyframes: AtomicU64,
}

impl MediaSink for Basket {
    fn rtp(&self, track: &RemoteTrack, _packet: RtpPacket) {
        self.ssrcs.lock().unwrap().push(track.ssrc);
    }

    fn keyframe_requested(&self) {
        self.keyframes.fetch_add(1, Ordering::Relaxed);
    }
}

struct Call {
    link: Arc<Link>,
    basket: Arc<Basket>,
    events: Arc<Mutex<Vec<LinkEvent>>>,
    foreign: Arc<dyn PeerConnection>,
    /// Headers of what the foreign peer got.
    got: Arc<Mutex<Vec<rtp::header::Header>>>,
}

fn codec(kind: RtpCodecKind) -> RTCRtpCodec {
    let (mime_type, clock_rate, channels) = match kind {
        RtpCodecKind::Video => ("video/VP8", 90_000, 0),
        _ => ("audio/opus", 48_000, 2),
    };
    RTCRtpCodec { mime_type: mime_type.to_owned(), clock_rate, channels, ..Default::default() }
}

impl Call {
    async fn new() -> Self {
        let mut engine = MediaEngine::default();
        for (kind, payload_type) in [(RtpCodecKind::Video, VP8), (RtpCodecKind::Audio, OPUS)] {
            let codec = RTCRtpCodecParameters { rtp_codec: codec(kind), payload_type };
            engine.register_codec(codec, kind).expect("a codec");
        }
        // In an order of its own, so with ids of its own.
        let uri = extension::ABS_CAPTURE_TIME.to_owned();
        engine
            .register_header_extension(RTCRtpHeaderExtensionCapability { uri }, RtpCodecKind::Video, None)
            .expect("an extension");
        let (seen, from_foreign) = mpsc::unbounded_channel();
        let foreign = PeerConnectionBuilder::new()
            .with_media_engine(engine)
            .with_setting_engine(ice::setting_engine())
            .with_handler(Arc::new(Callbacks(seen)))
            .with_udp_addrs(vec!["127.0.0.1:0"])
            .build()
            .await
            .expect("a peer");
        let foreign: Arc<dyn PeerConnection> = Arc::new(foreign);
        let (sender, from_link) = mpsc::channel(64);
        let basket = Arc::new(Basket::default());
        let config = LinkConfig { udp_bind: vec!["127.0.0.1:0".to_owned()], ..LinkConfig::new("foreign", Vec::new()) };
        let link = Arc::new(Link::open(config, basket.clone(), sender).await.expect("a link"));
        let call = Self { link, basket, events: Arc::default(), foreign, got: Arc::default() };
        call.carry(from_link, from_foreign);
        call
    }

    /// Candidates to the other side, all else into the log.
    fn carry(&self, mut from_link: mpsc::Receiver<LinkEvent>, mut from_foreign: mpsc::UnboundedReceiver<Seen>) {
        let (foreign, events) = (self.foreign.clone(), self.events.clone());
        tokio::spawn(async move {
            let mut waiting = Vec::new();
            while let Some(event) = from_link.recv().await {
                match event {
                    LinkEvent::Candidate(candidate) => waiting.push(candidate),
                    event => events.lock().unwrap().push(event),
                }
                while foreign.remote_description().await.is_none() {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                for candidate in waiting.drain(..) {
                    let init = RTCIceCandidateInit { candidate: candidate.candidate, ..Default::default() };
                    foreign.add_ice_candidate(init).await.expect("a candidate is taken");
                }
            }
        });
        let (link, got) = (self.link.clone(), self.got.clone());
        tokio::spawn(async move {
            while let Some(seen) = from_foreign.recv().await {
                match seen {
                    Seen::Candidate(init) => {
                        let candidate = IceCandidate {
                            candidate: init.candidate,
                            sdp_mid: init.sdp_mid,
                            sdp_m_line_index: init.sdp_mline_index,
                            username_fragment: None,
                        };
                        link.add_candidate(candidate).await.expect("a candidate is taken");
                    }
                    Seen::Track(track) => {
                        let got = got.clone();
                        tokio::spawn(async move {
                            while let Some(event) = track.poll().await {
                                if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                                    got.lock().unwrap().push(packet.header);
                                }
                            }
                        });
                    }
                }
            }
        });
    }

    async fn add_track(&self, kind: RtpCodecKind, ssrc: u32) -> (Arc<TrackLocalStaticRTP>, Arc<dyn RtpSender>) {
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters { ssrc: Some(ssrc), ..Default::default() },
            codec: codec(kind),
            ..Default::default()
        };
        let source = MediaStreamTrack::new("s".to_owned(), format!("t{ssrc}"), "l".to_owned(), kind, vec![encoding]);
        let track = Arc::new(TrackLocalStaticRTP::new(source));
        let sender = self.foreign.add_track(track.clone()).await.expect("a track is added");
        (track, sender)
    }

    async fn foreign_offers(&self) {
        let offer = self.foreign.create_offer(None).await.expect("an offer");
        self.foreign.set_local_description(offer.clone()).await.expect("fits");
        let answer = self.link.answer(&offer.sdp).await.expect("an answer");
        let answer = RTCSessionDescription::answer(answer).expect("an answer that parses");
        self.foreign.set_remote_description(answer).await.expect("fits");
    }

    async fn link_offers(&self) {
        let offer = RTCSessionDescription::offer(self.link.offer().await.expect("an offer")).expect("parses");
        self.foreign.set_remote_description(offer).await.expect("fits");
        let answer = self.foreign.create_answer(None).await.expect("an answer");
        self.foreign.set_local_description(answer.clone()).await.expect("fits");
        self.link.accept_answer(&answer.sdp).await.expect("fits");
    }

    fn saw(&self, wanted: impl Fn(&LinkEvent) -> bool) -> bool {
        self.events.lock().unwrap().iter().any(wanted)
    }

    /// Writes packets until the link passes one on.
    async fn arrives(&self, track: &TrackLocalStaticRTP, ssrc: u32, first: u16) {
        let mut sequence = first;
        until("media of the foreign peer arrive", || {
            sequence += 1;
            async move {
                let header = rtp::header::Header {
                    version: 2,
                    ssrc,
                    payload_type: VP8,
                    sequence_number: sequence,
                    ..Default::default()
                };
                let payload = Bytes::from_static(&[1; 50]);
                track.write_rtp(rtp::Packet { header, payload }).await.expect("the track is bound");
                self.basket.ssrcs.lock().unwrap().contains(&ssrc)
            }
        })
        .await;
    }

    async fn close(&self) {
        self.link.close().await;
        self.foreign.close().await.expect("closes");
    }
}

async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn frame() -> EncodedVideo {
    EncodedVideo {
        payloads: vec![Bytes::from_static(&[1; 100])],
        timestamp: 0,
        captured_us: 1_795_000_000_000_000,
        keyframe: true,
        temporal_layer: 0,
        spatial_layer: 0,
        width: 16,
        height: 16,
    }
}

/// Defect 9: the payload type is the negotiated one, here the peer's.
#[tokio::test]
async fn payload_types_and_extension_ids_are_the_negotiated_ones() {
    let call = Call::new().await;
    call.add_track(RtpCodecKind::Audio, 1_000).await;
    call.add_track(RtpCodecKind::Video, 1_002).await;
    call.foreign_offers().await;
    until("our pictures arrive", || async {
        let _ = call.link.send_video(&frame()).await;
        !call.got.lock().unwrap().is_empty()
    })
    .await;
    let header = call.got.lock().unwrap()[0].clone();
    assert_eq!(header.payload_type, VP8);
    let captured = header.extensions.iter().find_map(|one| extension::parse_capture_time(&one.payload));
    assert_eq!(captured, Some(frame().captured_us));
    assert!(!call.saw(|event| *event == LinkEvent::NegotiationNeeded));
    call.close().await;
}

#[tokio::test]
async fn a_track_added_and_removed_in_mid_call_starts_and_ends() {
    let call = Call::new().await;
    call.add_track(RtpCodecKind::Audio, 1_000).await;
    let (camera, _) = call.add_track(RtpCodecKind::Video, 1_002).await;
    call.foreign_offers().await;
    call.arrives(&camera, 1_002, 100).await;

    let (screen, sender) = call.add_track(RtpCodecKind::Video, 1_004).await;
    call.foreign_offers().await;
    call.arrives(&screen, 1_004, 100).await;
    let of = |ssrc| move |track: &RemoteTrack| track.ssrc == ssrc && track.kind == Kind::Video;
    until("both started", || async {
        [1_002, 1_004].iter().all(|ssrc| call.saw(|e| matches!(e, LinkEvent::TrackStarted(track) if of(*ssrc)(track))))
    })
    .await;
    let report = call.link.counters(Instant::now()).await;
    let inbound: Vec<_> = report.tracks.iter().filter(|one| one.key.direction == Direction::Inbound).collect();
    assert_eq!(inbound.len(), 1, "one of a kind");
    assert_eq!(inbound[0].ssrc, Some(1_002), "the first");

    call.foreign.remove_track(&sender).await.expect("the track is removed");
    call.foreign_offers().await;
    until("it ends", || async { call.saw(|e| matches!(e, LinkEvent::TrackEnded(track) if of(1_004)(track))) }).await;
    assert!(!call.saw(|e| matches!(e, LinkEvent::TrackEnded(track) if of(1_002)(track))), "the camera goes on");
    call.basket.ssrcs.lock().unwrap().clear();
    call.arrives(&camera, 1_002, 1_000).await;
    call.close().await;
}

#[tokio::test]
async fn a_peer_that_offers_sound_only_is_offered_pictures() {
    let call = Call::new().await;
    call.add_track(RtpCodecKind::Audio, 1_000).await;
    call.foreign_offers().await;
    until("an offer is called for", || async { call.saw(|event| *event == LinkEvent::NegotiationNeeded) }).await;
    until("they are connected", || async { call.saw(|event| *event == LinkEvent::Connected) }).await;
    assert_eq!(call.link.send_video(&frame()).await, Sent::NotReady, "nobody takes pictures yet");
    call.link_offers().await;
    until("our pictures arrive", || async {
        let _ = call.link.send_video(&frame()).await;
        !call.got.lock().unwrap().is_empty()
    })
    .await;
    call.close().await;
}

/// The crate says nothing when the task that drives a connection ends by an error, for example of its sockets.
#[tokio::test]
async fn a_connection_that_breaks_down_by_itself_is_told_of() {
    let (sender, mut events) = mpsc::channel(64);
    let config = LinkConfig::new("nobody", Vec::new());
    let link = Link::open(config, Arc::new(Basket::default()), sender).await.expect("a link");
    link.connection.close().await.expect("closes");
    let mut told = Vec::new();
    while let Some(event) = tokio::time::timeout(PATIENCE, events.recv()).await.expect("it is noticed") {
        told.push(event);
    }
    assert!(matches!(told[..], [LinkEvent::Error(_), LinkEvent::Failed, LinkEvent::Closed]), "{told:?}");
    assert_eq!(link.send_video(&frame()).await, Sent::NotReady);
}
