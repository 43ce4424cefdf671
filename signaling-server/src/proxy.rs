//! Whom a request comes from, where proxies stand between.
//!
//! Invariant: an address counts only if an address that is trusted vouches for it, from our peer on. Whoever can reach the
//! server can write any header, so all else is ignored; what is trusted must set or append one of the headers itself.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, header::FORWARDED};
use ipnet::IpNet;

const X_FORWARDED_FOR: &str = "x-forwarded-for";

/// The first address, seen from here, that is not trusted to speak for others: the peer itself, or the rightmost of
/// `Forwarded` (RFC 7239) or `X-Forwarded-For`.
///
/// Where both headers are there and differ, one of them is the client's invention and nobody knows which: then the
/// address that sent both counts.
pub(crate) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted) {
        return peer;
    }
    let values = |name| headers.get_all(name).iter().map(|value| value.to_str().unwrap_or_default());
    let plain = headers.contains_key(X_FORWARDED_FOR).then(|| {
        let hops = values(X_FORWARDED_FOR).flat_map(|line| line.split(',').map(hop)).collect();
        walk(peer, hops, trusted)
    });
    let standard = headers.contains_key(FORWARDED.as_str()).then(|| {
        let hops = values(FORWARDED.as_str()).flat_map(forwarded).collect();
        walk(peer, hops, trusted)
    });
    match (standard, plain) {
        (Some(standard), Some(plain)) if standard == plain => standard,
        (Some(_), Some(_)) | (None, None) => peer,
        (Some(address), None) | (None, Some(address)) => address,
    }
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|net| net.contains(&address))
}

/// Goes back hop by hop, the last one first, as long as they are trusted. A hop without an address (`unknown`, a name, or
/// nonsense) ends it at the one that told of it.
fn walk(peer: IpAddr, hops: Vec<Option<IpAddr>>, trusted: &[IpNet]) -> IpAddr {
    let mut nearest = peer;
    for hop in hops.into_iter().rev() {
        let Some(address) = hop else { break };
        nearest = address;
        if !is_trusted(address, trusted) {
            break;
        }
    }
    nearest
}

/// An address as proxies write it, with a port or without.
fn hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

/// The `for` of each element of a `Forwarded` line (RFC 7239, 4). A line that is not by the grammar is one unknown hop: a
/// client could otherwise open a quotation that swallows what its proxy appends.
fn forwarded(line: &str) -> Vec<Option<IpAddr>> {
    elements(line).unwrap_or_else(|| vec![None])
}

fn elements(mut rest: &str) -> Option<Vec<Option<IpAddr>>> {
    let mut hops = Vec::new();
    let mut of_element = None;
    loop {
        rest = rest.trim_start();
        // Pairs may be missing, as in `for=192.0.2.1;`.
        if !rest.is_empty() && !rest.starts_with([';', ',']) {
            let (name, behind) = rest.split_once('=')?;
            if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
                return None;
            }
            let (value, behind) = token_or_quoted(behind)?;
            if name.eq_ignore_ascii_case("for") && of_element.replace(hop(&value)).is_some() {
                return None;
            }
            rest = behind.trim_start();
        }
        let mut characters = rest.chars();
        match characters.next() {
            Some(';') => {}
            Some(',') => hops.push(of_element.take().flatten()),
            None => {
                hops.push(of_element.flatten());
                return Some(hops);
            }
            Some(_) => return None,
        }
        rest = characters.as_str();
    }
}

