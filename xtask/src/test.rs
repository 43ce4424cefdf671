//! `cargo xtask test`: what has to pass before anything lands.

use anyhow::{Result, bail};

use crate::cargo::{cargo, line, status};
use crate::{page, system};

/// Runs everything; in CI (`CI` is set) a skipped group is a failure.
pub(crate) fn run() -> Result<()> {
    system::require(system::BUILD)?;
    system::require(system::TEST)?;
    let skipped = skipped_groups();

    step(cargo().args(["fmt", "--all", "--check"]))?;
    step(cargo().args(["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))?;
    let mut doc = cargo();
    doc.args(["doc", "--workspace", "--no-deps", "--document-private-items", "--quiet"]);
    step(doc.env("RUSTDOCFLAGS", "-D warnings"))?;

    let mut tests = cargo();
    tests.args(["test", "--workspace", "--no-fail-fast", "--"]);
    for group in &skipped {
        tests.args(["--skip", group.filter]);
    }
    step(&mut tests)?;
    for mut check in page::checks(&skipped)? {
        step(&mut check)?;
    }

    println!("\nfmt, clippy, rustdoc, types of the page and tests passed");
    if skipped.is_empty() {
        println!("skipped: nothing");
    }
    for group in &skipped {
        println!("skipped: {}", group.what);
    }
    if !skipped.is_empty() && std::env::var_os("CI").is_some() {
        bail!("in CI nothing may be skipped");
    }
    Ok(())
}

fn skipped_groups() -> Vec<&'static system::TestGroup> {
    let mut skipped = Vec::new();
    for group in system::GROUPS {
        if cfg!(not(target_os = "linux")) {
            println!("skipping {}: the virtual devices exist on Linux only", group.what);
            skipped.push(group);
            continue;
        }
        let missing = system::offer(group.needs);
        if !missing.is_empty() {
            let why: Vec<&str> = missing.iter().map(|need| need.why).collect();
            println!("skipping {}: missing {}", group.what, why.join(", "));
            skipped.push(group);
        }
    }
    skipped
}

fn step(command: &mut std::process::Command) -> Result<()> {
    println!("\n== {}", line(command));
    status(command)
}
