//! What an admin reads of the server's record: calls, their details, totals, the audit log; and the list of accounts.
//!
//! All times are milliseconds since the Unix epoch by the server's clock. Absent is not known, never 0.

use serde::{Deserialize, Serialize};

/// Which calls are wanted; the default is the newest of all. Serves as a query string as well.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields, rename = "AdminFilter"))]
#[serde(rename_all = "camelCase", default)]
pub struct CallFilter {
    /// The call went on at or after this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_ms: Option<i64>,
    /// It began before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to_ms: Option<i64>,
    /// Words, each of which is in the code, the room's name or somebody's name, in any case.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// How it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<CallQuality>,
    /// Why somebody left, a session ended or the room ended, for example `crash`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What comes first.
    pub sort: CallSort,
    /// Calls on a page; 0 is as many as the server gives by default.
    pub limit: u32,
    /// Calls to skip.
    pub offset: u32,
}

/// Order of a list of calls.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum CallSort {
    /// The latest start first.
    #[default]
    Newest,
    /// The earliest start first.
    Oldest,
    /// By time from the first coming to the last going.
    Longest,
    /// The least share of good windows first; those of which too little is known last.
    Worst,
    /// Most participants first.
    People,
}

/// How a call was, in one word (docs/metrics.md: Headline).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum CallQuality {
    /// Too little is known, mostly because nobody reported.
    #[default]
    Unknown,
    /// 95 % of the windows or more were good or OK.
    Good,
    /// 80 % or more.
    Ok,
    /// 50 % or more.
    Bad,
    /// Less.
    Terrible,
}

impl CallQuality {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Unknown, Self::Good, Self::Ok, Self::Bad, Self::Terrible];

    /// Of a call with so many windows, of which so many were good or OK. Fewer than two say too little.
    pub fn of(windows: u64, good: u64) -> Self {
        if windows < 2 {
            return Self::Unknown;
        }
        match 100.0 * good as f64 / windows as f64 {
            share if share >= 95.0 => Self::Good,
            share if share >= 80.0 => Self::Ok,
            share if share >= 50.0 => Self::Bad,
            _ => Self::Terrible,
        }
    }
}

/// A page of the list of calls.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields, rename = "AdminCallPage"))]
#[serde(rename_all = "camelCase")]
pub struct CallPage {
    /// The page.
    pub calls: Vec<CallLine>,
    /// Calls that the filter asks for, on all pages.
    pub total: u64,
}

/// A call in a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields, rename = "AdminCall"))]
#[serde(rename_all = "camelCase")]
pub struct CallLine {
    /// The room.
    pub room_id: String,
    /// Its code.
    pub code: String,
    /// Its name, if it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// When somebody first came.
    pub started_ms: i64,
    /// When the last one went; absent while somebody is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<i64>,
    /// When the room ended; absent while it can be joined.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_ended_ms: Option<i64>,
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_reason: Option<String>,
    /// Participants, by participant id.
    pub people: u32,
    /// Their names, each once, in the order of coming; not more than the list shows.
    pub names: Vec<String>,
    /// Time in the call of all together, of stays that have ended, in milliseconds.
    pub talk_ms: i64,
    /// Participants who uploaded their record.
    pub reporters: u32,
    /// 15 s windows with a verdict, of all who reported.
    pub windows: u64,
    /// Those of them that were good or OK.
    pub good_windows: u64,
    /// How it was.
    pub quality: CallQuality,
    /// What spoilt most, as in `LogSession::worst`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worst: Option<String>,
    /// Why stays, sessions and the room ended, each reason once.
    pub reasons: Vec<String>,
}

/// One call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields, rename = "AdminCallDetails"))]
#[serde(rename_all = "camelCase")]
pub struct CallDetails {
    /// As in the list.
    pub call: CallLine,
    /// When the room was made.
    pub created_ms: i64,
    /// By whom, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created_by: Option<String>,
    /// In the order of coming.
    pub stays: Vec<CallStay>,
    /// Uploaded sessions in the order of their start.
    pub sessions: Vec<CallSession>,
    /// Breaks in the order of their start.
    pub breaks: Vec<CallBreak>,
    /// Of how many participants there is a record.
    pub coverage: Coverage,
    /// Stays, sessions and breaks that are left out because there are more than the server gives.
    pub left_out: u64,
}

