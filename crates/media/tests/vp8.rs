//! VP8 through libvpx: quality, layers, rates, and bitstreams from enemies.

use sightline_media::video::{
    EncodedPicture, EncoderSettings, FramePool, Pattern, PictureKind, VideoDecoder, VideoEncoder, VideoFrame,
    Vp8Decoder, Vp8Encoder, read_frame_counter,
};

const WIDTH: u32 = 640;
const HEIGHT: u32 = 360;
const FPS: u32 = 30;

struct Clip {
    pattern: Pattern,
    pool: FramePool,
}

impl Clip {
    fn new() -> Self {
        Self { pattern: Pattern::new(WIDTH, HEIGHT).expect("a pattern"), pool: FramePool::default() }
    }

    fn frame(&self, number: u64) -> VideoFrame {
        let mut buffer = self.pool.buffer(WIDTH, HEIGHT).expect("buffer");
        self.pattern.draw(number, buffer.planes_mut());
        buffer.freeze(number as i64 * 1_000_000 / i64::from(FPS))
    }
}

fn encoder(bitrate_bps: u32) -> Vp8Encoder {
    Vp8Encoder::new(EncoderSettings { width: WIDTH, height: HEIGHT, fps: FPS, bitrate_bps }).expect("an encoder")
}

/// An encoded picture that may be kept.
struct Kept {
    data: Vec<u8>,
    keyframe: bool,
    layer: u8,
}

fn keep(picture: Option<EncodedPicture<'_>>) -> Kept {
    let picture = picture.expect("no picture is left out");
    Kept { data: picture.data.to_vec(), keyframe: picture.keyframe, layer: picture.temporal_layer }
}

/// The pattern of temporal layers as a sender makes it.
fn kind(number: u64) -> PictureKind {
    if number.is_multiple_of(2) { PictureKind::Base } else { PictureKind::Upper }
}

fn psnr(a: &VideoFrame, b: &VideoFrame) -> f64 {
    let squares = a.y().iter().zip(b.y()).map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2));
    10.0 * (255.0 * 255.0 / (squares.sum::<f64>() / a.y().len() as f64)).log10()
}

#[test]
fn pictures_come_back_with_their_number_at_a_low_rate() {
    let (clip, mut encoder, mut decoder) = (Clip::new(), encoder(300_000), Vp8Decoder::new().expect("a decoder"));
    let (mut bytes, mut quality) = (0, 0.0);
    for number in 0..90 {
        let source = clip.frame(number);
        let encoded = keep(encoder.encode(&source, kind(number)).expect("encoded"));
        assert_eq!(encoded.keyframe, number == 0);
        bytes += encoded.data.len();
        let decoded = decoder.decode(&encoded.data).expect("decoded").expect("shown");
        assert_eq!(read_frame_counter(&decoded), Some(number));
        quality += psnr(&source, &decoded) / 90.0;
    }
    let kbps = bytes * 8 / 3 / 1000;
    assert!((150..400).contains(&kbps), "{kbps} kbit/s");
    assert!(quality > 24.0, "{quality} dB");
}

#[test]
fn the_upper_layer_can_be_left_out() {
    let (clip, mut encoder, mut decoder) = (Clip::new(), encoder(600_000), Vp8Decoder::new().expect("a decoder"));
    for number in 0..60 {
        // A keyframe in the place of an upper picture: it belongs to the base, and the pattern begins anew.
        let wanted = match number {
            31 => PictureKind::Key,
            ..31 => kind(number),
            _ => kind(number - 31),
        };
        let encoded = keep(encoder.encode(&clip.frame(number), wanted).expect("encoded"));
        let expected = if number < 31 { number % 2 } else { (number - 31) % 2 };
        assert_eq!((u64::from(encoded.layer), encoded.keyframe), (expected, number == 0 || number == 31));
        if encoded.layer == 0 {
            let decoded = decoder.decode(&encoded.data).expect("decoded").expect("shown");
            assert_eq!(read_frame_counter(&decoded), Some(number));
        }
    }
}

