//! The one STUN exchange that a network check needs: a Binding request, and what address it came from (RFC 8489).
//!
//! Invariant: parsing is pure and takes any bytes; only the answer to our own request counts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// RFC 8489, 5.
const MAGIC: u32 = 0x2112_A442;
const HEADER: usize = 20;
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
/// RFC 8489, 14.2.
const XOR_MAPPED_ADDRESS: u16 = 0x0020;

/// Tells the answers to our requests from anything else.
pub(super) type TransactionId = [u8; 12];

/// A Binding request.
pub(super) fn request(id: &TransactionId) -> [u8; HEADER] {
    let mut message = [0; HEADER];
    message[..2].copy_from_slice(&BINDING_REQUEST.to_be_bytes());
    message[4..8].copy_from_slice(&MAGIC.to_be_bytes());
    message[8..].copy_from_slice(id);
    message
}

/// The address our request came from, as its answer says; `None` for anything that is no such answer.
pub(super) fn mapped_address(message: &[u8], id: &TransactionId) -> Option<SocketAddr> {
    let (header, rest) = message.split_at_checked(HEADER)?;
    let kind = u16::from_be_bytes([header[0], header[1]]);
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if kind != BINDING_SUCCESS || header[4..8] != MAGIC.to_be_bytes() || header[8..] != id[..] {
        return None;
    }
    let mut attributes = rest.get(..length)?;
    while let Some((head, body)) = attributes.split_at_checked(4) {
        let kind = u16::from_be_bytes([head[0], head[1]]);
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if kind == XOR_MAPPED_ADDRESS {
            return unmask(body.get(..length)?, id);
        }
        // Each is padded to four bytes.
        attributes = body.get(length.next_multiple_of(4)..)?;
    }
    None
}

fn unmask(value: &[u8], id: &TransactionId) -> Option<SocketAddr> {
    let (head, address) = value.split_at_checked(4)?;
    let port = u16::from_be_bytes([head[2], head[3]]) ^ (MAGIC >> 16) as u16;
    let mut mask = [0; 16];
    mask[..4].copy_from_slice(&MAGIC.to_be_bytes());
    mask[4..].copy_from_slice(id);
    let ip = match head[1] {
        1 => IpAddr::V4(Ipv4Addr::from(u32::from_be_bytes(address.try_into().ok()?) ^ MAGIC)),
        2 => {
            let masked: [u8; 16] = address.try_into().ok()?;
            IpAddr::V6(Ipv6Addr::from(u128::from_be_bytes(masked) ^ u128::from_be_bytes(mask)))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5769, 2.2 and 2.3: sample responses, without the attributes that follow what is asked for.
    const ID: TransactionId = [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

    fn response(attributes: &[u8]) -> Vec<u8> {
        let mut message = request(&ID).to_vec();
        message[..2].copy_from_slice(&BINDING_SUCCESS.to_be_bytes());
        message[2..4].copy_from_slice(&(attributes.len() as u16).to_be_bytes());
        message.extend(attributes);
        message
    }

    const SOFTWARE: &[u8] = b"\x80\x22\x00\x0btest vector\x20";
    const IPV4: &[u8] = &[0x00, 0x20, 0x00, 0x08, 0x00, 0x01, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43];
    const IPV6: &[u8] = &[
        0x00, 0x20, 0x00, 0x14, 0x00, 0x02, 0xa1, 0x47, 0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25,
        0xf4, 0xb5, 0xbe, 0xd2, 0xb9, 0xd9,
    ];

    #[test]
    fn the_samples_of_rfc_5769_are_read() {
        let read = |attributes: &[u8]| mapped_address(&response(attributes), &ID).map(|address| address.to_string());
        assert_eq!(read(&[SOFTWARE, IPV4].concat()).as_deref(), Some("192.0.2.1:32853"));
        assert_eq!(read(&[SOFTWARE, IPV6].concat()).as_deref(), Some("[2001:db8:1234:5678:11:2233:4455:6677]:32853"));
        assert_eq!(read(SOFTWARE), None);
    }

    #[test]
    fn anything_else_is_no_answer() {
        let good = response(IPV4);
        assert!(mapped_address(&good, &[0; 12]).is_none(), "to somebody else's request");
        assert!(mapped_address(&request(&ID), &ID).is_none(), "a request");
        for end in 0..good.len() {
            assert!(mapped_address(&good[..end], &ID).is_none(), "cut off after {end}");
        }
        let mut bits = 7u32;
        for _ in 0..20_000 {
            let mut message = good.clone();
            for _ in 0..3 {
                bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let at = (bits >> 16) as usize % message.len();
                message[at] ^= bits as u8;
            }
            mapped_address(&message, &ID);
        }
    }
}
