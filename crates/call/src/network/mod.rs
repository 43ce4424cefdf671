//! A look at the network before a call: is the server there, can packets fly.
//!
//! Invariant: a check takes 5 s at most, whatever does not answer; what cannot be known is said to be unknown, never
//! guessed.

mod stun;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use sightline_protocol::IceServer;
use tokio::net::{UdpSocket, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};

use crate::link::{own_addresses, udp_servers};
use crate::signaling::greet;
use stun::TransactionId;

/// For the signaling server. With what follows it makes the 5 s.
const GREETING: Duration = Duration::from_millis(3000);
/// For looking up the STUN servers' names.
const LOOK_UP: Duration = Duration::from_millis(600);
/// For their answers.
const ANSWER: Duration = Duration::from_millis(1200);
/// Between two requests to the same server: UDP may lose one.
const ASK_EVERY: Duration = Duration::from_millis(300);
/// STUN servers asked: two tell all there is to know, more are for those that are down.
const SERVERS: usize = 4;

/// What the network allows.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkReport {
    /// The signaling server answers; else a sentence that says what is wrong.
    pub reachable: Result<(), String>,
    /// To the signaling server and back, milliseconds: the best of three pings.
    pub round_trip_ms: Option<f64>,
    /// Packets reach a STUN or TURN server and come back; `None` where the signaling server names none.
    pub udp: Option<bool>,
    /// Whether calls to other networks need a relay; `None` where that cannot be told.
    pub relay_needed: Option<bool>,
    /// Where peers may find us.
    pub address_kinds: Vec<AddressKind>,
}

/// A kind of address under which a peer may reach us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressKind {
    /// On the network this computer is in, by IPv4.
    HostIpv4,
    /// Likewise by IPv6.
    HostIpv6,
    /// From other networks, through a router that maps addresses (RFC 8445: server-reflexive).
    Reflexive,
}

/// Looks at the way to a signaling server, and at what its STUN and TURN servers say. Takes at most 5 s.
pub async fn check_network(server: &str) -> NetworkReport {
    let mut report = NetworkReport {
        reachable: Ok(()),
        round_trip_ms: None,
        udp: None,
        relay_needed: None,
        address_kinds: host_kinds(&own_addresses()),
    };
    let greeting = match timeout(GREETING, greet(server)).await {
        Ok(Ok(greeting)) => greeting,
        Ok(Err(error)) => return NetworkReport { reachable: Err(error.to_string()), ..report },
        Err(_) => {
            let sentence = format!("{server} does not answer within {} s", GREETING.as_secs());
            return NetworkReport { reachable: Err(sentence), ..report };
        }
    };
    report.round_trip_ms = Some(greeting.round_trip.as_secs_f64() * 1000.0);
    let (servers, are_named) = look_up(&greeting.ice_servers).await;
    if are_named {
        let seen = ask(&servers).await.unwrap_or_default();
        report.udp = Some(!seen.is_empty());
        report.relay_needed = needs_relay(&seen, &own_addresses());
        if seen.iter().any(|address| !own_addresses().contains(&address.ip())) {
            report.address_kinds.push(AddressKind::Reflexive);
        }
    }
    report
}

fn host_kinds(own: &[IpAddr]) -> Vec<AddressKind> {
    let mut kinds = Vec::new();
    if own.iter().any(|ip| ip.is_ipv4() && !ip.is_loopback()) {
        kinds.push(AddressKind::HostIpv4);
    }
    if own.iter().any(|ip| ip.is_ipv6() && !ip.is_loopback()) {
        kinds.push(AddressKind::HostIpv6);
    }
    kinds
}

/// By the addresses under which STUN servers saw one and the same socket (RFC 4787, 4.1). Where no packet comes through, only
/// a relay can help; where each server sees another address, a peer would too, and find the door closed.
fn needs_relay(seen: &[SocketAddr], own: &[IpAddr]) -> Option<bool> {
    match seen {
        [] => Some(true),
        [only] if own.contains(&only.ip()) => Some(false),
        [_] => None,
        [first, others @ ..] => Some(others.iter().any(|other| other != first)),
    }
}

