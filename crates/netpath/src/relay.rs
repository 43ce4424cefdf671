//! A [`Network`] between UDP sockets on this machine, in real time.
//!
//! Every address of a party has a stand-in: a socket of the relay's. What reaches the stand-in of `a` from `b` goes on to
//! `a` from the stand-in of `b`, once the model lets it through; two parties that know each other by stand-ins alone meet
//! here, whatever addresses they take in mid-call. After [`Change::Address`] a party speaks from a new stand-in, and what
//! is sent to the one before is lost, as behind a NAT that has forgotten its mapping.
//!
//! Invariant: what becomes of a packet is decided by the time at which it came, and it is sent on at the time decided
//! (0.1 ms late on an idle machine) by a thread of its own that does nothing else.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

use crate::{Change, Counters, Line, Network, Parcel, Party, candidate};

/// Six clients with a link to each other and an ICE restart of each, or two with a dozen interfaces and as many restarts;
/// more would be a leak.
const MAX_STAND_INS: usize = 256;
/// Longer than any UDP packet of a call.
const MAX_PACKET: usize = 2048;
/// IPv4 and UDP.
const HEADERS: usize = 28;
/// On a machine that compiles, the system's default lost 10 to 30 % on loopback (see the sockets of a link).
const SOCKET_BUFFER: usize = 2 << 20;
/// How long a thread that waits for packets may take to notice that it is to end.
const ENDING: Duration = Duration::from_millis(50);

/// What may be lost by chance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loses {
    /// Any packet, as out there.
    Everything,
    /// SRTP and SRTCP alone (RFC 7983: first byte 128 to 191), so that set-up does not depend on luck.
    MediaOnly,
}

/// A packet, as the relay sees it.
#[derive(Debug)]
pub struct Sight<'a> {
    /// Who sent it.
    pub from: Party,
    /// To whom.
    pub to: Party,
    /// When it was sent.
    pub sent: Instant,
    /// When it arrived; `None` at the moment it is sent.
    pub arrived: Option<Instant>,
    /// Payload of UDP.
    pub packet: &'a [u8],
}

