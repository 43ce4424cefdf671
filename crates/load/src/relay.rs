//! Ten thousand connections in rooms of two: what they take of the server's memory, and what it takes to relay between them.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::{sleep, sleep_until};

use crate::{
    bench::{Length, progress},
    crowd::{Crowd, Plan, Traffic},
    dialect::{Dialect, MESSAGE_BYTES},
    machine::Watcher,
    peers::Peers,
    program::{Cpu, Program},
    signaling::Home,
    table::{Line, at_least, at_most, stated},
};

/// Until all clients know when they begin.
const NOTICE: Duration = Duration::from_millis(500);

/// Messages that a client sends at a time in the second measurement: so many candidates are found at once by one that has a few
/// interfaces, in IPv4 and IPv6, and a STUN server.
const BURST: u32 = 8;

/// What is still on its way when sending ends may take so long.
const LAST: Duration = Duration::from_secs(2);

/// What was seen of a server.
struct Outcome {
    connections: usize,
    empty_mib: f64,
    quiet_mib: f64,
    busy_mib: f64,
    cpu: Cpu,
    seconds: f64,
    offered: f64,
    relayed: f64,
    p50_ms: f64,
    p99_ms: f64,
    worst_ms: f64,
    missing: u64,
    broken: u64,
    /// Ready to run and without a processor, all threads together.
    waited: Duration,
    stalled: Option<Duration>,
    /// Messages per CPU second where they come in bursts.
    in_bursts: f64,
}

impl Outcome {
    fn per_cpu_second(&self) -> f64 {
        self.relayed * self.seconds / self.cpu.seconds()
    }

    fn cores(&self) -> String {
        let Self { cpu, seconds, .. } = self;
        let of = |part: f64| part / seconds;
        let (all, user, system) = (of(cpu.seconds()), of(cpu.user.as_secs_f64()), of(cpu.system.as_secs_f64()));
        let waited = of(self.waited.as_secs_f64());
        format!("{all:.2} cores ({user:.2} user, {system:.2} system; {waited:.2} waiting for one)")
    }

    fn kib_per_connection(&self) -> f64 {
        (self.quiet_mib - self.empty_mib) * 1024.0 / self.connections as f64
    }
}

/// The lines of the table.
pub(crate) async fn lines(length: Length) -> Result<Vec<Line>> {
    let peers = Peers::install()?;
    println!("{}; {MESSAGE_BYTES} bytes a message for all", peers.versions()?);
    let home = Home::new()?;
    let ours = measure(Dialect::Sightline, home.start()?, length).await?;
    let peer_server = measure(Dialect::PeerServer, peers.peer_server(2 * length.rooms).await?, length).await?;
    let socket_io = measure(Dialect::SocketIo, peers.socket_io()?, length).await?;

    let Length { rooms, rate, .. } = length;
    let people = 2 * rooms;
    let what = format!("{rooms} rooms of two, {rate} messages/s");
    let mut lines = vec![
        at_most(
            format!("{people} idle connections, two in each room: memory (RSS)"),
            ours.quiet_mib,
            format!("{:.0} MiB", ours.quiet_mib),
            150.0,
            "MiB",
        ),
        stated(format!("{what}: sent and relayed"), format!("{:.0}/s, {:.0}/s", ours.offered, ours.relayed)),
        stated(format!("{what}: relay p50"), format!("{:.2} ms", ours.p50_ms)),
        at_most(
            format!("{what}: relay p99"),
            ours.p99_ms,
            format!("{:.2} ms (worst {:.0})", ours.p99_ms, ours.worst_ms),
            10.0,
            "ms",
        ),
        stated(format!("{what}: CPU of the server"), ours.cores()),
        at_most(
            format!("{what}: connections that broke, messages that did not come"),
            (ours.broken + ours.missing) as f64,
            format!("{}, {}", ours.broken, ours.missing),
            0.0,
            "of them",
        ),
        stated(
            format!("{what}: longest time an idle thread was kept from waking"),
            ours.stalled.map_or("?".to_owned(), |time| format!("{} ms", time.as_millis())),
        ),
    ];
    lines.extend(comparison(&ours, &[(Dialect::PeerServer, &peer_server), (Dialect::SocketIo, &socket_io)]));
    Ok(lines)
}