/// A value, and what is behind it.
fn token_or_quoted(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| matches!(c, ';' | ',' | '"') || c.is_whitespace()).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    fn seen(peer: &str, headers: &[(&'static str, &str)]) -> IpAddr {
        let trusted: Vec<IpNet> =
            ["10.0.0.0/8", "127.0.0.1/32", "fd00::/8"].iter().map(|net| net.parse().expect("a net")).collect();
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_str(value).expect("a value"));
        }
        client(ip(peer), &map, &trusted)
    }

    fn by_x(line: &str) -> IpAddr {
        seen("10.0.0.1", &[("x-forwarded-for", line)])
    }

    fn by_forwarded(line: &str) -> IpAddr {
        seen("10.0.0.1", &[("forwarded", line)])
    }

    #[test]
    fn who_is_not_trusted_speaks_for_nobody() {
        for headers in [
            &[("x-forwarded-for", "192.0.2.7")][..],
            &[("forwarded", "for=192.0.2.7")],
            &[("x-forwarded-for", "192.0.2.7"), ("forwarded", "for=192.0.2.7")],
        ] {
            assert_eq!(seen("198.51.100.1", headers), ip("198.51.100.1"));
            assert_eq!(client(ip("10.0.0.1"), &HeaderMap::new(), &[]), ip("10.0.0.1"));
        }
    }

    #[test]
    fn the_rightmost_address_that_is_not_trusted_counts() {
        assert_eq!(by_x("192.0.2.7"), ip("192.0.2.7"));
        // What the client wrote itself stands further left.
        assert_eq!(by_x("6.6.6.6, 192.0.2.7"), ip("192.0.2.7"));
        assert_eq!(by_x("6.6.6.6, 192.0.2.7, 10.1.2.3,127.0.0.1"), ip("192.0.2.7"));
        assert_eq!(by_forwarded("for=6.6.6.6, for=192.0.2.7;proto=https;by=10.0.0.1, For=10.1.2.3"), ip("192.0.2.7"));
        // Several lines are one list.
        let lines = [("x-forwarded-for", "6.6.6.6, 192.0.2.7"), ("x-forwarded-for", "10.1.2.3")];
        assert_eq!(seen("::ffff:10.0.0.1", &lines), ip("192.0.2.7"));
        // A client in the network of the proxies is the farthest there is.
        assert_eq!(by_x("10.3.3.3, 10.1.2.3"), ip("10.3.3.3"));
        assert_eq!(seen("10.0.0.1", &[]), ip("10.0.0.1"));
    }

    #[test]
    fn addresses_are_read_as_proxies_write_them() {
        for (line, address) in [
            ("192.0.2.7:4711", "192.0.2.7"),
            ("2001:db8::7", "2001:db8::7"),
            ("[2001:db8::7]", "2001:db8::7"),
            ("[2001:db8::7]:4711", "2001:db8::7"),
            ("::ffff:192.0.2.7", "192.0.2.7"),
        ] {
            assert_eq!(by_x(line), ip(address), "{line}");
            assert_eq!(by_forwarded(&format!("proto=http; FOR=\"{line}\" ;by=x")), ip(address), "{line}");
        }
        // A proxy is trusted by its IPv4 address however that is written.
        assert_eq!(by_x("192.0.2.7, ::ffff:10.1.2.3"), ip("192.0.2.7"));
        assert_eq!(by_forwarded(r#"for="192.0.2.\7""#), ip("192.0.2.7"));
    }

    #[test]
    fn who_hides_an_address_is_taken_for_the_one_who_told() {
        for line in ["unknown", "_hidden", "", "192.0.2.7, unknown", "192.0.2.7,", "1.2.3", "192.0.2.7 192.0.2.8"] {
            assert_eq!(by_x(line), ip("10.0.0.1"), "{line}");
        }
        assert_eq!(by_x("192.0.2.7, unknown, 10.1.2.3"), ip("10.1.2.3"));
        for line in ["for=unknown", "for=\"_hidden\"", "proto=https", "for=192.0.2.7, proto=https", "for="] {
            assert_eq!(by_forwarded(line), ip("10.0.0.1"), "{line}");
        }
    }

    #[test]
    fn a_quotation_that_a_client_leaves_open_swallows_nothing() {
        for own in
            [r#"for="6.6.6.6"#, r#"for="a, for=6.6.6.6"#, r#"for="a\"#, r#"x="6.6.6.6"#, "for=6.6.6.6;for=6.6.6.6"]
        {
            for appended in ["for=192.0.2.7", r#"for="192.0.2.7:1""#, r#"for="[2001:db8::7]:1";by=10.0.0.1"#] {
                let address = by_forwarded(&format!("{own}, {appended}"));
                assert!(address == ip("10.0.0.1"), "{own}, {appended}: {address}");
            }
            // A proxy that writes a line of its own is understood all the same.
            let lines = [("forwarded", own), ("forwarded", "for=192.0.2.7")];
            assert_eq!(seen("10.0.0.1", &lines), ip("192.0.2.7"), "{own}");
        }
    }

    #[test]
    fn of_two_headers_that_differ_neither_counts() {
        let headers = |x, forwarded| [("x-forwarded-for", x), ("forwarded", forwarded)];
        assert_eq!(seen("10.0.0.1", &headers("192.0.2.7", "for=192.0.2.7")), ip("192.0.2.7"));
        assert_eq!(seen("10.0.0.1", &headers("192.0.2.7", "for=6.6.6.6")), ip("10.0.0.1"));
        assert_eq!(seen("10.0.0.1", &headers("6.6.6.6", "for=192.0.2.7")), ip("10.0.0.1"));
    }
}