type Watcher = Box<dyn FnMut(Sight<'_>) + Send>;

/// The relay; sockets and threads end when it is dropped.
pub struct Relay {
    shared: Arc<Shared>,
    sender: Option<JoinHandle<()>>,
}

struct Shared {
    loses: Loses,
    state: Mutex<State>,
    /// Something is due earlier than before, or the relay ends.
    earlier: Condvar,
    closing: AtomicBool,
}

struct State {
    network: Network<Content>,
    /// Whose addresses these are.
    homes: HashMap<SocketAddr, Party>,
    /// By the address they stand for and which of its party's public addresses that was.
    stand_ins: HashMap<(SocketAddr, u32), Arc<UdpSocket>>,
    receivers: Vec<JoinHandle<()>>,
    watcher: Option<Watcher>,
}

/// A packet and how to send it on.
struct Content {
    packet: Vec<u8>,
    via: Arc<UdpSocket>,
    to: SocketAddr,
}

impl Relay {
    /// Begins to relay between as many parties as there are lines. With a single line everybody is the same party, and
    /// each packet passes it up and down.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(lines: Vec<Line>, loses: Loses) -> io::Result<Self> {
        let state = State {
            network: Network::new(lines),
            homes: HashMap::new(),
            stand_ins: HashMap::new(),
            receivers: Vec::new(),
            watcher: None,
        };
        let (earlier, closing) = (Condvar::new(), AtomicBool::new(false));
        let shared = Arc::new(Shared { loses, state: Mutex::new(state), earlier, closing });
        let sending = Arc::clone(&shared);
        let sender = thread::Builder::new().name("netpath".into()).spawn(move || sending.send_on())?;
        Ok(Self { shared, sender: Some(sender) })
    }

    /// Has everything shown to `watcher`, when it is sent and when it arrives; it must be quick.
    pub fn watch(&self, watcher: impl FnMut(Sight<'_>) + Send + 'static) {
        self.shared.lock().watcher = Some(Box::new(watcher));
    }

    /// The address that the others are to be told instead of this one of `party`.
    ///
    /// # Errors
    /// Where there is no such party, or no socket to be had.
    pub fn stand_in(&self, party: Party, address: SocketAddr) -> io::Result<SocketAddr> {
        let mut state = self.shared.lock();
        if state.network.line(party).is_none() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the relay has no such party"));
        }
        state.homes.insert(address, party);
        let number = state.network.address(party, Instant::now());
        self.shared.stand_in(&mut state, address, number)?.local_addr()
    }

    /// A candidate of `party` as the others are to be told it; `None` where it is to be left out, as it would lead around
    /// the relay.
    pub fn candidate(&self, party: Party, text: &str) -> Option<String> {
        if text.is_empty() {
            return Some(String::new());
        }
        let address = candidate::host_address(text)?;
        let stand_in = self.stand_in(party, address).ok()?;
        Some(candidate::moved(text, stand_in))
    }

    /// Has `change` happen to both directions of a party's line.
    pub fn schedule(&self, party: Party, at: Instant, change: Change) {
        if let Some(line) = self.shared.lock().network.line(party) {
            line.schedule(at, change);
        }
    }

    /// Has it happen now.
    pub fn change(&self, party: Party, change: Change) {
        self.schedule(party, Instant::now(), change);
    }

    /// What became of the packets on a party's line, up and down.
    pub fn counters(&self, party: Party) -> [Counters; 2] {
        self.shared.lock().network.line(party).map(|line| line.counters()).unwrap_or_default()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Release);
        let receivers = std::mem::take(&mut self.shared.lock().receivers);
        self.shared.earlier.notify_all();
        for thread in receivers.into_iter().chain(self.sender.take()) {
            // One that panicked has said so; there is nobody to tell here.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    /// The socket that stands for an address, made when first asked for.
    fn stand_in(self: &Arc<Self>, state: &mut State, address: SocketAddr, number: u32) -> io::Result<Arc<UdpSocket>> {
        if let Some(known) = state.stand_ins.get(&(address, number)) {
            return Ok(Arc::clone(known));
        }
        if state.stand_ins.len() >= MAX_STAND_INS || self.is_closing() {
            return Err(io::Error::other("the relay takes no more addresses"));
        }
        let socket = Arc::new(bind()?);
        let (shared, receiving) = (Arc::clone(self), Arc::clone(&socket));
        let receiver = thread::Builder::new()
            .name("netpath-in".into())
            .spawn(move || shared.receive(&receiving, address, number))?;
        state.receivers.push(receiver);
        state.stand_ins.insert((address, number), Arc::clone(&socket));
        Ok(socket)
    }

    /// Takes what is sent to one stand-in until the relay ends.
    fn receive(self: &Arc<Self>, socket: &UdpSocket, to: SocketAddr, address: u32) {
        let mut buffer = [0; MAX_PACKET];
        while !self.is_closing() {
            // An error is a wait in vain, or on some systems an ICMP message about a packet that was sent before.
            let Ok((length, source)) = socket.recv_from(&mut buffer) else { continue };
            self.take(&buffer[..length], source, to, address);
        }
    }

    fn take(self: &Arc<Self>, packet: &[u8], source: SocketAddr, to: SocketAddr, address: u32) {
        let sent = Instant::now();
        let mut state = self.lock();
        let Some(receiver) = state.homes.get(&to).copied() else { return };
        let Some(sender) = state.home_of(source, receiver) else { return };
        let number = state.network.address(sender, sent);
        let Ok(via) = self.stand_in(&mut state, source, number) else { return };
        let is_media = packet.first().is_some_and(|first| (128..=191).contains(first));
        if let Some(watcher) = &mut state.watcher {
            watcher(Sight { from: sender, to: receiver, sent, arrived: None, packet });
        }
        let before = state.network.due();
        state.network.send(Parcel {
            from: sender,
            to: receiver,
            address,
            bytes: packet.len() + HEADERS,
            spared: self.loses == Loses::MediaOnly && !is_media,
            sent,
            content: Content { packet: packet.to_vec(), via, to },
        });
        if state.network.due() != before {
            self.earlier.notify_one();
        }
    }

    /// Sends on what is due until the relay ends.
    fn send_on(&self) {
        let mut state = self.lock();
        while !self.is_closing() {
            let now = Instant::now();
            while let Some((at, parcel)) = state.network.poll(now) {
                let Parcel { from, to, sent, content, .. } = parcel;
                if let Some(watcher) = &mut state.watcher {
                    watcher(Sight { from, to, sent, arrived: Some(at), packet: &content.packet });
                }
                // As on any path: what the receiver has no room for is gone.
                let _ = content.via.send_to(&content.packet, content.to);
            }
            state = match state.network.due() {
                None => self.earlier.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    let wait = due.saturating_duration_since(Instant::now());
                    self.earlier.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }
}

impl State {
    /// Whose address this is. One that nobody told of is the other party's, where there is only one other.
    fn home_of(&mut self, source: SocketAddr, receiver: Party) -> Option<Party> {
        if let Some(known) = self.homes.get(&source) {
            return Some(*known);
        }
        let party = match self.network.parties() {
            1 => receiver,
            2 => Party(1 - receiver.0),
            _ => return None,
        };
        self.homes.insert(source, party);
        Some(party)
    }
}

fn bind() -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, None)?;
    // The system may give less; that is no error.
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
    socket.set_read_timeout(Some(ENDING))?;
    Ok(socket.into())
}
