//! Rows of windows, and how their numbers are packed into a few bytes: a mask of what was measured, then only that.
//!
//! Invariant: what is packed is unpacked bit by bit the same, and what was not measured takes no byte and stays absent.
//! Bytes that were not packed here give `None`, never a panic.

use sightline_protocol::logs::{LogDirection, LogKind, LogLink, LogProcess, LogSample, LogSpread, LogValues};

use super::histogram::{put_varint, take_varint};

const CLASSES: [&str; 4] = ["good", "ok", "bad", "terrible"];

/// A class's number, from 1 (good) to 4 (terrible); `None` for a word that is none.
pub(crate) fn class_number(class: &str) -> Option<u8> {
    CLASSES.iter().position(|known| *known == class).map(|place| place as u8 + 1)
}

/// Back from [`class_number`].
pub(crate) fn class_name(number: u8) -> Option<&'static str> {
    CLASSES.get(usize::from(number.checked_sub(1)?)).copied()
}

/// What every window has, as it stands in the columns of its table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) seq: u32,
    /// What it is a window of, see [`Window::TABLE`] in schema.sql.
    pub(crate) track: i64,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) measured_ms: u32,
}

/// A row of one of the tables of windows.
pub(crate) trait Window: Sized {
    /// Its table.
    const TABLE: &'static str;
    /// Names of the values (docs/metrics.md), in the order of [`Window::values`]. Cells hold them in this order: new ones
    /// are put at the end.
    const NAMES: &'static [&'static str];

    fn head(&self) -> Head;

    /// A row of which nothing but this is known.
    fn of(head: Head) -> Self;

    fn values(&self) -> impl Iterator<Item = &LogSpread>;

    fn values_mut(&mut self) -> impl Iterator<Item = &mut LogSpread>;

    /// Appends what is not a value.
    fn pack_rest(&self, out: &mut Vec<u8>);

    fn unpack_rest(&mut self, bytes: &mut &[u8]) -> Option<()>;

    /// The cells, put in place of what `out` holds.
    fn pack(&self, out: &mut Vec<u8>) {
        out.clear();
        let mask = self.values().enumerate().fold(0u64, |mask, (at, value)| mask | u64::from(value.is_some()) << at);
        put_varint(out, mask);
        for number in self.values().flatten().flatten() {
            out.extend_from_slice(&number.to_le_bytes());
        }
        self.pack_rest(out);
    }

    fn unpack(head: Head, mut bytes: &[u8]) -> Option<Self> {
        let mut row = Self::of(head);
        let mask = take_varint(&mut bytes)?;
        for (at, value) in row.values_mut().enumerate() {
            if mask >> at & 1 == 1 {
                *value = Some([take_f32(&mut bytes)?, take_f32(&mut bytes)?, take_f32(&mut bytes)?]);
            }
        }
        row.unpack_rest(&mut bytes)?;
        Some(row)
    }
}

