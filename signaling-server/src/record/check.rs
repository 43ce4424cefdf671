//! What a batch must keep to, looked at before anything of it is written.
//!
//! Invariant: a batch that passes can be stored without any further look at its numbers and texts: each is finite, in its
//! range and short, each span is forward and short, each time fits into the arithmetic of clocks.

use std::{fmt::Display, ops::RangeInclusive};

use serde_json::Value;
use sightline_protocol::logs::{LOG_SCHEMA, LogBatch, LogSession, LogSetup, LogStay, bounds};

use super::{
    IngestError,
    cells::{Window, class_number},
};

/// Longest window: four times what clients make, for those whose timers were held up.
pub const SPAN_MS: i64 = 60_000;

/// Times are from the epoch to the end of 2099, so that differences of two of them cannot overflow.
const TIMES_MS: RangeInclusive<i64> = 0..=4_102_444_799_999;

/// Least and greatest time of a batch's rows, by the client's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
}

impl Times {
    fn include(&mut self, unix_ms: i64) {
        self.first_ms = self.first_ms.min(unix_ms);
        self.last_ms = self.last_ms.max(unix_ms);
    }
}

type Checked = Result<(), String>;

/// Reads a batch from the JSON of a request's body.
///
/// # Errors
/// Where it is too long, or is not a batch.
pub fn parse(json: &[u8]) -> Result<LogBatch, IngestError> {
    /// A parser's complaint may quote what was sent.
    const DETAIL_CHARS: usize = 160;
    if json.len() > bounds::BATCH_BYTES {
        return Err(IngestError::TooLarge { found: json.len(), most: bounds::BATCH_BYTES });
    }
    serde_json::from_slice(json).map_err(|error| {
        // A batch of another version may well have another form: say so rather than what is odd about it.
        #[derive(serde::Deserialize)]
        struct Version {
            schema: u16,
        }
        match serde_json::from_slice::<Version>(json) {
            Ok(Version { schema }) if schema != LOG_SCHEMA => IngestError::Version { found: schema },
            _ => IngestError::Invalid(error.to_string().chars().take(DETAIL_CHARS).collect()),
        }
    })
}

/// Looks at everything that can be looked at without the database.
pub(crate) fn check(batch: &LogBatch) -> Result<Times, IngestError> {
    if batch.schema != LOG_SCHEMA {
        return Err(IngestError::Version { found: batch.schema });
    }
    all(batch).map_err(IngestError::Invalid)
}

