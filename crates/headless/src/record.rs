//! What is done with each peer's pictures and sound: measured always, recorded where asked.
//!
//! Invariant: nothing here blocks the decode thread on a disk; the recorders queue and write on threads of their own.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use sightline_call::link::RemoteTrack;
use sightline_call::{PeerInfo, SinkFactory};
use sightline_media::audio::{AudioSink, WavRecorder};
use sightline_media::video::{DecodedFrame, VideoSink, Y4mRecorder, read_frame_counter};

use crate::report::{ClipOrder, Quantiles};

/// Latencies kept for quantiles: an hour at 30 fps; what comes later is left out of them.
const MAX_LATENCIES: usize = 108_000;

/// A step back by so many frames or more is a looping clip's new start, a smaller one disorder.
const WRAP_FRAMES: u64 = 60;

/// Makes and keeps the sinks of all peers.
pub struct Sinks {
    directory: Option<PathBuf>,
    verify_counter: bool,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    watches: HashMap<String, Arc<FrameWatch>>,
    videos: Vec<Arc<Y4mRecorder>>,
    audios: Vec<Arc<WavRecorder>>,
    stems: HashMap<String, u32>,
    problems: Vec<String>,
}

impl Sinks {
    /// Sinks that record into `directory`, which is created, where one is given.
    pub fn new(directory: Option<&Path>, verify_counter: bool) -> Result<Self> {
        if let Some(directory) = directory {
            std::fs::create_dir_all(directory)
                .with_context(|| format!("cannot create the directory {} for --record", directory.display()))?;
        }
        Ok(Self { directory: directory.map(Path::to_owned), verify_counter, inner: Mutex::default() })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Capture-to-decode latency and clip order of a peer's pictures.
    pub fn watched(&self, peer: &str) -> (Option<Quantiles>, Option<ClipOrder>) {
        let watch = self.lock().watches.get(peer).cloned();
        watch.map_or((None, None), |watch| watch.result(self.verify_counter))
    }

    /// Completes all files; gives what went wrong, one line each.
    pub fn finish(&self) -> Vec<String> {
        let Inner { videos, audios, mut problems, .. } = std::mem::take(&mut *self.lock());
        for recorder in videos {
            match recorder.finish() {
                Ok(recording) if recording.dropped > 0 => {
                    problems.push(format!("the disk was too slow: {} pictures are not recorded", recording.dropped));
                }
                Ok(_) => {}
                Err(error) => problems.push(error.to_string()),
            }
        }
        problems.extend(audios.iter().filter_map(|recorder| recorder.finish().err()).map(|error| error.to_string()));
        problems
    }

    /// A file name for this peer's next recording: the name, made safe, with a number from the second on.
    fn stem(inner: &mut Inner, peer: &PeerInfo, extension: &str) -> String {
        let safe: String =
            peer.name.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect();
        let safe = if safe.trim_matches(['.', '_']).is_empty() {
            "peer".to_owned()
        } else {
            safe.trim_matches('.').to_owned()
        };
        let count = inner.stems.entry(format!("{safe}.{extension}")).or_default();
        *count += 1;
        if *count == 1 { safe } else { format!("{safe}-{count}") }
    }
}

impl SinkFactory for Sinks {
    fn video(&self, peer: &PeerInfo, _track: &RemoteTrack) -> Arc<dyn VideoSink> {
        let mut inner = self.lock();
        let watch =
            inner.watches.entry(peer.id.clone()).or_insert_with(|| Arc::new(FrameWatch::new(self.verify_counter)));
        let watch = Arc::clone(watch);
        let recorder = self.directory.as_ref().and_then(|directory| {
            let stem = Self::stem(&mut inner, peer, "y4m");
            match Y4mRecorder::create(directory, &stem) {
                Ok(recorder) => Some(Arc::new(recorder)),
                Err(error) => {
                    inner.problems.push(format!("{} is not recorded: {error}", peer.name));
                    None
                }
            }
        });
        inner.videos.extend(recorder.clone());
        Arc::new(VideoTee { watch, recorder })
    }

