//! Mends defect 21: in an ICE role conflict the crate does three things of which RFC 8445 (7.3.1.1) allows one: it answers
//! 487, it switches its role if it has the smaller tie-breaker, and it answers the check as if nothing were wrong.
//! Chromium, which takes the controlling role with each ICE restart it offers, switches at every 487, so that the roles
//! swing for seconds and nothing is nominated: three to four seconds without sound and pictures in a quarter of such
//! restarts.
//!
//! Invariant: no 487 leaves. The conflict ends all the same: whoever has the smaller tie-breaker switches when it sees the
//! other's check.

use std::io::{self, IoSliceMut};
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use webrtc::runtime::{AsyncUdpSocket, RecvMeta, Transmit};

/// STUN (RFC 8489, 5 and 14): a binding error response, and the attributes looked at.
const BINDING_ERROR: u16 = 0x0111;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const STUN_HEADER: usize = 20;
const ERROR_CODE: u16 = 0x0009;
/// TURN (RFC 8656, 11 and 12): how a datagram is wrapped on its way to a relay.
const SEND_INDICATION: u16 = 0x0016;
const DATA: u16 = 0x0013;
const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x4fff;

/// A socket that keeps 487 responses to itself.
#[derive(Debug)]
pub(super) struct WithoutRoleConflicts(pub(super) Arc<dyn AsyncUdpSocket>);

impl AsyncUdpSocket for WithoutRoleConflicts {
    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn poll_send(&self, cx: &mut Context<'_>, transmit: &Transmit<'_>) -> Poll<io::Result<usize>> {
        let all = transmit.contents;
        let Some(rest) = without_conflicts(all, transmit.segment_size) else {
            return self.0.poll_send(cx, transmit);
        };
        if rest.is_empty() {
            return Poll::Ready(Ok(all.len()));
        }
        let segment_size = transmit.segment_size.filter(|segment| rest.len() > *segment);
        let Transmit { destination, ecn, src_ip, .. } = *transmit;
        let rest = Transmit { destination, ecn, contents: &rest, segment_size, src_ip };
        self.0.poll_send(cx, &rest).map_ok(|_| all.len())
    }

    fn poll_recv(
        &self,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
        meta: &mut [RecvMeta],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_recv(cx, bufs, meta)
    }

    fn max_gso_segments(&self) -> usize {
        self.0.max_gso_segments()
    }

    fn max_gro_segments(&self) -> usize {
        self.0.max_gro_segments()
    }
}

/// What is left of a batch of datagrams of one size (the last may be shorter) without 487 responses, wherever in it they are; `None`
/// where there are none.
fn without_conflicts(all: &[u8], segment_size: Option<usize>) -> Option<Vec<u8>> {
    let segment = segment_size.unwrap_or(all.len()).clamp(1, all.len().max(1));
    let datagrams = || all.chunks(segment);
    datagrams()
        .any(is_role_conflict)
        .then(|| datagrams().filter(|one| !is_role_conflict(one)).flatten().copied().collect())
}

/// Whether a datagram is a 487 response, bare or on its way to a relay.
fn is_role_conflict(datagram: &[u8]) -> bool {
    let message = match word(datagram, 0) {
        Some(SEND_INDICATION) => attribute(datagram, DATA),
        Some(channel) if CHANNELS.contains(&channel) => datagram.get(4..),
        _ => Some(datagram),
    };
    message.is_some_and(|message| {
        word(message, 0) == Some(BINDING_ERROR)
            && attribute(message, ERROR_CODE).is_some_and(|code| code.get(2..4) == Some(&[4, 87]))
    })
}

/// The value of the first attribute of a type in a STUN message.
pub(super) fn attribute(message: &[u8], wanted: u16) -> Option<&[u8]> {
    if message.get(4..8)? != MAGIC_COOKIE {
        return None;
    }
    let mut rest = message.get(STUN_HEADER..)?;
    loop {
        let (kind, length) = (word(rest, 0)?, usize::from(word(rest, 2)?));
        let value = rest.get(4..4 + length)?;
        if kind == wanted {
            return Some(value);
        }
        rest = rest.get(4 + length.next_multiple_of(4)..)?;
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes([*bytes.get(at)?, *bytes.get(at + 1)?]))
}

#[cfg(test)]
mod tests {
    use rtc::peer_connection::configuration::setting_engine::SettingEngine;
    use webrtc::runtime::default_runtime;

    use super::super::testing;
    use super::*;

