//! The command line of `sightline-headless`.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use sightline_media::choice::{Camera, Loudspeaker, Microphone};

/// A Sightline call without a window.
#[derive(Debug, Parser)]
#[command(name = "sightline-headless", version, about, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Create a room and print its code
    Create {
        /// Signaling server, for example ws://127.0.0.1:7788
        #[arg(long, value_name = "URL")]
        server: String,
    },
    /// Join the room with this code
    Join(Box<JoinArgs>),
    /// List cameras, microphones and speakers
    Devices,
}

/// What a call is made of.
#[derive(Debug, Clone, Args)]
pub struct JoinArgs {
    /// The room's code
    pub code: String,
    /// Signaling server, for example ws://127.0.0.1:7788
    #[arg(long, value_name = "URL")]
    pub server: String,
    /// Name shown to the others
    #[arg(long)]
    pub name: String,
    /// Pictures to send: `none`, `pattern`, `file:CLIP.y4m` or `device[:ID]`
    #[arg(long, value_name = "SOURCE", default_value = "none")]
    pub camera: Camera,
    /// Size of the pictures sent
    #[arg(long, value_name = "WxH", default_value = "1280x720")]
    pub size: Size,
    /// Pictures per second
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=60))]
    pub fps: u32,
    /// Most kbit/s of video
    #[arg(long, value_name = "KBPS", default_value_t = 1500, value_parser = clap::value_parser!(u32).range(30..=50_000))]
    pub max_kbps: u32,
    /// Ask every peer for pictures of this size; without it, they send the largest that the connection carries
    #[arg(long, value_name = "WxH")]
    pub tile: Option<Size>,
    /// Sound to send: `none`, `tone`, `file:VOICE.wav` or `device[:ID]`
    #[arg(long, value_name = "SOURCE", default_value = "none")]
    pub microphone: Microphone,
    /// Where to play: `none` or `device[:ID]`
    #[arg(long, value_name = "SINK", default_value = "none")]
    pub speaker: Loudspeaker,
    /// Echo cancellation, noise suppression and gain on a file or tone too (devices always have them)
    #[arg(long)]
    pub process_audio: bool,
    /// Record every peer into this directory
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// Keep the call's samples in this SQLite file
    #[arg(long, value_name = "FILE")]
    pub history: Option<PathBuf>,
    /// Send the samples to the call's server too, for its admins; what does not arrive waits in the history's file
    #[arg(long, requires = "history")]
    pub share: bool,
    /// Leave after so many seconds; without it, at Ctrl-C
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=604_800))]
    pub seconds: Option<u64>,
    /// Write the report as JSON into a file, or to stdout with -
    #[arg(long, value_name = "FILE|-")]
    pub report: Option<PathBuf>,
    /// Leave so many seconds at the start out of the figures (not out of set-up and of the series)
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=3600))]
    pub warm_up: u64,
    /// Put figures of each second into the report, of an hour at most
    #[arg(long)]
    pub series: bool,
    /// Read the frame counter that Sightline's own clips carry, and report frames out of order
    #[arg(long)]
    pub verify_counter: bool,
    /// The same, and measure how like what was sent the peers' pictures are, if they send `pattern` in our own --size
    #[arg(long)]
    pub verify_picture: bool,
    /// Local UDP address for media, for example 192.0.2.7:0; may be given several times [default: all interfaces]
    #[arg(long, value_name = "ADDRESS")]
    pub bind: Vec<String>,
    /// Reach peers over TURN relays only, so that they do not learn our addresses
    #[arg(long)]
    pub relay_only: bool,
    /// The WebRTC crate's own send side at a fixed rate, for the bench that measures it beside ours
    #[arg(long, hide = true)]
    pub stock_network: bool,
}

/// `--size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = || {
            let (width, height) = text.split_once(['x', 'X'])?;
            Some(Self { width: width.parse().ok()?, height: height.parse().ok()? })
        };
        match parse() {
            Some(size) if [size.width, size.height].iter().all(|n| (16..=4096).contains(n) && n % 2 == 0) => Ok(size),
            Some(_) => Err("width and height must be even and between 16 and 4096".to_owned()),
            None => Err("give WIDTHxHEIGHT, for example 1280x720".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_even_and_bounded() {
        assert_eq!("640x360".parse(), Ok(Size { width: 640, height: 360 }));
        for wrong in ["641x360", "0x0", "99999x2", "640", "x", "640x360x2", "-2x16"] {
            assert!(wrong.parse::<Size>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_documented_command_line_parses() {
        let line = "sightline-headless join a-b-c-d --server ws://127.0.0.1:7788 --name N --camera pattern \
                    --size 1280x720 --fps 30 --max-kbps 1500 --tile 320x180 --microphone tone --speaker none --record out \
                    --history h.sqlite --share --seconds 5 --report -";
        assert!(Cli::try_parse_from(line.split_whitespace()).is_ok());
        let nowhere_to_wait = "sightline-headless join a-b-c-d --server ws://127.0.0.1:7788 --name N --share";
        assert_eq!(Cli::try_parse_from(nowhere_to_wait.split_whitespace()).unwrap_err().exit_code(), 2);
        let no_name = "sightline-headless join a-b-c-d --server ws://127.0.0.1:7788";
        assert_eq!(Cli::try_parse_from(no_name.split_whitespace()).unwrap_err().exit_code(), 2);
    }
}
