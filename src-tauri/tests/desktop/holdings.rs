//! What the app and its web processes use of the machine, by Linux's /proc (proc(5)).
//!
//! Invariant: a process that ends while it is looked at counts for nothing, and is no error.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Length of the ticks in /proc: 100 a second on every Linux (`USER_HZ`).
const TICK: Duration = Duration::from_millis(10);

/// A process and all that it has started, and they.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tree {
    root: u32,
}

/// What all processes of a tree hold together.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Holdings {
    pub(crate) threads: usize,
    pub(crate) files: usize,
    /// Memory, each page divided by the number of processes that share it.
    pub(crate) pss_kib: u64,
}

impl Holdings {
    /// Memory in MiB.
    pub(crate) fn mib(&self) -> f64 {
        self.pss_kib as f64 / 1024.0
    }

    fn add(&mut self, other: Self) {
        self.threads += other.threads;
        self.files += other.files;
        self.pss_kib += other.pss_kib;
    }
}

/// What /proc/ID/stat says of a process.
struct Stat {
    parent: u32,
    cpu: Duration,
    /// Since the machine started.
    started: Duration,
}

impl Tree {
    pub(crate) fn of(root: u32) -> Self {
        Self { root }
    }

    /// Id of the process at the root.
    pub(crate) fn root(self) -> u32 {
        self.root
    }

    /// CPU time of all its processes, since each of them started.
    pub(crate) fn cpu(self) -> Duration {
        self.members().iter().filter_map(|id| stat(*id)).map(|stat| stat.cpu).sum()
    }

    /// Threads, open files and memory of the whole tree.
    pub(crate) fn holdings(self) -> Holdings {
        let mut all = Holdings::default();
        self.members().into_iter().for_each(|id| all.add(holdings(id)));
        all
    }

    /// The same by the name of the program, for all of its processes together.
    pub(crate) fn holdings_by_program(self) -> BTreeMap<String, Holdings> {
        let mut all = BTreeMap::<String, Holdings>::new();
        for id in self.members() {
            let name = fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
            all.entry(name.trim().to_owned()).or_default().add(holdings(id));
        }
        all
    }

    /// The same of the process at the root alone.
    pub(crate) fn holdings_of_root(self) -> Holdings {
        holdings(self.root)
    }

    /// How long ago the process at the root was started; exact to two ticks.
    pub(crate) fn age(self) -> Result<Duration> {
        let uptime = fs::read_to_string("/proc/uptime")?;
        let uptime: f64 = uptime.split(' ').next().context("no uptime")?.parse()?;
        let started = stat(self.root).context("the process has ended")?.started;
        Ok(Duration::from_secs_f64(uptime).saturating_sub(started))
    }

    fn members(self) -> Vec<u32> {
        let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = entries.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()));
        let parents: HashMap<u32, u32> = ids.filter_map(|id| stat(id).map(|stat| (id, stat.parent))).collect();
        let belongs = |id: &u32| {
            let mut at = Some(id);
            while let Some(here) = at {
                if *here == self.root {
                    return true;
                }
                at = parents.get(here);
            }
            false
        };
        parents.keys().copied().filter(belongs).collect()
    }
}

fn stat(id: u32) -> Option<Stat> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name in brackets may hold anything; fields are counted behind it, the state being the third of all.
    let (_, rest) = text.rsplit_once(") ")?;
    let fields: Vec<u64> = rest.split(' ').map(|field| field.trim().parse().unwrap_or_default()).collect();
    let ticks = |count: u64| u32::try_from(count).map(|count| TICK * count).ok();
    Some(Stat {
        parent: u32::try_from(*fields.get(1)?).ok()?,
        cpu: ticks(fields.get(11)? + fields.get(12)?)?,
        started: ticks(*fields.get(19)?)?,
    })
}

fn holdings(id: u32) -> Holdings {
    let count = |folder: &str| fs::read_dir(format!("/proc/{id}/{folder}")).map_or(0, Iterator::count);
    let rollup = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
    let pss = rollup.lines().find_map(|line| line.strip_prefix("Pss:"));
    let pss_kib = pss.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse().ok()).unwrap_or_default();
    Holdings { threads: count("task"), files: count("fd"), pss_kib }
}
