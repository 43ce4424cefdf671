//! What the page needs over HTTP: its own files, and the relay's stand-in for an address. On localhost, where browsers
//! allow cameras without TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use sightline_netpath::{Party, Relay};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// The server; it ends when it is dropped.
pub(crate) struct Web {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Web {
    /// Serves the page, and `relay` where calls go through one.
    pub(crate) async fn start(relay: Option<Arc<Relay>>) -> Result<Self> {
        let javascript =
            |text: &'static str| get(move || async move { ([(header::CONTENT_TYPE, "text/javascript")], text) });
        let html = ([(header::CONTENT_TYPE, "text/html")], include_str!("page/index.html"));
        let router = Router::new()
            .route("/", get(move || async move { html }))
            .route("/client.js", javascript(include_str!("page/client.js")))
            .route("/probe.js", javascript(include_str!("page/probe.js")))
            .route("/relay/{address}", get(stand_in))
            .with_state(relay);
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("the page is served") });
        Ok(Self { address, task })
    }

    /// Where the page is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/", self.address)
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn stand_in(State(relay): State<Option<Arc<Relay>>>, Path(address): Path<SocketAddr>) -> impl IntoResponse {
    let Some(relay) = relay else { return (StatusCode::NOT_FOUND, "this call has no relay".to_owned()) };
    match relay.stand_in(Party(0), address) {
        Ok(stand_in) => (StatusCode::OK, stand_in.to_string()),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}
