//! The HTTP routes, and the door to the WebSocket.

mod body;
mod guard;
mod problem;
mod rooms;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    Extension, Router,
    extract::{DefaultBodyLimit, State, WebSocketUpgrade},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use sightline_protocol::{ErrorCode, Refusal};
use tokio::sync::Semaphore;

use crate::{
    auth::Keys,
    config::{Accounts, Config, Limits, Secret, WebUrl},
    connection::{self, READ_BYTES},
    passwords::RoomPasswords,
    switch::Switch,
};
use body::BODY_BYTES;
use problem::{Explained, Refused};

/// Buffers of an idle WebSocket: most messages fit, and ten thousand idle ones cost 40 MiB and not the 1.2 GiB of the
/// library's defaults.
const BUFFER_BYTES: usize = 4096;

/// What the routes need, and the way to the hub.
#[derive(Debug, Clone)]
pub(crate) struct Doors {
    pub(crate) switch: Switch,
    frame: Frame,
}

impl std::ops::Deref for Doors {
    type Target = Frame;

    fn deref(&self) -> &Frame {
        &self.frame
    }
}

/// What the routes need besides.
#[derive(Debug, Clone)]
pub(crate) struct Frame {
    pub(crate) limits: Arc<Limits>,
    /// A permit for each WebSocket there may be.
    pub(crate) places: Arc<Semaphore>,
    keys: Keys,
    passwords: RoomPasswords,
    admin_token: Option<Secret>,
    accounts: Accounts,
    public_url: Option<WebUrl>,
    local_addr: SocketAddr,
    /// The server speaks TLS itself.
    tls: bool,
}

impl Frame {
    pub(crate) fn new(config: &Config, keys: Keys, local_addr: SocketAddr) -> Self {
        let limits = Arc::new(config.limits.clone());
        Self {
            places: Arc::new(Semaphore::new(limits.max_connections)),
            limits,
            keys,
            passwords: RoomPasswords::new(),
            admin_token: config.admin_token.clone(),
            accounts: config.accounts,
            public_url: config.public_url.clone(),
            local_addr,
            tls: config.tls.is_some(),
        }
    }

    pub(crate) fn open(self, switch: Switch) -> Doors {
        Doors { switch, frame: self }
    }
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address(pub(crate) IpAddr);

pub(crate) fn router(doors: Doors) -> Router {
    Router::new()
        .route("/rooms", post(rooms::create).get(rooms::list))
        .route("/rooms/{room}", get(rooms::info).delete(rooms::delete))
        .route("/rooms/{room}/token", post(rooms::token))
        // The same rooms under the names that other front ends use.
        .route("/api/meetings", post(rooms::create).get(rooms::list))
        .route("/api/meetings/{room}", get(rooms::info).delete(rooms::delete))
        .route("/ws", get(open_socket))
        .route("/healthz", get(|| async { "ok" }))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .layer(axum::middleware::map_request(async |request: axum::extract::Request| {
            // What a browser asks before it lets a page ask.
            if request.method() == Method::OPTIONS { Err(StatusCode::NO_CONTENT) } else { Ok(request) }
        }))
        .layer(axum::middleware::map_response(finish))
        .with_state(doors)
}

/// What every answer has. Any web page may be a client: there are no cookies, and whoever has a token may use it from
/// anywhere. Nobody keeps a connection that is not a WebSocket: clients ask one thing and are done. And what axum itself
/// refuses (an unknown path or method, a request to `/ws` that is no upgrade) gets a body as everything else that is
/// refused.
async fn finish(mut response: Response) -> Response {
    let status = response.status();
    if (status.is_client_error() || status.is_server_error()) && response.extensions().get::<Explained>().is_none() {
        let code = if status == StatusCode::NOT_FOUND { ErrorCode::NotFound } else { ErrorCode::BadMessage };
        let message = "This request does not fit. The routes and what they take are in /openapi.json.";
        response = Refused::with_status(status, Refusal::new(code, message)).into_response();
    }
    let headers = response.headers_mut();
    for (name, value) in [
        (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, content-encoding"),
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, DELETE"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Answers are about the moment, and some are for one pair of eyes.
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    if status != StatusCode::SWITCHING_PROTOCOLS {
        headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn open_socket(
    State(doors): State<Doors>,
    Extension(Address(address)): Extension<Address>,
    upgrade: WebSocketUpgrade,
) -> Result<Response, Refused> {
    let permit = doors.places.clone().try_acquire_owned().map_err(|_| {
        Refusal::new(ErrorCode::ServerFull, "This server has as many connections as it takes. Try later.")
    })?;
    let upgrade = upgrade
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(BUFFER_BYTES)
        .max_message_size(READ_BYTES)
        .max_frame_size(READ_BYTES);
    Ok(upgrade.on_upgrade(move |socket| async move {
        connection::serve(socket, address, doors.switch.clone(), doors.limits.clone()).await;
        drop(permit);
    }))
}
