//! Two links in one process, with what each is told and gets, and the signaling between them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use sightline_call::link::{Link, LinkConfig, LinkEvent, LinkReport, MediaSink, RemoteTrack, Sent};
use sightline_media::{EncodedAudio, EncodedVideo, RtpPacket};
use sightline_netpath::{Change, Conditions, Line, Loses, Party, Relay};
use sightline_protocol::IceCandidate;
use sightline_quality::{Direction, Kind, TrackCounters};
use tokio::sync::mpsc;

/// Far more than anything here takes, even on a loaded machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

type Taker = Box<dyn Fn(&RemoteTrack, RtpPacket) + Send + Sync>;

/// Gathers what a link gets.
#[derive(Default)]
pub(crate) struct Basket {
    packets: Mutex<Vec<(RemoteTrack, RtpPacket)>>,
    pub(crate) keyframe_requests: AtomicU64,
    passed_on: OnceLock<Taker>,
}

impl Basket {
    /// Gives what comes from now on to `take`, too.
    pub(crate) fn pass_on(&self, take: impl Fn(&RemoteTrack, RtpPacket) + Send + Sync + 'static) {
        assert!(self.passed_on.set(Box::new(take)).is_ok(), "it goes to one");
    }
}

impl MediaSink for Basket {
    fn rtp(&self, track: &RemoteTrack, packet: RtpPacket) {
        if let Some(take) = self.passed_on.get() {
            take(track, packet.clone());
        }
        self.packets.lock().expect("no holder panicked").push((track.clone(), packet));
    }

    fn keyframe_requested(&self) {
        self.keyframe_requests.fetch_add(1, Ordering::Relaxed);
    }
}

/// A link, its basket and its events so far.
pub(crate) struct End {
    pub(crate) link: Arc<Link>,
    pub(crate) basket: Arc<Basket>,
    pub(crate) events: Arc<Mutex<Vec<LinkEvent>>>,
    /// Requests for keyframes that were met.
    answered: AtomicU64,
}

pub(crate) fn loopback(peer: &str) -> LinkConfig {
    LinkConfig { udp_bind: vec!["127.0.0.1:0".to_owned()], ..LinkConfig::new(peer, Vec::new()) }
}

impl End {
    pub(crate) async fn open(config: LinkConfig) -> (Self, mpsc::Receiver<LinkEvent>) {
        // The least there is: a link must not depend on how much its caller takes at a time.
        let (sender, receiver) = mpsc::channel(1);
        let basket = Arc::new(Basket::default());
        let link = Link::open(config, basket.clone(), sender).await.expect("a link opens");
        (Self { link: Arc::new(link), basket, events: Arc::default(), answered: AtomicU64::new(0) }, receiver)
    }

    pub(crate) fn saw(&self, wanted: impl Fn(&LinkEvent) -> bool) -> bool {
        self.count(wanted) > 0
    }

    pub(crate) fn count(&self, wanted: impl Fn(&LinkEvent) -> bool) -> usize {
        self.events.lock().expect("no holder panicked").iter().filter(|event| wanted(event)).count()
    }

    pub(crate) fn got(&self, kind: Kind) -> Vec<RtpPacket> {
        let packets = self.basket.packets.lock().expect("no holder panicked");
        packets.iter().filter(|(track, _)| track.kind == kind).map(|(_, packet)| packet.clone()).collect()
    }

    /// Each packet once, by its number: probes are copies of what was sent before.
    pub(crate) fn got_once(&self, kind: Kind) -> Vec<RtpPacket> {
        let mut packets = self.got(kind);
        packets.sort_by_key(|packet| packet.sequence);
        packets.dedup_by_key(|packet| packet.sequence);
        packets
    }

    pub(crate) fn track(&self, kind: Kind) -> RemoteTrack {
        let packets = self.basket.packets.lock().expect("no holder panicked");
        let (track, _) = packets.iter().rev().find(|(track, _)| track.kind == kind).expect("media came");
        track.clone()
    }

    pub(crate) async fn report(&self) -> LinkReport {
        self.link.counters(Instant::now()).await
    }

    pub(crate) async fn counters(&self, kind: Kind, direction: Direction) -> TrackCounters {
        let report = self.report().await;
        let found = report.tracks.into_iter().find(|one| one.key.kind == kind && one.key.direction == direction);
        found.expect("the track is counted")
    }

    /// Sends a picture of two packets until the link takes it.
    pub(crate) async fn send(&self, index: u32) {
        let frame = frame(index);
        until("the link takes a picture", || async { self.link.send_video(&frame).await == Sent::Ok }).await;
    }

    /// Sends a picture as an encoder makes them: a keyframe where one was asked for, else one that needs those before it.
    pub(crate) async fn send_next(&self, index: u32) {
        self.send_next_of(index, 1_000, 2).await;
    }

    /// The same, in so many packets of so many bytes.
    pub(crate) async fn send_next_of(&self, index: u32, bytes: usize, packets: u8) {
        let asked = self.basket.keyframe_requests.load(Ordering::Relaxed);
        let is_key = self.answered.swap(asked, Ordering::Relaxed) != asked;
        let sent = self.link.send_video(&picture(index, is_key, bytes, packets)).await;
        assert!(sent == Sent::Ok || self.basket.keyframe_requests.load(Ordering::Relaxed) > asked, "{sent:?}");
    }
}

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    A,
    B,
}

