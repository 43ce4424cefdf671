//! The environment that the process and the web processes it starts need, settled before the first thread.
//!
//! Invariant: what is set already stays as it is, and where nothing is missing nothing happens. A process cannot safely
//! change its own environment, so it starts itself again in its place, once: same process id, same arguments.

use std::ffi::OsString;
use std::path::Path;

/// One who has come here before.
const SETTLED: &str = "SIGHTLINE_LAUNCHED";

/// For glibc's allocator. It makes up to eight pools for each processor, and each keeps what its busiest moment took: the
/// threads of a call, which are new in each call, would leave memory behind in ever other pools. And once an encoder was
/// freed it takes as large ones from a pool, too: the tables of VP8, 22 MB of which a call uses a few, are then cleared and
/// so come to be there as a whole. Above 4 MiB memory is to be mapped, which is more than a picture of 720p, that is asked
/// for all the time; and as much as two of those stays in a pool.
const ALLOCATOR: [(&str, &str); 3] =
    [("MALLOC_ARENA_MAX", "2"), ("MALLOC_MMAP_THRESHOLD_", "4194304"), ("MALLOC_TRIM_THRESHOLD_", "8388608")];

/// Without a graphics card WebKit composes the page with a compiler of shaders, which costs 50 MiB and more time than
/// drawing it directly.
const WITHOUT_CARD: [(&str, &str); 2] =
    [("WEBKIT_DISABLE_COMPOSITING_MODE", "1"), ("WEBKIT_DISABLE_DMABUF_RENDERER", "1")];

/// Starts the process again in its place where its environment lacks something. Returns where it does not, or where that
/// is not possible: then the app needs more memory, and nothing else.
pub fn settle() {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::process::CommandExt;

        let missing = missing(has_card(), |name| std::env::var_os(name));
        let Ok(program) = std::env::current_exe() else { return };
        if missing.is_empty() {
            return;
        }
        let mut arguments = std::env::args_os();
        let mut again = std::process::Command::new(program);
        if let Some(name) = arguments.next() {
            again.arg0(name);
        }
        // Comes back only where it failed.
        let error = again.args(arguments).envs(missing).exec();
        eprintln!("sightline: goes on with more memory than it needs, as it cannot start itself again: {error}");
    }
}

/// What is to be set.
fn missing(has_card: bool, is_set: impl Fn(&str) -> Option<OsString>) -> Vec<(&'static str, &'static str)> {
    if is_set(SETTLED).is_some() {
        return Vec::new();
    }
    let cards: &[_] = if has_card { &[] } else { &WITHOUT_CARD };
    let mut missing: Vec<_> =
        ALLOCATOR.iter().chain(cards).copied().filter(|(name, _)| is_set(name).is_none()).collect();
    if !missing.is_empty() {
        missing.push((SETTLED, "1"));
    }
    missing
}

/// Whether WebKit has a graphics card here. On other systems than Linux it knows better than we do.
pub(crate) fn has_card() -> bool {
    cfg!(not(target_os = "linux")) || shows_card(Path::new("/dev/dri"))
}

/// Whether there is a card that draws: the kernel shows one as `renderD128` and so on.
fn shows_card(folder: &Path) -> bool {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with("renderD"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(has_card: bool, set: &[&str]) -> Vec<&'static str> {
        let is_set = |name: &str| set.contains(&name).then(OsString::new);
        missing(has_card, is_set).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn what_is_set_stays_and_nobody_starts_again_twice() {
        let ([arenas, map, trim], [composing, dmabuf]) =
            (ALLOCATOR.map(|(name, _)| name), WITHOUT_CARD.map(|(name, _)| name));
        assert_eq!(names(true, &[]), [arenas, map, trim, SETTLED]);
        assert_eq!(names(false, &[]), [arenas, map, trim, composing, dmabuf, SETTLED]);
        assert_eq!(names(false, &[composing, map]), [arenas, trim, dmabuf, SETTLED]);
        assert!(names(true, &[arenas, map, trim]).is_empty());
        assert!(names(false, &[SETTLED]).is_empty());
    }

    #[test]
    fn a_card_is_one_that_draws() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!shows_card(dir.path()) && !shows_card(&dir.path().join("dri")));
        std::fs::write(dir.path().join("card0"), "").unwrap();
        assert!(!shows_card(dir.path()), "one that only shows");
        std::fs::write(dir.path().join("renderD128"), "").unwrap();
        assert!(shows_card(dir.path()));
    }
}
