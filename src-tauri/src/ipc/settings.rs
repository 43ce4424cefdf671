//! Settings as the page shows them and the settings file keeps them.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Everything a person can set. An id of '' is the system's default device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Settings {
    /// Shown to the others; '' until the first start has asked for it.
    pub(crate) name: String,
    /// Signaling server, for example `ws://host:7788`; '' is the one inside the app.
    pub(crate) server: String,
    /// Camera id.
    pub(crate) camera: String,
    /// Microphone id.
    pub(crate) microphone: String,
    /// Speaker id.
    pub(crate) speaker: String,
    /// Most lines of our picture: 180, 360, 720 or 1080.
    pub(crate) max_height: u32,
    /// Most kbit/s of our picture.
    pub(crate) max_kbps: u32,
    /// Sends a small picture at a low rate whatever the two above say.
    pub(crate) data_saver: bool,
    /// Days for which calls stay in the history; 0 is for ever.
    pub(crate) keep_days: u32,
    /// Shares the record of each call with the server that it goes through.
    pub(crate) share_samples: bool,
    /// Light or dark.
    pub(crate) theme: Theme,
    /// Language of the page.
    pub(crate) language: Language,
}

/// Light or dark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Theme {
    /// As the system has it.
    System,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

/// A language there are strings for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    /// English.
    En,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            name: String::new(),
            server: String::new(),
            camera: String::new(),
            microphone: String::new(),
            speaker: String::new(),
            max_height: 720,
            max_kbps: 1500,
            data_saver: false,
            keep_days: 0,
            share_samples: false,
            theme: Theme::System,
            language: Language::En,
        }
    }
}
