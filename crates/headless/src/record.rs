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
use sightline_media::video::{DecodedFrame, VideoSink, Y4mRecorder};

use crate::watch::{FrameWatch, Verify, Watched};

/// Makes and keeps the sinks of all peers.
pub struct Sinks {
    directory: Option<PathBuf>,
    verify: Verify,
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
    pub fn new(directory: Option<&Path>, verify: Verify) -> Result<Self> {
        if let Some(directory) = directory {
            std::fs::create_dir_all(directory)
                .with_context(|| format!("cannot create the directory {} for --record", directory.display()))?;
        }
        Ok(Self { directory: directory.map(Path::to_owned), verify, inner: Mutex::default() })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was seen of a peer's pictures since the last [`restart`](Self::restart).
    pub fn watched(&self, peer: &str) -> Watched {
        let watch = self.lock().watches.get(peer).cloned();
        watch.map(|watch| watch.result()).unwrap_or_default()
    }

    /// Forgets what was seen so far.
    pub fn restart(&self) {
        self.lock().watches.values().for_each(|watch| watch.restart());
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
        let watch = inner.watches.entry(peer.id.clone()).or_insert_with(|| Arc::new(FrameWatch::new(self.verify)));
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
