//! The thread of a sender that encodes.
//!
//! Invariant: it takes the newest picture, never a queue of them, and encodes it once in each layer that is taken; what it
//! missed is counted. All layers of a moment share its timestamp, its picture id and its temporal layer: a keyframe in one of
//! them makes the moment a base picture in all.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::codec::{EncoderSettings, PictureKind, VideoEncoder};
use super::layers::{LAYERS, full_size, layer_size};
use super::payload::Packetizer;
use super::request::KeyframeGate;
use super::sender::Shared;
use super::source::VideoSettings;
use super::thinning::Thinning;
use super::vpx::Vp8Encoder;
use super::{Scaler, VideoFrame};
use crate::{EncodedVideo, MediaError};

/// How often it is looked whether the thread is to end while no picture comes; the end itself wakes it.
const IDLE: Duration = Duration::from_secs(1);

/// At less than this part of the most it was told, an encoder is made anew. After five seconds libvpx holds on to the mean of its
/// quantisers: told of 0.7 instead of 2.5 Mbit/s it made ten pictures of three times their share, or two of eight times after a keyframe,
/// and those just when a link has become slow. A new one's keyframe takes one share and a half, and all that follow less than theirs.
const FALL: u32 = 2;

/// What the encode thread owns.
pub(super) struct Encoding {
    shared: Arc<Shared>,
    settings: VideoSettings,
    hook: Box<dyn Fn(Arc<EncodedVideo>) + Send>,
    encoders: [Option<LayerEncoder>; LAYERS],
    packetizer: Packetizer,
    scaler: Scaler,
    /// Of the last picture, so that the next one's is higher.
    timestamp: Option<u32>,
    /// The last picture belonged to the upper temporal layer.
    upper: bool,
    /// Pictures that were taken so far.
    moments: u64,
}

struct LayerEncoder {
    codec: Box<dyn VideoEncoder>,
    size: (u32, u32),
    bps: u32,
    /// The most that it was told.
    most_bps: u32,
    keyframes: KeyframeGate,
    thinning: Thinning,
}

/// One picture to be encoded.
struct Task {
    layer: usize,
    frame: VideoFrame,
    keyframe: bool,
}

/// What all layers of a picture have in common.
#[derive(Clone, Copy)]
struct Moment {
    timestamp: u32,
    captured_us: i64,
}

impl Encoding {
    pub(super) fn new(
        shared: Arc<Shared>,
        settings: VideoSettings,
        hook: Box<dyn Fn(Arc<EncodedVideo>) + Send>,
    ) -> Self {
        Self {
            shared,
            settings,
            hook,
            encoders: Default::default(),
            packetizer: Packetizer::default(),
            scaler: Scaler::new(),
            timestamp: None,
            upper: false,
            moments: 0,
        }
    }

    pub(super) fn run(mut self) {
        let mut seen = 0;
        let mut idle = true;
        while !self.shared.stopped.load(Ordering::Relaxed) {
            let Some((sequence, frame)) = self.shared.slot.wait_newer_than(seen, IDLE) else { continue };
            let missed = sequence - seen - 1;
            seen = sequence;
            if self.shared.rates() == [0; LAYERS] {
                self.encoders = Default::default();
                idle = true;
                continue;
            }
            if !std::mem::take(&mut idle) {
                self.shared.counters().frames_dropped += missed;
            }
            if self.shared.waits.load(Ordering::Relaxed) {
                self.shared.counters().frames_dropped += 1;
                continue;
            }
            if let Err(error) = self.encode_all(&frame) {
                tracing::error!(%error, "a picture could not be encoded");
                self.shared.counters().frames_dropped += 1;
                self.encoders = Default::default();
            }
        }
    }

    fn encode_all(&mut self, frame: &VideoFrame) -> Result<(), MediaError> {
        let tasks = self.prepare(frame)?;
        self.moments += 1;
        if tasks.is_empty() {
            return Ok(());
        }
        let upper = !self.upper && !tasks.iter().any(|task| task.keyframe);
        self.upper = upper;
        self.packetizer.advance(u8::from(upper));
        let moment = self.moment(frame.captured_us());
        for task in tasks {
            let kind = match (task.keyframe, upper) {
                (true, _) => PictureKind::Key,
                (false, false) => PictureKind::Base,
                (false, true) => PictureKind::Upper,
            };
            self.encode(&task, kind, moment)?;
        }
        Ok(())
    }

