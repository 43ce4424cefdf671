//! The page of the desktop app: its types, and the tests of its modules and views.
//!
//! Invariant: the page itself needs no npm; only this check does, and the version of its tool is fixed here. The tests are
//! beside `ui` and not in it, for all of `ui` is put into the app.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::cargo::root;
use crate::system::TestGroup;

const TYPESCRIPT: &str = "typescript@5.9.3";

/// The commands that check the page, without the tests of groups that are left out.
pub(crate) fn checks(skipped: &[&TestGroup]) -> Result<[Command; 2]> {
    let mut types = Command::new("npx");
    types
        .args(["--yes", "--package", TYPESCRIPT, "--", "tsc", "--project", "tsconfig.json"])
        .current_dir(root().join("ui"));

    let folder = root().join("ui-tests");
    let mut files = Vec::new();
    for entry in folder.read_dir().context("the tests of the page")? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".test.js") && !skipped.iter().any(|group| name.contains(group.filter)) {
            files.push(name);
        }
    }
    ensure!(!files.is_empty(), "the page has no tests in {}", folder.display());
    files.sort();
    let mut tests = Command::new("node");
    tests.args(["--test", "--test-reporter", "spec"]).args(files).current_dir(folder);
    Ok([types, tests])
}
