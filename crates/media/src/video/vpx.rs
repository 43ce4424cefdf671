//! VP8 (RFC 6386) through libvpx.
//!
//! Invariant: this is the only file with unsafe code. Each context is owned by one value, made and destroyed exactly once,
//! and used through `&mut` only; what libvpx lends is copied, or borrowed for as long as the context is not touched.

#![expect(unsafe_code, reason = "libvpx has a C interface")]

use std::ffi::{CStr, c_int, c_ulong};
use std::mem::MaybeUninit;
use std::{ptr, slice};

use vpx_sys::{
    VP8_EFLAG_NO_REF_ARF, VP8_EFLAG_NO_REF_GF, VP8_EFLAG_NO_UPD_ARF, VP8_EFLAG_NO_UPD_ENTROPY, VP8_EFLAG_NO_UPD_GF,
    VP8_EFLAG_NO_UPD_LAST, VPX_DECODER_ABI_VERSION, VPX_DL_REALTIME, VPX_EFLAG_FORCE_KF, VPX_ENCODER_ABI_VERSION,
    VPX_ERROR_RESILIENT_DEFAULT, VPX_FRAME_IS_KEY, vp8_dec_control_id, vp8e_enc_control_id, vpx_codec_control_,
    vpx_codec_ctx_t, vpx_codec_cx_pkt_kind, vpx_codec_dec_cfg_t, vpx_codec_dec_init_ver, vpx_codec_decode,
    vpx_codec_destroy, vpx_codec_enc_cfg_t, vpx_codec_enc_config_default, vpx_codec_enc_config_set,
    vpx_codec_enc_init_ver, vpx_codec_encode, vpx_codec_err_t, vpx_codec_err_to_string, vpx_codec_get_cx_data,
    vpx_codec_get_frame, vpx_codec_vp8_cx, vpx_codec_vp8_dx, vpx_enc_frame_flags_t, vpx_image_t, vpx_img_fmt,
    vpx_img_wrap, vpx_kf_mode, vpx_rational, vpx_rc_mode,
};

use super::catch_up::CatchUp;
use super::codec::{EncodedPicture, EncoderSettings, PictureKind, VideoDecoder, VideoEncoder};
use super::effort::{CpuUsed, cpu_used};
use super::frame::{FrameBuffer, FramePool, MAX_SIDE, VideoFrame, check_size};
use super::pace::Pace;
use crate::MediaError;

const ENCODER: &str = "VP8 encoder";
const DECODER: &str = "VP8 decoder";

/// A keyframe takes at most this percentage of a frame's share of the rate, so that neither a cut of the rate nor a
/// keyframe on request fills the queue of a slow link.
const MAX_KEYFRAME_PERCENT: c_int = 300;
/// Share of the rate that the base layer gets.
const BASE_LAYER_PERCENT: u32 = 60;
/// Lowest rate that libvpx is told, kbit/s.
const MIN_KBPS: u32 = 30;

/// A codec context that libvpx has initialised.
struct Context {
    // Boxed, because libvpx may keep its address.
    raw: Box<vpx_codec_ctx_t>,
    codec: &'static str,
}

// SAFETY: libvpx contexts hold no thread-local state and are not bound to the thread that made them; access is exclusive
// because every use goes through `&mut Context`.
unsafe impl Send for Context {}

impl Context {
    fn check(&self, result: vpx_codec_err_t, doing: &str) -> Result<(), MediaError> {
        if result == vpx_codec_err_t::VPX_CODEC_OK {
            return Ok(());
        }
        Err(MediaError::Codec { codec: self.codec, problem: format!("{doing}: {}", describe(result)) })
    }

    fn set(&mut self, control: vp8e_enc_control_id, value: c_int) -> Result<(), MediaError> {
        // SAFETY: the context is initialised; all controls that are used here take one int.
        let result = unsafe { vpx_codec_control_(&mut *self.raw, control as c_int, value) };
        self.check(result, "setting")
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: `Context` exists only around an initialised context, and this is its only destruction.
        unsafe { vpx_codec_destroy(&mut *self.raw) };
    }
}

