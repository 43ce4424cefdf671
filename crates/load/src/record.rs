//! Millions of uploaded rows over thirty days: how fast they are taken in, and how long an admin waits.
//!
//! Invariant: rooms and stays are put into the file before the server starts, as it had written them if it had been there for
//! a month; every row goes through `POST /api/logs`, and every figure is read through the routes that the app uses.

use std::{
    fs,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use hyper::body::Bytes;
use sightline_protocol::{
    admin::{CallPage, Totals},
    logs::{LogAccepted, LogBatch},
};
use sightline_server::record::{
    self,
    synthetic::{self, CallShape},
};
use tokio::{task::spawn_blocking, time::sleep};

use crate::{
    bench::{Length, progress},
    http,
    program::{Cpu, Program},
    signaling::{ADMIN, Home},
    table::{Line, at_least, at_most, median_and_worst, stated},
    uploads::{now_ms, pack, token},
};

const DAY_MS: i64 = 86_400_000;
const DAYS: i64 = 30;
/// Nothing begins later than so long before now: the longest call is over then.
const LAST_MS: i64 = 8_000_000;

/// Rows of each kind in a batch of a client that has much to send, and windows in one of a client in a call (crate `upload`).
const CATCHING_UP_ROWS: u32 = 256;
const IN_CALL_WINDOWS: u32 = 2;

/// Rows whose bodies wait in memory: some 30 MB.
const CHUNK_ROWS: u64 = 250_000;

/// Uploads at a time: as many as the server reads at a time. One that has enough of them answers that it is busy, and they come
/// again.
const UPLOADING: usize = 8;
const AGAIN: Duration = Duration::from_millis(20);

/// Each is looked up so often.
const LOOKS: usize = 10;

/// Most points of a chart that are asked for.
const POINTS: usize = 500;

/// The call whose charts are looked at: two hours, four people.
const BIG: u64 = 0;

/// The lines of the table.
pub(crate) async fn lines(length: Length) -> Result<Vec<Line>> {
    progress("thirty days of rooms");
    let home = Home::new()?;
    // Makes the file.
    home.start()?.end()?;
    let from_ms = now_ms() - DAYS * DAY_MS;
    let caught_up = shapes(BIG, from_ms, length.rows, |people| (CATCHING_UP_ROWS / (4 * (people - 1))).max(1));
    let live = shapes(caught_up.len() as u64, from_ms, length.live_rows, |_| IN_CALL_WINDOWS);
    write_rooms(&home, caught_up.iter().chain(&live))?;

    let server = home.start()?;
    let at = server.address;
    let first = upload_all(&server, &caught_up).await?;
    let second = upload_all(&server, &live).await?;
    let rows = first.rows + second.rows;
    let calls = (caught_up.len() + live.len()) as u64;
    let mib = server.mib()?;
    let bytes = fs::metadata(home.database())?.len();
    let mut lines = vec![
        first.line(&format!("uploads of clients that catch up ({CATCHING_UP_ROWS} rows a batch)")),
        second.line(&format!("uploads of clients in calls ({IN_CALL_WINDOWS} windows a batch)")),
        stated(
            format!("{rows} sample rows of {calls} calls: database, memory of the server (RSS)"),
            format!("{} MB, {:.0} bytes a row; {mib:.0} MiB", bytes >> 20, bytes as f64 / rows as f64),
        ),
    ];
    lines.extend(lists(at, from_ms, calls).await?);
    lines.extend(one_call(at).await?);
    lines.extend(totals(at, from_ms, rows).await?);
    server.end()?;
    Ok(lines)
}

/// Calls with so many rows together, from this seed on.
fn shapes(first: u64, from_ms: i64, rows: u64, windows_per_batch: impl Fn(u32) -> u32) -> Vec<CallShape> {
    let (mut shapes, mut done) = (Vec::new(), 0);
    for seed in first.. {
        if done >= rows {
            break;
        }
        // Two to five, some minutes to two hours long.
        let windows = [20, 40, 120, 120, 240, 480][seed as usize % 6];
        let people = 2 + (seed % 4) as u32;
        let (people, windows) = if seed == BIG { (4, 480) } else { (people, windows) };
        // By the golden section however few they are: all over the month, and no two at once.
        let share = (seed as f64 * 0.618_033_988_75).fract();
        let started_ms = from_ms + ((DAYS * DAY_MS - LAST_MS) as f64 * share) as i64;
        let shape = CallShape { seed, people, windows, windows_per_batch: windows_per_batch(people), started_ms };
        done += shape.samples();
        shapes.push(shape);
    }
    shapes
}

fn write_rooms<'a>(home: &Home, shapes: impl Iterator<Item = &'a CallShape>) -> Result<()> {
    let mut connection = record::open_to_write(&home.database())?;
    let transaction = connection.transaction()?;
    for shape in shapes {
        for entry in synthetic::entries(shape) {
            record::apply(&transaction, &entry)?;
        }
    }
    Ok(transaction.commit()?)
}

