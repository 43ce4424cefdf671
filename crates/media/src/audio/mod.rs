//! Sound: sources, Opus, the jitter buffer, processing, playing and recording.
//!
//! Invariant: inside of this folder all sound is 48 kHz mono `f32` in -1..1, cut into blocks of 10 ms; whatever comes
//! from or goes to a file or a device is converted at that edge.

mod chime;
mod exchange;
mod input;
mod jitter;
mod level;
mod meter;
mod opus;
mod output;
mod pace;
mod player;
mod processing;
mod recorder;
pub(crate) mod resample;
mod sender;
mod similarity;
mod speech;
mod tone;
mod wav;

pub use chime::play_test_tone;
pub use jitter::{JitterBuffer, JitterCounters};
pub use level::Level;
pub use meter::Meter;
pub use opus::{AudioDecoder, AudioEncoder, OpusDecoder, OpusEncoder};
pub use player::{AudioPlayer, AudioReceiveCounters, AudioReceiver, AudioSink, Speaker};
pub use processing::AudioProcessor;
pub use recorder::WavRecorder;
pub use sender::{AudioSendCounters, AudioSender, AudioSenderHooks, AudioSettings, AudioSource};
pub use similarity::{Similarity, similarity, similarity_of_files};
pub use speech::{speech, write_test_speech};

/// Samples per second of all sound in here.
pub const SAMPLE_RATE: u32 = 48_000;
/// Samples of a block: 10 ms, what echo cancellers work on.
pub const BLOCK: usize = 480;
/// Samples of an Opus frame: 20 ms.
pub const FRAME: usize = 960;

/// The time that `samples` last.
pub(crate) fn duration_of(samples: u64) -> std::time::Duration {
    std::time::Duration::from_nanos(samples * 62_500 / 3)
}
