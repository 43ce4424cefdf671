//! From a connection that the system has to an answer, and what time each step of it is given.
//!
//! Invariant: a connection that is no WebSocket (yet) holds one of [`Limits::max_requests`] places, and gives it back after
//! a bounded time whatever its client does or leaves undone: during the handshake, the head, the body and the answer. An answer
//! that is made in parts, for admins only, has that time for each of them.

use std::{
    cell::Cell,
    net::IpAddr,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, extract::Request};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpListener,
    sync::{Semaphore, oneshot},
    time::timeout,
};
use tower_service::Service;

use crate::{config::Limits, http::Address, proxy, tls::Acceptor};

/// The least that hyper takes; no request of ours has more head than this.
const REQUEST_BUFFER_BYTES: usize = 8192;

/// After the system could not accept a connection, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Whether an answer goes on: with each part of a long one that the client has taken there is time for the next.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress(Arc<AtomicBool>);

impl Progress {
    /// A part was taken.
    pub(crate) fn made(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether one was since this was last asked.
    fn was_made(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) router: Router,
    pub(crate) limits: Arc<Limits>,
    pub(crate) tls: Option<Arc<Acceptor>>,
    pub(crate) trust_proxy: Vec<IpNet>,
    slow_bodies: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn new(
        router: Router,
        limits: Arc<Limits>,
        tls: Option<Arc<Acceptor>>,
        trust_proxy: Vec<IpNet>,
    ) -> Self {
        let slow_bodies = Arc::new(Semaphore::new(limits.max_slow_bodies));
        Self { router, limits, tls, trust_proxy, slow_bodies }
    }

    /// Takes connections for as long as it is polled.
    pub(crate) async fn accept(self, listener: TcpListener) {
        let requests = Arc::new(Semaphore::new(self.limits.max_requests));
        let gate = Arc::new(self);
        loop {
            let Ok(permit) = requests.clone().acquire_owned().await else { return };
            match listener.accept().await {
                Ok((stream, address)) => {
                    // Candidates and descriptions are small and wanted at once. Without it all works too, only later.
                    stream.set_nodelay(true).ok();
                    let gate = gate.clone();
                    tokio::spawn(async move {
                        gate.greet(stream, address.ip().to_canonical()).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn greet<S>(&self, stream: S, peer: IpAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Some(tls) = &self.tls else { return self.answer(stream, peer).await };
        match timeout(self.limits.handshake, tls.accept(stream)).await {
            Ok(Ok(stream)) => self.answer(stream, peer).await,
            Ok(Err(error)) => tracing::debug!(%error, "no TLS came about"),
            Err(_) => tracing::debug!("a TLS handshake was too slow"),
        }
    }

    /// One request on each connection (the answer closes it): those who stay take a WebSocket, which is a task of its own
    /// by the time this ends.
    async fn answer<S>(&self, stream: S, peer: IpAddr)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (arrived, mut head) = oneshot::channel();
        let arrived = Cell::new(Some(arrived));
        let progress = Progress::default();
        let told = progress.clone();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            if let Some(arrived) = arrived.take() {
                // It is polled by us, just below.
                arrived.send(request.body().is_end_stream()).ok();
            }
            let mut request: Request = request.map(Body::new);
            let address = proxy::client(peer, request.headers(), &self.trust_proxy);
            request.extensions_mut().insert(Address(address));
            request.extensions_mut().insert(told.clone());
            self.router.clone().call(request)
        });
        let connection = http1::Builder::new()
            .max_buf_size(REQUEST_BUFFER_BYTES)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let ended = |end: hyper::Result<()>| {
            if let Err(error) = end {
                tracing::debug!(%error, "a request broke off");
            }
        };
        let until_head = async {
            tokio::select! {
                biased;
                end = connection.as_mut() => Err(end),
                bodiless = &mut head => Ok(bodiless),
            }
        };
        let bodiless = match timeout(self.limits.head, until_head).await {
            Ok(Ok(bodiless)) => bodiless.unwrap_or(true),
            Ok(Err(end)) => return ended(end),
            Err(_) => return tracing::debug!("a request's head was too slow"),
        };
        let slow_body = if bodiless { None } else { self.slow_bodies.clone().try_acquire_owned().ok() };
        let mut time = self.limits.answer;
        if slow_body.is_some() {
            time += self.limits.body;
        }
        loop {
            match timeout(time, connection.as_mut()).await {
                Ok(end) => return ended(end),
                Err(_) if progress.was_made() => time = self.limits.answer,
                Err(_) => return tracing::debug!("a request or its answer was too slow"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
