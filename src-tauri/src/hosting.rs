//! The signaling server inside the app.
//!
//! Invariant: it runs from the first time somebody needs it until the app ends, on one port, so that links stay good.
//! Its rooms are in a file, and with them the codes outlive a restart.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use sightline_server::{Config, Server};
use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinHandle;

use crate::ipc::Hosting;
use crate::words;

/// The server's port where it is free; as the program `sightline-server` has it.
const PORT: u16 = 7788;

/// Addresses that are offered to be typed; a computer with containers and temporary IPv6 addresses has dozens.
const MOST_ADDRESSES: usize = 4;

/// Starts and holds the server.
pub(crate) struct Host {
    listen: Option<SocketAddr>,
    database: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: Option<Running>,
    problem: Option<String>,
}

struct Running {
    address: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Host {
    /// A server that does not run yet; `listen` is where it shall, if not on all interfaces.
    pub(crate) fn new(listen: Option<SocketAddr>, database: PathBuf) -> Self {
        Self { listen, database, state: Mutex::default() }
    }

    /// Its address for this app, `ws://127.0.0.1:PORT`; starts it.
    ///
    /// # Errors
    /// A sentence that says why it cannot run.
    pub(crate) async fn url(&self) -> Result<String, String> {
        let mut state = self.state.lock().await;
        if state.running.is_none() {
            match self.start().await {
                Ok(running) => (state.running, state.problem) = (Some(running), None),
                Err(problem) => state.problem = Some(problem),
            }
        }
        match &state.running {
            Some(running) => Ok(format!("ws://{}", SocketAddr::new(here(running.address), running.address.port()))),
            None => Err(state.problem.clone().unwrap_or_default()),
        }
    }

    /// How it stands.
    pub(crate) async fn standing(&self) -> Hosting {
        let state = self.state.lock().await;
        Hosting {
            running: state.running.is_some(),
            addresses: state.running.as_ref().map(|running| reachable(running.address)).unwrap_or_default(),
            problem: state.problem.as_deref().map(words::sentence),
        }
    }

    /// Whether a server's address is that of this one.
    pub(crate) async fn is_own(&self, server: &str) -> bool {
        let state = self.state.lock().await;
        let Some(running) = &state.running else { return false };
        server.trim_start_matches("ws://") == SocketAddr::new(here(running.address), running.address.port()).to_string()
    }

    /// Ends it in good order, within two seconds.
    pub(crate) async fn stop(&self) {
        let Some(running) = self.state.lock().await.running.take() else { return };
        // Nobody there: it has ended by itself.
        running.stop.send(()).ok();
        if let Err(error) = running.task.await {
            tracing::error!(%error, "the server inside the app broke");
        }
    }

    async fn start(&self) -> Result<Running, String> {
        let wishes = match self.listen {
            Some(wanted) => vec![wanted],
            // Of IPv6 both are reached; a system without it has IPv4 alone.
            None => [PORT, 0]
                .into_iter()
                .flat_map(|port| [(Ipv6Addr::UNSPECIFIED, port).into(), (Ipv4Addr::UNSPECIFIED, port).into()])
                .collect(),
        };
        let database = self.database.clone();
        let bound = tokio::task::spawn_blocking(move || bind(&wishes, database)).await;
        let server = bound.map_err(|error| error.to_string())??;
        let (stop, stopped) = oneshot::channel::<()>();
        let address = server.local_addr();
        let task = tokio::spawn(async move {
            let stopped = async move {
                // A sender that is gone stops it as well.
                stopped.await.ok();
            };
            if let Err(error) = server.run_until(stopped).await {
                tracing::error!("{error}");
            }
        });
        Ok(Running { address, stop, task })
    }
}

/// The first address that can be had. A database that is in use (by another Sightline) or broken costs only that codes
/// do not outlive this start.
fn bind(wishes: &[SocketAddr], database: PathBuf) -> Result<Server, String> {
    let mut database = Some(database);
    let mut last = String::new();
    for listen in wishes {
        let config = |database| Config { listen: *listen, database, ..Config::default() };
        match Server::bind(config(database.clone())) {
            Ok(server) => return Ok(server),
            Err(sightline_server::ServerError::Database(error)) => {
                tracing::warn!("rooms are kept in memory only: {error}");
                database = None;
                match Server::bind(config(None)) {
                    Ok(server) => return Ok(server),
                    Err(error) => last = error.to_string(),
                }
            }
            Err(error) => last = error.to_string(),
        }
    }
    Err(last)
}

/// Where this app itself finds a server that listens there.
fn here(address: SocketAddr) -> IpAddr {
    if address.ip().is_unspecified() { Ipv4Addr::LOCALHOST.into() } else { address.ip() }
}

/// What others may type to get to a server that listens there, the likeliest first.
fn reachable(address: SocketAddr) -> Vec<String> {
    if !address.ip().is_unspecified() {
        return vec![address.to_string()];
    }
    let found = if_addrs::get_if_addrs().unwrap_or_default().into_iter().map(|interface| interface.ip());
    let found = found.filter(|ip| ip.is_ipv4() || address.is_ipv6()).collect();
    ranked(found).into_iter().map(|ip| SocketAddr::new(ip, address.port()).to_string()).collect()
}

/// Addresses that others may use, the likeliest first and not more than [`MOST_ADDRESSES`]: without loopback and
/// link-local ones.
fn ranked(found: Vec<IpAddr>) -> Vec<IpAddr> {
    let is_local = |ip: &IpAddr| match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    };
    let mut usable: Vec<IpAddr> =
        found.into_iter().filter(|ip| !ip.is_loopback() && !ip.is_unspecified() && !is_local(ip)).collect();
    // Home and office networks before those of containers and virtual machines, which mostly are 172.16/12; IPv6 last,
    // for nobody likes to type it.
    usable.sort_by_key(|ip| match ip {
        IpAddr::V6(_) => (4, *ip),
        IpAddr::V4(v4) => match v4.octets() {
            [192, 168, ..] => (0, *ip),
            [10, ..] => (1, *ip),
            [172, second, ..] if (16..32).contains(&second) => (3, *ip),
            _ => (2, *ip),
        },
    });
    usable.dedup();
    usable.truncate(MOST_ADDRESSES);
    usable
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(dir: &tempfile::TempDir, listen: &str) -> Host {
        Host::new(Some(listen.parse().unwrap()), dir.path().join("rooms.sqlite"))
    }

