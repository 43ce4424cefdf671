//! A path that loses packets: a UDP relay in which every address has a stand-in.
//!
//! Invariant: a packet that reaches the stand-in of `a` and comes from `b` goes on to `a` from the stand-in of `b`, so
//! two sides that know each other by stand-ins alone meet here, whatever addresses they take in mid-call. What is lost
//! depends on the seed and the order of packets at a stand-in, not on time. Only SRTP and SRTCP are lost (RFC 7983: first
//! byte 128 to 191); STUN and DTLS pass, so that set-up does not depend on luck.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result, ensure};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

/// Two sides with a dozen interfaces each and a few ICE restarts; more would be a leak.
const MAX_ADDRESSES: usize = 128;

/// Larger than any UDP packet of a call; longer ones would be cut.
const MAX_PACKET: usize = 2048;

/// The relay; its sockets close when it is dropped.
pub(crate) struct Relay {
    shared: Arc<Shared>,
}

struct Shared {
    loss: f64,
    seed: u64,
    stand_ins: Mutex<HashMap<SocketAddr, StandIn>>,
    passed: AtomicU64,
    lost: AtomicU64,
}

struct StandIn {
    socket: Arc<UdpSocket>,
    pump: JoinHandle<()>,
}

impl Relay {
    /// A relay that loses this share of the media packets, in both directions.
    pub(crate) fn new(loss: f64, seed: u64) -> Self {
        let shared =
            Shared { loss, seed, stand_ins: Mutex::default(), passed: AtomicU64::new(0), lost: AtomicU64::new(0) };
        Self { shared: Arc::new(shared) }
    }

    /// The stand-in of an address, made at the first call.
    pub(crate) fn stand_in(&self, address: SocketAddr) -> Result<SocketAddr> {
        Ok(self.shared.socket(address)?.local_addr()?)
    }

    /// Media packets that passed, and that were lost.
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.shared.passed.load(Ordering::Relaxed), self.shared.lost.load(Ordering::Relaxed))
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        for stand_in in self.shared.stand_ins.lock().expect("no holder panics").values() {
            stand_in.pump.abort();
        }
    }
}

impl Shared {
    fn socket(self: &Arc<Self>, address: SocketAddr) -> Result<Arc<UdpSocket>> {
        let mut stand_ins = self.stand_ins.lock().expect("no holder panics");
        if let Some(known) = stand_ins.get(&address) {
            return Ok(Arc::clone(&known.socket));
        }
        ensure!(stand_ins.len() < MAX_ADDRESSES, "more than {MAX_ADDRESSES} addresses at the relay");
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").context("no UDP socket for the relay")?;
        socket.set_nonblocking(true)?;
        let socket = Arc::new(UdpSocket::from_std(socket)?);
        let rng = SmallRng::seed_from_u64(self.seed + stand_ins.len() as u64);
        let pump = tokio::spawn(Arc::clone(self).pump(Arc::clone(&socket), address, rng));
        stand_ins.insert(address, StandIn { socket: Arc::clone(&socket), pump });
        Ok(socket)
    }

    async fn pump(self: Arc<Self>, socket: Arc<UdpSocket>, to: SocketAddr, mut rng: SmallRng) {
        let mut packet = [0; MAX_PACKET];
        loop {
            // An error here is an ICMP message about a packet that was sent before: its receiver is gone.
            let Ok((length, from)) = socket.recv_from(&mut packet).await else { continue };
            let packet = &packet[..length];
            if packet.first().is_some_and(|first| (128..=191).contains(first)) {
                let lost = rng.random_bool(self.loss);
                (if lost { &self.lost } else { &self.passed }).fetch_add(1, Ordering::Relaxed);
                if lost {
                    continue;
                }
            }
            if let Ok(stand_in) = self.socket(from) {
                // As on any path: what the receiver has no room for is gone.
                let _ = stand_in.try_send_to(packet, to);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn both_sides_meet_and_only_media_is_lost() -> Result<()> {
        let relay = Relay::new(0.5, 1);
        let (a, b) = (UdpSocket::bind("127.0.0.1:0").await?, UdpSocket::bind("127.0.0.1:0").await?);
        let (for_a, for_b) = (relay.stand_in(a.local_addr()?)?, relay.stand_in(b.local_addr()?)?);
        let mut packet = [0; 16];
        for _ in 0..50 {
            a.send_to(&[0x80, 1, 2], for_b).await?;
            a.send_to(&[0x16, 1, 2], for_b).await?;
            // What is not media arrives, in order after any media that was not lost, and from the other's stand-in.
            while b.recv_from(&mut packet).await? != (3, for_a) || packet[0] != 0x16 {}
            b.send_to(&[0x16, 3], for_a).await?;
            assert_eq!(a.recv_from(&mut packet).await?, (2, for_b));
        }
        let (passed, lost) = relay.counts();
        assert_eq!(passed + lost, 50);
        assert!((10..40).contains(&lost), "{lost} of 50 lost");
        Ok(())
    }
}
