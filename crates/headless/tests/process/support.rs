//! A server in this process and clients as processes, for tests of whole calls.
//!
//! Invariant: nothing outlives its test: clients are killed and the server is shut down when dropped.

use std::io::Read;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use sightline_headless::report::Report;
use sightline_server::{Config, Server};
use tempfile::TempDir;
use tokio::sync::oneshot;

/// Longest that anything here is waited for: generous, since the machine may be busy with other tests.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A signaling server on a thread of its own.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TestServer {
    /// Starts one on a free port.
    pub(crate) fn start() -> Self {
        Self::with(Config { listen: "127.0.0.1:0".parse().expect("an address"), ..Config::default() })
    }

    /// Starts one with this configuration.
    pub(crate) fn with(config: Config) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let server = Server::bind(config).expect("the server starts");
                tell.send(server.local_addr()).expect("the test waits");
                let stopped = async {
                    // A dropped sender means stop as well.
                    let _ = stopped.await;
                };
                server.run_until(stopped).await.expect("the server ends well");
            });
        });
        let address = told.recv_timeout(PATIENCE).expect("the server says where it listens");
        Self { address, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// A new room's code, made the way a person makes one.
    pub(crate) fn room(&self) -> String {
        let end = Client::spawn(&["create", "--server", &self.url()]).wait();
        assert!(end.status.success(), "{}", end.stderr);
        end.stdout.trim().to_owned()
    }

    /// Shuts the server down and waits until it is gone.
    pub(crate) fn stop(mut self) {
        self.shut_down();
    }

    fn shut_down(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.shut_down();
    }
}

/// A running `sightline-headless`.
pub(crate) struct Client {
    child: Child,
    report: Option<PathBuf>,
}

/// How a client ended.
pub(crate) struct End {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    report: Option<PathBuf>,
}

impl Client {
    /// Starts the program with these arguments.
    pub(crate) fn spawn(args: &[&str]) -> Self {
        Self::spawn_with(args, &[], None)
    }

    /// Starts a client that joins and leaves a report.
    pub(crate) fn join(scene: &TempDir, url: &str, code: &str, name: &str, args: &[&str]) -> Self {
        Self::join_with(scene, url, code, name, args, &[])
    }

    /// The same with environment variables.
    pub(crate) fn join_with(
        scene: &TempDir,
        url: &str,
        code: &str,
        name: &str,
        args: &[&str],
        environment: &[(&str, &str)],
    ) -> Self {
        let report = scene.path().join(format!("{name}.json"));
        let fixed = ["join", code, "--server", url, "--name", name, "--report", path(&report)];
        Self::spawn_with(&[&fixed[..], args].concat(), environment, Some(report.clone()))
    }

    fn spawn_with(args: &[&str], environment: &[(&str, &str)], report: Option<PathBuf>) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_sightline-headless"))
            .args(args)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("sightline-headless starts");
        Self { child, report }
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("the client can be killed");
    }

    /// Asks the client to leave, and waits for its end.
    pub(crate) fn terminate(self) -> End {
        let asked = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(asked.expect("kill is there").success(), "the client has ended by itself");
        self.wait()
    }

    /// Waits for the client's own end.
    pub(crate) fn wait(mut self) -> End {
        let stdout = drain(self.child.stdout.take().expect("stdout is piped"));
        let stderr = drain(self.child.stderr.take().expect("stderr is piped"));
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("the client can be waited for") {
                break status;
            }
            if Instant::now() > deadline {
                self.child.kill().expect("the client can be killed");
                panic!("the client hangs; it said: {}", stderr.join().unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let text = |thread: JoinHandle<String>| thread.join().expect("output is read");
        End { status, stdout: text(stdout), stderr: text(stderr), report: self.report.take() }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl End {
    /// The report; the call must have taken place.
    pub(crate) fn report(&self) -> Report {
        assert!(self.status.success(), "exit {}: {}", self.status, self.stderr);
        let path = self.report.as_ref().expect("the client was asked for a report");
        serde_json::from_slice(&std::fs::read(path).expect("the report is there")).expect("the report parses")
    }

    /// The program refused with this exit code and one line for people.
    pub(crate) fn refused(&self, code: i32) -> &str {
        assert_eq!(self.status.code(), Some(code), "{}", self.stderr);
        let line = self.stderr.trim();
        assert_eq!(line.lines().count(), 1, "one line, not: {line}");
        assert!(!line.contains("panicked"), "{line}");
        line
    }
}

fn drain(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut text = String::new();
        let _ = pipe.read_to_string(&mut text);
        text
    })
}

/// A path as an argument.
pub(crate) fn path(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}
