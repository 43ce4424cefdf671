//! CPU and memory of this process, and CPU of the machine, from `/proc` (proc(5)).
//!
//! Invariant: what cannot be read is `None`. Other systems than Linux give nothing yet.

use sightline_quality::ProcessCounters;

/// Reads the counters now.
#[cfg(not(target_os = "linux"))]
pub(crate) fn read() -> ProcessCounters {
    ProcessCounters::default()
}

/// Reads the counters now: three small files, some 50 µs.
#[cfg(target_os = "linux")]
pub(crate) fn read() -> ProcessCounters {
    let file = |path| std::fs::read_to_string(path).ok();
    let machine = file("/proc/stat").and_then(|text| linux::machine(&text));
    ProcessCounters {
        cpu: file("/proc/self/stat").and_then(|text| linux::process_cpu(&text)),
        system_busy: machine.map(|(busy, _)| busy),
        system_total: machine.map(|(_, total)| total),
        resident_bytes: file("/proc/self/status").and_then(|text| linux::resident(&text)),
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::time::Duration;

    /// `USER_HZ`, the unit of times in `/proc`: 100 on every architecture that Rust's standard library supports, whatever
    /// the kernel's own tick is.
    const TICKS_PER_SECOND: u64 = 100;

    fn ticks(ticks: u64) -> Duration {
        Duration::from_millis(ticks.saturating_mul(1000 / TICKS_PER_SECOND))
    }

    /// User and system time: fields 14 and 15 of `/proc/self/stat`. The name in field 2 may hold spaces and brackets,
    /// so that counting starts behind the last bracket.
    pub(super) fn process_cpu(stat: &str) -> Option<Duration> {
        let (_, fields) = stat.rsplit_once(')')?;
        let mut fields = fields.split_whitespace().skip(11);
        let user: u64 = fields.next()?.parse().ok()?;
        let system: u64 = fields.next()?.parse().ok()?;
        Some(ticks(user.checked_add(system)?))
    }

    /// Busy and total time of all processors: first line of `/proc/stat`. Idle and waiting for disks is not busy; guest
    /// time is in user time already.
    pub(super) fn machine(stat: &str) -> Option<(Duration, Duration)> {
        let line = stat.lines().next()?.strip_prefix("cpu ")?;
        let fields: Vec<u64> =
            line.split_whitespace().take(8).map(|field| field.parse().ok()).collect::<Option<_>>()?;
        let [_, _, _, idle, iowait, ..] = fields[..] else { return None };
        let total = fields.iter().try_fold(0_u64, |sum, field| sum.checked_add(*field))?;
        Some((ticks(total.checked_sub(idle)?.checked_sub(iowait)?), ticks(total)))
    }

    /// Resident memory in bytes: `VmRSS` of `/proc/self/status`.
    pub(super) fn resident(status: &str) -> Option<u64> {
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kib.checked_mul(1024)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_name_with_brackets_does_not_shift_the_fields() {
            let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 250 150 7 7 20 0 9 0 1000 1 1\n";
            assert_eq!(process_cpu(stat), Some(Duration::from_secs(4)));
        }

        #[test]
        fn the_machine_is_busy_when_it_does_not_idle() {
            let stat = "cpu  100 10 50 800 40 0 0 0 30 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n";
            assert_eq!(machine(stat), Some((Duration::from_millis(1600), Duration::from_secs(10))));
        }

        #[test]
        fn resident_memory_is_in_bytes() {
            assert_eq!(resident("Name:\tx\nVmRSS:\t    2048 kB\n"), Some(2 << 20));
        }

        #[test]
        fn nonsense_is_unknown() {
            for text in ["", "cpu", "cpu  1 2", "cpu  a b c d e f g h", "1 (x", "VmRSS: many"] {
                assert_eq!(process_cpu(text), None, "{text}");
                assert_eq!(machine(text), None, "{text}");
                assert_eq!(resident(text), None, "{text}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_counted() {
        let counters = read();
        assert!(counters.cpu.is_some());
        assert!(counters.resident_bytes > Some(100_000));
        assert!(counters.system_total >= counters.system_busy && counters.system_busy.is_some());
    }
}
