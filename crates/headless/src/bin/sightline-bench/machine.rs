//! What machine the figures come from, and how it behaved meanwhile.
//!
//! Invariant: nothing here changes a figure; it tells what the machine did at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// One line: processor, how many of them, system.
pub(crate) fn line() -> String {
    let cpuinfo = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let system = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .map_or(std::env::consts::OS, |name| name.trim_matches('"'));
    format!("{model}, {cores} cores, {system}, {} build", if cfg!(debug_assertions) { "debug" } else { "release" })
}

/// How long the watcher sleeps between looks: short against the 150 ms of a freeze.
const LOOK: Duration = Duration::from_millis(5);

/// A thread that only sleeps and wakes; what it oversleeps, everybody on the machine may.
pub(crate) struct Watcher {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Watcher {
    /// Begins to watch.
    pub(crate) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut longest = Duration::ZERO;
            while !stopped.load(Ordering::Relaxed) {
                let before = Instant::now();
                std::thread::sleep(LOOK);
                longest = longest.max(before.elapsed().saturating_sub(LOOK));
            }
            longest
        });
        Self { stop, thread }
    }

    /// The longest time by which a sleep was too long; `None` if the watcher itself broke.
    pub(crate) fn stop(self) -> Option<Duration> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().ok()
    }
}