/// A stay of a participant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields, rename = "AdminStay"))]
#[serde(rename_all = "camelCase")]
pub struct CallStay {
    /// Participant id.
    pub user_id: String,
    /// Account, if the participant was signed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// Shown name.
    pub name: String,
    /// `host`, `guest`, `observer`, ...
    pub role: String,
    /// Came.
    pub joined_ms: i64,
    /// Went; absent while the stay lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub left_ms: Option<i64>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An uploaded session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields, rename = "AdminCallSession"))]
#[serde(rename_all = "camelCase")]
pub struct CallSession {
    /// What the reporter said of it, its times corrected.
    pub session: crate::logs::LogSession,
    /// How it was.
    pub quality: CallQuality,
    /// What was added to the reporter's times, milliseconds.
    pub clock_ms: i64,
    /// Kind of path to the first peer.
    pub path: PathType,
}

/// A stretch in which a participant was away, or nothing could be measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields, rename = "AdminBreak"))]
#[serde(rename_all = "camelCase")]
pub struct CallBreak {
    /// Participant id of whom it concerns; of the one who came back, where the id changed.
    pub user_id: String,
    /// Shown name.
    pub name: String,
    /// To whom the connection was lost, where it was lost to one peer only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peer: Option<String>,
    /// Began.
    pub start_ms: i64,
    /// Ended; absent while it lasts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_ms: Option<i64>,
    /// Why, as it was reported, or why the stay before it ended.
    pub cause: String,
    /// It lies between two stays, by the server's own record.
    pub between_stays: bool,
}

/// Of how many participants there is a record: '3 of 4 reported'.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Coverage {
    /// Participants who uploaded.
    pub reported: u32,
    /// Participants who were there.
    pub of: u32,
}

/// Kind of a path between two peers: the less direct of both ends, and the transport.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "kebab-case")]
pub enum PathType {
    /// Not told.
    #[default]
    Unknown,
    /// Within a network.
    HostUdp,
    /// Likewise over TCP.
    HostTcp,
    /// Through address translation (server or peer reflexive).
    ReflexiveUdp,
    /// Likewise over TCP.
    ReflexiveTcp,
    /// Through a TURN relay.
    RelayUdp,
    /// Likewise over TCP.
    RelayTcp,
}

impl PathType {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Unknown,
        Self::HostUdp,
        Self::HostTcp,
        Self::ReflexiveUdp,
        Self::ReflexiveTcp,
        Self::RelayUdp,
        Self::RelayTcp,
    ];

    /// As it is stored.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Back from [`PathType::number`]; a number of a later version is unknown.
    pub fn from_number(number: u8) -> Self {
        Self::ALL.get(usize::from(number)).copied().unwrap_or_default()
    }

    /// As on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::HostUdp => "host-udp",
            Self::HostTcp => "host-tcp",
            Self::ReflexiveUdp => "reflexive-udp",
            Self::ReflexiveTcp => "reflexive-tcp",
            Self::RelayUdp => "relay-udp",
            Self::RelayTcp => "relay-tcp",
        }
    }
}

/// Totals over a range.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    /// The range that was asked for, its ends moved outwards to full hours of UTC.
    pub from_ms: i64,
    /// Not included.
    pub to_ms: i64,
    /// Calls that went on in it.
    pub calls: u64,
    /// Participants' minutes in calls, as far as they are in the range.
    pub minutes: f64,
    /// Participants: by account, and those without one by participant id.
    pub people: u64,
    /// Of all that was uploaded.
    pub quality: Figures,
    /// The same by client version: those with most sessions, the rest together as `other`.
    pub by_version: Vec<Group>,
    /// The same by kind of path ([`PathType`]).
    pub by_path: Vec<Group>,
    /// The worst calls, the worst first.
    pub worst: Vec<CallLine>,
}

/// A part of the totals.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields, rename = "TotalsGroup"))]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// Client version or kind of path.
    pub name: String,
    /// Calls in which such a client reported, or such a path was used.
    pub calls: u64,
    /// Participants who reported them.
    pub people: u64,
    /// The figures.
    pub quality: Figures,
}

