//! Writes what the targets begin with: every example of PROTOCOL.md, and the batches of a small call.

use std::{fs, io, path::Path};

use sightline_server::record::synthetic::{CallShape, batches};

fn main() -> io::Result<()> {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let page = include_str!("../../PROTOCOL.md");
    let examples = page.split("\n```json ").skip(1).filter_map(|block| {
        let (kind, rest) = block.split_once('\n')?;
        Some((kind, rest.split("\n```").next()?))
    });
    for (number, (kind, text)) in examples.enumerate() {
        let target = if kind == "log-batch" { "batch" } else { "message" };
        write(&corpus.join(target), &format!("page-{number}"), text.as_bytes())?;
    }
    // As in fuzz_targets/batch.rs.
    let shape = CallShape { seed: 1, people: 2, windows: 2, windows_per_batch: 1, started_ms: 1_780_000_000_000 };
    for (number, batch) in batches(&shape).iter().enumerate() {
        write(&corpus.join("batch"), &format!("call-{number}"), serde_json::to_string(batch)?.as_bytes())?;
    }
    Ok(())
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(name), bytes)
}
