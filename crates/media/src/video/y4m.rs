//! YUV4MPEG2 files: raw pictures with a line of text before the first and before each.
//!
//! Invariant: a header is bounded before it is read and checked before memory is taken; only whole pictures come out.
//! Accepted: 8 bits, 4:2:0 (`C420`, `C420jpeg`, `C420mpeg2`, `C420paldv`, or no `C`), progressive, 1 to 120 frames a second.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::frame::{FrameBuffer, FramePool, MAX_SIDE, VideoFrame, check_size, i420_len};
use crate::MediaError;

/// The longest header line; real ones have about 60 bytes.
const MAX_LINE: u64 = 1024;

/// What the header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Y4mFormat {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Frames in `rate.1` seconds.
    pub rate: (u32, u32),
}

impl Y4mFormat {
    /// When frame `number` is due, counted from frame 0.
    pub fn due(&self, number: u64) -> Duration {
        let nanos = u128::from(number) * u128::from(self.rate.1) * 1_000_000_000 / u128::from(self.rate.0);
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

/// Reads a file round and round.
pub struct Y4mReader {
    path: PathBuf,
    file: BufReader<File>,
    format: Y4mFormat,
    /// Where the first frame begins.
    first_frame: u64,
    /// Number in the clip of the next frame.
    next: u64,
    /// The file ends in the middle of a frame.
    truncated: bool,
}

impl Y4mReader {
    /// Opens a file and makes sure that at least its first frame is whole.
    pub fn open(path: &Path) -> Result<Self, MediaError> {
        let bad = |problem: String| MediaError::BadFile { path: path.into(), problem };
        let unreadable = |source| MediaError::Read { path: path.into(), source };
        let file = File::open(path).map_err(unreadable)?;
        if file.metadata().map_err(unreadable)?.is_dir() {
            return Err(bad("it is a folder, not a y4m file".into()));
        }
        let mut file = BufReader::new(file);
        let header = read_line(&mut file).map_err(unreadable)?;
        let header = header.ok_or_else(|| bad("it is not a y4m file: it has no header line".into()))?;
        let format = parse_header(&header).map_err(bad)?;
        let first_frame = header.len() as u64 + 1;
        let mut reader = Self { path: path.into(), file, format, first_frame, next: 0, truncated: false };
        let mut probe = FramePool::default().buffer(format.width, format.height)?;
        if !reader.read_into(&mut probe)? {
            return Err(bad("it ends before its first picture does; it must hold at least one whole picture".into()));
        }
        reader.rewind()?;
        Ok(reader)
    }

    /// What the header says.
    pub fn format(&self) -> Y4mFormat {
        self.format
    }

    /// The next picture and its number in the clip; after the last one the first again.
    ///
    /// A file that ends in the middle of a picture is played up to the one before; the log says so once.
    pub fn next_frame(&mut self, pool: &FramePool) -> Result<(u64, FrameBuffer), MediaError> {
        let mut buffer = pool.buffer(self.format.width, self.format.height)?;
        if !self.read_into(&mut buffer)? {
            self.rewind()?;
            if !self.read_into(&mut buffer)? {
                let problem = "it was cut while it was played; no whole picture is left".into();
                return Err(MediaError::BadFile { path: self.path.clone(), problem });
            }
        }
        self.next += 1;
        Ok((self.next - 1, buffer))
    }

    fn rewind(&mut self) -> Result<(), MediaError> {
        self.next = 0;
        self.file.seek(SeekFrom::Start(self.first_frame)).map_err(|source| self.unreadable(source))?;
        Ok(())
    }

    /// False at the end of the file.
    fn read_into(&mut self, buffer: &mut FrameBuffer) -> Result<bool, MediaError> {
        let Some(line) = read_line(&mut self.file).map_err(|source| self.unreadable(source))? else {
            return Ok(false);
        };
        if !(line == b"FRAME" || line.starts_with(b"FRAME ")) {
            let problem = format!("picture {} does not begin with FRAME; the file is damaged", self.next);
            return Err(MediaError::BadFile { path: self.path.clone(), problem });
        }
        match self.file.read_exact(buffer.i420_mut()) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                // Without a whole picture the file is refused, which says enough.
                if !self.truncated && self.next > 0 {
                    self.truncated = true;
                    tracing::warn!(path = %self.path.display(), "the clip ends in the middle of a picture, which is left out");
                }
                Ok(false)
            }
            Err(error) => Err(self.unreadable(error)),
        }
    }

