//! RTP payloads of VP8 (RFC 7741).
//!
//! Invariant: what is sent always carries a 15-bit picture id, TL0PICIDX and the temporal layer; what is received may
//! lack any of them, and nothing in it can make the parser panic.

use bytes::Bytes;

use super::codec::EncodedPicture;
use super::vpx::is_keyframe;
use crate::MAX_PAYLOAD;

/// Bytes of the descriptor that is sent: two of flags, two of picture id, one each of TL0PICIDX and TID.
const DESCRIPTOR_LEN: usize = 6;
/// On a slow link, for which pictures of less than this rate are made, a payload of full size is under way for 30 ms, and sound behind
/// it as well: shorter ones halve that for the price of some headers.
const SLOW_BPS: u32 = 240_000;
const MAX_PAYLOAD_SLOW: usize = 850;

/// Running number of pictures, 7 or 15 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PictureId {
    value: u16,
    long: bool,
}

impl PictureId {
    /// Whether `self` directly follows `before`.
    pub(crate) fn follows(self, before: PictureId) -> bool {
        let mask = if self.long && before.long { 0x7FFF } else { 0x7F };
        self.value & mask == before.value.wrapping_add(1) & mask
    }
}

/// Temporal layer of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layer {
    /// 0 is the base.
    pub(crate) id: u8,
    /// Needs nothing but the base layer.
    pub(crate) sync: bool,
    /// Number of the base picture that it refers to, or is.
    pub(crate) base: u8,
}

/// What the descriptor says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Descriptor {
    /// First packet of a picture: S is set and the partition is 0.
    pub(crate) first: bool,
    pub(crate) picture_id: Option<PictureId>,
    /// Only where TID and TL0PICIDX are both there: one without the other tells nothing.
    pub(crate) layer: Option<Layer>,
    /// First packet of a keyframe.
    pub(crate) keyframe: bool,
    /// Where the bitstream begins in the payload.
    pub(crate) header_len: usize,
}

/// Reads the descriptor; `None` if the payload is too short for what it announces, or has nothing behind it.
pub(crate) fn parse(payload: &[u8]) -> Option<Descriptor> {
    let mut rest = payload.iter().copied();
    let required = rest.next()?;
    let extended = required & 0x80 != 0;
    let present = if extended { rest.next()? } else { 0 };
    let picture_id = if present & 0x80 != 0 {
        let first = rest.next()?;
        let long = first & 0x80 != 0;
        let value = if long { u16::from_be_bytes([first & 0x7F, rest.next()?]) } else { u16::from(first & 0x7F) };
        Some(PictureId { value, long })
    } else {
        None
    };
    let base = if present & 0x40 != 0 { Some(rest.next()?) } else { None };
    let layer_byte = if present & 0x30 != 0 { Some(rest.next()?) } else { None };
    let layer_byte = layer_byte.filter(|_| present & 0x20 != 0);
    let layer = base.zip(layer_byte).map(|(base, byte)| Layer { id: byte >> 6, sync: byte & 0x20 != 0, base });

    let header_len = payload.len() - rest.len();
    let bitstream = &payload[header_len..];
    let first = required & 0x10 != 0 && required & 0x07 == 0;
    (!bitstream.is_empty()).then(|| Descriptor {
        first,
        picture_id,
        layer,
        keyframe: first && is_keyframe(bitstream),
        header_len,
    })
}

/// What a payload tells of its picture, for whoever decides which pictures are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PayloadInfo {
    /// It is the first of a keyframe; the others of one do not tell.
    pub begins_keyframe: bool,
    /// Temporal layer of the picture; 0 is the base, or unknown.
    pub temporal_layer: u8,
}

impl PayloadInfo {
    /// Reads the VP8 payload descriptor (RFC 7741, 4.2); `None` for what is not VP8, or padding.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let descriptor = parse(payload)?;
        let temporal_layer = descriptor.layer.map_or(0, |layer| layer.id);
        Some(Self { begins_keyframe: descriptor.keyframe, temporal_layer })
    }
}

/// Cuts pictures into payloads. The numbers belong to the moment, not to the size: all spatial layers share them, so that who
/// goes over from one to another sees them run on.
#[derive(Debug, Default)]
pub(crate) struct Packetizer {
    picture_id: u16,
    base: u8,
}

impl Packetizer {
    /// The next moment, whose pictures belong to this temporal layer, whatever their size.
    pub(crate) fn advance(&mut self, temporal_layer: u8) {
        self.picture_id = self.picture_id.wrapping_add(1) & 0x7FFF;
        if temporal_layer == 0 {
            self.base = self.base.wrapping_add(1);
        }
    }