fn all(batch: &LogBatch) -> Result<Times, String> {
    id("id", &batch.id)?;
    time("sentMs", batch.sent_ms)?;
    let lengths = [
        ("stays", batch.stays.len()),
        ("samples", batch.samples.len()),
        ("links", batch.links.len()),
        ("process", batch.process.len()),
        ("events", batch.events.len()),
        ("breaks", batch.breaks.len()),
    ];
    for (name, length) in lengths {
        if length > bounds::ROWS {
            return Err(format!("{name} has {length} rows; at most {} are taken", bounds::ROWS));
        }
    }
    session(&batch.session)?;
    let mut times = Times { first_ms: batch.session.started_ms, last_ms: batch.session.started_ms };
    batch.session.ended_ms.iter().for_each(|at| times.include(*at));
    each("stays", &batch.stays, |row| {
        times.include(row.joined_ms);
        row.left_ms.iter().for_each(|at| times.include(*at));
        stay(row)
    })?;
    each("samples", &batch.samples, |row| {
        window(row, &mut times)?;
        within("freezes", row.freezes, 0..=10_000)?;
        number("frozenMs", row.frozen_ms, 0.0, SPAN_MS as f32)?;
        number("score", row.score, 0.0, 5.0)?;
        within("width", row.width, 0..=65_535)?;
        within("height", row.height, 0..=65_535)?;
        if row.class.as_deref().is_some_and(|class| class_number(class).is_none()) {
            return Err("class is none of good, ok, bad, terrible".to_owned());
        }
        word("cause", row.cause.as_deref())?;
        word("codec", row.codec.as_deref())
    })?;
    each("links", &batch.links, |row| {
        window(row, &mut times)?;
        word("path", row.path.as_deref())
    })?;
    each("process", &batch.process, |row| window(row, &mut times))?;
    each("events", &batch.events, |row| {
        times.include(row.unix_ms);
        time("unixMs", row.unix_ms)?;
        text("peer", row.peer.as_deref())?;
        if row.event.get("kind").and_then(|kind| kind.as_str()).is_none_or(str::is_empty) {
            return Err("event has no kind".to_owned());
        }
        let length = serde_json::to_string(&row.event).map_or(usize::MAX, |json| json.len());
        if length > bounds::EVENT_BYTES {
            return Err(format!("event has {length} bytes; at most {} are taken", bounds::EVENT_BYTES));
        }
        if row.event.values().any(|value| !is_within(bounds::EVENT_DEPTH - 1, value)) {
            return Err(format!("event has more than {} levels", bounds::EVENT_DEPTH));
        }
        Ok(())
    })?;
    each("breaks", &batch.breaks, |row| {
        times.include(row.start_ms);
        row.end_ms.iter().for_each(|at| times.include(*at));
        time("startMs", row.start_ms)?;
        ends(("startMs", row.start_ms), ("endMs", row.end_ms))?;
        word("cause", Some(&row.cause))
    })?;
    Ok(times)
}

/// Whether a value has at most so many levels of arrays and objects.
fn is_within(levels: usize, value: &Value) -> bool {
    let mut parts: Box<dyn Iterator<Item = &Value>> = match value {
        Value::Array(list) => Box::new(list.iter()),
        Value::Object(map) => Box::new(map.values()),
        _ => return true,
    };
    levels > 0 && parts.all(|part| is_within(levels - 1, part))
}

/// Looks at each row; a complaint says which one it is about.
fn each<T>(name: &str, rows: &[T], mut look: impl FnMut(&T) -> Checked) -> Checked {
    rows.iter().enumerate().try_for_each(|(at, row)| look(row).map_err(|why| format!("{name}[{at}]: {why}")))
}

fn session(session: &LogSession) -> Checked {
    let wrong = |why| format!("session: {why}");
    (|| {
        id("id", &session.id)?;
        text("userId", Some(&session.user_id))?;
        text("name", Some(&session.name))?;
        word("clientVersion", Some(&session.client_version))?;
        word("platform", Some(&session.platform))?;
        word("endReason", session.end_reason.as_deref())?;
        word("worst", session.worst.as_deref())?;
        time("startedMs", session.started_ms)?;
        ends(("startedMs", session.started_ms), ("endedMs", session.ended_ms))?;
        setup(&session.setup)?;
        if session.good_windows > session.windows {
            return Err(format!("goodWindows is {} of {} windows", session.good_windows, session.windows));
        }
        Ok(())
    })()
    .map_err(wrong)
}

fn stay(stay: &LogStay) -> Checked {
    text("userId", Some(&stay.user_id))?;
    text("name", stay.name.as_deref())?;
    word("leaveReason", stay.leave_reason.as_deref())?;
    time("joinedMs", stay.joined_ms)?;
    ends(("joinedMs", stay.joined_ms), ("leftMs", stay.left_ms))?;
    setup(&stay.setup)
}

fn setup(setup: &LogSetup) -> Checked {
    /// Who waits alone in a room sees the first picture when somebody comes; a day is longer than anybody waits.
    const MOST_MS: f64 = 86_400_000.0;
    let LogSetup { signaling_ms, ice_ms, dtls_ms, first_frame_ms } = *setup;
    let steps =
        [("signalingMs", signaling_ms), ("iceMs", ice_ms), ("dtlsMs", dtls_ms), ("firstFrameMs", first_frame_ms)];
    for (name, value) in steps {
        if value.is_some_and(|value| !(0.0..=MOST_MS).contains(&value)) {
            return Err(format!("setup.{name} is not between 0 and {MOST_MS}"));
        }
    }
    Ok(())
}

