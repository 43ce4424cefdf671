//! Leaving gives everything back. Threads and files belong to a process, so the test runs itself again in one of its own.

use std::process::Command;
use std::time::Duration;

use crate::support::participant::Participant;
use crate::support::server::TestServer;

/// Set in the child.
const CHILD: &str = "SIGHTLINE_LEAVING_CHILD";
/// Threads of tokio's pool for blocking work end after 10 s of idleness.
const PATIENCE: Duration = Duration::from_secs(60);
const CALLS: usize = 5;

/// Threads and open files of this process.
fn holdings() -> (usize, usize) {
    let count = |folder: &str| std::fs::read_dir(folder).expect("Linux has it").count();
    (count("/proc/self/task"), count("/proc/self/fd"))
}

#[test]
fn threads_and_files_return_to_where_they_were_after_several_calls() {
    if std::env::var_os(CHILD).is_some() {
        return several_calls();
    }
    let mut child = Command::new(std::env::current_exe().expect("this program"));
    child.args(["--exact", "leaving::threads_and_files_return_to_where_they_were_after_several_calls", "--nocapture"]);
    let status = child.env(CHILD, "1").status().expect("the child starts");
    assert!(status.success(), "the child failed: {status}");
}

fn several_calls() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let server = runtime.block_on(TestServer::start());
    // What the first request sets up once and for all.
    let code = runtime.block_on(server.room());
    let before = holdings();
    for _ in 0..CALLS {
        runtime.block_on(async {
            let ada = Participant::join(&server.url(), &code, "Ada").await;
            let grace = Participant::join(&server.url(), &code, "Grace").await;
            ada.until_pictures("Grace", 5).await;
            grace.until_pictures("Ada", 5).await;
            grace.leave().await;
            // One who does not leave properly gives everything back as well.
            drop(ada);
        });
    }
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        let now = holdings();
        if now.0 <= before.0 && now.1 <= before.1 {
            return;
        }
        assert!(std::time::Instant::now() < deadline, "(threads, files) were {before:?} and are {now:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}
