//! Our jitter buffer beside the `neteq` crate on the same arrivals: less concealment and less delay at every point.
//!
//! Ours runs in virtual time. The other one looks at the clock itself, so that it is run in real time, all points at once.

#![expect(clippy::print_stdout, reason = "the table is the point of it")]

#[path = "support/network.rs"]
mod network;
#[path = "support/sent.rs"]
mod sent;

use std::thread::sleep;
use std::time::{Duration, Instant};

use neteq::codec::AudioDecoder as TheirDecoder;
use neteq::{AudioPacket, NetEq, NetEqConfig, NetEqError, RtpHeader};
use network::Conditions;
use sent::{Clock, PLAIN, arrivals, decoder, ms, packets};
use sightline_media::audio::{AudioDecoder, BLOCK, JitterBuffer, OpusDecoder, SAMPLE_RATE, similarity, speech};
use sightline_media::{EncodedAudio, RtpPacket};

const SECONDS: u64 = 12;
const TICK: Duration = Duration::from_millis(10);
const PAYLOAD_TYPE: u8 = 111;

struct Theirs(Box<OpusDecoder>);

impl TheirDecoder for Theirs {
    fn sample_rate(&self) -> u32 {
        SAMPLE_RATE
    }

    fn channels(&self) -> u8 {
        1
    }

    fn decode(&mut self, encoded: &[u8]) -> neteq::Result<Vec<f32>> {
        let mut sound = Vec::new();
        self.0.decode(encoded, &mut sound).map_err(|error| NetEqError::DecoderError(error.to_string()))?;
        Ok(sound)
    }
}

/// What a buffer made of it.
struct Outcome {
    /// Everything that was played.
    played: Vec<f32>,
    /// Of each block, milliseconds: how long its sound waited, or for theirs how much was waiting.
    delays: Vec<f64>,
    concealed_percent: f64,
}

impl Outcome {
    /// Mean delay, the delay that 5 % of the blocks exceed, and the concealment.
    fn figures(&self) -> [f64; 3] {
        let mut delays = self.delays.clone();
        delays.sort_by(f64::total_cmp);
        let mean = delays.iter().sum::<f64>() / delays.len() as f64;
        [mean, delays[delays.len() * 95 / 100], self.concealed_percent]
    }

    /// Median lag behind what was spoken, by ear, in steps of 10 ms: 30 of the path and 20 of the frame are in it. Waiting for the
    /// packet that carries a lost one again costs up to 20 ms of it, which is what less concealment is bought with.
    fn lag(&self, spoken: &[f32]) -> f64 {
        similarity(spoken, &self.played).lag_ms
    }
}

fn ours(arrivals: &[RtpPacket], start: Instant) -> Outcome {
    let mut buffer = JitterBuffer::new(decoder());
    let (mut waiting, mut block, mut delays) = (arrivals.iter().peekable(), [0.0; BLOCK], Vec::new());
    let mut played = Vec::new();
    let mut last = buffer.counters();
    for tick in 0..SECONDS * 100 {
        let now = start + TICK * tick as u32;
        while let Some(packet) = waiting.next_if(|packet| packet.arrived <= now) {
            buffer.insert(packet.clone());
        }
        buffer.pull(now, &mut block);
        played.extend_from_slice(&block);
        let counters = buffer.counters();
        if counters.emitted > last.emitted {
            let emitted = (counters.emitted - last.emitted) as f64;
            delays.push((counters.delay - last.delay).as_secs_f64() * 1e3 / emitted);
        }
        last = counters;
    }
    let concealed_percent = 100.0 * last.samples_concealed as f64 / last.samples_played as f64;
    Outcome { played, delays, concealed_percent }
}

/// One of theirs in real time.
struct Running<'a> {
    buffer: NetEq,
    waiting: std::iter::Peekable<std::slice::Iter<'a, RtpPacket>>,
    played: Vec<f32>,
    delays: Vec<f64>,
}

