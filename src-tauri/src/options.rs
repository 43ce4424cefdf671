//! The command line of `sightline`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Parser;
use sightline_media::choice::{Camera, Loudspeaker, Microphone};

/// Video calls with a flight recorder.
///
/// RUST_LOG sets what is logged to stderr (default: warnings).
#[derive(Debug, Clone, Default, Parser)]
#[command(name = "sightline", version, max_term_width = 100)]
pub struct Options {
    /// A link to open: sightline://join/HOST/CODE
    pub link: Option<String>,
    /// Folder of settings, history and rooms; another folder is another Sightline, which runs beside the first
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// Folder for exports; the system's folder for downloads without it
    #[arg(long, value_name = "DIR")]
    pub export_dir: Option<PathBuf>,
    /// Address of the server inside the app; without it port 7788, or a free one, on all interfaces
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub listen: Option<SocketAddr>,
    /// Pictures to send where no camera is chosen: `none`, `pattern`, `file:CLIP.y4m` or `device[:ID]`
    #[arg(long, value_name = "SOURCE")]
    pub camera: Option<Camera>,
    /// Sound to send where no microphone is chosen: `none`, `tone`, `file:VOICE.wav` or `device[:ID]`
    #[arg(long, value_name = "SOURCE")]
    pub microphone: Option<Microphone>,
    /// Where to play where no speaker is chosen: `none` or `device[:ID]`
    #[arg(long, value_name = "SINK")]
    pub speaker: Option<Loudspeaker>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_an_argument() {
        let options = Options::try_parse_from(["sightline", "sightline://join/host/a-b"]).unwrap();
        assert_eq!(options.link.as_deref(), Some("sightline://join/host/a-b"));
        assert_eq!(Options::try_parse_from(["sightline", "--camera", "tone"]).unwrap_err().exit_code(), 2);
    }
}
