//! A server from its listening socket to its end.
//!
//! It ends in this order: no new connections; everybody is told, their queues are written and their sockets closed; the
//! database is written and closed. After [`FAREWELL`] it ends without those who did not let themselves be told.

use std::{
    io,
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use rand::{RngExt, rngs::StdRng};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::{sync::Semaphore, task::JoinHandle, time::timeout};

use crate::{
    accept::Gate,
    accounts::Accounts,
    auth::Keys,
    config::{Config, Limits, TOKEN_SECRET_BYTES},
    http::{self, Frame, Records},
    hub::Hub,
    record::{LogHandle, LogWriter, RecordError, RecordReader, Turn},
    store::{Restored, Store, StoreError},
    switch::{self, Switch},
    tls::{Acceptor, Reloader, TlsError},
};

/// How long those who are connected have to be told that the server goes down; with the database's last write it stays
/// under two seconds.
const FAREWELL: Duration = Duration::from_millis(1500);

/// Admins who look something up at the same time; more wait for each other.
const READERS: usize = 4;

/// Connections that the system holds until they are accepted; as many as the standard library has.
const WAITING: i32 = 128;

/// A server that listens and does not serve yet.
#[derive(Debug)]
pub struct Server {
    config: Config,
    listener: TcpListener,
    local_addr: SocketAddr,
    tls: Option<Arc<Acceptor>>,
    store: Option<Store>,
    record: Option<Record>,
    accounts: Accounts,
    restored: Vec<Restored>,
}

/// Why a server cannot start, or came to a bad end.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}; is another server running there?")]
    Listen {
        /// As configured.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The database cannot be used.
    #[error(transparent)]
    Database(#[from] StoreError),
    /// TLS cannot be spoken with the files that were given.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A defect.
    #[error("the server broke inside and had to stop; its log says where")]
    Broken,
}

impl Server {
    /// Reads the certificate and opens the database, if there is to be one, and listens. Clients can connect from now on,
    /// and are served by [`Self::run_until`].
    ///
    /// # Errors
    /// The address, the certificate or the database cannot be used; the message says what to do.
    pub fn bind(config: Config) -> Result<Self, ServerError> {
        let tls = config.tls.clone().map(Acceptor::open).transpose()?.map(Arc::new);
        let now = switch::now();
        let (store, record, restored) = match &config.database {
            Some(path) => {
                let turn = Arc::<Turn>::default();
                let (store, restored) = Store::open(path, turn.clone())?;
                (Some(store), Some(Record::open(path, turn)?), restored)
            }
            None => (None, None, Vec::new()),
        };
        let accounts = Accounts::open(config.database.as_deref(), now)?;
        let listen = || {
            let listener = open(config.listen)?;
            let local_addr = listener.local_addr()?;
            Ok((listener, local_addr))
        };
        let (listener, local_addr) =
            listen().map_err(|source| ServerError::Listen { address: config.listen, source })?;
        Ok(Self { config, listener, local_addr, tls, store, record, accounts, restored })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// Lets the certificate be read again while the server runs.
    pub fn reloader(&self) -> Reloader {
        Reloader(self.tls.clone())
    }

    /// Serves until `shutdown` resolves, then ends in good order within two seconds. Runs in a tokio runtime.
    ///
    /// # Errors
    /// [`ServerError::Broken`] where it had to stop by itself.
    pub async fn run_until(self, shutdown: impl Future<Output = ()>) -> Result<(), ServerError> {
        let Self { config, listener, local_addr, tls, store, record, accounts, restored } = self;
        let listener = tokio::net::TcpListener::from_std(listener)
            .map_err(|source| ServerError::Listen { address: config.listen, source })?;
        let limits = Arc::new(config.limits.clone());
        let trust_proxy = config.trust_proxy.clone();
        let now = switch::now();
        let keys = keys(&config, store.as_ref())?;
        let doors =
            Frame::new(&config, keys.clone(), local_addr, accounts.clone(), record.as_ref().map(Record::handles));
        let metrics = doors.metrics.clone();
        let (handle, keep_days) = (record.as_ref().map(|record| record.writer.handle()), config.keep_days);
        let mut hub = Hub::new(config, keys, rand::make_rng(), now);
        hub.restore(restored, now);
        tracing::info!(rooms = hub.room_count(), "serving");
        let (switch, mut task) = Switch::start(hub, store.as_ref().map(Store::writer), accounts, metrics);
        let places = doors.places.clone();
        let doors = doors.open(switch.clone());
        let gate = Gate::new(http::router(doors), limits.clone(), tls, trust_proxy);

        let broken = tokio::select! {
            () = gate.accept(listener) => false,
            () = shutdown => false,
            _ = &mut task => true,
            never = tidy(handle, keep_days) => match never {},
        };
        if broken {
            tracing::error!("the hub ended by itself");
            return Err(ServerError::Broken);
        }
        tracing::info!("shutting down");
        shut_down(&switch, task, &places, &limits, store, record).await;
        Ok(())
    }
}

/// What signs the tokens: the secret that was configured; or one that was made at the first start and is kept in the
/// database; or one for as long as the server runs.
fn keys(config: &Config, store: Option<&Store>) -> Result<Keys, ServerError> {
    if let Some(secret) = &config.token_secret {
        return Ok(Keys::new(secret.expose().as_bytes()));
    }
    let mut fresh = [0; TOKEN_SECRET_BYTES];
    rand::make_rng::<StdRng>().fill(&mut fresh);
    Ok(match store {
        Some(store) => Keys::new(&store.secret("room tokens", &fresh)?),
        None => Keys::new(&fresh),
    })
}

/// A socket that listens. All addresses of IPv6 are those of IPv4 as well, which not every system does by itself.
fn open(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() && address.ip().is_unspecified() {
        socket.set_only_v6(false)?;
    }
    // As the standard library does: elsewhere it would let two servers have one port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(WAITING)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// What clients uploaded: who writes it, and who reads it.
#[derive(Debug)]
struct Record {
    writer: LogWriter,
    reader: Arc<RecordReader>,
}

impl Record {
    fn open(path: &Path, turn: Arc<Turn>) -> Result<Self, StoreError> {
        let open = || {
            let writer = LogWriter::open(path, turn)?;
            Ok::<_, RecordError>(Self { writer, reader: Arc::new(RecordReader::open(path, READERS)?) })
        };
        open().map_err(|error| StoreError::Open { path: path.to_owned(), detail: error.to_string() })
    }

    fn handles(&self) -> Records {
        Records { writer: self.writer.handle(), reader: self.reader.clone() }
    }
}

/// Forgets what is older than is wanted, now and every hour.
async fn tidy(record: Option<LogHandle>, keep_days: Option<u32>) -> std::convert::Infallible {
    let (Some(record), Some(days)) = (record, keep_days) else { return std::future::pending().await };
    let mut hours = tokio::time::interval(Duration::from_secs(3600));
    loop {
        hours.tick().await;
        if let Err(error) = record.keep_days(days, switch::now().unix_ms).await {
            tracing::warn!(%error, "what is too old could not be forgotten");
        }
    }
}

async fn shut_down(
    switch: &Switch,
    task: JoinHandle<()>,
    places: &Semaphore,
    limits: &Limits,
    store: Option<Store>,
    record: Option<Record>,
) {
    switch.shut_down().await;
    // All permits are back when every WebSocket is closed.
    let all = u32::try_from(limits.max_connections).unwrap_or(u32::MAX);
    if timeout(FAREWELL, places.acquire_many(all)).await.is_err() {
        tracing::info!("some clients did not close in time");
    }
    // The task has ended, or it panicked and has said so.
    task.await.ok();
    if let Some(store) = store {
        tokio::task::spawn_blocking(|| store.finish()).await.ok();
    }
    if let Some(Record { writer, .. }) = record {
        tokio::task::spawn_blocking(|| writer.finish()).await.ok();
    }
}
