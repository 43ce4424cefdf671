//! The system libraries and programs that a build, and the tests, need; installed where that is possible.
//!
//! Invariant: nothing is assumed installed because it was asked for; each need is probed again afterwards.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

use crate::cargo::{line, status};

/// How to find out whether something is there.
pub(crate) enum Probe {
    /// A program on the path.
    Program(&'static str),
    /// A library with a pkg-config file.
    Library(&'static str),
    /// libclang for bindgen.
    LibClang,
    /// A subcommand of cargo that is a rustup component.
    Component(&'static str, &'static str),
}

/// One thing that has to be there.
pub(crate) struct Need {
    /// What it is for, in a few words.
    pub(crate) why: &'static str,
    probe: Probe,
    /// Package on Debian and Ubuntu.
    apt: &'static str,
    /// Formula on macOS; empty where macOS has it or does not need it.
    brew: &'static str,
}

const fn need(why: &'static str, probe: Probe, apt: &'static str, brew: &'static str) -> Need {
    Need { why, probe, apt, brew }
}

/// What every build needs.
pub(crate) const BUILD: &[Need] = &[
    need("C compiler for codecs", Probe::Program("cc"), "build-essential", ""),
    need("C++ compiler for cmake", Probe::Program("c++"), "build-essential", ""),
    need("build tool for cmake", Probe::Program("make"), "build-essential", ""),
    need("finds system libraries", Probe::Program("pkg-config"), "pkg-config", "pkgconf"),
    need("VP8 codec", Probe::Library("vpx"), "libvpx-dev", "libvpx"),
    #[cfg(target_os = "linux")]
    need("microphone and speaker", Probe::Library("alsa"), "libasound2-dev", ""),
    need("builds Opus and turbojpeg", Probe::Program("cmake"), "cmake", "cmake"),
    need("assembler for turbojpeg", Probe::Program("nasm"), "nasm", "nasm"),
    #[cfg(target_os = "linux")]
    need("window of the app", Probe::Library("webkit2gtk-4.1"), "libwebkit2gtk-4.1-dev", ""),
    #[cfg(target_os = "linux")]
    need("reads the camera's C headers", Probe::LibClang, "libclang-dev", ""),
];

/// What `cargo xtask test` needs besides.
pub(crate) const TEST: &[Need] = &[
    need("cargo fmt", Probe::Component("fmt", "rustfmt"), "", ""),
    need("cargo clippy", Probe::Component("clippy", "clippy"), "", ""),
    need("tests of the page", Probe::Program("node"), "nodejs", "node"),
    need("types of the page", Probe::Program("npx"), "npm", "node"),
];

/// What `cargo xtask dist` needs besides.
pub(crate) const DIST: &[Need] = &[
    need("finds the package's dependencies", Probe::Program("dpkg-shlibdeps"), "dpkg-dev", ""),
    need("makes programs smaller", Probe::Program("strip"), "binutils", ""),
];

/// What the bench of the server needs, and no more: on a server there is no window.
pub(crate) const SERVER_BENCH: &[Need] = &[
    need("C compiler for SQLite", Probe::Program("cc"), "build-essential", ""),
    need("says how small the server can be", Probe::Program("strip"), "binutils", ""),
    need("runs PeerServer and socket.io", Probe::Program("node"), "nodejs", "node"),
    need("installs them", Probe::Program("npm"), "npm", "node"),
];

/// What the app needs besides to be driven in its window.
pub(crate) const WINDOW: &[Need] = &[
    need("drives the app's page", Probe::Program("WebKitWebDriver"), "webkit2gtk-driver", ""),
    need("a screen for it", Probe::Program("Xvfb"), "xvfb", ""),
    need("message bus of its session", Probe::Program("dbus-daemon"), "dbus-daemon", ""),
];

/// A group of tests that needs programs of its own, and the part of their names by which they are left out without.
pub(crate) struct TestGroup {
    /// What is tested.
    pub(crate) what: &'static str,
    /// Tests with this text in their name belong to the group.
    pub(crate) filter: &'static str,
    pub(crate) needs: &'static [Need],
}

/// Tests that only run where their tools are. Linux only: the virtual devices are.
pub(crate) const GROUPS: &[TestGroup] = &[
    TestGroup {
        what: "calls with Chromium",
        filter: "chromium",
        needs: &[
            need("second opinion on the wire", Probe::Program("chromium"), "chromium", ""),
            need("drives Chromium", Probe::Program("chromedriver"), "chromium-driver", ""),
        ],
    },
    TestGroup {
        what: "sound on virtual devices",
        filter: "sound_device",
        needs: &[
            need("virtual microphone and speaker", Probe::Program("pipewire"), "pipewire", ""),
            need("plays into the microphone", Probe::Program("pw-cat"), "pipewire-bin", ""),
            need("links virtual devices", Probe::Program("wireplumber"), "wireplumber", ""),
            need("message bus of the sound session", Probe::Program("dbus-daemon"), "dbus-daemon", ""),
            need("ALSA applications on PipeWire", Probe::Library("libpipewire-alsa"), "pipewire-alsa", ""),
        ],
    },
    TestGroup { what: "the app in its window", filter: "desktop", needs: WINDOW },
    TestGroup {
        what: "calls over a TURN server",
        filter: "turn_server",
        needs: &[need("relays media", Probe::Program("turnserver"), "coturn", "coturn")],
    },
    TestGroup { what: "the installer", filter: "debian_package", needs: DIST },
    TestGroup { what: "calls with a virtual camera", filter: "virtual_camera", needs: &[] },
];

impl Need {
    fn is_met(&self) -> bool {
        match self.probe {
            Probe::Program(name) => succeeds(Command::new(name).arg("--version")) || on_path(name),
            // Not a development package: the plug-in of the ALSA library is what counts.
            Probe::Library("libpipewire-alsa") => {
                Path::new("/usr/share/alsa/alsa.conf.d/50-pipewire.conf").exists()
                    || Path::new("/etc/alsa/conf.d/50-pipewire.conf").exists()
            }
            Probe::Library(name) => succeeds(Command::new("pkg-config").args(["--exists", name])),
            Probe::LibClang => has_libclang(),
            Probe::Component(subcommand, _) => succeeds(crate::cargo::cargo().args([subcommand, "--version"])),
        }
    }
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|s| s.success())
}

fn on_path(name: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join(name).is_file()))
}