    fn unreadable(&self, source: io::Error) -> MediaError {
        MediaError::Read { path: self.path.clone(), source }
    }
}

/// A line without its end; `None` at the end of the file or where no line ends within the limit.
fn read_line(file: &mut BufReader<File>) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    file.take(MAX_LINE).read_until(b'\n', &mut line)?;
    Ok(line.pop_if(|last| *last == b'\n').map(|_| line))
}

fn parse_header(line: &[u8]) -> Result<Y4mFormat, String> {
    let text = String::from_utf8_lossy(line);
    let mut fields = text.split_ascii_whitespace();
    if fields.next() != Some("YUV4MPEG2") {
        return Err("it is not a y4m file: it does not begin with YUV4MPEG2".into());
    }
    let (mut width, mut height, mut rate) = (None, None, (30, 1));
    for field in fields {
        let (tag, value) = field.split_at_checked(1).unwrap_or((field, ""));
        match tag {
            "W" => width = value.parse().ok(),
            "H" => height = value.parse().ok(),
            "F" => {
                rate = parse_rate(value).ok_or_else(|| format!("its frame rate '{value}' is not within 1 to 120"))?
            }
            "I" if !matches!(value, "p" | "?") => {
                return Err("it is interlaced; make it progressive, for example with ffmpeg -vf yadif".into());
            }
            "C" if !matches!(value, "420" | "420jpeg" | "420mpeg2" | "420paldv") => {
                return Err(format!("its pixels are {value}; make them 8-bit 4:2:0 with ffmpeg -pix_fmt yuv420p"));
            }
            _ => {}
        }
    }
    let (Some(width), Some(height)) = (width, height) else {
        return Err("its header does not tell width and height".into());
    };
    check_size(width, height)
        .map_err(|_| format!("it is {width}x{height}; both sides must be even and at most {MAX_SIDE}"))?;
    Ok(Y4mFormat { width, height, rate })
}

fn parse_rate(text: &str) -> Option<(u32, u32)> {
    let (frames, seconds) = text.split_once(':')?;
    let (frames, seconds): (u32, u32) = (frames.parse().ok()?, seconds.parse().ok()?);
    (seconds > 0 && (seconds..=seconds.saturating_mul(120)).contains(&frames)).then_some((frames, seconds))
}

/// Writes a file. All pictures have the size of the header.
pub struct Y4mWriter {
    path: PathBuf,
    file: BufWriter<File>,
    format: Y4mFormat,
}

impl Y4mWriter {
    /// Makes the file, or empties it, and writes its header.
    pub fn create(path: &Path, format: Y4mFormat) -> Result<Self, MediaError> {
        check_size(format.width, format.height)?;
        let unwritable = |source| MediaError::Write { path: path.into(), source };
        let mut file = BufWriter::new(File::create(path).map_err(unwritable)?);
        let Y4mFormat { width, height, rate } = format;
        writeln!(file, "YUV4MPEG2 W{width} H{height} F{}:{} Ip A1:1 C420jpeg", rate.0, rate.1).map_err(unwritable)?;
        Ok(Self { path: path.into(), file, format })
    }

    /// Appends a picture.
    pub fn write(&mut self, frame: &VideoFrame) -> Result<(), MediaError> {
        if frame.i420().len() != i420_len(self.format.width, self.format.height) {
            return Err(MediaError::Unsupported(format!(
                "a picture of {}x{} does not belong in a file of {}x{}",
                frame.width(),
                frame.height(),
                self.format.width,
                self.format.height
            )));
        }
        let written = self.file.write_all(b"FRAME\n").and_then(|()| self.file.write_all(frame.i420()));
        written.map_err(|source| MediaError::Write { path: self.path.clone(), source })
    }

