//! What the tests of whole calls share: a server in this process, test media made once, participants that are watched.

pub(crate) mod bad_path;
pub(crate) mod participant;
pub(crate) mod server;
pub(crate) mod sinks;
pub(crate) mod wire;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::Duration;

use sightline_media::audio::write_test_speech;
use sightline_media::video::write_test_clip;
use tempfile::TempDir;

/// Far more than anything here takes on an idle machine; a loaded one is not to fail a test.
pub(crate) const DEADLINE: Duration = Duration::from_secs(40);

/// Size and rate of the test clip: little enough for eight encoders and decoders in a debug build on two cores.
pub(crate) const WIDTH: u32 = 320;
/// See [`WIDTH`].
pub(crate) const HEIGHT: u32 = 180;
/// See [`WIDTH`].
pub(crate) const FPS: u32 = 15;
const CLIP_SECONDS: u32 = 4;
/// Frames in the clip before it starts over.
pub(crate) const CLIP_FRAMES: u64 = (FPS * CLIP_SECONDS) as u64;

/// Test media of this process, made when first asked for.
struct Media {
    _folder: TempDir,
    clip: PathBuf,
    speech: PathBuf,
}

fn media() -> &'static Media {
    static MEDIA: OnceLock<Media> = OnceLock::new();
    MEDIA.get_or_init(|| {
        let folder = TempDir::new().expect("a folder for test media");
        let (clip, speech) = (folder.path().join("clip.y4m"), folder.path().join("speech.wav"));
        write_test_clip(&clip, WIDTH, HEIGHT, FPS, CLIP_SECONDS).expect("a clip");
        write_test_speech(&speech, 8.0).expect("speech");
        Media { _folder: folder, clip, speech }
    })
}

/// A clip whose frames carry their number.
pub(crate) fn clip() -> &'static Path {
    &media().clip
}

/// Speech-like sound.
pub(crate) fn speech() -> &'static Path {
    &media().speech
}