#[test]
fn the_rate_follows_and_keyframes_are_capped() {
    let (clip, mut encoder) = (Clip::new(), encoder(1_000_000));
    let kbits = |encoder: &mut Vp8Encoder, frames: std::ops::Range<u64>| -> u64 {
        let seconds = (frames.end - frames.start) / u64::from(FPS);
        let bytes = frames.map(|n| keep(encoder.encode(&clip.frame(n), kind(n)).expect("encoded")).data.len());
        bytes.sum::<usize>() as u64 * 8 / 1000 / seconds
    };
    let high = kbits(&mut encoder, 0..90);
    assert!((700..1200).contains(&high), "{high} kbit/s of 1000");
    encoder.set_bitrate(300_000).expect("changed");
    let settling = kbits(&mut encoder, 90..120);
    assert!(settling < 500, "{settling} kbit/s in the first second at 300");
    let low = kbits(&mut encoder, 120..180);
    assert!((150..390).contains(&low), "{low} kbit/s of 300");

    let keyframe = keep(encoder.encode(&clip.frame(180), PictureKind::Key).expect("encoded"));
    // 300 % of a frame's share, 1250 bytes, and what rate control overshoots.
    assert!(keyframe.keyframe && keyframe.data.len() < 7500, "{} bytes", keyframe.data.len());
}

/// libvpx by itself takes a second and a half.
#[test]
fn a_call_that_begins_low_is_at_its_full_rate_within_a_second() {
    for rise in 2..8 {
        let (clip, mut encoder) = (Clip::new(), encoder(260_000));
        let mut sizes: Vec<usize> = Vec::new();
        let is_full =
            |sizes: &[usize]| sizes.len() >= 15 && sizes.iter().rev().take(15).sum::<usize>() * 16 >= 1_350_000;
        while !is_full(&sizes) && sizes.len() < 60 {
            let number = sizes.len() as u64;
            if number == rise {
                encoder.set_bitrate(1_500_000).expect("changed");
            }
            sizes.push(keep(encoder.encode(&clip.frame(number + 30), kind(number)).expect("encoded")).data.len());
        }
        assert!(sizes.len() <= 24, "told at picture {rise}, full after {} pictures: {sizes:?}", sizes.len());
        assert!(sizes.iter().all(|size| *size < 3 * 6250), "{sizes:?}");
    }
}

#[test]
fn two_pictures_of_three_keep_to_the_rate_as_all_of_them_do_and_each_is_better() {
    let run = |is_thin: bool| {
        let (clip, mut encoder, mut decoder) = (Clip::new(), encoder(190_000), Vp8Decoder::new().expect("a decoder"));
        if is_thin {
            encoder.expect_pictures(20.0).expect("told");
        }
        let (mut bytes, mut quality, mut count) = (0, 0.0, 0);
        for (number, source) in (0..300).filter(|number| !is_thin || number % 3 != 2).enumerate() {
            let source = clip.frame(source);
            let kept = keep(encoder.encode(&source, kind(number as u64)).expect("encoded"));
            let shown = decoder.decode(&kept.data).expect("decoded").expect("a picture");
            (bytes, quality, count) = (bytes + kept.data.len(), quality + psnr(&source, &shown), count + 1);
        }
        (bytes * 8 / 10, quality / f64::from(count))
    };
    let (all, thin) = (run(false), run(true));
    assert!([all, thin].iter().all(|run| (175_000..200_000).contains(&run.0)), "{thin:?} {all:?}");
    assert!(thin.1 > all.1 + 0.5, "{thin:?} {all:?}");
}

