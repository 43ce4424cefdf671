//! Sound that later packets bring once more (RFC 2198), as browsers name it: `audio/red` of two `opus`.
//!
//! Invariant: the copies in a packet are of those right before it, without a gap, so that their numbers follow from its own by
//! counting back: RFC 2198 tells only how much older they are. Browsers do the same.

use std::collections::VecDeque;

use bytes::{BufMut, Bytes, BytesMut};
use sightline_media::MAX_PAYLOAD;

/// Copies in a packet at most. What is lost in pairs comes again with two: each further one costs as much and brings less.
pub(super) const COPIES_MOST: usize = 2;
/// Ten bits say how long a copy is, 14 how much older it is, in RTP ticks.
const LONGEST: usize = 1 << 10;
const OLDEST: u32 = 1 << 14;
/// A header is four bytes, that of the packet's own sound one.
const HEADER: usize = 4;
/// Copies taken from one packet: of browsers none has more than nine.
const TAKEN_MOST: usize = 16;
const FOLLOWED: u8 = 0x80;

/// What was sent of late.
#[derive(Debug, Default)]
pub(super) struct Repeater {
    /// RTP timestamps and payloads, newest last.
    sent: VecDeque<(u32, Bytes)>,
}

impl Repeater {
    /// The payload with up to `copies` of those before it; `None` where none fits.
    pub(super) fn wrap(&self, payload: &Bytes, timestamp: u32, payload_type: u8, copies: usize) -> Option<Bytes> {
        let mut room = MAX_PAYLOAD.checked_sub(payload.len() + 1)?;
        let fits = |(sent, copy): &&(u32, Bytes)| {
            let (age, bytes) = (timestamp.wrapping_sub(*sent), copy.len() + HEADER);
            let fits = (1..OLDEST).contains(&age) && copy.len() < LONGEST && bytes <= room;
            room -= if fits { bytes } else { 0 };
            fits
        };
        let fitting = self.sent.iter().rev().take(copies).take_while(fits).count();
        if fitting == 0 {
            return None;
        }
        let copies = || self.sent.range(self.sent.len() - fitting..);
        let mut wrapped = BytesMut::with_capacity(MAX_PAYLOAD - room);
        for (sent, copy) in copies() {
            wrapped.put_u8(FOLLOWED | payload_type);
            wrapped.put_uint(u64::from(timestamp.wrapping_sub(*sent)) << 10 | copy.len() as u64, 3);
        }
        wrapped.put_u8(payload_type);
        copies().for_each(|(_, copy)| wrapped.extend_from_slice(copy));
        wrapped.extend_from_slice(payload);
        Some(wrapped.freeze())
    }

    /// A packet was sent.
    pub(super) fn sent(&mut self, timestamp: u32, payload: Bytes) {
        if self.sent.len() == COPIES_MOST {
            self.sent.pop_front();
        }
        self.sent.push_back((timestamp, payload));
    }
}

/// Something that a packet brings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// How many packets before the one that brings it; 0 is its own.
    pub(super) back: u16,
    /// How much older it is, RTP ticks.
    pub(super) age: u32,
    pub(super) payload: Bytes,
}

