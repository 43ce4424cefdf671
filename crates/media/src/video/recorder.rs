//! Writes what was received to disk: pictures to a y4m file, their times to a CSV file.
//!
//! Invariant: the disk never delays decoding: pictures go through a bounded queue to a thread of their own, and one that does
//! not fit is left out of both files and counted. Row `n` of the CSV file belongs to picture `n` of the y4m file.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use super::y4m::{Y4mFormat, Y4mWriter};
use super::{DecodedFrame, Scaler, VideoSink};
use crate::MediaError;

/// Pictures that wait for the disk: 0.4 s at 30 a second, 17 MB at 720p.
const QUEUED_FRAMES: usize = 12;
/// What the y4m header says: the sender's rate is not on the wire. True times are in the CSV file.
const NOMINAL_RATE: (u32, u32) = (30, 1);
/// First line of the CSV file.
const CSV_HEADER: &str = "frame,rtp_timestamp,capture_us,decode_us";

/// What was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Y4mRecording {
    /// Pictures in the file.
    pub frames: u64,
    /// Pictures that the disk was too slow for.
    pub dropped: u64,
}

/// Records one remote track. A [`VideoSink`].
pub struct Y4mRecorder {
    /// `None` once it is finished.
    queue: Mutex<Option<SyncSender<DecodedFrame>>>,
    thread: Mutex<Option<JoinHandle<Result<u64, MediaError>>>>,
    dropped: AtomicU64,
}

impl Y4mRecorder {
    /// Will write `NAME.y4m` and `NAME.csv` in `folder`. The y4m file is made with the first picture, and has its size;
    /// later pictures of another size are fitted into it.
    pub fn create(folder: &Path, name: &str) -> Result<Self, MediaError> {
        let files = Files::create(folder, name)?;
        let (queue, frames) = sync_channel(QUEUED_FRAMES);
        let work = move || files.run(&frames);
        let thread = thread::Builder::new().name("y4m-recorder".into()).spawn(work).map_err(MediaError::Thread)?;
        let (queue, thread) = (Mutex::new(Some(queue)), Mutex::new(Some(thread)));
        Ok(Self { queue, thread, dropped: AtomicU64::new(0) })
    }

    /// Writes out what waits and closes the files. Pictures that come later are ignored; a second call changes nothing.
    pub fn finish(&self) -> Result<Y4mRecording, MediaError> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let frames = match thread.map(JoinHandle::join) {
            Some(Ok(written)) => written?,
            Some(Err(_)) => return Err(MediaError::Unsupported("the recorder of pictures panicked".into())),
            None => 0,
        };
        Ok(Y4mRecording { frames, dropped: self.dropped.load(Ordering::Relaxed) })
    }
}

impl Drop for Y4mRecorder {
    fn drop(&mut self) {
        if let Err(error) = self.finish() {
            tracing::error!(%error, "the recording of pictures is not complete");
        }
    }
}

impl VideoSink for Y4mRecorder {
    fn frame(&self, frame: &DecodedFrame) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        // A thread that has ended had an error, which finish() tells.
        if let Some(Err(TrySendError::Full(_))) = queue.as_ref().map(|queue| queue.try_send(frame.clone())) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What the writing thread owns.
struct Files {
    y4m_path: PathBuf,
    csv_path: PathBuf,
    csv: BufWriter<File>,
}

impl Files {
    fn create(folder: &Path, name: &str) -> Result<Self, MediaError> {
        // Names come from peers: none may lead out of the folder.
        if Path::new(name).file_name() != Some(OsStr::new(name)) {
            return Err(MediaError::Unsupported(format!("'{name}' cannot be the name of a file")));
        }
        let csv_path = folder.join(format!("{name}.csv"));
        let unwritable = |source| MediaError::Write { path: csv_path.clone(), source };
        let mut csv = BufWriter::new(File::create(&csv_path).map_err(unwritable)?);
        writeln!(csv, "{CSV_HEADER}").map_err(unwritable)?;
        Ok(Self { y4m_path: folder.join(format!("{name}.y4m")), csv_path, csv })
    }