fn describe(result: vpx_codec_err_t) -> String {
    // SAFETY: libvpx returns a static string for every value.
    unsafe { CStr::from_ptr(vpx_codec_err_to_string(result)) }.to_string_lossy().into_owned()
}

fn empty_context() -> Box<vpx_codec_ctx_t> {
    // SAFETY: a plain C struct of pointers and an error code in which 0 means 'no error'; all zero is what libvpx itself
    // sets before it initialises one.
    Box::new(unsafe { MaybeUninit::zeroed().assume_init() })
}

/// Encodes VP8 in two temporal layers, of which the upper one can be left out.
pub struct Vp8Encoder {
    context: Context,
    config: vpx_codec_enc_cfg_t,
    settings: EncoderSettings,
    effort: CpuUsed,
    /// Of the next picture, in frame intervals: libvpx sees them evenly spaced.
    pts: i64,
    pace: Pace,
    catch_up: CatchUp,
}

// SAFETY: the raw pointers in the configuration (for two-pass statistics) are null and never used.
unsafe impl Send for Vp8Encoder {}

impl Vp8Encoder {
    /// Makes an encoder; the first picture will be a keyframe.
    pub fn new(settings: EncoderSettings) -> Result<Self, MediaError> {
        check_size(settings.width, settings.height)?;
        let refused = |result, doing: &str| MediaError::Codec {
            codec: ENCODER,
            problem: format!("{doing} for {}x{}: {}", settings.width, settings.height, describe(result)),
        };
        let mut config = MaybeUninit::<vpx_codec_enc_cfg_t>::zeroed();
        // SAFETY: the interface is static and the pointer is valid for writing a whole configuration.
        let result = unsafe { vpx_codec_enc_config_default(vpx_codec_vp8_cx(), config.as_mut_ptr(), 0) };
        if result != vpx_codec_err_t::VPX_CODEC_OK {
            return Err(refused(result, "no default settings"));
        }
        // SAFETY: libvpx filled it in whole, as it says by its result.
        let mut config = unsafe { config.assume_init() };
        configure(&mut config, &settings);

        let mut raw = empty_context();
        // SAFETY: context and configuration are valid for the call; libvpx copies the configuration.
        let result = unsafe {
            vpx_codec_enc_init_ver(&mut *raw, vpx_codec_vp8_cx(), &config, 0, VPX_ENCODER_ABI_VERSION as c_int)
        };
        if result != vpx_codec_err_t::VPX_CODEC_OK {
            return Err(refused(result, "cannot start"));
        }
        let mut context = Context { raw, codec: ENCODER };
        let effort = cpu_used(&settings);
        context.set(vp8e_enc_control_id::VP8E_SET_CPUUSED, effort)?;
        context.set(vp8e_enc_control_id::VP8E_SET_STATIC_THRESHOLD, 1)?;
        context.set(vp8e_enc_control_id::VP8E_SET_NOISE_SENSITIVITY, 0)?;
        context.set(vp8e_enc_control_id::VP8E_SET_TOKEN_PARTITIONS, 0)?;
        context.set(vp8e_enc_control_id::VP8E_SET_MAX_INTRA_BITRATE_PCT, MAX_KEYFRAME_PERCENT)?;
        let pace = Pace::new(settings.fps);
        let catch_up = CatchUp::new(picture_bytes(&settings));
        Ok(Self { context, config, settings, effort, pts: 0, pace, catch_up })
    }

    /// Tells libvpx what rate makes the pictures that really come take the wanted one.
    fn apply_rate(&mut self) -> Result<(), MediaError> {
        self.catch_up.want(picture_bytes(&self.settings) * self.pace.share());
        let bps = f64::from(self.settings.bitrate_bps) * self.pace.share() * self.catch_up.factor();
        set_rate(&mut self.config, bps as u32);
        // SAFETY: the context is initialised; libvpx copies the configuration.
        let result = unsafe { vpx_codec_enc_config_set(&mut *self.context.raw, &self.config) };
        self.context.check(result, "changing the rate")
    }
}