    /// Scales the picture to each layer that is taken, and makes the encoders ready.
    fn prepare(&mut self, frame: &VideoFrame) -> Result<Vec<Task>, MediaError> {
        let full = full_size((frame.width(), frame.height()), (self.settings.width, self.settings.height));
        let rates = self.shared.rates();
        let mut tasks = Vec::with_capacity(LAYERS);
        // Each layer is made from the next larger one that there is, which costs a quarter of making it from the source.
        let mut above = frame.clone();
        for (layer, bps) in rates.into_iter().enumerate() {
            if bps == 0 {
                self.encoders[layer] = None;
                continue;
            }
            let size = layer_size(full, layer);
            above = self.scaler.exact(&above, size)?;
            if let Some(keyframe) = self.make_ready(layer, size, bps)? {
                tasks.push(Task { layer, frame: above.clone(), keyframe });
            }
        }
        // Keyframes first: a link that waits for one to change its layer has not been given the same moment of the former.
        tasks.sort_by_key(|task| !task.keyframe);
        let mut counters = self.shared.counters();
        (counters.full_width, counters.full_height) = full;
        (counters.target_bps, counters.encoders_running) =
            (rates.iter().sum(), rates.iter().filter(|bps| **bps > 0).count() as u32);
        counters.layers.iter_mut().zip(rates).for_each(|(layer, bps)| layer.target_bps = bps);
        Ok(tasks)
    }

    /// Sees to the encoder of a layer. Says whether the next picture is to be a keyframe; `None` where there is to be none at all.
    fn make_ready(&mut self, layer: usize, size: (u32, u32), bps: u32) -> Result<Option<bool>, MediaError> {
        let wanted = &self.shared.keyframes[layer];
        let slot = &mut self.encoders[layer];
        slot.take_if(|encoder| encoder.size != size || bps < encoder.most_bps / FALL);
        let encoder = match slot {
            Some(encoder) => encoder,
            none => {
                let (width, height) = size;
                let settings = EncoderSettings { width, height, fps: self.settings.fps, bitrate_bps: bps };
                // Its first picture is a keyframe whether or not one is asked for.
                wanted.store(true, Ordering::Relaxed);
                let codec = Box::new(Vp8Encoder::new(settings)?);
                none.insert(LayerEncoder {
                    codec,
                    size,
                    bps,
                    most_bps: bps,
                    keyframes: KeyframeGate::default(),
                    thinning: Thinning::default(),
                })
            }
        };
        // Pictures first: a rise of the rate that ends the thinning is a rise of each picture too, and the encoder is helped up.
        if let Some(per_second) = encoder.thinning.update(bps, size, self.settings.fps) {
            encoder.codec.expect_pictures(per_second)?;
        }
        if encoder.bps != bps {
            encoder.codec.set_bitrate(bps)?;
            encoder.bps = bps;
            encoder.most_bps = encoder.most_bps.max(bps);
        }
        let keyframe = encoder.keyframes.grant(wanted.load(Ordering::Relaxed), Instant::now());
        if keyframe {
            wanted.store(false, Ordering::Relaxed);
        }
        let is_left_out = !keyframe && encoder.thinning.leaves_out(self.moments);
        Ok((!is_left_out).then_some(keyframe))
    }

    fn moment(&mut self, captured_us: i64) -> Moment {
        // Capture time in units of 90 kHz; two pictures never share a timestamp.
        let captured = (captured_us * 9 / 100) as u32;
        let timestamp = match self.timestamp {
            Some(before) if (captured.wrapping_sub(before) as i32) <= 0 => before.wrapping_add(1),
            _ => captured,
        };
        self.timestamp = Some(timestamp);
        Moment { timestamp, captured_us }
    }