    #[tokio::test]
    async fn it_runs_when_it_is_needed_and_codes_outlive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let first = host(&dir, "127.0.0.1:0");
        assert_eq!(first.standing().await, Hosting::default());
        let url = first.url().await.unwrap();
        assert_eq!(first.url().await.unwrap(), url, "one server, one port");
        assert!(first.is_own(&url).await && !first.is_own("ws://192.0.2.1:7788").await);
        assert_eq!(first.standing().await.addresses, [url.trim_start_matches("ws://")]);
        let code = sightline_call::create_room(&url, &Default::default()).await.unwrap().code;
        first.stop().await;
        assert!(!first.standing().await.running);

        let second = host(&dir, "127.0.0.1:0");
        let url = second.url().await.unwrap();
        let room = sightline_call::find_room(&url, &code).await.unwrap();
        assert_eq!(room.participant_count, 0);
        second.stop().await;
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let host = host(&dir, &taken.local_addr().unwrap().to_string());
        let problem = host.url().await.unwrap_err();
        assert!(problem.contains("cannot listen"), "{problem}");
        assert_eq!(host.standing().await.problem, Some(words::sentence(&problem)));
    }

    #[tokio::test]
    async fn rooms_are_in_memory_where_their_file_is_broken() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("rooms.sqlite"), "this is not a database, and long enough to tell").unwrap();
        let host = host(&dir, "127.0.0.1:0");
        assert!(host.url().await.is_ok());
        host.stop().await;
    }

    #[tokio::test]
    async fn ipv4_and_ipv6_reach_the_same_server() {
        if std::net::TcpListener::bind("[::1]:0").is_err() {
            // A system without IPv6 has the other half of the promise.
            return assert!(host(&tempfile::tempdir().unwrap(), "0.0.0.0:0").url().await.is_ok());
        }
        let dir = tempfile::tempdir().unwrap();
        let host = host(&dir, "[::]:0");
        let url = host.url().await.unwrap();
        let code = sightline_call::create_room(&url, &Default::default()).await.unwrap().code;
        let by_ipv6 = url.replace("127.0.0.1", "[::1]");
        assert_ne!(by_ipv6, url);
        assert_eq!(sightline_call::find_room(&by_ipv6, &code).await.unwrap().code, code);
        host.stop().await;
    }

    #[test]
    fn the_likeliest_address_comes_first() {
        let ranked = |found: &[&str]| -> Vec<String> {
            let found = found.iter().map(|text| text.parse().unwrap()).collect();
            super::ranked(found).iter().map(IpAddr::to_string).collect()
        };
        let found = ["127.0.0.1", "172.17.0.1", "169.254.3.4", "fe80::1", "10.0.0.2", "203.0.113.9", "192.168.1.5"];
        assert_eq!(ranked(&found), ["192.168.1.5", "10.0.0.2", "203.0.113.9", "172.17.0.1"]);
        assert_eq!(ranked(&["2001:db8::7", "::1", "10.0.0.2", "fd00::1"]), ["10.0.0.2", "2001:db8::7", "fd00::1"]);
        assert_eq!(ranked(&["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5"]).len(), MOST_ADDRESSES);
    }
}
