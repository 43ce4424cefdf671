//! A signaling server in this process that can be stopped and started again at the same address.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use sightline_server::{Config, Limits, Server};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// See the module.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    config: Config,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl TestServer {
    /// On a free port, keeping nothing over a restart.
    pub(crate) async fn start() -> Self {
        Self::with(Config::default()).await
    }

    /// Keeps rooms and places in `database`.
    pub(crate) async fn keeping(database: PathBuf) -> Self {
        Self::with(Config { database: Some(database), ..Config::default() }).await
    }

    /// Keeps rooms in `database`, but hardly a place: who was in a room joins anew after a restart.
    pub(crate) async fn losing_places(database: PathBuf) -> Self {
        let limits = Limits { resume: Duration::from_millis(1), ..Limits::default() };
        Self::with(Config { database: Some(database), limits, ..Config::default() }).await
    }

    /// On a free port.
    pub(crate) async fn with(config: Config) -> Self {
        let address = "127.0.0.1:0".parse().expect("an address");
        let mut server = Self { address, config, running: None };
        server.start_again().await;
        server
    }

    /// At the address it had.
    pub(crate) async fn start_again(&mut self) {
        let config = Config { listen: self.address, ..self.config.clone() };
        let server = Server::bind(config).expect("the address is free");
        self.address = server.local_addr();
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            // A dropped sender stops it too.
            server.run_until(async { drop(stopped.await) }).await.expect("the server ends in good order");
        });
        self.running = Some((stop, task));
    }

    /// Stops it; its port is free afterwards.
    pub(crate) async fn stop(&mut self) {
        let (stop, task) = self.running.take().expect("it runs");
        drop(stop);
        task.await.expect("the server does not break");
    }

    /// What clients are given.
    pub(crate) fn url(&self) -> String {
        format!("ws://{}", self.address)
    }

    /// A new room.
    pub(crate) async fn room(&self) -> String {
        sightline_call::create_room(&self.url(), &Default::default()).await.expect("a room").code
    }
}