    /// Payloads of nearly equal size, so that no short last packet costs a header for little; `bps` is the rate of the layer.
    pub(crate) fn packetize(&self, picture: &EncodedPicture<'_>, bps: u32) -> Vec<Bytes> {
        let [id_high, id_low] = (self.picture_id | 0x8000).to_be_bytes();
        // X; N for pictures that no other refers to, which the upper layer's are.
        let required = 0x80 | if picture.temporal_layer > 0 { 0x20 } else { 0 };
        let layer = picture.temporal_layer << 6 | if picture.layer_sync { 0x20 } else { 0 };

        let most = if bps < SLOW_BPS { MAX_PAYLOAD_SLOW } else { MAX_PAYLOAD };
        let count = picture.data.len().div_ceil(most - DESCRIPTOR_LEN).max(1);
        let (size, longer) = (picture.data.len() / count, picture.data.len() % count);
        // One allocation for the whole picture; the payloads are views of it.
        let mut all = Vec::with_capacity(picture.data.len() + count * DESCRIPTOR_LEN);
        let mut ends = Vec::with_capacity(count);
        let mut rest = picture.data;
        for index in 0..count {
            let (part, behind) = rest.split_at(size + usize::from(index < longer));
            rest = behind;
            let start = if index == 0 { 0x10 } else { 0 };
            // I, L and T: the three extensions that follow.
            all.extend([required | start, 0xE0, id_high, id_low, self.base, layer]);
            all.extend_from_slice(part);
            ends.push(all.len());
        }
        let all = Bytes::from(all);
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts.zip(&ends).map(|(start, end)| all.slice(start..*end)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(data: &[u8], temporal_layer: u8) -> EncodedPicture<'_> {
        EncodedPicture { data, keyframe: is_keyframe(data), temporal_layer, layer_sync: temporal_layer > 0 }
    }

    #[test]
    fn a_picture_is_cut_evenly_and_comes_back() {
        let mut packetizer = Packetizer::default();
        for len in [1, 1144, 1145, 2288, 2289, 40_000] {
            let data: Vec<u8> = (0..len).map(|at: usize| (at % 251) as u8).collect();
            packetizer.advance(0);
            let payloads = packetizer.packetize(&picture(&data, 0), SLOW_BPS);
            let sizes = || payloads.iter().map(Bytes::len);
            assert!(sizes().all(|size| size <= MAX_PAYLOAD));
            assert!(sizes().max().expect("one") - sizes().min().expect("one") <= 1);
            assert_eq!(payloads.len(), len.div_ceil(1144));
            let mut joined = Vec::new();
            for (index, payload) in payloads.iter().enumerate() {
                let descriptor = parse(payload).expect("well formed");
                assert_eq!((descriptor.first, descriptor.keyframe), (index == 0, index == 0));
                joined.extend_from_slice(&payload[descriptor.header_len..]);
            }
            assert_eq!(joined, data);
        }
    }

    #[test]
    fn payloads_are_short_where_each_keeps_the_link_busy_for_long() {
        let data = [7; 1100];
        let sizes =
            |bps| Packetizer::default().packetize(&picture(&data, 0), bps).iter().map(Bytes::len).collect::<Vec<_>>();
        assert_eq!(sizes(SLOW_BPS), [1106]);
        assert_eq!(sizes(SLOW_BPS - 1), [556, 556]);
    }

    #[test]
    fn picture_ids_and_base_numbers_run_on_and_wrap() {
        let mut packetizer = Packetizer { picture_id: 0x7FFD, base: 254 };
        let mut before: Option<PictureId> = None;
        for (layer, base) in [(0, 255), (1, 255), (0, 0), (1, 0), (0, 1)] {
            packetizer.advance(layer);
            let payload = &packetizer.packetize(&picture(&[1, 2, 3], layer), SLOW_BPS)[0];
            let descriptor = parse(payload).expect("well formed");
            assert_eq!(descriptor.layer, Some(Layer { id: layer, sync: layer > 0, base }));
            let id = descriptor.picture_id.expect("sent");
            assert!(before.is_none_or(|before| id.follows(before) && !before.follows(id)));
            assert_eq!(payload[0] & 0x20 != 0, layer == 1, "N");
            before = Some(id);
        }
    }

    #[test]
    fn descriptors_of_others_are_understood() {
        // Plain, without extensions (RFC 7741, 4.2): a start, a keyframe.
        let plain = parse(&[0x10, 0x00]).expect("well formed");
        assert_eq!((plain.first, plain.keyframe, plain.picture_id, plain.layer), (true, true, None, None));
        // The start of partition 1 is not the start of a picture.
        assert!(!parse(&[0x11, 0x00]).expect("well formed").first);
        // A picture id of 7 bits; TID without TL0PICIDX; TL0PICIDX without TID.
        let short = parse(&[0x90, 0x80, 0x05, 0x01]).expect("well formed");
        assert_eq!(short.picture_id, Some(PictureId { value: 5, long: false }));
        assert!(!short.keyframe);
        assert_eq!(parse(&[0x90, 0x20, 0x40, 0x01]).expect("well formed").layer, None);
        assert_eq!(parse(&[0x90, 0x40, 0x07, 0x01]).expect("well formed").layer, None);
        // K without T: its byte is there, and tells no layer.
        assert_eq!(parse(&[0x90, 0x50, 0x07, 0xFF, 0x01]).map(|d| (d.layer, d.header_len)), Some((None, 4)));
        let wrap = |before, after| {
            let id = |value| PictureId { value, long: false };
            id(after).follows(id(before))
        };
        assert!(wrap(127, 0) && wrap(4, 5) && !wrap(4, 6));
    }

    #[test]
    fn no_payload_makes_the_parser_panic() {
        for first in 0..=255u8 {
            for second in 0..=255u8 {
                for len in 0..8 {
                    let payload = [first, second, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];
                    if let Some(descriptor) = parse(&payload[..len]) {
                        assert!(descriptor.header_len < len);
                    }
                }
            }
        }
    }
}
