//! The relay between real sockets. Times are only bounded from below: a loaded machine may take longer for anything.

use std::net::UdpSocket;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sightline_netpath::{Change, Conditions, Line, Loses, Loss, Party, Relay};

const MS: Duration = Duration::from_millis(1);
/// Far more than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

fn peer() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket
}

/// The next packet and where it seems to come from.
fn next(socket: &UdpSocket) -> (Vec<u8>, std::net::SocketAddr) {
    let mut buffer = [0; 64];
    let (length, from) = socket.recv_from(&mut buffer).expect("a packet comes");
    (buffer[..length].to_vec(), from)
}

#[test]
fn two_meet_at_their_stand_ins_after_the_delay() {
    let delay = Conditions { delay: 30 * MS, ..Conditions::default() };
    let relay = Relay::start(vec![Line::new(delay, 1), Line::perfect()], Loses::Everything).expect("it starts");
    let (a, b) = (peer(), peer());
    let for_a = relay.stand_in(Party(0), a.local_addr().expect("bound")).expect("a stand-in");
    let for_b = relay.stand_in(Party(1), b.local_addr().expect("bound")).expect("a stand-in");
    assert_eq!(relay.stand_in(Party(0), a.local_addr().expect("bound")).expect("a stand-in"), for_a);
    let sent = Instant::now();
    a.send_to(b"to b", for_b).expect("sent");
    assert_eq!(next(&b), (b"to b".to_vec(), for_a));
    b.send_to(b"to a", for_a).expect("sent");
    assert_eq!(next(&a), (b"to a".to_vec(), for_b));
    assert!(sent.elapsed() >= 60 * MS, "there and back took {:?}", sent.elapsed());
    assert!(relay.stand_in(Party(2), a.local_addr().expect("bound")).is_err(), "there are two parties");
}

#[test]
fn set_up_is_spared_where_media_are_to_be_lost() {
    let half = Conditions { loss: Loss::Random { probability: 0.5 }, ..Conditions::default() };
    // One line for all: what passes it up passes nothing else that loses.
    let mut line = Line::new(half, 1);
    line.down = Line::perfect().down;
    let relay = Relay::start(vec![line], Loses::MediaOnly).expect("it starts");
    let (a, b) = (peer(), peer());
    let for_b = relay.stand_in(Party(0), b.local_addr().expect("bound")).expect("a stand-in");
    let mut media = 0;
    for _ in 0..50 {
        a.send_to(&[0x80, 1], for_b).expect("sent");
        a.send_to(&[0x16, 1], for_b).expect("sent");
        // In order: what is not media comes after any media before it.
        while next(&b).0 != [0x16, 1] {
            media += 1;
        }
    }
    assert!((10..40).contains(&media), "{media} of 50 came through");
    assert_eq!(relay.counters(Party(0))[0].lost, 50 - media);
}

#[test]
fn a_party_with_a_new_address_is_not_reached_at_the_old_one() {
    let relay = Relay::start(vec![Line::perfect(), Line::perfect()], Loses::Everything).expect("it starts");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    relay.watch(move |sight| {
        if let Some(arrived) = sight.arrived {
            log.lock().expect("no holder panics").push((sight.from, arrived >= sight.sent, sight.packet.to_vec()));
        }
    });
    let (a, b) = (peer(), peer());
    let before = relay.stand_in(Party(0), a.local_addr().expect("bound")).expect("a stand-in");
    let for_b = relay.stand_in(Party(1), b.local_addr().expect("bound")).expect("a stand-in");
    a.send_to(b"1", for_b).expect("sent");
    assert_eq!(next(&b), (b"1".to_vec(), before));

    relay.change(Party(0), Change::Address);
    a.send_to(b"2", for_b).expect("sent");
    let (packet, after) = next(&b);
    assert_eq!(packet, b"2");
    assert_ne!(after, before, "the others see another address");
    assert_eq!(relay.stand_in(Party(0), a.local_addr().expect("bound")).expect("a stand-in"), after);
    b.send_to(b"lost", before).expect("sent");
    b.send_to(b"3", after).expect("sent");
    // Were the first to arrive at all, it would be the first.
    assert_eq!(next(&a), (b"3".to_vec(), for_b));
    let seen = seen.lock().expect("no holder panics").clone();
    let expected: Vec<_> = [(0, "1"), (0, "2"), (1, "3")].map(|(who, what)| (Party(who), true, what.into())).to_vec();
    assert_eq!(seen, expected);
}

#[test]
fn an_outage_loses_everything_and_ends() {
    let relay = Relay::start(vec![Line::perfect(), Line::perfect()], Loses::MediaOnly).expect("it starts");
    let (a, b) = (peer(), peer());
    let for_b = relay.stand_in(Party(1), b.local_addr().expect("bound")).expect("a stand-in");
    relay.change(Party(1), Change::Down);
    a.send_to(b"lost", for_b).expect("sent");
    let deadline = Instant::now() + PATIENCE;
    while relay.counters(Party(1))[1].unreachable == 0 {
        assert!(Instant::now() < deadline, "the packet is not counted");
        std::thread::yield_now();
    }
    relay.change(Party(1), Change::Up);
    a.send_to(b"comes", for_b).expect("sent");
    assert_eq!(next(&b).0, b"comes");
}
