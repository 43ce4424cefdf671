//! A bad path between two peers on this machine: a relay in user space that loses, delays or blocks what it forwards.
//!
//! To put it between two peers, hand each candidate of one through [`Relay::substitute`] before giving it to the other:
//! it names the relay's address instead, and candidates that cannot be relayed are left out. Peers of ours should bind
//! `127.0.0.1:0` only, so that they have one address to speak from.
//!
//! Invariant: what is lost depends only on the seed and the order of packets, never on the clock. Packets of ICE and DTLS
//! are not lost, only delayed and blocked, so that no test hangs on the luck of set-up.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Packets under way each way: at 200 ms and 10 Mbit/s there are 200.
const UNDER_WAY: usize = 4096;
/// A peer that is silent for this long may speak from another address.
const SILENCE: Duration = Duration::from_secs(1);

/// What the path does; may be changed at any time.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Path {
    /// Probability that a packet of media or feedback is lost.
    pub(crate) loss: f64,
    /// One way.
    pub(crate) delay: Duration,
    /// Nothing passes at all.
    pub(crate) blocked: bool,
    /// Media packets (RTP, with RTX) lost so far, both ways.
    pub(crate) lost_media: u64,
    /// Media packets forwarded so far, both ways.
    pub(crate) forwarded_media: u64,
}

/// One of the two peers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    A,
    B,
}

/// The relay; it ends when dropped.
pub(crate) struct Relay {
    /// What the path does.
    pub(crate) path: Arc<Mutex<Path>>,
    /// Where A sends to reach B, and B to reach A.
    toward_b: SocketAddr,
    toward_a: SocketAddr,
    a: Peer,
    b: Peer,
    _pumps: JoinSet<()>,
}

/// A peer's own address, as announced or as seen, and when it was last heard of.
type Peer = Arc<Mutex<Option<(SocketAddr, Instant)>>>;

impl Relay {
    /// Begins to relay.
    pub(crate) async fn start(path: Path, seed: u64) -> std::io::Result<Self> {
        let (facing_a, facing_b) = (bind().await?, bind().await?);
        let (toward_b, toward_a) = (facing_a.local_addr()?, facing_b.local_addr()?);
        let path = Arc::new(Mutex::new(path));
        let (a, b) = (Peer::default(), Peer::default());
        let mut pumps = JoinSet::new();
        for (from, to, sender, receiver, seed) in [
            (facing_a.clone(), facing_b.clone(), a.clone(), b.clone(), seed),
            (facing_b, facing_a, b.clone(), a.clone(), !seed),
        ] {
            let (queue, queued) = mpsc::channel(UNDER_WAY);
            pumps.spawn(take(from, sender, path.clone(), Dice(seed), queue));
            pumps.spawn(forward(queued, to, receiver));
        }
        Ok(Self { path, toward_b, toward_a, a, b, _pumps: pumps })
    }

    /// The candidate of `side` as the other side must see it; `None` where it is to be left out.
    pub(crate) fn substitute(&self, side: Side, candidate: &str) -> Option<String> {
        let mut words: Vec<&str> = candidate.split(' ').collect();
        if candidate.is_empty() {
            return Some(String::new());
        }
        // RFC 8839, 5.1: foundation component transport priority address port "typ" type
        if words.len() < 8 || !words[2].eq_ignore_ascii_case("udp") || words[7] != "host" {
            return None;
        }
        let (peer, relay) = match side {
            Side::A => (&self.a, self.toward_a),
            Side::B => (&self.b, self.toward_b),
        };
        // Another name than a number (mDNS) is learnt when the peer speaks.
        if let (Ok(ip), Ok(port)) = (words[4].parse::<Ipv4Addr>(), words[5].parse())
            && ip.is_loopback()
        {
            *lock(peer) = Some((SocketAddr::from((ip, port)), Instant::now()));
        }
        let (ip, port) = (relay.ip().to_string(), relay.port().to_string());
        (words[4], words[5]) = (&ip, &port);
        Some(words.join(" "))
    }
}

async fn bind() -> std::io::Result<Arc<UdpSocket>> {
    Ok(Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes packets of one peer and decides what becomes of them.
async fn take(
    socket: Arc<UdpSocket>,
    sender: Peer,
    path: Arc<Mutex<Path>>,
    mut dice: Dice,
    queue: mpsc::Sender<(Instant, Vec<u8>)>,
) {
    let mut buffer = vec![0; 2048];
    loop {
        // A closed port at the other end shows here as an error; the path goes on.
        let Ok((length, source)) = socket.recv_from(&mut buffer).await else { continue };
        let now = Instant::now();
        {
            let mut sender = lock(&sender);
            match &mut *sender {
                Some((known, heard)) if *known == source => *heard = now,
                Some((_, heard)) if now - *heard < SILENCE => continue,
                other => *other = Some((source, now)),
            }
        }
        let packet = &buffer[..length];
        // RFC 7983: 128-191 is RTP or RTCP; RFC 5761: payload types 64-95 with the marker bit are RTCP.
        let is_rtp = length > 1 && (128..=191).contains(&packet[0]);
        let is_media = is_rtp && !(192..=223).contains(&packet[1]);
        let due = {
            let mut path = lock(&path);
            let lost = is_rtp && dice.roll() < path.loss;
            if lost {
                path.lost_media += u64::from(is_media);
            } else {
                path.forwarded_media += u64::from(is_media);
            }
            (!lost && !path.blocked).then(|| now + path.delay)
        };
        if let Some(due) = due {
            // Full: the path is overloaded and loses it.
            let _ = queue.try_send((due, packet.to_vec()));
        }
    }
}

/// Sends on what is due.
async fn forward(mut queued: mpsc::Receiver<(Instant, Vec<u8>)>, socket: Arc<UdpSocket>, receiver: Peer) {
    while let Some((due, packet)) = queued.recv().await {
        tokio::time::sleep_until(due).await;
        let address = *lock(&receiver);
        if let Some((address, _)) = address {
            let _ = socket.send_to(&packet, address).await;
        }
    }
}

/// SplitMix64: a few lines, and the same everywhere for ever.
struct Dice(u64);

impl Dice {
    /// Evenly in 0..1.
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        (bits >> 11) as f64 / (1u64 << 53) as f64
    }
}
