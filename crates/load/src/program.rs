//! A server as a process of its own, and what it uses of the machine (proc(5)).
//!
//! Invariant: dropping one leaves no process behind.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    ops::{AddAssign, Sub},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::{net::TcpStream, time::sleep};

/// Length of the ticks in /proc: 100 a second on every Linux (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// How long a server may take to listen, or to end.
const PATIENCE: Duration = Duration::from_secs(20);

/// CPU time, and how much of it was spent where.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Cpu {
    /// In the program itself.
    pub(crate) user: Duration,
    /// In the kernel on its behalf: for a relay, the sockets.
    pub(crate) system: Duration,
}

impl Cpu {
    pub(crate) fn seconds(self) -> f64 {
        (self.user + self.system).as_secs_f64()
    }
}

impl Sub for Cpu {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self { user: self.user - before.user, system: self.system - before.system }
    }
}

impl AddAssign for Cpu {
    fn add_assign(&mut self, other: Self) {
        self.user += other.user;
        self.system += other.system;
    }
}

/// A running server.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    /// Kept, so that whatever it says finds a reader.
    _stdout: Option<BufReader<ChildStdout>>,
    pub(crate) address: SocketAddr,
}

impl Program {
    /// Starts a server that says `listening on ADDRESS` when it does.
    pub(crate) fn start(command: &mut Command, log: &Path) -> Result<Self> {
        let mut child = spawn(command.stdout(Stdio::piped()), log)?;
        let mut stdout = BufReader::new(child.stdout.take().context("no stdout")?);
        let mut line = String::new();
        stdout.read_line(&mut line)?;
        let address = line.strip_prefix("listening on ").and_then(|rest| rest.trim_end().parse().ok());
        let Some(address) = address else {
            child.wait()?;
            bail!("{command:?} does not listen: {}", fs::read_to_string(log).unwrap_or_default());
        };
        Ok(Self { child, _stdout: Some(stdout), address })
    }

    /// Starts a server that says nothing, on a port that it is given behind the command.
    pub(crate) async fn start_on_port(command: &mut Command, log: &Path) -> Result<Self> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let child = spawn(command.arg(address.port().to_string()).stdout(Stdio::null()), log)?;
        let program = Self { child, _stdout: None, address };
        let until = Instant::now() + PATIENCE;
        while TcpStream::connect(address).await.is_err() {
            ensure!(Instant::now() < until, "{command:?} does not listen: {}", fs::read_to_string(log)?);
            sleep(TICK).await;
        }
        Ok(program)
    }

    /// Resident memory in MiB (`VmRSS`).
    pub(crate) fn mib(&self) -> Result<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("the server has ended")?;
        Ok(line.trim().trim_end_matches("kB").trim().parse::<f64>()? / 1024.0)
    }

    /// CPU time of all its threads so far, exact to a tick.
    pub(crate) fn cpu(&self) -> Result<Cpu> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The name in brackets may hold anything; fields are counted behind it, the state being the third of all.
        let (_, rest) = stat.rsplit_once(") ").context("no stat")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let ticks = |at: usize| -> Result<u32> { Ok(fields.get(at).context("a short stat")?.parse()?) };
        Ok(Cpu { user: TICK * ticks(11)?, system: TICK * ticks(12)? })
    }

    /// How long its threads were ready to run and had no processor, all of them together, so far.
    pub(crate) fn waited(&self) -> Result<Duration> {
        let mut waited = Duration::ZERO;
        for thread in fs::read_dir(format!("/proc/{}/task", self.child.id()))? {
            // A thread may end meanwhile.
            let schedstat = fs::read_to_string(thread?.path().join("schedstat")).unwrap_or_default();
            let nanos = schedstat.split(' ').nth(1).and_then(|field| field.parse().ok());
            waited += Duration::from_nanos(nanos.unwrap_or_default());
        }
        Ok(waited)
    }

    /// Asks it to end (SIGTERM), and waits until it has.
    pub(crate) fn end(mut self) -> Result<()> {
        kill(Pid::from_raw(i32::try_from(self.child.id())?), Signal::SIGTERM)?;
        let until = Instant::now() + PATIENCE;
        while self.child.try_wait()?.is_none() {
            ensure!(Instant::now() < until, "the server does not end");
            std::thread::sleep(TICK);
        }
        Ok(())
    }

    /// Ends it as a power cut would (SIGKILL).
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }
}

fn spawn(command: &mut Command, log: &Path) -> Result<Child> {
    let log = File::options().create(true).append(true).open(log)?;
    command.stdin(Stdio::null()).stderr(log);
    command.spawn().with_context(|| format!("cannot start {:?}", command.get_program()))
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended, which is as good.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