/// Addresses of the STUN and TURN servers, of one family, so that one socket asks them all; and whether any are named.
async fn look_up(servers: &[IceServer]) -> (Vec<SocketAddr>, bool) {
    let mut names = udp_servers(servers);
    names.truncate(SERVERS);
    let deadline = Instant::now() + LOOK_UP;
    let mut found: Vec<SocketAddr> = Vec::new();
    let queries: Vec<_> = names.iter().map(|(host, port)| lookup_host((host.as_str(), *port))).collect();
    for query in queries {
        if let Ok(Ok(addresses)) = timeout_at(deadline, query).await {
            let addresses: Vec<_> = addresses.collect();
            found.extend(addresses.iter().find(|address| address.is_ipv4()).or(addresses.first()));
        }
    }
    let ipv4 = found.iter().any(SocketAddr::is_ipv4);
    found.retain(|address| address.is_ipv4() == ipv4);
    (found, !names.is_empty())
}

/// Asks each server under which address it sees us. An error is that of a machine without a network.
async fn ask(servers: &[SocketAddr]) -> std::io::Result<Vec<SocketAddr>> {
    let Some(first) = servers.first() else { return Ok(Vec::new()) };
    let any: IpAddr = if first.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await?;
    let ids: Vec<TransactionId> = servers.iter().map(|_| rand::random()).collect();
    let mut seen: Vec<Option<SocketAddr>> = vec![None; servers.len()];
    let deadline = Instant::now() + ANSWER;
    while seen.contains(&None) && Instant::now() < deadline {
        for (index, server) in servers.iter().enumerate() {
            if seen[index].is_none()
                && let Err(error) = socket.send_to(&stun::request(&ids[index]), server).await
            {
                tracing::debug!(%error, "a STUN server cannot be asked");
            }
        }
        collect(&socket, &ids, &mut seen, deadline.min(Instant::now() + ASK_EVERY)).await;
    }
    Ok(seen.into_iter().flatten().collect())
}

/// Takes answers until all are there, or the time is up.
async fn collect(socket: &UdpSocket, ids: &[TransactionId], seen: &mut [Option<SocketAddr>], until: Instant) {
    let mut buffer = [0; 1500];
    while seen.contains(&None) {
        match timeout_at(until, socket.recv_from(&mut buffer)).await {
            Ok(Ok((length, _))) => {
                let answered = ids.iter().map(|id| stun::mapped_address(&buffer[..length], id));
                for (slot, address) in seen.iter_mut().zip(answered) {
                    *slot = slot.or(address);
                }
            }
            // A router said that nobody is there.
            Ok(Err(error)) => tracing::debug!(%error, "while waiting for STUN servers"),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn what_stun_servers_see_tells_whether_a_relay_is_needed() {
        let own = [address("192.168.1.5:0").ip()];
        let verdict = |seen: &[&str]| {
            let seen: Vec<SocketAddr> = seen.iter().map(|text| address(text)).collect();
            needs_relay(&seen, &own)
        };
        assert_eq!(verdict(&[]), Some(true), "no packet comes through");
        assert_eq!(verdict(&["192.168.1.5:4000"]), Some(false), "no router in between");
        assert_eq!(verdict(&["198.51.100.7:4000"]), None, "one view is not enough");
        assert_eq!(verdict(&["198.51.100.7:4000", "198.51.100.7:4000"]), Some(false));
        assert_eq!(verdict(&["198.51.100.7:4000", "198.51.100.7:4001"]), Some(true));
    }

    #[test]
    fn loopback_is_no_address_for_peers() {
        let own: Vec<IpAddr> = ["127.0.0.1:0", "[::1]:0", "10.0.0.2:0"].map(|text| address(text).ip()).into();
        assert_eq!(host_kinds(&own), [AddressKind::HostIpv4]);
        assert_eq!(host_kinds(&own[..2]), []);
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_waited_for_but_not_for_ever() {
        let silent = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let begun = Instant::now();
        let seen = ask(&[silent.local_addr().expect("bound")]).await.expect("a socket");
        assert!(seen.is_empty() && begun.elapsed() >= ANSWER);
    }
}