/// Bytes of a picture of the mean.
fn picture_bytes(settings: &EncoderSettings) -> f64 {
    f64::from(settings.bitrate_bps) / 8.0 / f64::from(settings.fps.max(1))
}

fn configure(config: &mut vpx_codec_enc_cfg_t, settings: &EncoderSettings) {
    config.g_w = settings.width;
    config.g_h = settings.height;
    config.g_timebase = vpx_rational { num: 1, den: settings.fps.max(1) as c_int };
    config.g_threads = 1;
    config.g_lag_in_frames = 0;
    config.g_error_resilient = VPX_ERROR_RESILIENT_DEFAULT;
    config.rc_end_usage = vpx_rc_mode::VPX_CBR;
    config.rc_min_quantizer = 2;
    config.rc_max_quantizer = 58;
    config.rc_undershoot_pct = 100;
    config.rc_overshoot_pct = 15;
    // Milliseconds at the target rate.
    config.rc_buf_initial_sz = 500;
    config.rc_buf_optimal_sz = 600;
    config.rc_buf_sz = 1000;
    // Frames are dropped before the encoder, where it is counted, not in it.
    config.rc_dropframe_thresh = 0;
    // Keyframes on request only: one in the place of a layer 1 picture would break the pattern of layers.
    config.kf_mode = vpx_kf_mode::VPX_KF_DISABLED;
    config.ts_number_layers = 2;
    config.ts_periodicity = 2;
    config.ts_rate_decimator[..2].copy_from_slice(&[2, 1]);
    config.ts_layer_id[..2].copy_from_slice(&[0, 1]);
    set_rate(config, settings.bitrate_bps);
}

fn set_rate(config: &mut vpx_codec_enc_cfg_t, bps: u32) {
    let kbps = (bps / 1000).max(MIN_KBPS);
    config.rc_target_bitrate = kbps;
    // Cumulative: the upper layer's figure contains the base.
    config.ts_target_bitrate[..2].copy_from_slice(&[kbps * BASE_LAYER_PERCENT / 100, kbps]);
}

/// The base refers to the last base picture and replaces it; the upper layer refers to it and leaves no trace.
fn layer_flags(upper: bool) -> u32 {
    let golden = VP8_EFLAG_NO_REF_GF | VP8_EFLAG_NO_REF_ARF | VP8_EFLAG_NO_UPD_GF | VP8_EFLAG_NO_UPD_ARF;
    if upper { golden | VP8_EFLAG_NO_UPD_LAST | VP8_EFLAG_NO_UPD_ENTROPY } else { golden }
}