/// What a packet brings of this payload type, the oldest first; `None` where it is not as RFC 2198 has it.
pub(super) fn unwrap(packet: &Bytes, payload_type: u8) -> Option<Vec<Block>> {
    let mut headers = Vec::new();
    let mut rest = packet.clone();
    while *rest.first()? & FOLLOWED != 0 {
        let header = u32::from_be_bytes(rest.get(..HEADER)?.try_into().ok()?);
        if headers.len() == TAKEN_MOST {
            return None;
        }
        headers.push(header);
        rest = rest.slice(HEADER..);
    }
    let own = rest[0];
    rest = rest.slice(1..);
    let mut blocks = Vec::with_capacity(headers.len() + 1);
    for (index, header) in headers.iter().enumerate() {
        let (of, age, length) =
            ((header >> 24) as u8 & !FOLLOWED, header >> 10 & (OLDEST - 1), header & (LONGEST as u32 - 1));
        if length as usize > rest.len() {
            return None;
        }
        let payload = rest.split_to(length as usize);
        if of == payload_type && age > 0 && !payload.is_empty() {
            blocks.push(Block { back: (headers.len() - index) as u16, age, payload });
        }
    }
    if own == payload_type && !rest.is_empty() {
        blocks.push(Block { back: 0, age: 0, payload: rest });
    }
    Some(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPUS: u8 = 111;

    fn sound(number: u8, bytes: usize) -> Bytes {
        vec![number; bytes].into()
    }

    /// A sender that has sent three packets, up to the wrap of timestamps.
    fn sender() -> Repeater {
        let mut repeater = Repeater::default();
        for (number, timestamp) in [(1, u32::MAX - 2_000), (2, u32::MAX - 1_040), (3, u32::MAX - 80)] {
            repeater.sent(timestamp, sound(number, 80 + usize::from(number)));
        }
        repeater
    }

    #[test]
    fn what_is_wrapped_comes_out_with_its_age_and_place() {
        let wrapped = sender().wrap(&sound(4, 90), 879, OPUS, 2).expect("two fit");
        let blocks = unwrap(&wrapped, OPUS).expect("it can be read");
        let block = |back, age, payload| Block { back, age, payload };
        let expected = [block(2, 1_920, sound(2, 82)), block(1, 960, sound(3, 83)), block(0, 0, sound(4, 90))];
        assert_eq!(blocks, expected);
        assert_eq!(wrapped.len(), 82 + 83 + 90 + 2 * 4 + 1);
        let one = sender().wrap(&sound(4, 90), 879, OPUS, 1).expect("one fits");
        assert_eq!(unwrap(&one, OPUS).expect("it can be read"), expected[1..]);
    }

    #[test]
    fn the_wire_is_that_of_the_rfc() {
        let mut repeater = Repeater::default();
        repeater.sent(1_000, Bytes::from_static(b"old"));
        let wrapped = repeater.wrap(&Bytes::from_static(b"new"), 1_960, OPUS, 2).expect("one fits");
        // 1, 111, 960 << 10 | 3; 0, 111.
        assert_eq!(&wrapped[..], b"\xef\x0f\x00\x03\x6foldnew");
    }

    #[test]
    fn what_is_too_old_or_too_long_is_not_repeated() {
        let sender = sender();
        let wrap = |bytes, timestamp, copies| sender.wrap(&sound(4, bytes), timestamp, OPUS, copies);
        assert_eq!(wrap(90, 879, 0), None);
        assert_eq!(wrap(90, 20_000, 2), None, "silence was left out before it");
        assert_eq!(wrap(MAX_PAYLOAD, 879, 2), None);
        let tight = wrap(MAX_PAYLOAD - 100, 879, 2).expect("the newer one fits");
        assert!(tight.len() <= MAX_PAYLOAD);
        assert_eq!(unwrap(&tight, OPUS).expect("it can be read").len(), 2);
        let mut long = Repeater::default();
        long.sent(0, sound(1, LONGEST));
        assert_eq!(long.wrap(&sound(2, 10), 960, OPUS, 2), None);
        assert_eq!(Repeater::default().wrap(&sound(1, 10), 0, OPUS, 2), None);
    }

    #[test]
    fn what_breaks_off_is_refused_and_what_is_strange_left_out() {
        let whole = sender().wrap(&sound(4, 90), 879, OPUS, 2).expect("two fit");
        // Cut anywhere within the headers and copies.
        for length in 0..9 + 82 + 83 {
            assert_eq!(unwrap(&whole.slice(..length), OPUS), None, "{length} bytes");
        }
        let other = unwrap(&whole, 96).expect("it can be read");
        assert_eq!(other, [], "of another payload type");
        // An empty copy, as some send to pass over a packet, and one that is as old as the packet itself.
        let strange = Bytes::from_static(&[0xef, 0x0f, 0, 0, 0xef, 0, 0, 1, 0x6f, 7, 8]);
        assert_eq!(unwrap(&strange, OPUS), Some(vec![Block { back: 0, age: 0, payload: Bytes::from_static(&[8]) }]));
        let endless: Bytes = vec![0xff; 1_150].into();
        assert_eq!(unwrap(&endless, OPUS), None);
    }
}
