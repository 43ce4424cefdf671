//! The process killed in the middle of storing (SIGKILL): what it acknowledged is there, and nothing is there in part.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    sync::Arc,
};

use tokio::task::JoinSet;

use super::*;

/// Where the process that is to be killed writes.
const FILE: &str = "SIGHTLINE_TEST_RECORD";

const CALLS: u64 = 40;

fn call(seed: u64) -> CallShape {
    CallShape { seed, people: 3, windows: 60, windows_per_batch: 1, started_ms: NOON }
}

/// Not a test of its own: what [`acknowledged_batches_survive_sigkill`] runs in another process.
#[test]
fn child_that_is_killed() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let writer = LogWriter::open(path.as_ref(), Arc::new(Turn::default())).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let mut sent = JoinSet::new();
        for seed in 0..CALLS {
            let handle = writer.handle();
            sent.spawn(async move {
                for batch in synthetic::batches(&call(seed)) {
                    let received_ms = batch.sent_ms;
                    let accepted = handle.ingest(call(seed).room_id(), batch, received_ms).await.unwrap();
                    writeln!(std::io::stdout(), "acknowledged {}", accepted.id).unwrap();
                }
            });
        }
        sent.join_all().await;
    });
}

#[test]
fn acknowledged_batches_survive_sigkill() {
    for after in [1, 40, 300] {
        let mut fixture = Fixture::new();
        (0..CALLS).for_each(|seed| fixture.apply(&synthetic::entries(&call(seed))));
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "record::tests::crash::child_that_is_killed", "--nocapture"])
            .env(FILE, &fixture.path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = Vec::new();
        let id = |line: String| line.strip_prefix("acknowledged ").map(str::to_owned);
        while acknowledged.len() < after {
            acknowledged.extend(id(lines.next().expect("it is not done yet").unwrap()));
        }
        child.kill().unwrap();
        // What it had said before it was killed is still in the pipe; the last line may be cut.
        let rest: Vec<String> = lines.map_while(Result::ok).filter_map(id).collect();
        acknowledged.extend(rest);
        assert!(!child.wait().unwrap().success(), "it was killed before it was done");

        let batches: HashMap<String, LogBatch> = (0..CALLS)
            .flat_map(|seed| synthetic::batches(&call(seed)))
            .map(|batch| (batch.id.clone(), batch))
            .collect();
        let health: String = fixture.connection.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
        assert_eq!(health, "ok");
        let stored: Vec<String> = {
            let mut statement = fixture.connection.prepare("SELECT id FROM log_batch").unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
        };
        for id in acknowledged.iter().filter(|id| batches.contains_key(*id)) {
            assert!(stored.contains(id), "{id} was acknowledged and is lost");
        }
        let samples: usize = stored.iter().map(|id| batches[id].samples.len()).sum();
        assert_eq!(fixture.count("log_sample") as usize, samples, "whole batches only");
        let counted: u64 = fixture.reader().totals(NOON, NOON + 1).unwrap().quality.loss_percent.count;
        assert_eq!(counted as usize, samples, "totals are those of the rows");
        assert!(stored.len() >= after);
    }
}
