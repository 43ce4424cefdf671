//! `cargo xtask dist`: the installer that this platform can build. On Debian a .deb, made by Debian's own tools: they are
//! there, and they know best which packages the program's libraries are in.
//!
//! Invariant: what a package depends on is found in its programs; only what is loaded at run time is named here.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::cargo::{cargo, release_dir, root, status};
use crate::system;

/// The programs in the package: the app, and those for machines without a screen.
const PROGRAMS: [&str; 3] = ["sightline", "sightline-headless", "sightline-server"];

/// Loaded at run time, and therefore not seen by `dpkg-shlibdeps`: the tray.
const LOADED: &str = "libayatana-appindicator3-1";
/// Needed where it is there: opens exports, and the sound of most desktops.
const RECOMMENDED: &str = "xdg-utils, pipewire-alsa | pulseaudio";

const DESKTOP_ENTRY: &str = "\
[Desktop Entry]
Type=Application
Name=Sightline
Comment=Video calls with a flight recorder
Exec=sightline %u
Icon=sightline
Terminal=false
Categories=Network;VideoConference;AudioVideo;
MimeType=x-scheme-handler/sightline;
StartupWMClass=sightline
";

/// Builds the programs and the package; says where it is.
pub(crate) fn run() -> Result<()> {
    if cfg!(not(target_os = "linux")) {
        bail!("only Debian packages are built so far; the programs are built by: cargo build --release -p sightline");
    }
    system::require(system::BUILD)?;
    system::require(system::DIST)?;
    let mut build = cargo();
    build.args(["build", "--release", "-p", "sightline", "-p", "sightline-headless", "-p", "sightline-server"]);
    status(&mut build)?;
    let out = release_dir().with_file_name("dist");
    let package = debian_package(&release_dir(), &PROGRAMS, &out)?;
    println!("{}", package.display());
    Ok(())
}

/// Makes the package of the programs in a folder; gives its file.
fn debian_package(programs_in: &Path, programs: &[&str], out: &Path) -> Result<PathBuf> {
    let tree = out.join("tree");
    if tree.exists() {
        fs::remove_dir_all(&tree).with_context(|| format!("cannot remove {}", tree.display()))?;
    }
    for program in programs {
        let to = tree.join("usr/bin").join(program);
        copy(&programs_in.join(program), &to)?;
        // Half of a program that nobody debugs is symbols.
        status(Command::new("strip").arg("--strip-unneeded").arg(&to))?;
    }
    write(&tree.join("usr/share/applications/sightline.desktop"), DESKTOP_ENTRY)?;
    let icons = tree.join("usr/share/icons/hicolor");
    copy(&root().join("icons/sightline.png"), &icons.join("256x256/apps/sightline.png"))?;
    copy(&root().join("icons/sightline.svg"), &icons.join("scalable/apps/sightline.svg"))?;
    write(&tree.join("usr/share/doc/sightline/copyright"), &copyright()?)?;

    let architecture = said(Command::new("dpkg").arg("--print-architecture"))?;
    let depends = dependencies(&tree, programs, &out.join("work"))?;
    write(&tree.join("DEBIAN/control"), &control(&architecture, &depends, kibibytes(&tree)?))?;
    let package = out.join(format!("sightline_{}_{architecture}.deb", env!("CARGO_PKG_VERSION")));
    status(Command::new("dpkg-deb").args(["--root-owner-group", "--build"]).arg(&tree).arg(&package))?;
    Ok(package)
}

/// The packages that the programs' libraries are in, as a line for the control file.
fn dependencies(tree: &Path, programs: &[&str], work: &Path) -> Result<String> {
    // It works in the source tree of a package, of which it reads one file.
    write(&work.join("debian/control"), "Source: sightline\n\nPackage: sightline\nArchitecture: any\n")?;
    let mut command = Command::new("dpkg-shlibdeps");
    command.current_dir(work).arg("-O");
    for program in programs {
        command.arg("-e").arg(fs::canonicalize(tree.join("usr/bin").join(program))?);
    }
    let found = said(&mut command)?;
    let found = found.strip_prefix("shlibs:Depends=").context("dpkg-shlibdeps found no dependencies")?;
    Ok(format!("{found}, {LOADED}"))
}

fn control(architecture: &str, depends: &str, kibibytes: u64) -> String {
    format!(
        "Package: sightline\n\
         Version: {}\n\
         Architecture: {architecture}\n\
         Maintainer: Sightline <sightline@localhost>\n\
         Section: net\n\
         Priority: optional\n\
         Installed-Size: {kibibytes}\n\
         Depends: {depends}\n\
         Recommends: {RECOMMENDED}\n\
         Description: Video calls with a flight recorder\n \
         Connects people directly, and writes what every call was like into a file on\n \
         their own disk, so that 'why was that call bad?' has an answer.\n",
        env!("CARGO_PKG_VERSION")
    )
}

fn copyright() -> Result<String> {
    let mut text = String::from("Sightline is licensed under MIT or Apache-2.0, as you like.\n");
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        let license = fs::read_to_string(root().join(name)).with_context(|| format!("cannot read {name}"))?;
        write!(text, "\n{name}\n\n{license}")?;
    }
    Ok(text)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    make_parent(to)?;
    fs::copy(from, to).with_context(|| format!("cannot copy {} to {}", from.display(), to.display()))?;
    Ok(())
}

fn write(path: &Path, text: &str) -> Result<()> {
    make_parent(path)?;
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

fn make_parent(path: &Path) -> Result<()> {
    let parent = path.parent().context("a file is in a folder")?;
    fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))
}

/// Size of all files below a folder.
fn kibibytes(folder: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        bytes += match entry.file_type()?.is_dir() {
            true => kibibytes(&entry.path())? * 1024,
            false => entry.metadata()?.len(),
        };
    }
    Ok(bytes.div_ceil(1024))
}

/// What a command says on stdout.
fn said(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("cannot start {:?}", command.get_program()))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{:?} failed: {}", command.get_program(), errors.trim());
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_debian_package_names_what_it_needs_and_where_its_files_go() {
        let dir = std::env::temp_dir().join(format!("sightline-dist-{}", std::process::id()));
        // Any program of ours will do.
        let this = std::env::current_exe().expect("a path");
        copy(&this, &dir.join("bin/sightline")).expect("copied");
        let package = debian_package(&dir.join("bin"), &["sightline"], &dir.join("out")).expect("built");
        let field = |name| said(Command::new("dpkg-deb").arg("--field").arg(&package).arg(name)).expect("a field");
        let depends = field("Depends");
        assert!(depends.contains("libc6") && depends.contains(LOADED), "{depends}");
        assert_eq!(field("Version"), env!("CARGO_PKG_VERSION"));
        let files = said(Command::new("dpkg-deb").arg("--contents").arg(&package)).expect("a list");
        for file in ["./usr/bin/sightline", "./usr/share/applications/sightline.desktop", "/apps/sightline.png"] {
            assert!(files.contains(file), "{files}");
        }
        assert!(files.lines().all(|line| line.contains("root/root")), "{files}");
        fs::remove_dir_all(&dir).expect("removed");
    }
}