fn comparison(ours: &Outcome, others: &[(Dialect, &Outcome)]) -> Vec<Line> {
    let mut lines = Vec::new();
    let all: Vec<(Dialect, &Outcome)> =
        [(Dialect::Sightline, ours)].into_iter().chain(others.iter().copied()).collect();
    for (dialect, outcome) in &all {
        let name = dialect.name();
        lines.push(stated(
            format!("{name}: messages per CPU second"),
            format!(
                "{:.0} ({:.0}/s of {:.0}/s on {}; p50 {:.1} ms, p99 {:.1} ms; {} broken, {} missing)",
                outcome.per_cpu_second(),
                outcome.relayed,
                outcome.offered,
                outcome.cores(),
                outcome.p50_ms,
                outcome.p99_ms,
                outcome.broken,
                outcome.missing
            ),
        ));
    }
    for (dialect, outcome) in &all {
        let what = format!("{}: messages per CPU second, in bursts of {BURST}", dialect.name());
        lines.push(stated(what, format!("{:.0}", outcome.in_bursts)));
    }
    for (dialect, outcome) in others {
        let even = ours.per_cpu_second() / outcome.per_cpu_second();
        let bursts = ours.in_bursts / outcome.in_bursts;
        for (ratio, how) in [(even, "one at a time".to_owned()), (bursts, format!("in bursts of {BURST}"))] {
            let what = format!("messages per CPU second, times those of {}, {how}", dialect.name());
            lines.push(at_least(what, ratio, format!("{ratio:.2}"), 5.0, "times"));
        }
    }
    for (dialect, outcome) in &all {
        lines.push(stated(
            format!("{}: memory per connection", dialect.name()),
            format!(
                "{:.1} KiB ({:.0} MiB without, {:.0} MiB with {} quiet ones, {:.0} MiB after relaying)",
                outcome.kib_per_connection(),
                outcome.empty_mib,
                outcome.quiet_mib,
                outcome.connections,
                outcome.busy_mib
            ),
        ));
    }
    for (dialect, outcome) in others {
        let ratio = ours.kib_per_connection() / outcome.kib_per_connection();
        let what = format!("memory per connection, parts of that of {}", dialect.name());
        lines.push(at_most(what, ratio, format!("{ratio:.2}"), 0.1, "of it"));
    }
    lines
}

async fn measure(dialect: Dialect, server: Program, length: Length) -> Result<Outcome> {
    let name = dialect.name();
    progress(&format!("{name}: {} connections", 2 * length.rooms));
    sleep(length.quiet).await;
    let empty_mib = server.mib()?;
    let crowd = Crowd::gather(dialect, server.address, length.rooms).await?;
    sleep(length.quiet).await;
    let (connections, quiet_mib) = (crowd.len(), server.mib()?);
    crowd.all_there()?;

    progress(&format!("{name}: {} messages/s", length.rate));
    let even = load(&crowd, &server, length, 0).await?;
    sleep(LAST).await;
    progress(&format!("{name}: the same in bursts of {BURST}"));
    let bursts = load(&crowd, &server, length, 1).await?;
    sleep(LAST).await;
    let seen = crowd.part().await?;
    let seconds = length.measured.as_secs_f64();
    let [seen_even, seen_bursts] = seen.loads;
    let part = |of: f64| {
        let took_us = &seen_even.took_us;
        let at = (took_us.len() as f64 * of) as usize;
        took_us.get(at.min(took_us.len().saturating_sub(1))).map_or(f64::NAN, |us| f64::from(*us) / 1000.0)
    };
    let missing = |seen: &Traffic| seen.sent - seen.took_us.len() as u64;
    Ok(Outcome {
        connections,
        empty_mib,
        quiet_mib,
        busy_mib: even.mib,
        cpu: even.cpu,
        seconds,
        offered: seen_even.sent as f64 / seconds,
        relayed: seen_even.came as f64 / seconds,
        p50_ms: part(0.5),
        p99_ms: part(0.99),
        worst_ms: part(1.0),
        missing: missing(&seen_even) + missing(&seen_bursts),
        broken: seen.broken,
        waited: even.waited,
        stalled: even.stalled,
        in_bursts: seen_bursts.came as f64 / bursts.cpu.seconds(),
    })
}

/// What a server used while it was under load.
struct Used {
    cpu: Cpu,
    /// Ready to run and without a processor, all threads together.
    waited: Duration,
    stalled: Option<Duration>,
    mib: f64,
}

/// All send, evenly (0) or in bursts (1).
async fn load(crowd: &Crowd, server: &Program, length: Length, load: usize) -> Result<Used> {
    let burst = if load == 0 { 1 } else { BURST };
    let start = Instant::now() + NOTICE;
    let begin = start + length.warm_up;
    let end = begin + length.measured;
    let every = Duration::from_secs_f64(f64::from(burst) * crowd.len() as f64 / f64::from(length.rate));
    crowd.send(Plan { start, begin, end, every, burst, load });
    sleep_until(begin.into()).await;
    let (watcher, before, waited_before) = (Watcher::start(), server.cpu()?, server.waited()?);
    sleep_until(end.into()).await;
    let (cpu, waited) = (server.cpu()? - before, server.waited()?.saturating_sub(waited_before));
    Ok(Used { cpu, waited, stalled: watcher.stop(), mib: server.mib()? })
}
