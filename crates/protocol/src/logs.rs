//! What a client whose user agreed uploads of its own record: the body of `POST /api/logs`.
//!
//! Invariants: a batch stands for itself, so that batches may come late, twice or in any order; numbering by the client
//! (`session`, `stay`, `seq`) makes every row the same row when it comes again. There is no field for an address.

use serde::{Deserialize, Serialize};

/// Version of [`LogBatch`]. A server that knows only older ones answers `unsupported-version`.
pub const LOG_SCHEMA: u16 = 1;

/// A part of one session's record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogBatch {
    /// [`LOG_SCHEMA`].
    pub schema: u16,
    /// Names this batch for good: 8 to 64 letters, digits and hyphens. A batch that comes again under its id changes
    /// nothing.
    pub id: String,
    /// The client's clock when it sent, milliseconds since the Unix epoch. The server corrects the other times by it.
    pub sent_ms: i64,
    /// Whose record.
    pub session: LogSession,
    /// Stays of others that the rows refer to.
    #[serde(default)]
    pub stays: Vec<LogStay>,
    /// Windows of tracks.
    #[serde(default)]
    pub samples: Vec<LogSample>,
    /// Windows of the connections.
    #[serde(default)]
    pub links: Vec<LogLink>,
    /// Windows of the process.
    #[serde(default)]
    pub process: Vec<LogProcess>,
    /// What happened.
    #[serde(default)]
    pub events: Vec<LogEvent>,
    /// Stretches without a connection.
    #[serde(default)]
    pub breaks: Vec<LogBreak>,
}

/// One unbroken presence of the client in a call, as far as it is known when the batch is sent. The latest batch counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogSession {
    /// Made by the client at random: 8 to 64 letters, digits and hyphens.
    pub id: String,
    /// The client's participant id in this session.
    pub user_id: String,
    /// Its name there.
    pub name: String,
    /// For example `0.1.0`.
    pub client_version: String,
    /// `linux`, `macos`, `windows`.
    pub platform: String,
    /// Milliseconds since the Unix epoch, by the client's clock.
    pub started_ms: i64,
    /// Absent while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<i64>,
    /// `left`, `crash`, ...
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_reason: Option<String>,
    /// Join pressed to first picture, by step.
    #[serde(default)]
    pub setup: LogSetup,
    /// 15 s windows with a verdict so far.
    #[serde(default)]
    pub windows: u32,
    /// Those of them that were good or OK.
    #[serde(default)]
    pub good_windows: u32,
    /// What spoilt most, as `cause kind direction`, for example `loss audio inbound`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub worst: Option<String>,
}

/// How long each step of set-up took, in milliseconds from 'join pressed' on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LogSetup {
    /// Room entered over signaling.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signaling_ms: Option<f64>,
    /// ICE connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ice_ms: Option<f64>,
    /// DTLS done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dtls_ms: Option<f64>,
    /// First remote frame decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_frame_ms: Option<f64>,
}

/// The presence of another participant in the session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogStay {
    /// Number within the session.
    pub stay: u32,
    /// The other's participant id.
    pub user_id: String,
    /// Its name, where it was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub joined_ms: i64,
    /// Absent while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_ms: Option<i64>,
    /// Why it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leave_reason: Option<String>,
    /// Set-up of the link.
    #[serde(default)]
    pub setup: LogSetup,
}

/// Mean, least and greatest of a value over a window. Absent is not measured, never 0.
pub type LogSpread = Option<[f32; 3]>;

/// A track over at most 15 s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogSample {
    /// Number of the row within the session, over all samples.
    pub seq: u32,
    /// Whose, by [`LogStay::stay`].
    pub stay: u32,
    /// `audio` or `video`.
    pub kind: LogKind,
    /// `inbound` (received by the reporter) or `outbound`.
    pub direction: LogDirection,
    /// Milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// Likewise.
    pub end_ms: i64,
    /// Time in it during which readings could be compared, in milliseconds.
    pub measured_ms: u32,
    /// The values: each is named as in docs/metrics.md.
    #[serde(default)]
    pub values: LogValues,
    /// Freezes of pictures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freezes: Option<u32>,
    /// For how long together, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frozen_ms: Option<f32>,
    /// 1 to 5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    /// `good`, `ok`, `bad`, `terrible`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<String>,
    /// What spoilt it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// As negotiated, for example `VP8`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub codec: Option<String>,
    /// Pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Switched off by whoever sends it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub muted: bool,
}