impl Window for LogSample {
    const TABLE: &'static str = "log_sample";
    const NAMES: &'static [&'static str] = &[
        "bitrate_bps",
        "loss_percent",
        "jitter_ms",
        "rtt_ms",
        "buffer_ms",
        "concealed_percent",
        "fps",
        "target_bps",
        "dropped_percent",
        "limited_by_bandwidth_percent",
        "limited_by_cpu_percent",
        "latency_ms",
    ];

    fn head(&self) -> Head {
        let kind = i64::from(self.kind == LogKind::Video);
        let direction = i64::from(self.direction == LogDirection::Outbound);
        Head {
            seq: self.seq,
            track: i64::from(self.stay) * 4 + kind * 2 + direction,
            start_ms: self.start_ms,
            end_ms: self.end_ms,
            measured_ms: self.measured_ms,
        }
    }

    fn of(head: Head) -> Self {
        Self {
            seq: head.seq,
            stay: (head.track >> 2) as u32,
            kind: if head.track & 2 == 0 { LogKind::Audio } else { LogKind::Video },
            direction: if head.track & 1 == 0 { LogDirection::Inbound } else { LogDirection::Outbound },
            start_ms: head.start_ms,
            end_ms: head.end_ms,
            measured_ms: head.measured_ms,
            values: LogValues::default(),
            freezes: None,
            frozen_ms: None,
            score: None,
            class: None,
            cause: None,
            codec: None,
            width: None,
            height: None,
            muted: false,
        }
    }

    fn values(&self) -> impl Iterator<Item = &LogSpread> {
        let v = &self.values;
        [
            &v.bitrate_bps,
            &v.loss_percent,
            &v.jitter_ms,
            &v.rtt_ms,
            &v.buffer_ms,
            &v.concealed_percent,
            &v.fps,
            &v.target_bps,
            &v.dropped_percent,
            &v.limited_by_bandwidth_percent,
            &v.limited_by_cpu_percent,
            &v.latency_ms,
        ]
        .into_iter()
    }

    fn values_mut(&mut self) -> impl Iterator<Item = &mut LogSpread> {
        let v = &mut self.values;
        [
            &mut v.bitrate_bps,
            &mut v.loss_percent,
            &mut v.jitter_ms,
            &mut v.rtt_ms,
            &mut v.buffer_ms,
            &mut v.concealed_percent,
            &mut v.fps,
            &mut v.target_bps,
            &mut v.dropped_percent,
            &mut v.limited_by_bandwidth_percent,
            &mut v.limited_by_cpu_percent,
            &mut v.latency_ms,
        ]
        .into_iter()
    }

    fn pack_rest(&self, out: &mut Vec<u8>) {
        out.push(self.class.as_deref().and_then(class_number).unwrap_or(0));
        let known = [
            self.muted,
            self.freezes.is_some(),
            self.frozen_ms.is_some(),
            self.score.is_some(),
            self.cause.is_some(),
            self.codec.is_some(),
            self.width.is_some(),
            self.height.is_some(),
        ];
        out.push(known.iter().enumerate().fold(0, |mask, (at, is)| mask | u8::from(*is) << at));
        self.freezes.iter().for_each(|count| put_varint(out, u64::from(*count)));
        self.frozen_ms.iter().chain(&self.score).for_each(|number| out.extend_from_slice(&number.to_le_bytes()));
        self.cause.iter().chain(&self.codec).for_each(|text| put_text(out, text));
        self.width.iter().chain(&self.height).for_each(|pixels| put_varint(out, u64::from(*pixels)));
    }

    fn unpack_rest(&mut self, bytes: &mut &[u8]) -> Option<()> {
        let class = take_byte(bytes)?;
        let mask = take_byte(bytes)?;
        let known = |at: u8| mask >> at & 1 == 1;
        self.class = class_name(class).map(str::to_owned);
        self.muted = known(0);
        self.freezes = if known(1) { Some(take_u32(bytes)?) } else { None };
        self.frozen_ms = if known(2) { Some(take_f32(bytes)?) } else { None };
        self.score = if known(3) { Some(take_f32(bytes)?) } else { None };
        self.cause = if known(4) { Some(take_text(bytes)?) } else { None };
        self.codec = if known(5) { Some(take_text(bytes)?) } else { None };
        self.width = if known(6) { Some(take_u32(bytes)?) } else { None };
        self.height = if known(7) { Some(take_u32(bytes)?) } else { None };
        Some(())
    }
}

impl Window for LogLink {
    const TABLE: &'static str = "log_link";
    const NAMES: &'static [&'static str] = &["path_rtt_ms", "available_outgoing_bps", "sent_bps", "received_bps"];

    fn head(&self) -> Head {
        let Self { seq, stay, start_ms, end_ms, measured_ms, .. } = *self;
        Head { seq, track: i64::from(stay), start_ms, end_ms, measured_ms }
    }

    fn of(head: Head) -> Self {
        Self {
            seq: head.seq,
            stay: head.track as u32,
            start_ms: head.start_ms,
            end_ms: head.end_ms,
            measured_ms: head.measured_ms,
            path_rtt_ms: None,
            available_outgoing_bps: None,
            sent_bps: None,
            received_bps: None,
            path: None,
        }
    }

    fn values(&self) -> impl Iterator<Item = &LogSpread> {
        [&self.path_rtt_ms, &self.available_outgoing_bps, &self.sent_bps, &self.received_bps].into_iter()
    }

    fn values_mut(&mut self) -> impl Iterator<Item = &mut LogSpread> {
        [&mut self.path_rtt_ms, &mut self.available_outgoing_bps, &mut self.sent_bps, &mut self.received_bps]
            .into_iter()
    }

    fn pack_rest(&self, out: &mut Vec<u8>) {
        self.path.iter().for_each(|path| put_text(out, path));
    }

    fn unpack_rest(&mut self, bytes: &mut &[u8]) -> Option<()> {
        self.path = if bytes.is_empty() { None } else { Some(take_text(bytes)?) };
        Some(())
    }
}

