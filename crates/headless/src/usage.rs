//! What this process used of the machine, by Linux's /proc; `None` elsewhere.

use std::collections::BTreeMap;

/// Peak resident memory in MiB (`VmHWM`).
pub(crate) fn peak_rss_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib / 1024.0)
}

/// CPU seconds by thread name, threads of one name added up. Threads that have ended are not in it.
pub(crate) fn threads() -> BTreeMap<String, f64> {
    let mut seconds = BTreeMap::new();
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else { return seconds };
    for task in tasks.flatten() {
        let name = std::fs::read_to_string(task.path().join("comm")).unwrap_or_default();
        // First field: nanoseconds spent on a CPU.
        let schedstat = std::fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        let nanos: Option<u64> = schedstat.split(' ').next().and_then(|field| field.parse().ok());
        if let Some(nanos) = nanos {
            *seconds.entry(name.trim().to_owned()).or_default() += nanos as f64 / 1e9;
        }
    }
    seconds
}