impl VideoEncoder for Vp8Encoder {
    fn name(&self) -> &'static str {
        "libvpx"
    }

    fn encode(&mut self, frame: &VideoFrame, kind: PictureKind) -> Result<Option<EncodedPicture<'_>>, MediaError> {
        if (frame.width(), frame.height()) != (self.settings.width, self.settings.height) {
            let problem = format!("a picture of {}x{} came in", frame.width(), frame.height());
            return Err(MediaError::Codec { codec: ENCODER, problem });
        }
        let is_other_pace = self.pace.next(frame.captured_us()).is_some();
        if self.catch_up.next().is_some() || is_other_pace {
            self.apply_rate()?;
        }
        let (upper, flags) = match kind {
            PictureKind::Key => (false, VPX_EFLAG_FORCE_KF),
            _ if self.pts == 0 => (false, VPX_EFLAG_FORCE_KF),
            PictureKind::Base => (false, layer_flags(false)),
            PictureKind::Upper => (true, layer_flags(true)),
        };
        self.context.set(vp8e_enc_control_id::VP8E_SET_TEMPORAL_LAYER_ID, c_int::from(upper))?;

        // SAFETY: a plain C struct of numbers, null pointers and enums that have a value 0.
        let mut image: vpx_image_t = unsafe { MaybeUninit::zeroed().assume_init() };
        // SAFETY: the wrapped picture is contiguous I420 of this size (the invariant of `VideoFrame`) and outlives the
        // call to encode, which only reads it.
        let wrapped = unsafe {
            vpx_img_wrap(
                &mut image,
                vpx_img_fmt::VPX_IMG_FMT_I420,
                frame.width(),
                frame.height(),
                1,
                frame.i420().as_ptr().cast_mut(),
            )
        };
        if wrapped.is_null() {
            return Err(MediaError::Codec { codec: ENCODER, problem: "the picture was refused".into() });
        }
        // SAFETY: the context is initialised and the image valid for the call.
        let result = unsafe {
            vpx_codec_encode(
                &mut *self.context.raw,
                &image,
                self.pts,
                1,
                flags as vpx_enc_frame_flags_t,
                VPX_DL_REALTIME as c_ulong,
            )
        };
        self.context.check(result, "encoding")?;
        self.pts += 1;

        let mut iterator = ptr::null();
        loop {
            // SAFETY: the context is initialised; the iterator starts as null as libvpx demands.
            let packet = unsafe { vpx_codec_get_cx_data(&mut *self.context.raw, &mut iterator) };
            // SAFETY: not null, and valid until the context is used again.
            let Some(packet) = (unsafe { packet.as_ref() }) else { return Ok(None) };
            if packet.kind != vpx_codec_cx_pkt_kind::VPX_CODEC_CX_FRAME_PKT {
                continue;
            }
            // SAFETY: the kind says that this field of the union is the one that is set.
            let encoded = unsafe { packet.data.frame };
            // SAFETY: libvpx owns `sz` bytes there until the context is used again; the result borrows `self` mutably,
            // so that it cannot be.
            let data = unsafe { slice::from_raw_parts(encoded.buf.cast::<u8>(), encoded.sz as usize) };
            let keyframe = encoded.flags & VPX_FRAME_IS_KEY != 0;
            let temporal_layer = u8::from(upper && !keyframe);
            self.catch_up.made(data.len(), upper, keyframe);
            return Ok(Some(EncodedPicture { data, keyframe, temporal_layer, layer_sync: upper || keyframe }));
        }
    }

    fn set_bitrate(&mut self, bps: u32) -> Result<(), MediaError> {
        self.settings.bitrate_bps = bps;
        let effort = cpu_used(&self.settings);
        if self.effort != effort {
            self.context.set(vp8e_enc_control_id::VP8E_SET_CPUUSED, effort)?;
            self.effort = effort;
        }
        self.apply_rate()
    }

    fn expect_pictures(&mut self, per_second: f64) -> Result<(), MediaError> {
        self.pace.expect(per_second);
        self.apply_rate()
    }
}

/// Decodes VP8.
pub struct Vp8Decoder {
    context: Context,
    pool: FramePool,
}

impl Vp8Decoder {
    /// Makes a decoder; the first picture must be a keyframe.
    pub fn new() -> Result<Self, MediaError> {
        let config = vpx_codec_dec_cfg_t { threads: 1, w: 0, h: 0 };
        let mut raw = empty_context();
        // SAFETY: context and configuration are valid for the call; libvpx copies the configuration.
        let result = unsafe {
            vpx_codec_dec_init_ver(&mut *raw, vpx_codec_vp8_dx(), &config, 0, VPX_DECODER_ABI_VERSION as c_int)
        };
        if result != vpx_codec_err_t::VPX_CODEC_OK {
            return Err(MediaError::Codec { codec: DECODER, problem: format!("cannot start: {}", describe(result)) });
        }
        Ok(Self { context: Context { raw, codec: DECODER }, pool: FramePool::default() })
    }
}

/// Whether a VP8 frame is a keyframe: the inverse of bit 0 (RFC 6386, 9.1).
pub(crate) fn is_keyframe(data: &[u8]) -> bool {
    data.first().is_some_and(|first| first & 1 == 0)
}

