//! The history: lists, one call, its table.

use serde::{Deserialize, Serialize};
use ts_rs::TS;

use super::QualityClass;

/// What to look for; null is 'any'.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HistoryFilter {
    /// In the code and the names, in any case; '' is any.
    pub(crate) text: String,
    /// Not before, Unix ms.
    pub(crate) from_ms: Option<i64>,
    /// Before, Unix ms.
    pub(crate) to_ms: Option<i64>,
    /// Of this quality.
    pub(crate) class: Option<QualityClass>,
}

/// A call in a list.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CallLine {
    /// Its id in the history.
    pub(crate) id: i64,
    /// The room's code.
    pub(crate) code: String,
    /// When it began, Unix ms.
    pub(crate) started_ms: i64,
    /// Time in the call, ms.
    pub(crate) duration_ms: i64,
    /// Who was there.
    pub(crate) peers: Vec<String>,
    /// How it was.
    pub(crate) headline: HeadlineLine,
    /// Still being recorded.
    pub(crate) under_way: bool,
}

/// How a call was.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HeadlineLine {
    /// In a word; null where too little is known.
    pub(crate) class: Option<QualityClass>,
    /// Percent of its windows that were good or OK.
    pub(crate) good_share: Option<f64>,
    /// In a few words.
    pub(crate) words: String,
}

/// A call in whole.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub(crate) struct CallDetail {
    /// As in the list.
    pub(crate) line: CallLine,
    /// The whole in one sentence.
    pub(crate) summary: SummaryLine,
    /// Our stays.
    pub(crate) sessions: Vec<SessionLine>,
    /// The gaps.
    pub(crate) breaks: Vec<BreakLine>,
    /// The others' stays.
    pub(crate) peers: Vec<StayLine>,
    /// What happened, the first first.
    pub(crate) events: Vec<EventLine>,
    /// What was wrong and on whose side.
    pub(crate) findings: Vec<FindingLine>,
}

/// One unbroken stay of ours.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SessionLine {
    /// Its id in the history.
    pub(crate) id: i64,
    /// Unix ms.
    pub(crate) started_ms: i64,
    /// Unix ms; null while it is being recorded.
    pub(crate) ended_ms: Option<i64>,
    /// Why it ended.
    pub(crate) reason: Option<String>,
}

/// A gap in the record.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BreakLine {
    /// Unix ms.
    pub(crate) from_ms: i64,
    /// Unix ms; now, where it has not ended.
    pub(crate) to_ms: i64,
    /// As recorded.
    pub(crate) cause: String,
    /// For people.
    pub(crate) words: String,
}

/// A stay of somebody else.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StayLine {
    /// The name.
    pub(crate) name: String,
    /// Unix ms.
    pub(crate) joined_ms: i64,
    /// Unix ms; null while it lasts.
    pub(crate) left_ms: Option<i64>,
    /// Why it ended.
    pub(crate) reason: Option<String>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventLine {
    /// Unix ms.
    pub(crate) at_ms: i64,
    /// Whom it concerns; null for us or the whole call.
    pub(crate) who: Option<String>,
    /// For people.
    pub(crate) words: String,
}

/// What a call was, taken as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub(crate) struct SummaryLine {
    /// For people.
    pub(crate) sentence: String,
    /// How good; null where too little is known.
    pub(crate) class: Option<QualityClass>,
}

/// Something that was wrong.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FindingLine {
    /// For people.
    pub(crate) sentence: String,
    /// Unix ms.
    pub(crate) from_ms: i64,
    /// Unix ms.
    pub(crate) to_ms: i64,
    /// How bad.
    pub(crate) class: QualityClass,
}

/// The numbers of a call, a row for each sample of a track.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
pub(crate) struct HistoryTable {
    /// What stands in each column.
    pub(crate) columns: Vec<TableColumn>,
    /// Cells; null is not measured.
    pub(crate) rows: Vec<Vec<Cell>>,
}

/// A column of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub(crate) struct TableColumn {
    /// Stable name, as in the history's file.
    pub(crate) key: String,
    /// For people.
    pub(crate) title: String,
    /// Of its numbers; '' where there is none.
    pub(crate) unit: String,
}

/// A cell of the table.
#[derive(Debug, Clone, PartialEq, Serialize, TS)]
#[serde(untagged)]
pub(crate) enum Cell {
    /// A number.
    Number(f64),
    /// Words.
    Text(String),
    /// Not measured.
    Nothing(()),
}

/// A file that the app wrote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, TS)]
pub(crate) struct WrittenFile {
    /// Where.
    pub(crate) path: String,
}

/// What an export is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, TS)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ExportFormat {
    /// Comma-separated values.
    Csv,
    /// JSON.
    Json,
}