/// A batch that is ready to be sent.
struct Upload {
    token: String,
    body: Bytes,
    rows: u32,
}

fn prepare(shapes: &[CallShape]) -> Result<Vec<Upload>> {
    let mut uploads = Vec::new();
    for shape in shapes {
        for mut batch in synthetic::batches(shape) {
            // Recorded long ago and sent now, by a clock that is right.
            batch.sent_ms = now_ms();
            let token = token(&shape.room_id(), &batch.session.user_id, &batch.session.name)?;
            uploads.push(Upload { token, body: pack(&batch)?, rows: row_count(&batch) });
        }
    }
    Ok(uploads)
}

fn row_count(batch: &LogBatch) -> u32 {
    let LogBatch { samples, links, process, events, breaks, .. } = batch;
    (samples.len() + links.len() + process.len() + events.len() + breaks.len()) as u32
}

/// What became of uploads.
#[derive(Debug, Default)]
struct Ingest {
    /// Sample rows.
    rows: u64,
    batches: usize,
    packed_bytes: usize,
    busy: usize,
    time: Duration,
    cpu: Cpu,
}

impl Ingest {
    fn line(&self, what: &str) -> Line {
        let seconds = self.time.as_secs_f64();
        let rate = self.rows as f64 / seconds;
        let figure = format!(
            "{rate:.0} sample rows/s ({} in {} requests, {} MB packed, {seconds:.0} s; {:.2} cores; {} answered 'busy')",
            self.rows,
            self.batches,
            self.packed_bytes >> 20,
            self.cpu.seconds() / seconds,
            self.busy
        );
        at_least(format!("ingest, {what}"), rate, figure, 50_000.0, "rows/s")
    }
}

async fn upload_all(server: &Program, shapes: &[CallShape]) -> Result<Ingest> {
    let mut all = Ingest { rows: shapes.iter().map(CallShape::samples).sum(), ..Ingest::default() };
    let (mut rest, mut done) = (shapes, 0);
    while !rest.is_empty() {
        let mut rows = 0;
        let fits = rest.iter().take_while(|shape| {
            let fits = rows < CHUNK_ROWS;
            rows += shape.samples();
            fits
        });
        let (chunk, later) = rest.split_at(fits.count());
        rest = later;
        done += chunk.iter().map(CallShape::samples).sum::<u64>();
        progress(&format!("uploading, {done} of {} rows", all.rows));
        let (left, right) = chunk.split_at(chunk.len() / 2);
        let halves = [left, right].map(<[CallShape]>::to_vec).map(|half| spawn_blocking(move || prepare(&half)));
        let mut uploads = Vec::new();
        for half in halves {
            uploads.extend(half.await??);
        }
        all.batches += uploads.len();
        all.packed_bytes += uploads.iter().map(|upload| upload.body.len()).sum::<usize>();
        let (began, cpu) = (Instant::now(), server.cpu()?);
        all.busy += send(server.address, uploads).await?;
        all.time += began.elapsed();
        all.cpu += server.cpu()? - cpu;
    }
    Ok(all)
}

/// Sends them all, and gives how often the server was busy.
async fn send(at: SocketAddr, uploads: Vec<Upload>) -> Result<usize> {
    let waiting = Arc::new(Mutex::new(uploads.into_iter().enumerate()));
    let next = move |waiting: &Mutex<_>| Iterator::next(&mut *waiting.lock().unwrap_or_else(PoisonError::into_inner));
    let clients = (0..UPLOADING).map(|_| {
        let waiting = waiting.clone();
        tokio::spawn(async move {
            let mut busy = 0;
            while let Some((number, Upload { token, body, rows })) = next(&waiting) {
                loop {
                    let answer = http::post_packed(at, number, "/api/logs", &token, body.clone()).await?;
                    if answer.status == 503 {
                        busy += 1;
                        sleep(AGAIN).await;
                        continue;
                    }
                    let accepted: LogAccepted = answer.json(200)?;
                    ensure!(accepted.stored == rows, "stored {} of {rows} rows", accepted.stored);
                    break;
                }
            }
            Ok(busy)
        })
    });
    let mut busy = 0;
    for client in clients.collect::<Vec<_>>() {
        busy += client.await??;
    }
    Ok(busy)
}

