//! Measures the record: how fast batches are stored, and how long an admin waits, at many rows.
//!
//! `cargo run --release -p sightline-server --example record -- [sample rows] [windows per batch]`

use std::{
    fs, io,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use rusqlite::Connection;
use sightline_protocol::admin::{CallFilter, CallQuality, CallSort};
use sightline_server::record::{
    self, Arrival, RecordReader, SCHEMA,
    synthetic::{self, CallShape},
};

/// 2026-11-01 00:00 UTC; calls are spread over the thirty days from there.
const START_MS: i64 = 1_793_491_200_000;
const DAYS: i64 = 30;
const DAY_MS: i64 = 86_400_000;

/// Batches in one transaction, as the writer makes it when it is busy.
const GROUP: usize = 32;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut number = |or: u64| arguments.next().map_or(Ok(or), |text| text.parse().context("a number is needed"));
    let (rows, windows_per_batch) = (number(10_000_000)?, u32::try_from(number(4)?)?);
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("record.sqlite");
    Connection::open(&path)?.execute_batch(SCHEMA)?;
    let (big, calls) = fill(&path, rows, windows_per_batch)?;
    let bytes = fs::metadata(&path)?.len();
    say(format!("{calls} calls, {} MB, {:.0} bytes a sample row", bytes >> 20, bytes as f64 / rows as f64))?;
    read(&path, &big)
}

/// Calls of two to five, some minutes to two hours long.
fn shape(seed: u64, windows_per_batch: u32) -> CallShape {
    let windows = [20, 40, 120, 120, 240, 480][seed as usize % 6];
    CallShape {
        seed,
        people: 2 + (seed % 4) as u32,
        windows,
        windows_per_batch,
        started_ms: START_MS + (seed as i64).wrapping_mul(7_919_000) % (DAYS * DAY_MS - 8_000_000),
    }
}

fn fill(path: &Path, rows: u64, windows_per_batch: u32) -> Result<(CallShape, u64)> {
    let mut connection = record::open_to_write(path)?;
    let (mut done, mut seed, mut batches, mut bytes) = (0, 0, 0usize, 0usize);
    let (mut parsing, mut storing) = (Duration::ZERO, Duration::ZERO);
    // Two hours, four people: the call whose charts are asked for.
    let big = CallShape { people: 4, windows: 480, ..shape(0, windows_per_batch) };
    while done < rows {
        let shape = if seed == 0 { big } else { shape(seed, windows_per_batch) };
        seed += 1;
        let transaction = connection.transaction()?;
        for entry in synthetic::entries(&shape) {
            record::apply(&transaction, &entry)?;
        }
        transaction.commit()?;
        let bodies = synthetic::batches(&shape)
            .iter()
            .map(|batch| Ok((serde_json::to_vec(batch)?, batch.sent_ms)))
            .collect::<Result<Vec<_>>>()?;
        for group in bodies.chunks(GROUP) {
            let began = Instant::now();
            let mut arrivals = Vec::with_capacity(group.len());
            for (json, received_ms) in group {
                bytes += json.len();
                let batch = record::parse(json)?;
                arrivals.push(Arrival { room_id: shape.room_id(), batch, received_ms: *received_ms });
            }
            let parsed = Instant::now();
            for answer in record::ingest_all(&mut connection, &arrivals) {
                answer?;
            }
            parsing += parsed - began;
            storing += parsed.elapsed();
            batches += group.len();
        }
        done += shape.samples();
    }
    let all = parsing + storing;
    say(format!(
        "stored {done} sample rows in {batches} batches ({} MB of JSON) in {:.1} s: {:.0} rows/s; parsing {:.1} s, \
         storing {:.1} s",
        bytes >> 20,
        all.as_secs_f64(),
        done as f64 / all.as_secs_f64(),
        parsing.as_secs_f64(),
        storing.as_secs_f64()
    ))?;
    Ok((big, seed))
}

fn read(path: &Path, big: &CallShape) -> Result<()> {
    let reader = RecordReader::open(path, 1)?;
    let page = |name: &str, filter: CallFilter| {
        timed(&format!("calls, {name}"), || Ok(format!("{} found", reader.calls(&filter)?.total)))
    };
    page("newest", CallFilter::default())?;
    page("worst first", CallFilter { sort: CallSort::Worst, ..Default::default() })?;
    page("longest", CallFilter { sort: CallSort::Longest, ..Default::default() })?;
    page("a word", CallFilter { text: "žofie".into(), ..Default::default() })?;
    page("bad ones", CallFilter { quality: Some(CallQuality::Bad), ..Default::default() })?;
    page("a reason", CallFilter { reason: Some("left".into()), ..Default::default() })?;
    let week = (Some(START_MS + 7 * DAY_MS), Some(START_MS + 14 * DAY_MS));
    page("a week", CallFilter { from_ms: week.0, to_ms: week.1, ..Default::default() })?;
    let room = big.room_id();
    timed("one call", || Ok(format!("{} stays", reader.call(&room)?.stays.len())))?;
    timed("one call's charts, 500 points", || {
        let reports = reader.reports(&room, 500)?;
        let rows: usize = reports.iter().map(|report| report.samples.len()).sum();
        Ok(format!("{rows} windows"))
    })?;
    timed("one call's charts, 100 points", || {
        let reports = reader.reports(&room, 100)?;
        ensure!(reports.iter().all(|report| report.samples.len() <= 100 * 12), "too many");
        Ok(format!("{} sessions", reports.len()))
    })?;
    timed("one call as CSV", || {
        let mut out = Vec::new();
        reader.export_csv(&room, &mut out)?;
        Ok(format!("{} kB", out.len() >> 10))
    })?;
    timed("totals of 30 days", || {
        let totals = reader.totals(START_MS, START_MS + DAYS * DAY_MS)?;
        let loss = totals.quality.loss_percent;
        Ok(format!("{} calls, p95 of loss {:?} over {} windows", totals.calls, loss.p95, loss.count))
    })?;
    timed("totals of a day", || Ok(format!("{} calls", reader.totals(START_MS, START_MS + DAY_MS)?.calls)))?;
    let mut connection = record::open_to_write(path)?;
    timed_once("deleting that call", || Ok(format!("{:?}", record::delete_call(&mut connection, &room, "bench", 0)?)))?;
    timed_once("removing 5000 of its rows", || Ok(format!("{}", record::purge(&mut connection, 5000)?)))
}

/// The first time, when the pages may have to be fetched, and the median of some more.
fn timed(name: &str, mut look: impl FnMut() -> Result<String>) -> Result<()> {
    let mut times = Vec::new();
    let mut found = String::new();
    for _ in 0..10 {
        let began = Instant::now();
        found = look()?;
        times.push(began.elapsed());
    }
    let first = times[0];
    times.sort();
    say(format!("{name}: first {:.1} ms, median {:.1} ms ({found})", millis(first), millis(times[5])))
}

fn timed_once(name: &str, look: impl FnOnce() -> Result<String>) -> Result<()> {
    let began = Instant::now();
    let found = look()?;
    say(format!("{name}: {:.1} ms ({found})", millis(began.elapsed())))
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn say(line: String) -> Result<()> {
    writeln!(io::stdout(), "{line}").context("nobody reads it")
}