/// What uploads say about quality. Percentiles are by nearest rank; those of loss and round trip within 1 % of the exact
/// value.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Figures {
    /// Minutes for which connections were measured, of all reporters and each of their peers.
    pub connected_minutes: f64,
    /// Loss over windows of tracks in both directions, percent.
    pub loss_percent: Percentiles,
    /// Round trip over windows of connections (STUN), milliseconds.
    pub rtt_ms: Percentiles,
    /// 'Join pressed' to first picture, or to DTLS done where none came, over sessions, milliseconds. By path: sessions
    /// whose first path it was.
    pub setup_ms: Percentiles,
    /// Share of the windows of tracks that were good or OK, percent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub good_percent: Option<f64>,
}

/// Median and 95th percentile.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct Percentiles {
    /// Median.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p50: Option<f64>,
    /// 95th percentile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p95: Option<f64>,
    /// Of so many values.
    pub count: u64,
}

/// A page of the audit log, the latest first.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct AuditPage {
    /// The page.
    pub entries: Vec<AuditLine>,
    /// Entries on all pages.
    pub total: u64,
}

/// Something an admin, or the server on its own, did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields))]
#[serde(rename_all = "camelCase")]
pub struct AuditLine {
    /// When.
    pub unix_ms: i64,
    /// Who.
    pub who: String,
    /// For example `delete-call`.
    pub action: String,
    /// To what, for example a room id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
    /// More in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// Which accounts are wanted: a query string. The default is the first page of all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields, rename = "AdminAccountFilter"))]
#[serde(rename_all = "camelCase", default)]
pub struct AccountFilter {
    /// Part of the name, in any case.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub text: String,
    /// Accounts on a page; 0 is as many as the server gives by default.
    pub limit: u32,
    /// Accounts to skip.
    pub offset: u32,
}

/// A page of the list of accounts, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields, rename = "AdminAccountPage"))]
#[serde(rename_all = "camelCase")]
pub struct AccountPage {
    /// The page.
    pub accounts: Vec<AccountRow>,
    /// Accounts that the filter asks for, on all pages.
    pub total: u64,
}

/// An account in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "ts", derive(ts_rs::TS), ts(optional_fields, rename = "AdminAccount"))]
#[serde(rename_all = "camelCase")]
pub struct AccountRow {
    /// As it is shown.
    pub name: String,
    /// May do what admins may.
    pub admin: bool,
    /// When it was made.
    pub created_ms: i64,
    /// When it was last used, by the sessions that it has, to a day; absent when none is left.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_seen_ms: Option<i64>,
    /// Has a device connected.
    pub online: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_paths_lead_back_and_their_names_are_those_on_the_wire() {
        for path in PathType::ALL {
            assert_eq!(PathType::from_number(path.number()), path);
            assert_eq!(serde_json::to_value(path).expect("json"), path.as_str());
        }
        assert_eq!(PathType::from_number(200), PathType::Unknown);
    }

    #[test]
    fn one_word_for_a_call() {
        for (windows, good, quality) in [
            (0, 0, CallQuality::Unknown),
            (1, 1, CallQuality::Unknown),
            (100, 95, CallQuality::Good),
            (100, 94, CallQuality::Ok),
            (100, 80, CallQuality::Ok),
            (100, 79, CallQuality::Bad),
            (100, 50, CallQuality::Bad),
            (100, 49, CallQuality::Terrible),
        ] {
            assert_eq!(CallQuality::of(windows, good), quality, "{good} of {windows}");
        }
    }

    #[test]
    fn an_account_that_nobody_uses_was_seen_at_no_time_and_not_at_the_epoch() {
        let mut row = AccountRow { name: "ada".into(), admin: false, created_ms: 5, last_seen_ms: None, online: false };
        let json = r#"{"name":"ada","admin":false,"createdMs":5,"online":false}"#;
        assert_eq!(serde_json::to_string(&row).expect("json"), json);
        assert_eq!(serde_json::from_str::<AccountRow>(json).expect("json"), row);
        row.last_seen_ms = Some(7);
        assert_eq!(serde_json::to_value(&row).expect("json")["lastSeenMs"], 7);
    }

    #[test]
    fn a_filter_may_be_left_out_in_part() {
        let filter: CallFilter = serde_json::from_str(r#"{"sort": "worst", "quality": "bad"}"#).expect("json");
        assert_eq!(filter, CallFilter { sort: CallSort::Worst, quality: Some(CallQuality::Bad), ..Default::default() });
    }
}