    /// Writes until the queue is closed; gives the number of pictures.
    fn run(mut self, frames: &Receiver<DecodedFrame>) -> Result<u64, MediaError> {
        let mut written = 0;
        let mut scaler = Scaler::new();
        let mut y4m: Option<(Y4mFormat, Y4mWriter)> = None;
        for decoded in frames {
            let frame = &decoded.frame;
            let (format, writer) = match &mut y4m {
                Some(open) => open,
                none => {
                    let format = Y4mFormat { width: frame.width(), height: frame.height(), rate: NOMINAL_RATE };
                    none.insert((format, Y4mWriter::create(&self.y4m_path, format)?))
                }
            };
            writer.write(&scaler.letterbox(frame, format.width, format.height)?)?;
            let captured = decoded.captured_us.map(|captured| captured.to_string()).unwrap_or_default();
            writeln!(self.csv, "{written},{},{captured},{}", decoded.rtp_timestamp, decoded.decoded_us)
                .map_err(|source| MediaError::Write { path: self.csv_path.clone(), source })?;
            written += 1;
        }
        if let Some((_, writer)) = y4m {
            writer.finish()?;
        }
        self.csv.flush().map_err(|source| MediaError::Write { path: self.csv_path, source })?;
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{FramePool, Pattern, Y4mReader, read_frame_counter};
    use super::*;

    fn decoded(number: u64, width: u32, height: u32, captured_us: Option<i64>) -> DecodedFrame {
        let mut buffer = FramePool::default().buffer(width, height).expect("buffer");
        Pattern::new(width, height).expect("a pattern").draw(number, buffer.planes_mut());
        DecodedFrame { frame: buffer.freeze(0), rtp_timestamp: 3000 * number as u32, decoded_us: 77, captured_us }
    }

    #[test]
    fn pictures_and_rows_belong_together() {
        let folder = tempfile::tempdir().expect("a folder");
        let recorder = Y4mRecorder::create(folder.path(), "Ann").expect("created");
        recorder.frame(&decoded(5, 320, 240, Some(11)));
        recorder.frame(&decoded(6, 640, 480, None));
        recorder.frame(&decoded(7, 160, 120, Some(-1)));
        assert_eq!(recorder.finish().expect("written"), Y4mRecording { frames: 3, dropped: 0 });
        recorder.frame(&decoded(8, 320, 240, None));

        let csv = std::fs::read_to_string(folder.path().join("Ann.csv")).expect("a CSV file");
        let rows: Vec<&str> = csv.lines().collect();
        assert_eq!(rows, ["frame,rtp_timestamp,capture_us,decode_us", "0,15000,11,77", "1,18000,,77", "2,21000,-1,77"]);
        let mut reader = Y4mReader::open(&folder.path().join("Ann.y4m")).expect("a y4m file");
        assert_eq!((reader.format().width, reader.format().height), (320, 240));
        for (index, number) in [5, 6, 7, 5].into_iter().enumerate() {
            let (at, buffer) = reader.next_frame(&FramePool::default()).expect("a picture");
            assert_eq!((at, read_frame_counter(&buffer.freeze(0))), (index as u64 % 3, Some(number)));
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_an_error_at_once() {
        let error = Y4mRecorder::create(Path::new("/no/such/folder"), "Ann").err().expect("refused");
        assert!(error.to_string().starts_with("cannot write /no/such/folder/Ann.csv"), "{error}");
    }

    #[test]
    fn a_name_cannot_lead_out_of_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["../Ann", "/tmp/Ann", "..", "", "Ann/", "a/b"] {
            assert!(Y4mRecorder::create(folder.path(), name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_disk_that_fails_is_told_at_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("Ann.y4m")).expect("in the way");
        let recorder = Y4mRecorder::create(folder.path(), "Ann").expect("created");
        recorder.frame(&decoded(0, 32, 32, None));
        assert!(recorder.finish().is_err_and(|error| error.to_string().contains("Ann.y4m")));
    }
}
