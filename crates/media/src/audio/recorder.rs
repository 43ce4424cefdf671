//! Records a peer's sound as it is played.
//!
//! Invariant: the disk never makes the player wait, and the file's header is valid at any time but for the last second and a half.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use hound::{SampleFormat, WavSpec, WavWriter};

use super::{AudioSink, SAMPLE_RATE};
use crate::MediaError;

/// Sound is handed to the disk's thread by half seconds: waking it for each block costs more than writing.
const BATCH: usize = SAMPLE_RATE as usize / 2;
/// Batches that may wait for the disk: 5 s, beyond any stall of a disk that works; 1 MB.
const QUEUE: usize = 10;
/// The header is renewed once a second.
const FLUSH_SAMPLES: u64 = SAMPLE_RATE as u64;
/// RIFF sizes have 32 bits: 12 h of 16 bit mono stay below.
const MAX_SAMPLES: u64 = 12 * 3600 * SAMPLE_RATE as u64;

/// An [`AudioSink`] that writes a 48 kHz mono 16 bit WAV file.
pub struct WavRecorder {
    path: PathBuf,
    queue: Mutex<Option<Queue>>,
    writer: Mutex<Option<JoinHandle<Result<(), hound::Error>>>>,
    dropped: AtomicU64,
}

struct Queue {
    batch: Vec<f32>,
    sender: SyncSender<Vec<f32>>,
}

impl WavRecorder {
    /// Makes (or replaces) the file at once.
    pub fn create(path: &Path) -> Result<Self, MediaError> {
        let spec =
            WavSpec { channels: 1, sample_rate: SAMPLE_RATE, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let mut file = WavWriter::create(path, spec).map_err(|e| write_error(path, e))?;
        file.flush().map_err(|e| write_error(path, e))?;
        let (sender, batches) = sync_channel(QUEUE);
        let writer = thread::Builder::new()
            .name("wav-recorder".into())
            .spawn(move || write(file, &batches))
            .map_err(MediaError::Thread)?;
        Ok(Self {
            path: path.to_owned(),
            queue: Mutex::new(Some(Queue { batch: Vec::with_capacity(BATCH), sender })),
            writer: Mutex::new(Some(writer)),
            dropped: AtomicU64::new(0),
        })
    }

    /// Writes what is queued and closes the file; sound that comes later is left out. The second call does nothing.
    pub fn finish(&self) -> Result<(), MediaError> {
        if let Some(Queue { batch, sender }) = lock(&self.queue).take() {
            // Waits for room at most as long as the disk needs; a writer that failed says why below.
            let _ = sender.send(batch);
        }
        let Some(writer) = lock(&self.writer).take() else { return Ok(()) };
        let dropped = self.dropped.load(Ordering::Relaxed);
        if dropped > 0 {
            tracing::error!(dropped, path = %self.path.display(), "the disk was too slow: samples are missing");
        }
        match writer.join() {
            Ok(written) => written.map_err(|e| write_error(&self.path, e)),
            Err(_) => Err(write_error(&self.path, hound::Error::UnfinishedSample)),
        }
    }
}

impl AudioSink for WavRecorder {
    fn block(&self, samples: &[f32]) {
        let mut queue = lock(&self.queue);
        let Some(Queue { batch, sender }) = &mut *queue else { return };
        batch.extend_from_slice(samples);
        if batch.len() < BATCH {
            return;
        }
        let full = std::mem::replace(batch, Vec::with_capacity(BATCH));
        match sender.try_send(full) {
            Ok(()) => {}
            // Disconnected: the writer failed; `finish` says why.
            Err(TrySendError::Full(lost) | TrySendError::Disconnected(lost)) => {
                self.dropped.fetch_add(lost.len() as u64, Ordering::Relaxed);
            }
        }
    }
}

impl Drop for WavRecorder {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            tracing::error!(%error, "a recording was not finished");
        }
    }
}

fn write(mut file: WavWriter<BufWriter<File>>, batches: &Receiver<Vec<f32>>) -> Result<(), hound::Error> {
    let (mut written, mut flushed) = (0_u64, 0_u64);
    while let Ok(batch) = batches.recv() {
        if written + batch.len() as u64 > MAX_SAMPLES {
            continue;
        }
        for &sample in &batch {
            file.write_sample((sample.clamp(-1.0, 1.0) * f32::from(i16::MAX)).round() as i16)?;
        }
        written += batch.len() as u64;
        if written - flushed >= FLUSH_SAMPLES {
            file.flush()?;
            flushed = written;
        }
    }
    file.finalize()
}

pub(super) fn write_error(path: &Path, error: hound::Error) -> MediaError {
    let source = match error {
        hound::Error::IoError(source) => source,
        other => std::io::Error::other(other),
    };
    MediaError::Write { path: path.to_owned(), source }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn what_was_played_is_in_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("peer.wav");
        let recorder = WavRecorder::create(&path).unwrap();
        for block in 0..50 {
            recorder.block(&[block as f32 / 100.0; 480]);
        }
        recorder.finish().unwrap();
        recorder.block(&[1.0; 480]);
        recorder.finish().unwrap();
        let mut reader = hound::WavReader::open(&path).unwrap();
        assert_eq!(reader.spec().sample_rate, 48_000);
        let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
        assert_eq!(samples.len(), 50 * 480);
        assert_eq!(samples[49 * 480], (0.49 * 32767.0_f32).round() as i16);
    }

    #[test]
    fn the_header_is_valid_while_recording() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("crash.wav");
        let recorder = WavRecorder::create(&path).unwrap();
        assert_eq!(hound::WavReader::open(&path).unwrap().duration(), 0);
        for _ in 0..150 {
            recorder.block(&[0.25; 480]);
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        while hound::WavReader::open(&path).unwrap().duration() < 48_000 {
            assert!(Instant::now() < deadline, "a second of sound is not in the header");
            thread::sleep(Duration::from_millis(10));
        }
    }

    #[test]
    fn a_file_that_cannot_be_made_is_said() {
        let error = WavRecorder::create(Path::new("/nowhere/peer.wav")).err().expect("no such folder").to_string();
        assert!(error.starts_with("cannot write /nowhere/peer.wav: "), "{error}");
    }
}