    fn audio(&self, peer: &PeerInfo, _track: &RemoteTrack) -> Option<Arc<dyn AudioSink>> {
        let directory = self.directory.as_ref()?;
        let mut inner = self.lock();
        let stem = Self::stem(&mut inner, peer, "wav");
        match WavRecorder::create(&directory.join(format!("{stem}.wav"))) {
            Ok(recorder) => {
                let recorder = Arc::new(recorder);
                inner.audios.push(Arc::clone(&recorder));
                Some(recorder)
            }
            Err(error) => {
                inner.problems.push(format!("{} is not recorded: {error}", peer.name));
                None
            }
        }
    }
}

struct VideoTee {
    watch: Arc<FrameWatch>,
    recorder: Option<Arc<Y4mRecorder>>,
}

impl VideoSink for VideoTee {
    fn frame(&self, frame: &DecodedFrame) {
        self.watch.frame(frame);
        if let Some(recorder) = &self.recorder {
            recorder.frame(frame);
        }
    }
}

/// Latency and order of one peer's frames.
struct FrameWatch {
    verify_counter: bool,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    latencies_ms: Vec<f64>,
    order: ClipOrder,
    last_counter: Option<u64>,
}

impl FrameWatch {
    fn new(verify_counter: bool) -> Self {
        Self { verify_counter, seen: Mutex::default() }
    }

    fn frame(&self, frame: &DecodedFrame) {
        let counter = self.verify_counter.then(|| read_frame_counter(&frame.frame));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(captured) = frame.captured_us
            && seen.latencies_ms.len() < MAX_LATENCIES
        {
            seen.latencies_ms.push((frame.decoded_us - captured) as f64 / 1e3);
        }
        match counter {
            None => {}
            Some(None) => seen.order.unread += 1,
            Some(Some(counter)) => seen.count(counter),
        }
    }

    fn result(&self, verify: bool) -> (Option<Quantiles>, Option<ClipOrder>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (Quantiles::of(&mut seen.latencies_ms), verify.then_some(seen.order))
    }
}

impl Seen {
    fn count(&mut self, counter: u64) {
        self.order.read += 1;
        match self.last_counter {
            Some(last) if counter > last => self.order.skipped += counter - last - 1,
            Some(last) if last - counter < WRAP_FRAMES => self.order.out_of_order += 1,
            Some(_) | None => {}
        }
        self.last_counter = Some(counter);
    }
}

/// `camera.csv`: frame number in the clip and when it entered the pipeline.
pub struct CameraLog {
    out: BufWriter<File>,
}

impl CameraLog {
    /// Creates `camera.csv` in the directory.
    pub fn create(directory: &Path) -> Result<Self> {
        let path = directory.join("camera.csv");
        let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
        let mut out = BufWriter::new(file);
        writeln!(out, "frame,capture_us").with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { out })
    }

    /// Adds a frame. A full disk stops the log, not the call.
    pub fn add(&mut self, frame: u64, captured_us: i64) {
        if let Err(error) = writeln!(self.out, "{frame},{captured_us}") {
            tracing::warn!(%error, "camera.csv cannot be written");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn disorder_and_gaps_are_told_from_the_loop_of_a_clip() {
        let mut seen = Seen::default();
        for counter in (0..300).chain(0..10) {
            seen.count(counter);
        }
        assert_eq!((seen.order.out_of_order, seen.order.skipped), (0, 0));
        for counter in [12, 11, 11] {
            seen.count(counter);
        }
        assert_eq!((seen.order.read, seen.order.out_of_order, seen.order.skipped), (313, 2, 2));
    }

    #[test]
    fn names_become_safe_and_distinct_file_names() {
        let mut inner = Inner::default();
        let mut stem = |name: &str| Sinks::stem(&mut inner, &PeerInfo { id: "1".into(), name: name.into() }, "wav");
        assert_eq!(stem("Ada L."), "Ada_L");
        assert_eq!(stem("Ada L."), "Ada_L-2");
        assert_eq!(stem("../../etc/passwd"), "_.._etc_passwd");
        assert_eq!(stem("\u{202e}/"), "peer");
        assert_eq!(stem("Zoë"), "Zoë");
    }
}
