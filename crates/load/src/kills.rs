//! SIGKILL under load: whether all that was acknowledged is there afterwards.
//!
//! Invariant: only what the server acknowledged is asked for (a stay by `join`, its end by `leave`, rows by 200), and all of
//! that is, after the next start and once more at the end, through the routes of an admin.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    ops::AddAssign,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use rand::{RngExt, SeedableRng, rngs::StdRng};
use sightline_protocol::{
    admin::CallDetails,
    logs::{LogAccepted, LogBatch},
};
use sightline_server::record::synthetic::{self, CallShape};
use tokio::time::sleep;

use crate::{
    bench::{Length, progress},
    http,
    signaling::{ADMIN, Home, Socket, greet, join, leave, make_room},
    table::{Line, at_most},
    uploads::{now_ms, pack},
};

/// Couples that make rooms, join, upload and leave, one after the other.
const COUPLES: usize = 8;

/// When the server is killed: in the middle of whatever it does then.
const KILL_AFTER_MS: std::ops::Range<u64> = 300..1500;

/// So that the moments are the same in each run.
const SEED: u64 = 7;

/// Rows of these kinds are told apart by their number within the session.
type Row = (String, &'static str, u32);

/// What was acknowledged of a room.
#[derive(Debug, Default, Clone)]
struct Acknowledged {
    stays: BTreeSet<String>,
    ended: BTreeSet<String>,
    rows: BTreeSet<Row>,
}

/// How much of something.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Counts {
    stays: usize,
    ended: usize,
    rows: usize,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.stays += other.stays;
        self.ended += other.ended;
        self.rows += other.rows;
    }
}

impl Acknowledged {
    fn counts(&self) -> Counts {
        Counts { stays: self.stays.len(), ended: self.ended.len(), rows: self.rows.len() }
    }
}

/// By room id.
type Rooms = BTreeMap<String, Acknowledged>;

/// What the couples of a round share.
#[derive(Debug)]
struct Round {
    at: SocketAddr,
    rooms: Mutex<Rooms>,
    is_killed: AtomicBool,
    /// Each call has a number of its own, over all rounds.
    next_call: Arc<AtomicU64>,
}

impl Round {
    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, room: &str, what: impl FnOnce(&mut Acknowledged)) {
        what(self.rooms().entry(room.to_owned()).or_default());
    }
}

/// The line of the table.
pub(crate) async fn line(length: Length) -> Result<Line> {
    let home = Home::new()?;
    let (mut rng, next_call) = (StdRng::seed_from_u64(SEED), Arc::new(AtomicU64::new(0)));
    let (mut all, mut missing) = (Rooms::new(), Counts::default());
    let mut server = home.start()?;
    for number in 1..=length.kills {
        let is_killed = AtomicBool::new(false);
        let round = Round { at: server.address, rooms: Mutex::default(), is_killed, next_call: next_call.clone() };
        let round = Arc::new(round);
        let couples: Vec<_> = (0..COUPLES).map(|from| tokio::spawn(couple(round.clone(), from))).collect();
        sleep(Duration::from_millis(rng.random_range(KILL_AFTER_MS))).await;
        // Before it is true, so that nobody takes the end for a failure of the server.
        round.is_killed.store(true, Ordering::SeqCst);
        server.kill()?;
        for couple in couples {
            couple.await??;
        }
        server = home.start()?;
        let rooms = std::mem::take(&mut *round.rooms());
        let lost = look_for(server.address, &rooms).await?;
        progress(&format!("kill {number} of {}: {} rooms, missing {lost:?}", length.kills, rooms.len()));
        missing += lost;
        all.extend(rooms);
    }
    let later = look_for(server.address, &all).await?;
    server.end()?;
    let mut counts = Counts::default();
    all.values().for_each(|room| counts += room.counts());
    ensure!(counts.stays > 0 && counts.ended > 0 && counts.rows > 0, "nothing was acknowledged: {counts:?}");
    // What was missing after its own kill is missing at the end too, and counts once.
    let worst = |after: usize, later: usize| after.max(later);
    let missing = Counts {
        stays: worst(missing.stays, later.stays),
        ended: worst(missing.ended, later.ended),
        rows: worst(missing.rows, later.rows),
    };
    let figure = format!(
        "{} of {} stays, {} of {} ends of stays, {} of {} rows",
        missing.stays, counts.stays, missing.ended, counts.ended, missing.rows, counts.rows
    );
    let sum = missing.stays + missing.ended + missing.rows;
    Ok(at_most(
        format!("kill -9 under load, {} times: acknowledged and missing", length.kills),
        sum as f64,
        figure,
        0.0,
        "missing",
    ))
}