impl Window for LogProcess {
    const TABLE: &'static str = "log_process";
    const NAMES: &'static [&'static str] = &["cpu_percent", "system_cpu_percent", "resident_bytes"];

    fn head(&self) -> Head {
        let Self { seq, start_ms, end_ms, measured_ms, .. } = *self;
        Head { seq, track: 0, start_ms, end_ms, measured_ms }
    }

    fn of(head: Head) -> Self {
        let Head { seq, start_ms, end_ms, measured_ms, .. } = head;
        let (cpu_percent, system_cpu_percent, resident_bytes) = (None, None, None);
        Self { seq, start_ms, end_ms, measured_ms, cpu_percent, system_cpu_percent, resident_bytes }
    }

    fn values(&self) -> impl Iterator<Item = &LogSpread> {
        [&self.cpu_percent, &self.system_cpu_percent, &self.resident_bytes].into_iter()
    }

    fn values_mut(&mut self) -> impl Iterator<Item = &mut LogSpread> {
        [&mut self.cpu_percent, &mut self.system_cpu_percent, &mut self.resident_bytes].into_iter()
    }

    fn pack_rest(&self, _: &mut Vec<u8>) {}

    fn unpack_rest(&mut self, _: &mut &[u8]) -> Option<()> {
        Some(())
    }
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    put_varint(out, text.len() as u64);
    out.extend_from_slice(text.as_bytes());
}

fn take_text(bytes: &mut &[u8]) -> Option<String> {
    let length = usize::try_from(take_varint(bytes)?).ok()?;
    let (text, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    String::from_utf8(text.to_vec()).ok()
}

fn take_byte(bytes: &mut &[u8]) -> Option<u8> {
    let (first, rest) = bytes.split_first()?;
    *bytes = rest;
    Some(*first)
}

fn take_u32(bytes: &mut &[u8]) -> Option<u32> {
    u32::try_from(take_varint(bytes)?).ok()
}

fn take_f32(bytes: &mut &[u8]) -> Option<f32> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(f32::from_le_bytes(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head() -> Head {
        Head { seq: u32::MAX, track: i64::from(u32::MAX) * 4 + 3, start_ms: 5, end_ms: 15_005, measured_ms: 15_000 }
    }

    fn cells(row: &impl Window) -> Vec<u8> {
        let mut out = vec![9; 3];
        row.pack(&mut out);
        out
    }

    #[test]
    fn a_sample_comes_back_as_it_was_and_costs_only_what_was_measured() {
        let mut row = LogSample::of(head());
        assert_eq!(row.head(), head());
        assert_eq!(cells(&row).len(), 3);
        assert_eq!(LogSample::unpack(head(), &cells(&row)), Some(row.clone()));
        row.values.loss_percent = Some([0.1, 0.0, 1.0 / 3.0]);
        row.values.latency_ms = Some([f32::MAX, f32::MIN_POSITIVE, 7.0]);
        assert_eq!(cells(&row).len(), 4 + 24, "a mask of two bytes");
        row.class = Some("terrible".into());
        row.cause = Some("lošs".into());
        row.codec = Some(String::new());
        (row.freezes, row.frozen_ms, row.score) = (Some(0), Some(0.0), Some(4.3));
        (row.width, row.height, row.muted) = (Some(640), Some(u32::MAX), true);
        assert_eq!(LogSample::unpack(head(), &cells(&row)), Some(row));
    }

    #[test]
    fn every_value_has_its_place_and_its_name() {
        fn places<W: Window + PartialEq + std::fmt::Debug>() {
            assert_eq!(W::of(head()).values().count(), W::NAMES.len());
            for at in 0..W::NAMES.len() {
                let mut row = W::of(Head { track: 0, ..head() });
                *row.values_mut().nth(at).unwrap() = Some([2.0, 1.0, 3.0]);
                assert_eq!(row.values().position(Option::is_some), Some(at), "{}", W::NAMES[at]);
                assert_eq!(W::unpack(row.head(), &cells(&row)), Some(row));
            }
        }
        places::<LogSample>();
        places::<LogLink>();
        places::<LogProcess>();
    }

    #[test]
    fn damaged_cells_are_none() {
        let mut row = LogSample::of(head());
        row.values.rtt_ms = Some([1.0, 1.0, 1.0]);
        (row.cause, row.height) = (Some("delay".into()), Some(720));
        let bytes = cells(&row);
        for length in 0..bytes.len() {
            assert_eq!(LogSample::unpack(head(), &bytes[..length]), None, "cut at {length}");
        }
        assert_eq!(LogLink::unpack(head(), &[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]), None);
        assert_eq!(LogLink::unpack(head(), &[0, 1, 0xff]), None, "not UTF-8");
    }
}
