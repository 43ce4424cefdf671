//! What is uploaded, in words, for the people who are asked for it.
//!
//! Invariant: the list names every key that a batch can have, and no other; a test compares it with a full batch.

use std::path::Path;

use serde::Serialize;
use sightline_history::{HistoryError, preview};

/// Rows of each kind in what is shown: enough to see all that there is, and short enough to read.
const SHOWN_ROWS: usize = 4;

/// A field of what is uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Field {
    /// Where it is in the JSON; `[]` stands for each of a list.
    pub path: &'static str,
    /// What it says, as a sentence.
    pub says: &'static str,
}

/// All that is uploaded, for Settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct WhatIsUploaded {
    /// Every field.
    pub fields: &'static [Field],
    /// What would be sent next, or an example of the latest call where nothing waits: JSON for people to read, of the
    /// first rows of each kind. `None` where no call was recorded yet.
    pub example: Option<String>,
}

impl Default for WhatIsUploaded {
    /// Every field, and no example.
    fn default() -> Self {
        Self { fields: FIELDS, example: None }
    }
}

/// Tells what is uploaded: every field in words, and what would be sent.
///
/// # Errors
/// Where there is a history and it cannot be read.
pub fn what_is_uploaded(history: &Path, now_ms: i64) -> Result<WhatIsUploaded, HistoryError> {
    let batch = match preview(history, now_ms, SHOWN_ROWS) {
        Err(HistoryError::Missing { .. }) => None,
        other => other?,
    };
    // Of plain structs serde_json always makes a text.
    let example = batch.and_then(|batch| serde_json::to_string_pretty(&batch).ok());
    Ok(WhatIsUploaded { fields: FIELDS, example })
}

macro_rules! fields {
    ($($path:literal: $says:literal,)*) => { &[$(Field { path: $path, says: $says }),*] };
}