/// Refuses what would make libvpx take memory for a picture that is too large, before it sees it (RFC 6386, 9.1).
fn check_header(data: &[u8]) -> Result<(), MediaError> {
    let bad = |problem: String| MediaError::Codec { codec: DECODER, problem };
    if data.len() < 3 || u32::try_from(data.len()).is_err() {
        return Err(bad(format!("a frame of {} bytes", data.len())));
    }
    if !is_keyframe(data) {
        return Ok(());
    }
    let [_, _, _, 0x9D, 0x01, 0x2A, w0, w1, h0, h1, ..] = *data else {
        return Err(bad("a keyframe without start code".into()));
    };
    let side = |low, high| u32::from(u16::from_le_bytes([low, high]) & 0x3FFF);
    let (width, height) = (side(w0, w1), side(h0, h1));
    if [width, height].iter().any(|side| !(2..=MAX_SIDE).contains(side)) {
        return Err(bad(format!("a picture of {width}x{height}; the largest is {MAX_SIDE}x{MAX_SIDE}")));
    }
    Ok(())
}

impl VideoDecoder for Vp8Decoder {
    fn name(&self) -> &'static str {
        "libvpx"
    }

    fn decode(&mut self, data: &[u8]) -> Result<Option<VideoFrame>, MediaError> {
        check_header(data)?;
        // SAFETY: the context is initialised; the bytes are valid for the call and their number fits, as was checked.
        let result =
            unsafe { vpx_codec_decode(&mut *self.context.raw, data.as_ptr(), data.len() as u32, ptr::null_mut(), 0) };
        self.context.check(result, "decoding")?;
        let mut corrupted: c_int = 0;
        // SAFETY: the context is initialised; this control writes one int.
        let result = unsafe {
            vpx_codec_control_(
                &mut *self.context.raw,
                vp8_dec_control_id::VP8D_GET_FRAME_CORRUPTED as c_int,
                &mut corrupted as *mut c_int,
            )
        };
        self.context.check(result, "asking for damage")?;
        if corrupted != 0 {
            return Err(MediaError::Codec { codec: DECODER, problem: "the picture is damaged".into() });
        }
        let mut iterator = ptr::null();
        // SAFETY: the context is initialised; the iterator starts as null as libvpx demands.
        let image = unsafe { vpx_codec_get_frame(&mut *self.context.raw, &mut iterator) };
        // SAFETY: null or valid until the context is used again, which is after this function.
        let Some(image) = (unsafe { image.as_ref() }) else { return Ok(None) };
        copy_image(image, &self.pool).map(|buffer| Some(buffer.freeze(0)))
    }
}

/// Copies what libvpx shows; the last column or row of an odd size is left out.
fn copy_image(image: &vpx_image_t, pool: &FramePool) -> Result<FrameBuffer, MediaError> {
    if image.fmt != vpx_img_fmt::VPX_IMG_FMT_I420 {
        return Err(MediaError::Codec { codec: DECODER, problem: "the picture is not I420".into() });
    }
    let (width, height) = (image.d_w & !1, image.d_h & !1);
    let mut buffer = pool.buffer(width, height)?;
    let planes = buffer.planes_mut();
    for (index, (target, part)) in [(planes.y, 1), (planes.u, 2), (planes.v, 2)].into_iter().enumerate() {
        let width = (width / part) as usize;
        for (row, target) in target.chunks_exact_mut(width).enumerate() {
            // SAFETY: an I420 image of libvpx has at least `d_h` rows of at least `d_w` bytes in its first plane, and
            // half of it, rounded up, in the others, each `stride` bytes after the row above; `row` and `width` are
            // within that.
            let source = unsafe {
                let start = image.planes[index].offset(row as isize * image.stride[index] as isize);
                slice::from_raw_parts(start, width)
            };
            target.copy_from_slice(source);
        }
    }
    Ok(buffer)
}