async fn lists(at: SocketAddr, from_ms: i64, calls: u64) -> Result<Vec<Line>> {
    let (week_from, week_to) = (from_ms + 7 * DAY_MS, from_ms + 14 * DAY_MS);
    let mut lines = Vec::new();
    for (name, query) in [
        ("the newest", String::new()),
        ("the worst first", "?sort=worst".to_owned()),
        ("the longest first", "?sort=longest".to_owned()),
        ("a word", "?text=%C5%BEofie".to_owned()),
        ("bad ones", "?quality=bad".to_owned()),
        ("a reason", "?reason=left".to_owned()),
        ("a week", format!("?fromMs={week_from}&toMs={week_to}")),
    ] {
        let look = look(at, &format!("/api/admin/calls{query}")).await?;
        let page: CallPage = serde_json::from_slice(&look.body)?;
        ensure!(page.total > 0 && !page.calls.is_empty(), "{name}: no calls");
        ensure!(!query.is_empty() || page.total == calls, "{} calls of {calls}", page.total);
        lines.push(look.line(&format!("admin's list of calls, {name} ({} of {calls})", page.total), 100.0));
    }
    Ok(lines)
}

async fn one_call(at: SocketAddr) -> Result<Vec<Line>> {
    let shape = CallShape { seed: BIG, people: 4, windows: 480, windows_per_batch: 1, started_ms: 0 };
    let room = shape.room_id();
    let details = look(at, &format!("/api/admin/calls/{room}")).await?;
    let charts = look(at, &format!("/api/admin/calls/{room}/reports?points={POINTS}")).await?;
    let reports: Vec<LogBatch> = serde_json::from_slice(&charts.body)?;
    let windows: usize = reports.iter().map(|report| report.samples.len()).sum();
    ensure!(windows as u64 == shape.samples(), "{windows} windows of {}", shape.samples());
    let csv = look(at, &format!("/api/admin/calls/{room}/export")).await?;
    Ok(vec![
        charts.line(&format!("one call's charts: two hours of four, {windows} windows"), 200.0),
        stated("the same call: its stays and sessions", details.figure()),
        stated("the same call as CSV", csv.figure()),
    ])
}

async fn totals(at: SocketAddr, from_ms: i64, rows: u64) -> Result<Vec<Line>> {
    let ask = async |from: i64, to: i64| look(at, &format!("/api/admin/totals?fromMs={from}&toMs={to}")).await;
    let month = ask(from_ms, now_ms()).await?;
    let totals: Totals = serde_json::from_slice(&month.body)?;
    let loss = totals.quality.loss_percent;
    ensure!(loss.count == rows, "{} windows of {rows}", loss.count);
    let p95 = loss.p95.context("no p95")?;
    let day = ask(from_ms + 3 * DAY_MS, from_ms + 4 * DAY_MS).await?;
    Ok(vec![
        month.line(&format!("p95 of thirty days (loss {p95:.2} % over {rows} windows, and all other totals)"), 1000.0),
        stated("totals of a day", day.figure()),
    ])
}

/// How long an answer took.
struct Look {
    first_ms: f64,
    median_ms: f64,
    worst_ms: f64,
    body: Bytes,
}

impl Look {
    fn figure(&self) -> String {
        let Self { first_ms, median_ms, worst_ms, body } = self;
        format!("{median_ms:.1} ms (first {first_ms:.1}, worst of {LOOKS}: {worst_ms:.1}; {} kB)", body.len() >> 10)
    }

    fn line(&self, what: &str, most_ms: f64) -> Line {
        at_most(what, self.median_ms, self.figure(), most_ms, "ms")
    }
}

/// Looks something up some times as an admin.
async fn look(at: SocketAddr, path: &str) -> Result<Look> {
    let (mut times, mut body) = (Vec::new(), Bytes::new());
    for _ in 0..LOOKS {
        let began = Instant::now();
        let answer = http::get(at, path, ADMIN).await?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
        body = answer.expect(200)?.clone();
    }
    let first_ms = times[0];
    let (median_ms, worst_ms) = median_and_worst(&mut times);
    Ok(Look { first_ms, median_ms, worst_ms, body })
}