fn has_libclang() -> bool {
    if std::env::var_os("LIBCLANG_PATH").is_some() {
        return true;
    }
    let mut dirs: Vec<std::path::PathBuf> =
        ["/usr/lib", "/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/local/lib"]
            .iter()
            .map(Into::into)
            .collect();
    dirs.extend((11..25).map(|version| format!("/usr/lib/llvm-{version}/lib").into()));
    dirs.iter().filter_map(|dir| std::fs::read_dir(dir).ok()).flatten().flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        is_libclang(&name)
    })
}

/// The C interface alone will do for bindgen: `libclang-cpp.so` is another library, which LLVM's own tools bring along.
fn is_libclang(file: &str) -> bool {
    let versioned = file.starts_with("libclang-") && !file.starts_with("libclang-cpp");
    file.starts_with("libclang.so") || (versioned && file.contains(".so"))
}

/// Installs what is missing, or ends with the names of the packages to install.
pub(crate) fn require(needs: &[Need]) -> Result<()> {
    let missing = install(needs);
    if missing.is_empty() {
        return Ok(());
    }
    let mut text = String::from("these are missing and could not be installed here; install them and try again:");
    for need in missing {
        text.push_str(&format!("\n  {} ({})", name_here(need), need.why));
    }
    bail!(text)
}

/// Installs what is missing where it can; what stays missing is for the caller to report.
pub(crate) fn offer(needs: &'static [Need]) -> Vec<&'static Need> {
    install(needs)
}

fn install(needs: &[Need]) -> Vec<&Need> {
    let missing: Vec<&Need> = needs.iter().filter(|need| !need.is_met()).collect();
    if missing.is_empty() {
        return missing;
    }
    for need in &missing {
        println!("missing: {} ({})", name_here(need), need.why);
    }
    if let Err(error) = install_packages(&missing) {
        println!("could not install: {error:#}");
    }
    missing.into_iter().filter(|need| !need.is_met()).collect()
}

fn install_packages(missing: &[&Need]) -> Result<()> {
    for need in missing {
        if let Probe::Component(_, component) = need.probe {
            status(Command::new("rustup").args(["component", "add", component]))?;
        }
    }
    if on_path("apt-get") {
        let packages: Vec<&str> = missing.iter().map(|need| need.apt).filter(|name| !name.is_empty()).collect();
        apt(&packages)
    } else if on_path("brew") {
        let packages: Vec<&str> = missing.iter().map(|need| need.brew).filter(|name| !name.is_empty()).collect();
        if packages.is_empty() { Ok(()) } else { status(Command::new("brew").arg("install").args(packages)) }
    } else {
        bail!("neither apt-get nor brew is here")
    }
}

fn apt(packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    for args in [&["update", "-qq"][..], &[&["install", "-y", "-qq", "--no-install-recommends"], packages].concat()] {
        let mut command = if is_root() {
            Command::new("apt-get")
        } else if succeeds(Command::new("sudo").args(["-n", "true"])) {
            let mut sudo = Command::new("sudo");
            sudo.args(["-n", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
            sudo
        } else {
            bail!("installing needs root: sudo apt-get install {}", packages.join(" "));
        };
        command.args(args).env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
        println!("{}", line(&command));
        status(&mut command)?;
    }
    Ok(())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.starts_with(b"0\n"))
}

fn name_here(need: &Need) -> String {
    match need.probe {
        Probe::Component(_, component) => format!("rustup component {component}"),
        _ if cfg!(target_os = "macos") && !need.brew.is_empty() => need.brew.to_owned(),
        _ if cfg!(target_os = "linux") && on_path("apt-get") => need.apt.to_owned(),
        Probe::Program(name) | Probe::Library(name) => name.to_owned(),
        Probe::LibClang => "libclang".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::is_libclang;

    #[test]
    fn the_cpp_library_is_not_taken_for_the_one_that_bindgen_loads() {
        for there in ["libclang.so", "libclang.so.1", "libclang-14.so.1", "libclang-14.so.14.0.6"] {
            assert!(is_libclang(there), "{there}");
        }
        for other in ["libclang-cpp.so.14", "libclang-cpp.so", "libclangAST.a", "libclang-14.a"] {
            assert!(!is_libclang(other), "{other}");
        }
    }
}
