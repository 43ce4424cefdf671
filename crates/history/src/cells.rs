//! Rows of numbers as lists of columns: written and read in the same order.
//!
//! Invariant: what is not known is NULL in the file and `None` in memory; neither side makes a 0 of it.

use std::time::Duration;

use rusqlite::types::{FromSql, Value};
use rusqlite::{Connection, Row, params_from_iter};
use sightline_quality::{Metric, PerMetric, Span, Spread};

/// What a metric's mean, minimum and maximum are called in a table.
pub(crate) const SPREAD: [&str; 3] = ["mean", "min", "max"];

/// Columns that every table of samples begins with, after its owner.
pub(crate) const SPAN: [&str; 3] = ["start_ms", "end_ms", "measured_ms"];

/// All columns of a table of samples: owner, span, metrics, and the rest.
pub(crate) fn columns<M: Metric>(owner: &str, rest: &[&str]) -> Vec<String> {
    let metrics = M::ALL.iter().flat_map(|metric| SPREAD.map(|part| format!("{}_{part}", metric.name())));
    let span = SPAN.map(str::to_owned);
    let rest = rest.iter().map(|name| (*name).to_owned());
    std::iter::once(owner.to_owned()).chain(span).chain(metrics).chain(rest).collect()
}

/// Values of a row, in the order of its columns.
#[derive(Debug, Default)]
pub(crate) struct Cells(Vec<Value>);

impl Cells {
    pub(crate) fn of(owner: i64, span: Span) -> Self {
        let mut cells = Self::default();
        cells.0.extend([owner, span.start_ms, span.end_ms, span.measured_ms].map(Value::Integer));
        cells
    }

    pub(crate) fn metrics<M: Metric>(&mut self, values: &PerMetric<M, Option<Spread>>) {
        for (_, spread) in values.iter() {
            match spread {
                Some(spread) => self.0.extend([spread.mean, spread.min, spread.max].map(Value::Real)),
                None => self.0.extend([Value::Null, Value::Null, Value::Null]),
            }
        }
    }

    pub(crate) fn put(&mut self, value: impl Into<Value>) {
        self.0.push(value.into());
    }

    pub(crate) fn text(&mut self, value: Option<&str>) {
        self.put(value.map(str::to_owned));
    }

    /// A count. SQLite's integers end at 2^63 - 1, and so does a count that is greater.
    pub(crate) fn count(&mut self, value: Option<u64>) {
        self.put(value.map(|value| i64::try_from(value).unwrap_or(i64::MAX)));
    }

    /// A duration in microseconds.
    pub(crate) fn micros(&mut self, value: Option<Duration>) {
        self.put(value.map(|value| i64::try_from(value.as_micros()).unwrap_or(i64::MAX)));
    }

    /// Writes the row.
    pub(crate) fn insert(self, connection: &Connection, table: &str, columns: &[String]) -> rusqlite::Result<()> {
        let marks = vec!["?"; columns.len()].join(", ");
        let sql = format!("INSERT INTO {table} ({}) VALUES ({marks})", columns.join(", "));
        connection.prepare_cached(&sql)?.execute(params_from_iter(self.0))?;
        Ok(())
    }
}

/// Reads a row from left to right.
pub(crate) struct Reader<'a> {
    row: &'a Row<'a>,
    next: usize,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(row: &'a Row<'a>) -> Self {
        Self { row, next: 0 }
    }

    pub(crate) fn get<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        let value = self.row.get(self.next);
        self.next += 1;
        value
    }

    pub(crate) fn span(&mut self) -> rusqlite::Result<Span> {
        Ok(Span { start_ms: self.get()?, end_ms: self.get()?, measured_ms: self.get()? })
    }

    pub(crate) fn metrics<M: Metric>(&mut self) -> rusqlite::Result<PerMetric<M, Option<Spread>>> {
        let mut values = PerMetric::default();
        for metric in M::ALL {
            values[*metric] = spread(self.get()?, self.get()?, self.get()?);
        }
        Ok(values)
    }

    /// A word that stands for a value; one that a later program may have written reads as unknown.
    pub(crate) fn word<T>(&mut self, parse: impl Fn(&str) -> Option<T>) -> rusqlite::Result<Option<T>> {
        Ok(self.get::<Option<String>>()?.and_then(|text| parse(&text)))
    }

    pub(crate) fn count(&mut self) -> rusqlite::Result<Option<u64>> {
        Ok(self.get::<Option<i64>>()?.and_then(|value| u64::try_from(value).ok()))
    }

    pub(crate) fn small(&mut self) -> rusqlite::Result<Option<u32>> {
        Ok(self.get::<Option<i64>>()?.and_then(|value| u32::try_from(value).ok()))
    }

    pub(crate) fn micros(&mut self) -> rusqlite::Result<Option<Duration>> {
        Ok(self.count()?.map(Duration::from_micros))
    }
}

pub(crate) fn spread(mean: Option<f64>, min: Option<f64>, max: Option<f64>) -> Option<Spread> {
    Some(Spread { mean: mean?, min: min?, max: max? })
}