    fn encode(&mut self, task: &Task, kind: PictureKind, moment: Moment) -> Result<(), MediaError> {
        let Some(encoder) = &mut self.encoders[task.layer] else { return Ok(()) };
        let begun = Instant::now();
        let picture = encoder.codec.encode(&task.frame, kind)?;
        let took = begun.elapsed();
        let size = (task.frame.width(), task.frame.height());
        let encoded = picture.map(|picture| EncodedVideo {
            payloads: self.packetizer.packetize(&picture, encoder.bps),
            timestamp: moment.timestamp,
            captured_us: moment.captured_us,
            keyframe: picture.keyframe,
            temporal_layer: picture.temporal_layer,
            spatial_layer: task.layer as u8,
            width: size.0,
            height: size.1,
        });
        let mut counters = self.shared.counters();
        counters.encode_time += took;
        let layer = &mut counters.layers[task.layer];
        layer.encode_time += took;
        let Some(encoded) = encoded else {
            counters.frames_dropped += 1;
            return Ok(());
        };
        layer.frames_encoded += 1;
        (layer.width, layer.height) = size;
        counters.frames_encoded += 1;
        counters.key_frames += u64::from(encoded.keyframe);
        counters.bytes += encoded.payloads.iter().map(|payload| payload.len() as u64).sum::<u64>();
        let largest = counters.layers.iter().find(|layer| layer.target_bps > 0 && layer.frames_encoded > 0);
        if let Some((width, height)) = largest.map(|layer| (layer.width, layer.height)) {
            (counters.width, counters.height) = (width, height);
        }
        drop(counters);
        (self.hook)(Arc::new(encoded));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::super::{FramePool, Pattern};
    use super::*;

    const SETTINGS: VideoSettings = VideoSettings { width: 640, height: 360, fps: 30, max_bps: 2_500_000 };

    /// Sizes of pictures, and which are keyframes, while the rate is what `rate` says for each.
    fn pictures(rates: impl Iterator<Item = u32>) -> Vec<(usize, bool)> {
        let shared = Arc::new(Shared::new(true, SETTINGS.max_bps));
        let (made, encoded) = channel();
        let hook = move |picture: Arc<EncodedVideo>| made.send(picture).expect("taken");
        let mut encoding = Encoding::new(shared.clone(), SETTINGS, Box::new(hook));
        let (pattern, pool) = (Pattern::new(SETTINGS.width, SETTINGS.height).expect("a pattern"), FramePool::default());
        for (number, rate) in (0..).zip(rates) {
            shared.set_rate(0, rate);
            let mut buffer = pool.buffer(SETTINGS.width, SETTINGS.height).expect("a buffer");
            pattern.draw(number, buffer.planes_mut());
            encoding.encode_all(&buffer.freeze(number as i64 * 1_000_000 / 30)).expect("encoded");
        }
        let size = |picture: Arc<EncodedVideo>| picture.payloads.iter().map(|payload| payload.len()).sum();
        encoded.try_iter().map(|picture| (size(picture.clone()), picture.keyframe)).collect()
    }

    #[test]
    fn a_rate_that_falls_in_mid_call_is_kept_from_the_first_picture_on() {
        let fall = 300;
        let all = pictures((0..400).map(|number| if number < fall { 2_500_000 } else { 690_000 }));
        let (after, share) = (&all[fall..], 690_000 / 8 / 30);
        assert!(after[0].1, "it begins with a keyframe");
        assert!(after.iter().all(|(size, _)| *size < 2 * share), "{after:?}");
        let sum = |pictures: &[(usize, bool)]| pictures.iter().map(|(size, _)| size).sum::<usize>();
        assert!(sum(&after[..10]) < 10 * share, "{after:?}");
        assert!(sum(&after[40..]) > 60 * share * 3 / 4, "it is not held down for long: {after:?}");
        assert!(all[1..fall].iter().chain(&after[1..]).all(|(_, keyframe)| !keyframe), "nor is there another");
    }

    #[test]
    fn a_rate_that_falls_a_little_at_a_time_takes_no_keyframe_until_it_is_half() {
        let all = pictures((0..60).map(|number| 2_000_000 - number * 20_000));
        let keyframes: Vec<usize> = (0..60).filter(|number| all[*number].1).collect();
        assert_eq!(keyframes, [0, 51], "half of what it was told at most");
    }
}