    /// What two peers of the crate's own making send in a conflict.
    fn conflict() -> [Vec<Vec<u8>>; 2] {
        testing::role_conflict([SettingEngine::default(), SettingEngine::default()])
    }

    /// A wrapped socket that sends to a plain one.
    fn pair() -> (WithoutRoleConflicts, std::net::UdpSocket) {
        let receiver = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        receiver.set_nonblocking(true).expect("a flag");
        let sender = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
        let runtime = default_runtime().expect("the crate has a runtime for tokio");
        (WithoutRoleConflicts(runtime.wrap_udp_socket(sender).expect("a socket")), receiver)
    }

    fn received(receiver: &std::net::UdpSocket) -> Vec<Vec<u8>> {
        let mut buffer = [0; 2048];
        std::iter::from_fn(|| receiver.recv(&mut buffer).ok().map(|length| buffer[..length].to_vec())).collect()
    }

    /// Every 487 of a conflict.
    fn conflicts(sent: &[Vec<u8>]) -> Vec<&Vec<u8>> {
        sent.iter().filter(|datagram| is_role_conflict(datagram)).collect()
    }

    #[tokio::test]
    async fn no_487_leaves_and_all_else_does() {
        let sent = conflict();
        // The defect is still there: the side that gives way answers 487 too. When this fails, the module can go.
        assert!(sent.iter().all(|sent| !conflicts(sent).is_empty()), "both sides answer 487");
        for sent in sent {
            let (socket, receiver) = pair();
            let to = receiver.local_addr().expect("bound");
            for datagram in &sent {
                assert_eq!(socket.send_to(datagram, to).await.expect("sent"), datagram.len());
            }
            let expected: Vec<_> = sent.iter().filter(|datagram| !is_role_conflict(datagram)).cloned().collect();
            assert!(expected.len() > 2, "checks and their answers");
            assert_eq!(received(&receiver), expected);
        }
    }

    #[tokio::test]
    async fn what_is_behind_a_487_in_a_batch_is_sent() {
        let sent = conflict();
        let error = conflicts(&sent[0])[0].clone();
        let (socket, receiver) = pair();
        for rest in [vec![], vec![7; 10], vec![9; error.len() + 10]] {
            let transmit = Transmit {
                destination: receiver.local_addr().expect("bound"),
                ecn: None,
                contents: &[&error[..], &error, &rest].concat(),
                segment_size: Some(error.len()),
                src_ip: None,
            };
            let length = std::future::poll_fn(|cx| socket.poll_send(cx, &transmit)).await.expect("sent");
            assert_eq!(length, transmit.contents.len());
            assert_eq!(received(&receiver).concat(), rest);
        }
    }

    #[test]
    fn a_487_does_not_hide_behind_others_of_a_batch() {
        let sent = conflict();
        let error = conflicts(&sent[0])[0];
        let (other, short) = (vec![0x80; error.len()], vec![0x80; 7]);
        let batch = |parts: &[&Vec<u8>]| parts.iter().copied().flatten().copied().collect::<Vec<u8>>();
        let mixed = batch(&[&other, error, &other, error, &short]);
        assert_eq!(without_conflicts(&mixed, Some(error.len())), Some(batch(&[&other, &other, &short])));
        assert_eq!(without_conflicts(&batch(&[&other, &short]), Some(error.len())), None);
        assert_eq!((without_conflicts(error, None), without_conflicts(&[], None)), (Some(Vec::new()), None));
    }

    #[test]
    fn on_its_way_to_a_relay_it_is_known_too() {
        let sent = conflict();
        let error = conflicts(&sent[0])[0];
        let length = u16::try_from(error.len()).expect("short").to_be_bytes();
        let channel = [&[0x40, 0x01], &length[..], error].concat();
        assert!(is_role_conflict(&channel));
        let peer_address = [0, 0x12, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0];
        let mut indication =
            [&[0, 0x16, 0, 0][..], &MAGIC_COOKIE, &[0; 12], &peer_address, &[0, 0x13], &length].concat();
        indication.extend(error);
        assert!(is_role_conflict(&indication));
        for datagram in [&channel, &indication, error] {
            for cut in 0..datagram.len() {
                // Cut short it is some other datagram, and none that takes us out of it.
                let _ = is_role_conflict(&datagram[..cut]);
            }
        }
        let other = [&error[..], &[]].concat();
        let at = other.windows(4).position(|window| window == [0, 0, 4, 87]).expect("the code");
        for (offset, value) in [(2, 5), (3, 0)] {
            let mut other = other.clone();
            other[at + offset] = value;
            assert!(!is_role_conflict(&other), "another error");
        }
    }
}