/// Three numbers stand for the mean, the least and the greatest of the readings in a window.
const FIELDS: &[Field] = fields! {
    "schema": "The version of this format.",
    "id": "A random name of this batch, so that one that is sent twice counts once.",
    "sentMs": "The time of sending by your clock.",
    "session": "About your stay in the call:",
    "session.id": "A random name of this stay.",
    "session.userId": "The number that the server gave you for this call.",
    "session.name": "Your name in the call, as the others see it.",
    "session.clientVersion": "The version of Sightline.",
    "session.platform": "The kind of your system: linux, macos or windows.",
    "session.startedMs": "When you came.",
    "session.endedMs": "When you left.",
    "session.endReason": "Why it ended, in a word.",
    "session.setup": "How long it took from pressing Join:",
    "session.setup.signalingMs": "Until you were in the room, in milliseconds.",
    "session.setup.iceMs": "Until a way to another person was found.",
    "session.setup.dtlsMs": "Until it was encrypted.",
    "session.setup.firstFrameMs": "Until the first picture came.",
    "session.windows": "How many stretches of 15 seconds were judged.",
    "session.goodWindows": "How many of them were good or OK.",
    "session.worst": "What spoilt most, for example 'loss audio inbound'.",
    "stays": "About each of the others, while you were there:",
    "stays[].stay": "A number that the rows below refer to.",
    "stays[].userId": "The number that the server gave them for this call.",
    "stays[].name": "Their name in the call.",
    "stays[].joinedMs": "When they came.",
    "stays[].leftMs": "When they left.",
    "stays[].leaveReason": "Why, in a word.",
    "stays[].setup": "How long the connection to them took from pressing Join:",
    "stays[].setup.signalingMs": "Until you were in the room, in milliseconds.",
    "stays[].setup.iceMs": "Until a way to them was found.",
    "stays[].setup.dtlsMs": "Until it was encrypted.",
    "stays[].setup.firstFrameMs": "Until their first picture came.",
    "samples": "How sound and pictures were, for each person and direction and each 15 seconds:",
    "samples[].seq": "The number of the row.",
    "samples[].stay": "Whom it is about.",
    "samples[].kind": "Sound (audio) or pictures (video).",
    "samples[].direction": "Received (inbound) or sent (outbound).",
    "samples[].startMs": "When the 15 seconds began.",
    "samples[].endMs": "When they ended.",
    "samples[].measuredMs": "For how much of them there were readings, in milliseconds.",
    "samples[].values": "Mean, least and greatest of:",
    "samples[].values.bitrateBps": "Bits a second.",
    "samples[].values.lossPercent": "Packets that were lost, in percent.",
    "samples[].values.jitterMs": "How unevenly packets came, in milliseconds.",
    "samples[].values.rttMs": "The way there and back, in milliseconds.",
    "samples[].values.bufferMs": "The time that sound or pictures waited to be played evenly, in milliseconds.",
    "samples[].values.concealedPercent": "Sound that was missing and made up for, in percent.",
    "samples[].values.fps": "Pictures a second.",
    "samples[].values.targetBps": "Bits a second that were aimed at.",
    "samples[].values.droppedPercent": "Pictures that were left out, in percent.",
    "samples[].values.limitedByBandwidthPercent": "The share of the time for which the connection held quality down.",
    "samples[].values.limitedByCpuPercent": "The share of the time for which the processor held quality down.",
    "samples[].values.latencyMs": "From the camera to the picture at the other end, in milliseconds.",
    "samples[].freezes": "How often pictures froze.",
    "samples[].frozenMs": "For how long together, in milliseconds.",
    "samples[].score": "How good it was, from 1 to 5.",
    "samples[].class": "The same in a word: good, ok, bad or terrible.",
    "samples[].cause": "What spoilt it, in a word.",
    "samples[].codec": "The format of sound or pictures, for example VP8.",
    "samples[].width": "The width of pictures in pixels.",
    "samples[].height": "Their height.",
    "samples[].muted": "Whether it was switched off.",
    "links": "How the connection to each person was, for each 15 seconds:",
    "links[].seq": "The number of the row.",
    "links[].stay": "To whom.",
    "links[].startMs": "When the 15 seconds began.",
    "links[].endMs": "When they ended.",
    "links[].measuredMs": "For how much of them there were readings, in milliseconds.",
    "links[].pathRttMs": "The way there and back, in milliseconds.",
    "links[].availableOutgoingBps": "Bits a second that the connection was thought to carry.",
    "links[].sentBps": "Bits a second sent.",
    "links[].receivedBps": "Bits a second received.",
    "links[].path": "The kind of connection, without addresses: direct, through a router or through a relay, and udp or tcp.",
    "process": "What Sightline took of your computer, for each 15 seconds:",
    "process[].seq": "The number of the row.",
    "process[].startMs": "When the 15 seconds began.",
    "process[].endMs": "When they ended.",
    "process[].measuredMs": "For how much of them there were readings, in milliseconds.",
    "process[].cpuPercent": "What Sightline used of a processor, in percent.",
    "process[].systemCpuPercent": "What all programs used of all processors, in percent.",
    "process[].residentBytes": "The memory that Sightline used.",
    "events": "What happened:",
    "events[].seq": "The number of the row.",
    "events[].unixMs": "When.",
    "events[].peer": "Whom it concerned, by the number that the server gave them.",
    "events[].event": "What it was:",
    "events[].event.kind": "Its kind, for example 'muted' or 'reconnecting'.",
    "events[].event.reason": "Why, in a word.",
    "events[].event.name": "The name of somebody who came.",
    "events[].event.state": "The new state of a connection or a device, in a word.",
    "events[].event.cause": "Why a connection broke, in a word.",
    "events[].event.media": "Whether it was about sound or pictures.",
    "events[].event.direction": "Whether it was about what was received or sent.",
    "events[].event.detail": "Always empty: the names of your devices stay with you.",
    "events[].event.codec": "The new format of sound or pictures.",
    "events[].event.width": "The new width of pictures in pixels.",
    "events[].event.height": "Their new height.",
    "events[].event.warning": "The name of a warning, for example 'high-loss'.",
    "events[].event.path": "The new kind of connection, without addresses:",
    "events[].event.path.local": "At your end: direct, through a router or through a relay.",
    "events[].event.path.remote": "At the other end.",
    "events[].event.path.protocol": "Udp or tcp.",
    "events[].event.setup": "How long it took from pressing Join:",
    "events[].event.setup.signaling_ms": "Until you were in the room, in milliseconds.",
    "events[].event.setup.ice_ms": "Until a way to the other person was found.",
    "events[].event.setup.dtls_ms": "Until it was encrypted.",
    "events[].event.setup.first_frame_ms": "Until the first picture came.",
    "breaks": "When there was no connection:",
    "breaks[].seq": "The number of the row.",
    "breaks[].stay": "To whom; absent where it was you, or the server was away.",
    "breaks[].startMs": "From when.",
    "breaks[].endMs": "Until when.",
    "breaks[].cause": "Why, in a word.",
};