/// The values of a [`LogSample`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LogValues {
    /// Bit/s, received or sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitrate_bps: LogSpread,
    /// Percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss_percent: LogSpread,
    /// Interarrival jitter (RFC 3550).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter_ms: LogSpread,
    /// Media round trip.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt_ms: LogSpread,
    /// Time in the jitter buffer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub buffer_ms: LogSpread,
    /// Share of sound played that was neither received nor recovered, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub concealed_percent: LogSpread,
    /// Pictures a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fps: LogSpread,
    /// What the encoder was told, bit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_bps: LogSpread,
    /// Pictures dropped, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped_percent: LogSpread,
    /// Share of the time for which bandwidth held quality down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited_by_bandwidth_percent: LogSpread,
    /// Share of the time for which the processor did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limited_by_cpu_percent: LogSpread,
    /// Capture to decoded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ms: LogSpread,
}

/// The connection to a peer over at most 15 s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogLink {
    /// Number of the row within the session, over all links.
    pub seq: u32,
    /// To whom, by [`LogStay::stay`].
    pub stay: u32,
    /// Milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// Likewise.
    pub end_ms: i64,
    /// As in [`LogSample`].
    pub measured_ms: u32,
    /// STUN round trip.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path_rtt_ms: LogSpread,
    /// The bandwidth estimate, bit/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available_outgoing_bps: LogSpread,
    /// Bit/s on the transport.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_bps: LogSpread,
    /// Bit/s on the transport.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub received_bps: LogSpread,
    /// What kind of path, without addresses: `host`, `srflx`, `prflx` or `relay` at our end, at the peer's, then `udp` or
    /// `tcp`, parted by spaces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
}

/// The client's process over at most 15 s.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogProcess {
    /// Number of the row within the session, over all of its kind.
    pub seq: u32,
    /// Milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// Likewise.
    pub end_ms: i64,
    /// As in [`LogSample`].
    pub measured_ms: u32,
    /// 100 is one processor fully used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_percent: LogSpread,
    /// 100 is the whole machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system_cpu_percent: LogSpread,
    /// Resident memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resident_bytes: LogSpread,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogEvent {
    /// Number of the row within the session, over all events.
    pub seq: u32,
    /// Milliseconds since the Unix epoch.
    pub unix_ms: i64,
    /// Participant id of whom it concerns; absent for the reporter or the whole call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// An object with `kind` and what belongs to it (docs/metrics.md: Events).
    pub event: serde_json::Map<String, serde_json::Value>,
}

/// A stretch without a connection, or in which nothing could be measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogBreak {
    /// Number of the row within the session, over all breaks. An open one comes again with its end.
    pub seq: u32,
    /// To whom, by [`LogStay::stay`]; absent where it is about the reporter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stay: Option<u32>,
    /// Milliseconds since the Unix epoch.
    pub start_ms: i64,
    /// Absent while it lasts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_ms: Option<i64>,
    /// Why, for example `sleep`.
    pub cause: String,
}

/// Of a track.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum LogKind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// As the reporter sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum LogDirection {
    /// Received.
    Inbound,
    /// Sent.
    Outbound,
}

/// Answer to `POST /api/logs`: the batch is on the server's disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "camelCase")]
pub struct LogAccepted {
    /// The batch's id.
    pub id: String,
    /// Rows that are new.
    pub stored: u32,
    /// Rows that were there already, or came under an id that was there.
    pub known: u32,
}

/// Bounds of a batch.
pub mod bounds {
    /// Most bytes of a batch as JSON, unpacked.
    pub const BATCH_BYTES: usize = 4 * 1024 * 1024;
    /// Most bytes of a batch as sent (gzip).
    pub const PACKED_BYTES: usize = 512 * 1024;
    /// Most rows of each kind.
    pub const ROWS: usize = 4096;
    /// Longest text of any field, in bytes.
    pub const TEXT_BYTES: usize = 256;
    /// Longest event as JSON.
    pub const EVENT_BYTES: usize = 2048;
    /// Most levels of arrays and objects in an event, itself among them: several times those of a client's. Parsers give up
    /// at some depth, and what is taken has to be read again as a part of something larger.
    pub const EVENT_DEPTH: usize = 16;
}
