//! Candidate lines of ICE, as far as a relay has to know them.

use std::net::{IpAddr, SocketAddr};

/// The UDP address of a host candidate; `None` for all others, which a relay cannot stand in for.
///
/// RFC 8839, 5.1: foundation component transport priority address port "typ" type.
pub(crate) fn host_address(candidate: &str) -> Option<SocketAddr> {
    let words: Vec<&str> = candidate.split(' ').collect();
    let [_, _, transport, _, ip, port, "typ", "host", ..] = words[..] else { return None };
    // Names instead of numbers (mDNS) mean nothing here.
    let ip: IpAddr = ip.parse().ok()?;
    (transport.eq_ignore_ascii_case("udp") && ip.is_ipv4()).then_some(())?;
    Some(SocketAddr::new(ip, port.parse().ok()?))
}

/// The same candidate at another address.
pub(crate) fn moved(candidate: &str, to: SocketAddr) -> String {
    let (ip, port) = (to.ip().to_string(), to.port().to_string());
    let replaced = candidate.split(' ').enumerate().map(|(index, word)| match index {
        4 => &ip,
        5 => &port,
        _ => word,
    });
    replaced.collect::<Vec<&str>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_candidates_are_moved_and_others_are_not_known() {
        let host = "candidate:1 1 udp 2130706431 127.0.0.1 4711 typ host generation 0";
        assert_eq!(host_address(host), Some(([127, 0, 0, 1], 4711).into()));
        let moved = moved(host, ([127, 0, 0, 1], 5).into());
        assert_eq!(moved, "candidate:1 1 udp 2130706431 127.0.0.1 5 typ host generation 0");
        for other in [
            "",
            "candidate:1 1 tcp 2130706431 127.0.0.1 4711 typ host tcptype passive",
            "candidate:1 1 udp 1 9.9.9.9 4711 typ srflx raddr 10.0.0.1 rport 1",
            "candidate:1 1 udp 2130706431 ab-cd.local 4711 typ host",
            "candidate:1 1 udp 2130706431 ::1 4711 typ host",
            "candidate:1 1 udp 2130706431 127.0.0.1 99999 typ host",
        ] {
            assert_eq!(host_address(other), None, "{other}");
        }
    }
}