impl<'a> Running<'a> {
    fn new(arrivals: &'a [RtpPacket]) -> Self {
        let config = NetEqConfig { sample_rate: SAMPLE_RATE, channels: 1, max_delay_ms: 500, ..Default::default() };
        let mut buffer = NetEq::new(config).expect("a buffer");
        buffer.register_decoder(PAYLOAD_TYPE, Box::new(Theirs(decoder())));
        Self { buffer, waiting: arrivals.iter().peekable(), played: Vec::new(), delays: Vec::new() }
    }

    fn tick(&mut self, now: Instant) {
        while let Some(packet) = self.waiting.next_if(|packet| packet.arrived <= now) {
            let header = RtpHeader::new(packet.sequence, packet.timestamp, 1, PAYLOAD_TYPE, packet.marker);
            let packet = AudioPacket::new(header, packet.payload.to_vec(), SAMPLE_RATE, 1, 20);
            // It refuses some; that shows as concealment.
            self.buffer.insert_packet(packet).ok();
        }
        if let Ok(frame) = self.buffer.get_audio() {
            self.played.extend_from_slice(&frame.samples);
            self.delays.push(f64::from(self.buffer.current_buffer_size_ms()));
        }
    }

    fn outcome(self) -> Outcome {
        let concealed = self.buffer.get_statistics().lifetime.concealed_samples as f64;
        let concealed_percent = 100.0 * concealed / self.played.len() as f64;
        Outcome { played: self.played, delays: self.delays, concealed_percent }
    }
}

fn points() -> [(&'static str, Conditions); 8] {
    let path = Conditions { delay: ms(30), ..Conditions::default() };
    [
        ("no jitter", path),
        ("up to 20 ms of jitter", Conditions { jitter: ms(20), ..path }),
        ("up to 50 ms of jitter", Conditions { jitter: ms(50), ..path }),
        ("10 % come 60 ms late", Conditions { reorder: 0.1, reorder_by: ms(60), ..path }),
        ("5 % loss", Conditions { loss: 0.05, ..path }),
        ("10 % loss", Conditions { loss: 0.1, ..path }),
        ("5 % loss in bursts of 5", Conditions { loss: 0.0105, burst: 0.8, ..path }),
        ("10 % loss and 20 ms of jitter", Conditions { loss: 0.1, jitter: ms(20), ..path }),
    ]
}

#[test]
fn less_concealment_and_less_delay_than_neteq_at_every_point() {
    let sound = speech(SECONDS as f32);
    let sent: Vec<EncodedAudio> = packets(&sound, 10, false);
    let start = Instant::now() + ms(50);
    // Away from wraps of numbers, which are not the point here.
    let clock = Clock { sequence: 100, timestamp: 96_000, ..PLAIN };
    let traces = points().map(|(name, conditions)| (name, arrivals(&sent, clock, conditions, start)));
    let mut theirs: Vec<Running<'_>> = traces.iter().map(|(_, trace)| Running::new(trace)).collect();
    for tick in 0..SECONDS * 100 {
        let due = start + TICK * tick as u32;
        sleep(due.saturating_duration_since(Instant::now()));
        theirs.iter_mut().for_each(|running| running.tick(due));
    }
    let head = |whose: &str| format!("{whose}: mean, p95, concealed, lag");
    println!("{:<32} {:>38} {:>38}", "", head("ours"), head("neteq"));
    let mut lost = Vec::new();
    for ((name, trace), theirs) in traces.iter().zip(theirs) {
        let (ours, theirs) = (ours(trace, start), theirs.outcome());
        let row = |outcome: &Outcome| {
            let ([mean, p95, concealed], lag) = (outcome.figures(), outcome.lag(&sound));
            format!("{mean:.0} ms, {p95:.0} ms, {concealed:.2} %, {lag:.0} ms")
        };
        println!("{name:<32} {:>38} {:>38}", row(&ours), row(&theirs));
        let (ours, theirs) = (ours.figures(), theirs.figures());
        if ours.iter().zip(theirs).any(|(ours, theirs)| *ours > theirs) {
            lost.push(*name);
        }
    }
    assert!(lost.is_empty(), "neteq is better at {lost:?}");
}