/// Two who call, upload and hang up, until the server is gone.
async fn couple(round: Arc<Round>, from: usize) -> Result<()> {
    // They stay in their rooms to the end.
    let mut staying = Vec::new();
    loop {
        if let Err(error) = call(&round, from, &mut staying).await {
            ensure!(round.is_killed.load(Ordering::SeqCst), "before the server was killed: {error:#}");
            return Ok(());
        }
    }
}

async fn call(round: &Round, from: usize, staying: &mut Vec<Socket>) -> Result<()> {
    let (at, seed) = (round.at, round.next_call.fetch_add(1, Ordering::Relaxed));
    let room = make_room(at, from).await?;
    let mut sockets = [greet(at, from).await?, greet(at, from).await?];
    let mut people = Vec::new();
    for socket in &mut sockets {
        let joined = join(socket, &room.code, "bench").await?;
        round.note(&room.id, |room| room.stays.extend([joined.user.0.clone()]));
        people.push((joined.user.0, joined.token.context("no token for uploads")?));
    }
    let shape = CallShape { seed, people: 2, windows: 8, windows_per_batch: 2, started_ms: now_ms() };
    for mut batch in synthetic::batches(&shape) {
        let reporter = usize::from(batch.session.id.ends_with("-1"));
        let (user, token) = &people[reporter];
        batch.session.user_id.clone_from(user);
        batch.sent_ms = now_ms();
        let answer = http::post_packed(at, from, "/api/logs", token, pack(&batch)?).await?;
        if answer.status == 503 {
            continue;
        }
        let _: LogAccepted = answer.json(200)?;
        round.note(&room.id, |room| room.rows.extend(rows(&batch)));
    }
    let [mut leaves, stays] = sockets;
    leave(&mut leaves).await?;
    round.note(&room.id, |room| room.ended.extend([people[0].0.clone()]));
    staying.push(stays);
    Ok(())
}

fn rows(batch: &LogBatch) -> impl Iterator<Item = Row> + '_ {
    let samples = batch.samples.iter().map(|row| ("sample", row.seq));
    let links = batch.links.iter().map(|row| ("link", row.seq));
    let process = batch.process.iter().map(|row| ("process", row.seq));
    let events = batch.events.iter().map(|row| ("event", row.seq));
    let all = samples.chain(links).chain(process).chain(events);
    all.map(|(kind, seq)| (batch.session.id.clone(), kind, seq))
}

/// Counts what is missing.
async fn look_for(at: SocketAddr, rooms: &Rooms) -> Result<Counts> {
    let mut missing = Counts::default();
    for (id, wanted) in rooms {
        let details = http::get(at, &format!("/api/admin/calls/{id}"), ADMIN).await?;
        if details.status == 404 {
            missing += wanted.counts();
            continue;
        }
        let details: CallDetails = details.json(200)?;
        let reports: Vec<LogBatch> =
            http::get(at, &format!("/api/admin/calls/{id}/reports?points=10000"), ADMIN).await?.json(200)?;
        let stays: BTreeSet<String> = details.stays.iter().map(|stay| stay.user_id.clone()).collect();
        let left = details.stays.iter().filter(|stay| stay.reason.as_deref() == Some("left"));
        let ended: BTreeSet<String> = left.map(|stay| stay.user_id.clone()).collect();
        let found: BTreeSet<Row> = reports.iter().flat_map(rows).collect();
        missing += Counts {
            stays: wanted.stays.difference(&stays).count(),
            ended: wanted.ended.difference(&ended).count(),
            rows: wanted.rows.difference(&found).count(),
        };
    }
    Ok(missing)
}
