//! A sound system for machines that have none: PipeWire with a virtual microphone and a virtual speaker, which programs
//! see as the default ALSA devices.
//!
//! Invariant: everything lives in one temporary folder and all processes end with the session, whatever the test does.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Both nodes exist from the start; 10 ms of quantum, as a low-latency desktop has.
const CONFIG: &str = r#"
context.properties = {
  default.clock.rate = 48000  default.clock.quantum = 480
  default.clock.min-quantum = 480  default.clock.max-quantum = 960
}
context.objects = [
  { factory = adapter  args = {
      factory.name = support.null-audio-sink  node.name = speaker  node.description = "Virtual Speaker"
      media.class = Audio/Sink  audio.rate = 48000  audio.position = [ FL FR ] } }
  { factory = adapter  args = {
      factory.name = support.null-audio-sink  node.name = microphone  node.description = "Virtual Microphone"
      media.class = Audio/Source/Virtual  audio.rate = 48000  audio.position = [ MONO ] } }
]
"#;

/// A loaded machine starts slowly; nothing waits this long where all is well.
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A running session.
pub(crate) struct SoundSession {
    folder: TempDir,
    bus: Child,
    server: Vec<Child>,
    feeder: Option<Child>,
    recorder: Option<Child>,
}

impl SoundSession {
    /// Starts everything and waits until both devices are there.
    pub(crate) fn start() -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let config = folder.path().join("config/pipewire/pipewire.conf.d");
        let prepare = || -> io::Result<()> {
            fs::create_dir_all(&config)?;
            fs::create_dir_all(folder.path().join("state"))?;
            fs::write(config.join("10-virtual.conf"), CONFIG)
        };
        prepare().map_err(|e| e.to_string())?;
        let address = format!("--address=unix:path={}/bus", folder.path().display());
        let bus = spawn(&folder, "dbus-daemon", &["--session", "--nofork", "--nopidfile", &address])?;
        let mut session = Self { folder, bus, server: Vec::new(), feeder: None, recorder: None };
        session.wait_for("the message bus", |session| session.folder.path().join("bus").exists())?;
        session.start_server()?;
        Ok(session)
    }

    /// What a program needs in its environment to be in this session.
    pub(crate) fn environment(&self) -> Vec<(&'static str, OsString)> {
        environment(&self.folder)
    }

    /// Starts the sound server (again).
    pub(crate) fn start_server(&mut self) -> Result<(), String> {
        self.server.push(spawn(&self.folder, "pipewire", &[])?);
        self.wait_for("PipeWire", |session| session.folder.path().join("pipewire-0").exists())?;
        self.server.push(spawn(&self.folder, "wireplumber", &[])?);
        self.wait_for("the virtual devices", |session| {
            let status = session.output("wpctl", &["status"]);
            ["Virtual Microphone", "Virtual Speaker"]
                .iter()
                .all(|name| status.lines().any(|line| line.contains('*') && line.contains(name)))
        })
    }

    /// Kills the sound server: microphone and speaker are gone.
    pub(crate) fn stop_server(&mut self) {
        self.stop_feeding();
        for mut process in self.server.drain(..).rev() {
            end(&mut process);
        }
        let _ = fs::remove_file(self.folder.path().join("pipewire-0"));
    }

    /// Plays a mono WAV file once into the microphone.
    pub(crate) fn feed(&mut self, wav: &Path) -> Result<(), String> {
        self.stop_feeding();
        let wav = wav.to_string_lossy();
        let arguments = ["-p", "--target=0", "-P", "{ node.name=feeder }", &wav];
        self.feeder = Some(spawn(&self.folder, "pw-cat", &arguments)?);
        self.wait_for("the microphone's feeder", |session| {
            session.run("pw-link", &["feeder:output_MONO", "microphone:input_MONO"])
        })
    }

    /// Ends what [`Self::feed`] began.
    pub(crate) fn stop_feeding(&mut self) {
        if let Some(mut feeder) = self.feeder.take() {
            end(&mut feeder);
        }
    }

    /// Records what the speaker plays.
    pub(crate) fn record(&mut self, wav: &Path) -> Result<(), String> {
        let wav = wav.to_string_lossy();
        let arguments = "--target speaker -P {stream.capture.sink=true} --rate 48000 --channels 2 --format f32";
        let arguments: Vec<&str> = arguments.split(' ').chain([&*wav]).collect();
        self.recorder = Some(spawn(&self.folder, "pw-record", &arguments)?);
        Ok(())
    }

    /// Ends what [`Self::record`] began, so that the file is whole.
    pub(crate) fn stop_recording(&mut self) -> Result<(), String> {
        let Some(mut recorder) = self.recorder.take() else { return Ok(()) };
        self.run("kill", &["-INT", &recorder.id().to_string()]);
        let deadline = Instant::now() + READY_WITHIN;
        while recorder.try_wait().map_err(|e| e.to_string())?.is_none() {
            if Instant::now() > deadline {
                end(&mut recorder);
                return Err("pw-record does not end".into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    fn run(&self, program: &str, arguments: &[&str]) -> bool {
        command(&self.folder, program).args(arguments).status().is_ok_and(|status| status.success())
    }

    fn output(&self, program: &str, arguments: &[&str]) -> String {
        let output = command(&self.folder, program).args(arguments).stdout(Stdio::piped()).output();
        output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default()
    }

    fn wait_for(&self, what: &str, ready: impl Fn(&Self) -> bool) -> Result<(), String> {
        let deadline = Instant::now() + READY_WITHIN;
        while !ready(self) {
            if Instant::now() > deadline {
                let packages = "pipewire pipewire-bin pipewire-alsa wireplumber dbus";
                return Err(format!("{what} did not come up; on Debian: apt install {packages}"));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }
}

impl Drop for SoundSession {
    fn drop(&mut self) {
        if let Some(mut recorder) = self.recorder.take() {
            end(&mut recorder);
        }
        self.stop_server();
        end(&mut self.bus);
    }
}

fn environment(folder: &TempDir) -> Vec<(&'static str, OsString)> {
    let path = |name: &str| folder.path().join(name).into_os_string();
    vec![
        ("XDG_RUNTIME_DIR", path("")),
        ("PIPEWIRE_RUNTIME_DIR", path("")),
        ("XDG_CONFIG_HOME", path("config")),
        ("XDG_STATE_HOME", path("state")),
        ("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}/bus", folder.path().display()).into()),
    ]
}

/// Sound servers run with real-time priority on a desktop; without it a loaded machine tears holes into the sound.
/// Where `nice` may not do that it says so and runs the program all the same.
pub(crate) fn with_priority(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("nice");
    command.args(["-n", "-11"]).arg(program);
    command
}

fn command(folder: &TempDir, program: &str) -> Command {
    let mut command = with_priority(program);
    command.envs(environment(folder)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

fn spawn(folder: &TempDir, program: &str, arguments: &[&str]) -> Result<Child, String> {
    command(folder, program).args(arguments).spawn().map_err(|error| format!("cannot start {program}: {error}"))
}

fn end(process: &mut Child) {
    // Both fail only for a process that has ended already.
    let _ = process.kill();
    let _ = process.wait();
}