/// A busy machine drops pictures and captures the others late; the rate held before, meanwhile and afterwards.
#[test]
fn the_rate_is_kept_while_pictures_are_dropped_or_late_and_afterwards() {
    const BPS: u32 = 600_000;
    const SECONDS: u64 = 5;
    let dropped = |number: u64| number * 7 % 10 < 4;
    let late_us = |number: u64| (number * 37 % 100) as i64 * 300;
    for (trouble, drops, wobbles) in [("dropped", true, false), ("late", false, true), ("both", true, true)] {
        let (clip, mut encoder) = (Clip::new(), encoder(BPS));
        let mut encoded = 0;
        let mut kbits = |phase: u64, troubled: bool| {
            let frames = phase * SECONDS * u64::from(FPS)..(phase + 1) * SECONDS * u64::from(FPS);
            let mut bytes = 0;
            for number in frames.filter(|number| !(troubled && drops && dropped(*number))) {
                let late = if troubled && wobbles { late_us(number) } else { 0 };
                let frame = clip.frame(number);
                let frame = VideoFrame::from_i420(WIDTH, HEIGHT, frame.i420().to_vec(), frame.captured_us() + late);
                bytes += keep(encoder.encode(&frame.expect("a picture"), kind(encoded)).expect("encoded")).data.len();
                encoded += 1;
            }
            bytes as u64 * 8 / 1000 / SECONDS
        };
        for (phase, troubled) in [(0, false), (1, true), (2, true), (3, false), (4, false)] {
            let rate = kbits(phase, troubled);
            assert!((420..800).contains(&rate), "{trouble}: {rate} kbit/s of 600 in phase {phase}");
        }
    }
}

#[test]
fn a_picture_of_another_size_is_refused() {
    let mut encoder = encoder(300_000);
    let other = VideoFrame::from_i420(320, 180, vec![128; 320 * 180 * 3 / 2], 0).expect("a picture");
    assert!(encoder.encode(&other, PictureKind::Base).is_err());
    assert!(Vp8Encoder::new(EncoderSettings { width: 641, height: 360, fps: 30, bitrate_bps: 1 }).is_err());
    // Neither a rate nor a frame rate of 0 is a reason to fall over.
    let mut zero =
        Vp8Encoder::new(EncoderSettings { width: WIDTH, height: HEIGHT, fps: 0, bitrate_bps: 0 }).expect("made");
    assert!(zero.encode(&Clip::new().frame(0), PictureKind::Upper).expect("encoded").is_some());
}

#[test]
fn hostile_bitstreams_neither_crash_nor_take_memory() {
    let (clip, mut encoder) = (Clip::new(), encoder(500_000));
    let genuine: Vec<Kept> = (0..12).map(|n| keep(encoder.encode(&clip.frame(n), kind(n)).expect("encoded"))).collect();
    let mut decoder = Vp8Decoder::new().expect("a decoder");
    assert!(decoder.decode(&genuine[1].data).is_err(), "without a keyframe before");
    for refused in [&[][..], &[0], &[0, 0], &[0, 0, 0], &[0x10, 0, 0, 0x9D, 0x01, 0x2A, 0, 0]] {
        assert!(decoder.decode(refused).is_err());
    }
    // 16383x16383 would be 400 MB; 0x0 is nothing.
    for size in [[0xFF, 0x3F, 0xFF, 0x3F], [0x02, 0x10, 0x10, 0x00], [0, 0, 0, 0], [1, 0, 16, 0]] {
        let header = [&[0x10, 0x02, 0x00, 0x9D, 0x01, 0x2A][..], &size, &[0; 64]].concat();
        assert!(decoder.decode(&header).is_err_and(|error| error.to_string().contains("a picture of")));
    }

    let mut bits = 12345u32;
    let mut random = move || {
        bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bits >> 8
    };
    let mut shown = 0;
    for round in 0..400 {
        for kept in &genuine {
            let mut data = kept.data.clone();
            for _ in 0..random() % 4 {
                let at = random() as usize % data.len();
                // The size stays: large ones are refused above, and 4096x4096 garbage is slow.
                if !(6..10).contains(&at) {
                    data[at] = random() as u8;
                }
            }
            if random() % 3 == 0 {
                data.truncate(random() as usize % data.len());
            }
            if round % 10 == 9 {
                data = (0..random() % 200).map(|_| random() as u8 | 1).collect();
            }
            shown += u32::from(matches!(decoder.decode(&data), Ok(Some(_))));
        }
    }
    assert!(shown > 0, "some mutations are harmless");
    // And the same decoder works afterwards.
    for (number, kept) in genuine.iter().enumerate() {
        let decoded = decoder.decode(&kept.data).expect("decoded").expect("shown");
        assert_eq!(read_frame_counter(&decoded), Some(number as u64));
    }
}