/// Two ends and the signaling between them.
pub(crate) struct Pair {
    pub(crate) a: End,
    pub(crate) b: End,
    pub(crate) relay: Option<Arc<Relay>>,
}

impl Pair {
    /// Two links on loopback.
    pub(crate) async fn direct() -> Self {
        Self::over(loopback("b"), loopback("a"), None).await
    }

    /// Two links with a bad path between them, which spares set-up.
    pub(crate) async fn relayed(path: Conditions, seed: u64) -> Self {
        let lines = vec![Line::new(path, seed), Line::perfect()];
        let relay = Relay::start(lines, Loses::MediaOnly).expect("the relay starts");
        Self::over(loopback("b"), loopback("a"), Some(Arc::new(relay))).await
    }

    pub(crate) async fn over(a: LinkConfig, b: LinkConfig, relay: Option<Arc<Relay>>) -> Self {
        let ((a, from_a), (b, from_b)) = (End::open(a).await, End::open(b).await);
        for (side, end, other, mut events) in [(Side::A, &a, &b, from_a), (Side::B, &b, &a, from_b)] {
            let (log, other, relay) = (end.events.clone(), other.link.clone(), relay.clone());
            tokio::spawn(async move {
                while let Some(event) = events.recv().await {
                    if let LinkEvent::Candidate(candidate) = &event
                        && let Some(candidate) = carried(relay.as_deref(), side, candidate)
                    {
                        other.add_candidate(candidate).await.expect("a candidate is taken");
                    }
                    log.lock().expect("no holder panicked").push(event);
                }
            });
        }
        Self { a, b, relay }
    }

    /// One exchange, offered by `side`.
    pub(crate) async fn negotiate(&self, side: Side) {
        let (from, to) = self.ends(side);
        let offer = from.link.offer().await.expect("an offer");
        let answer = to.link.answer(&offer).await.expect("an answer");
        from.link.accept_answer(&answer).await.expect("the answer fits");
    }

    fn ends(&self, side: Side) -> (&End, &End) {
        match side {
            Side::A => (&self.a, &self.b),
            Side::B => (&self.b, &self.a),
        }
    }

    /// Waits until both can send.
    pub(crate) async fn connected(&self) {
        until("both are connected", || async {
            self.a.saw(|event| *event == LinkEvent::Connected) && self.b.saw(|event| *event == LinkEvent::Connected)
        })
        .await;
    }

    pub(crate) async fn connect(&self) {
        self.negotiate(Side::A).await;
        self.connected().await;
    }

    /// Something happens to the path.
    pub(crate) fn path(&self, change: Change) {
        self.relay.as_ref().expect("there is a relay").change(Party(0), change);
    }

    pub(crate) async fn close(&self) {
        self.a.link.close().await;
        self.b.link.close().await;
    }
}

/// A candidate as the other side gets it.
fn carried(relay: Option<&Relay>, side: Side, candidate: &IceCandidate) -> Option<IceCandidate> {
    let Some(relay) = relay else { return Some(candidate.clone()) };
    let text = relay.candidate(Party(side as usize), &candidate.candidate)?;
    Some(IceCandidate { candidate: text, ..candidate.clone() })
}

/// As long as a camera takes for a picture: a link is not made for more at once than it carries.
pub(crate) async fn a_picture_later() {
    tokio::time::sleep(Duration::from_millis(33)).await;
}

/// Polls until something is so.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A keyframe of two packets that name it.
pub(crate) fn frame(index: u32) -> EncodedVideo {
    picture(index, true, 1_000, 2)
}

/// A picture of so many packets of so many bytes that name it.
fn picture(index: u32, keyframe: bool, bytes: usize, packets: u8) -> EncodedVideo {
    let payload = |part: u8| {
        // The shortest descriptor (RFC 7741, 4.2), a start or not, and the bit that tells a keyframe (RFC 6386, 9.1).
        let mut payload = vec![if part == 0 { 0x10 } else { 0 }, u8::from(!keyframe)];
        payload.extend(index.to_be_bytes());
        payload.push(part);
        payload.resize(bytes.max(payload.len()), part);
        Bytes::from(payload)
    };
    EncodedVideo {
        payloads: (0..packets).map(payload).collect(),
        timestamp: index.wrapping_mul(3_000),
        captured_us: 1_795_000_000_000_000 + i64::from(index) * 33_333,
        keyframe,
        temporal_layer: 0,
        spatial_layer: 0,
        width: 640,
        height: 360,
    }
}

pub(crate) fn sound(index: u32) -> EncodedAudio {
    EncodedAudio {
        payload: Bytes::copy_from_slice(&index.to_be_bytes()),
        timestamp: index.wrapping_mul(960),
        captured_us: 1_795_000_000_000_000,
        marker: index == 0,
        level: 30,
    }
}

/// Which frames came whole, by the numbers in them.
pub(crate) fn whole_frames(packets: &[RtpPacket]) -> Vec<u32> {
    let mut parts: Vec<(u32, u8)> = packets.iter().filter_map(|packet| name(&packet.payload)).collect();
    parts.sort_unstable();
    parts.dedup();
    parts.chunk_by(|a, b| a.0 == b.0).filter(|parts| parts.len() == 2).map(|parts| parts[0].0).collect()
}

fn name(payload: &[u8]) -> Option<(u32, u8)> {
    Some((u32::from_be_bytes(payload.get(2..6)?.try_into().ok()?), *payload.get(6)?))
}