    /// Writes out what is still buffered.
    pub fn finish(mut self) -> Result<(), MediaError> {
        self.file.flush().map_err(|source| MediaError::Write { path: self.path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: Y4mFormat = Y4mFormat { width: 16, height: 8, rate: (30_000, 1001) };

    fn grey(level: u8) -> VideoFrame {
        VideoFrame::from_i420(16, 8, vec![level; 192], 0).expect("a small picture")
    }

    fn clip(folder: &Path, frames: u8) -> PathBuf {
        let path = folder.join("clip.y4m");
        let mut writer = Y4mWriter::create(&path, FORMAT).expect("created");
        (0..frames).for_each(|level| writer.write(&grey(level)).expect("written"));
        writer.finish().expect("flushed");
        path
    }

    fn play(reader: &mut Y4mReader, count: usize) -> Vec<(u64, u8)> {
        let pool = FramePool::default();
        let mut next = || reader.next_frame(&pool).map(|(number, mut frame)| (number, frame.i420_mut()[0]));
        (0..count).map(|_| next().expect("a picture")).collect()
    }

    fn refusal(bytes: &[u8]) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bad.y4m");
        std::fs::write(&path, bytes).expect("written");
        Y4mReader::open(&path).err().expect("refused").to_string()
    }

    #[test]
    fn a_clip_comes_back_and_loops() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut reader = Y4mReader::open(&clip(folder.path(), 3)).expect("opened");
        assert_eq!(reader.format(), FORMAT);
        assert_eq!(play(&mut reader, 7), [(0, 0), (1, 1), (2, 2), (0, 0), (1, 1), (2, 2), (0, 0)]);
    }

    #[test]
    fn a_cut_clip_plays_its_whole_pictures() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = clip(folder.path(), 3);
        let whole = std::fs::read(&path).expect("read");
        for cut in [1, 100, 192, 195] {
            std::fs::write(&path, &whole[..whole.len() - cut]).expect("written");
            let mut reader = Y4mReader::open(&path).expect("opened");
            assert_eq!(play(&mut reader, 4), [(0, 0), (1, 1), (0, 0), (1, 1)], "cut by {cut}");
        }
    }

    #[test]
    fn wrong_files_are_refused_with_their_reason() {
        let missing = Y4mReader::open(Path::new("/no/such.y4m")).err().expect("refused").to_string();
        assert!(missing.starts_with("cannot read /no/such.y4m"), "{missing}");
        assert!(Y4mReader::open(&std::env::temp_dir()).is_err());
        for (bytes, reason) in [
            (&b""[..], "no header line"),
            (&[b'x'; 100_000][..], "no header line"),
            (b"RIFF....WAVE\n", "does not begin with YUV4MPEG2"),
            (b"YUV4MPEG2 W16\n", "width and height"),
            (b"YUV4MPEG2 W-1 H8\n", "width and height"),
            (b"YUV4MPEG2 W15 H8\n", "15x8"),
            (b"YUV4MPEG2 W100000 H100000\n", "at most 4096"),
            (b"YUV4MPEG2 W16 H8 F0:0\n", "frame rate"),
            (b"YUV4MPEG2 W16 H8 F4294967295:1\n", "frame rate"),
            (b"YUV4MPEG2 W16 H8 It\n", "interlaced"),
            (b"YUV4MPEG2 W16 H8 C420p10\n", "4:2:0"),
            (b"YUV4MPEG2 W16 H8 C444\n", "4:2:0"),
            (b"YUV4MPEG2 W16 H8 C420jpeg\n", "at least one whole picture"),
            (b"YUV4MPEG2 W16 H8 C420jpeg\nFRAME\nshort", "at least one whole picture"),
            (b"YUV4MPEG2 W16 H8\nFRAMES\n", "does not begin with FRAME"),
        ] {
            let message = refusal(bytes);
            assert!(message.contains(reason) && !message.contains('\n'), "{message} should say {reason}");
        }
    }

    #[test]
    fn damage_behind_the_first_picture_is_an_error_when_it_is_reached() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = clip(folder.path(), 2);
        let mut bytes = std::fs::read(&path).expect("read");
        let second = bytes.len() - 198;
        bytes[second] = b'X';
        std::fs::write(&path, bytes).expect("written");
        let mut reader = Y4mReader::open(&path).expect("its first picture is whole");
        assert_eq!(play(&mut reader, 1), [(0, 0)]);
        assert!(reader.next_frame(&FramePool::default()).is_err());
    }

    #[test]
    fn frames_are_due_by_the_exact_rate() {
        assert_eq!(FORMAT.due(0), Duration::ZERO);
        assert_eq!(FORMAT.due(30_000), Duration::from_secs(1001));
        assert_eq!(FORMAT.due(u64::MAX), Duration::from_nanos(u64::MAX));
    }
}