fn window<W: Window>(row: &W, times: &mut Times) -> Checked {
    let head = row.head();
    times.include(head.start_ms);
    times.include(head.end_ms);
    time("startMs", head.start_ms)?;
    ends(("startMs", head.start_ms), ("endMs", Some(head.end_ms)))?;
    if head.end_ms - head.start_ms > SPAN_MS {
        return Err(format!("the window is longer than {SPAN_MS} ms"));
    }
    // Measured by another clock than the wall's, which may be set in between; so only its own bound counts.
    within("measuredMs", Some(head.measured_ms), 0..=SPAN_MS as u32)?;
    for (name, value) in W::NAMES.iter().zip(row.values()) {
        let Some(spread) = value else { continue };
        let most = greatest(name);
        if !spread.iter().all(|number| (0.0..=most).contains(number)) {
            return Err(format!("{name} is not between 0 and {most}"));
        }
        let [mean, min, max] = *spread;
        // A mean that was made of rounded numbers may be off in the last digits.
        let slack = max * 1e-4;
        if min > max || mean < min - slack || mean > max + slack {
            return Err(format!("{name} is not mean, least and greatest"));
        }
    }
    Ok(())
}

/// Greatest value that makes sense of a metric, by its unit.
fn greatest(name: &str) -> f32 {
    match name {
        // 100 is one processor; no machine has more than some thousand.
        "cpu_percent" => 1e6,
        // A pebibyte.
        "resident_bytes" => 1.2e15,
        "fps" => 1000.0,
        // A terabit per second.
        _ if name.ends_with("_bps") => 1e12,
        _ if name.ends_with("_percent") => 100.0,
        // Milliseconds: an hour.
        _ => 3.6e6,
    }
}

fn id(name: &str, id: &str) -> Checked {
    let fits = (8..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if fits { Ok(()) } else { Err(format!("{name} is not 8 to 64 letters, digits and hyphens")) }
}

/// Any text that people may have written.
fn text(name: &str, text: Option<&str>) -> Checked {
    match text {
        Some(text) if text.len() > bounds::TEXT_BYTES => {
            Err(format!("{name} has {} bytes; at most {} are taken", text.len(), bounds::TEXT_BYTES))
        }
        // It ends a text for C programs that read the file.
        Some(text) if text.contains('\0') => Err(format!("{name} contains a NUL")),
        _ => Ok(()),
    }
}

/// A text that a program made up: on one line, and not empty.
fn word(name: &str, word: Option<&str>) -> Checked {
    text(name, word)?;
    match word {
        Some("") => Err(format!("{name} is empty")),
        Some(word) if word.chars().any(char::is_control) => Err(format!("{name} contains a control character")),
        _ => Ok(()),
    }
}

fn time(name: &str, unix_ms: i64) -> Checked {
    if TIMES_MS.contains(&unix_ms) { Ok(()) } else { Err(format!("{name} is no time between 1970 and 2100")) }
}

fn ends((first, start_ms): (&str, i64), (last, end_ms): (&str, Option<i64>)) -> Checked {
    let Some(end_ms) = end_ms else { return Ok(()) };
    time(last, end_ms)?;
    if end_ms >= start_ms { Ok(()) } else { Err(format!("{last} is before {first}")) }
}

fn within<T: PartialOrd + Display>(name: &str, value: Option<T>, range: RangeInclusive<T>) -> Checked {
    match value {
        Some(value) if !range.contains(&value) => {
            Err(format!("{name} is {value}, not between {} and {}", range.start(), range.end()))
        }
        _ => Ok(()),
    }
}

fn number(name: &str, value: Option<f32>, least: f32, most: f32) -> Checked {
    // Also what is not finite is in no range.
    within(name, value, least..=most)
}
