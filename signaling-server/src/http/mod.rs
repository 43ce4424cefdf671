//! The HTTP routes, and the door to the WebSocket.

mod admin;
mod body;
mod guard;
mod logs;
mod people;
mod problem;
mod rooms;
mod routes;

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::{
    Extension, Router,
    extract::{DefaultBodyLimit, State, WebSocketUpgrade},
    http::{HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{delete, get, post},
};
use sightline_protocol::{
    ErrorCode, Refusal, RoomCreated, RoomInfo, RoomList, RoomWish, TokenIssued, TokenWish,
    account::{AdminWish, Credentials, Me, Named, Names, PasswordChange, PasswordProof, ReportLine, SignedIn},
    admin::{AccountPage, AuditPage, CallDetails, CallPage, Totals},
    logs::{LogAccepted, LogBatch},
};
use tokio::sync::Semaphore;

use crate::{
    accounts,
    auth::Keys,
    config::{Accounts, Config, Limits, Secret, WebUrl},
    connection::{self, READ_BYTES},
    metrics::{self, Metrics},
    passwords::RoomPasswords,
    record::{LogHandle, RecordReader},
    switch::Switch,
};
use body::BODY_BYTES;
use problem::{Explained, Refused};
use routes::{For, Nothing, Route, Routes, Text};

/// Buffers of an idle WebSocket: a candidate or two fit, and ten thousand idle ones cost 10 MiB and not the 1.2 GiB of the
/// library's defaults.
const BUFFER_BYTES: usize = 1024;

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
    app_url: Option<WebUrl>,
    local_addr: SocketAddr,
    /// The server speaks TLS itself.
    tls: bool,
    people: accounts::Accounts,
    /// None without a database.
    records: Option<Records>,
    /// When the server started, Unix seconds.
    started_s: i64,
    /// A permit for each batch that is unpacked and read at a time.
    unpacking: Arc<Semaphore>,
    /// A permit for each byte of uploads in memory.
    upload_bytes: Arc<Semaphore>,
    pub(crate) metrics: Arc<Metrics>,
}

/// What is kept for admins.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    pub(crate) writer: LogHandle,
    pub(crate) reader: Arc<RecordReader>,
}

impl Frame {
    pub(crate) fn new(
        config: &Config,
        keys: Keys,
        local_addr: SocketAddr,
        people: accounts::Accounts,
        records: Option<Records>,
    ) -> Self {
        let limits = Arc::new(config.limits.clone());
        Self {
            places: Arc::new(Semaphore::new(limits.max_connections)),
            limits,
            keys,
            passwords: RoomPasswords::new(),
            admin_token: config.admin_token.clone(),
            accounts: config.accounts,
            public_url: config.public_url.clone(),
            app_url: config.app_url.clone(),
            local_addr,
            tls: config.tls.is_some(),
            people,
            records,
            started_s: crate::switch::now().unix_ms / 1000,
            unpacking: Arc::new(Semaphore::new(logs::AT_A_TIME)),
            upload_bytes: Arc::new(Semaphore::new(config.limits.upload_bytes)),
            metrics: Arc::default(),
        }
    }

    pub(crate) fn open(self, switch: Switch) -> Doors {
        Doors { switch, frame: self }
    }

    /// What is kept for admins.
    fn records(&self) -> Result<&Records, Refusal> {
        self.records.as_ref().ok_or_else(|| {
            let message = "This server keeps no record: it runs without a database (--database).";
            Refusal::new(ErrorCode::Unavailable, message)
        })
    }
}

/// Where a request comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Address(pub(crate) IpAddr);

pub(crate) fn router(doors: Doors) -> Router {
    let metrics = doors.metrics.clone();
    let shown = metrics.clone();
    described()
        .route("/metrics", get(async move || ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], shown.render())))
        .route("/j/{room}", get(rooms::invitation))
        .route("/ws", get(open_socket))
        .layer(DefaultBodyLimit::max(BODY_BYTES))
        .route_layer(axum::middleware::from_fn_with_state(metrics.clone(), metrics::measure))
        .layer(axum::middleware::map_request(async |request: axum::extract::Request| {
            // What a browser asks before it lets a page ask.
            if request.method() == Method::OPTIONS { Err(StatusCode::NO_CONTENT) } else { Ok(request) }
        }))
        .layer(axum::middleware::map_response_with_state(metrics, finish))
        .with_state(doors)
}

/// The routes that `/openapi.json` lists.
fn described() -> Router<Doors> {
    let route = |method, path, who, status, summary| Route { method, path, who, summary, status };
    let mut routes = Routes::new();
    // The same rooms under two names: the second is what other front ends use.
    for (all, one) in [("/rooms", "/rooms/{room}"), ("/api/meetings", "/api/meetings/{meetingId}")] {
        routes = routes
            .add::<RoomWish, RoomCreated>(
                route("post", all, For::Anybody, 201, "Makes a room. The token of its host is in the answer."),
                post(rooms::create),
            )
            .add::<Nothing, RoomList>(
                route("get", all, For::Room, 200, "The rooms that the caller may see: all for an admin, its own else."),
                get(rooms::list),
            )
            .add::<Nothing, RoomInfo>(
                route("get", one, For::Everybody, 200, "What one may know of a room who has its code or id."),
                get(rooms::info),
            )
            .add::<Nothing, Nothing>(
                route("delete", one, For::Room, 204, "Ends a room for all; for its hosts and admins."),
                delete(rooms::delete),
            );
    }
    routes
        .add::<TokenWish, TokenIssued>(
            route("post", "/rooms/{room}/token", For::Anybody, 200, "A token for a room."),
            post(rooms::token),
        )
        .add::<LogBatch, LogAccepted>(
            route("post", "/api/logs", For::Room, 200, "Takes a part of a session's record, plain or packed by gzip."),
            post(logs::upload),
        )
        .add::<Credentials, SignedIn>(
            route("post", "/accounts", For::Everybody, 201, "A new account, signed in."),
            post(people::register),
        )
        .add::<Credentials, SignedIn>(
            route("post", "/accounts/sign-in", For::Everybody, 200, "Another session of an account."),
            post(people::sign_in),
        )
        .add::<Nothing, Nothing>(
            route("post", "/accounts/sign-out", For::Account, 204, "Ends this session."),
            post(people::sign_out),
        )
        .add::<PasswordChange, Nothing>(
            route("post", "/accounts/password", For::Account, 204, "Changes the password; ends all other sessions."),
            post(people::change_password),
        )
        .add::<Nothing, Me>(route("get", "/accounts/me", For::Account, 200, "Whose token this is."), get(people::me))
        .add::<PasswordProof, Nothing>(
            route("delete", "/accounts/me", For::Account, 204, "Deletes the account."),
            delete(people::delete),
        )
        .add::<Nothing, Names>(
            route("get", "/accounts/blocked", For::Account, 200, "Whom the account blocks."),
            get(people::blocked),
        )
        .add::<Named, Nothing>(
            route("post", "/accounts/block", For::Account, 204, "Blocks an account."),
            post(people::block),
        )
        .add::<Named, Nothing>(
            route("post", "/accounts/unblock", For::Account, 204, "Takes a block back."),
            post(people::unblock),
        )
        .add::<Nothing, CallPage>(
            route("get", "/api/admin/calls", For::Admin, 200, "Calls, filtered, sorted and in pages."),
            get(admin::calls),
        )
        .add::<Nothing, CallDetails>(
            route("get", "/api/admin/calls/{room}", For::Admin, 200, "All of a call but its samples."),
            get(admin::call),
        )
        .add::<Nothing, Nothing>(
            route("delete", "/api/admin/calls/{room}", For::Admin, 204, "Deletes a call and what was uploaded of it."),
            delete(admin::delete),
        )
        .add::<Nothing, Vec<LogBatch>>(
            route("get", "/api/admin/calls/{room}/reports", For::Admin, 200, "What was uploaded of a call, thinned."),
            get(admin::reports),
        )
        .add::<Nothing, Text>(
            route("get", "/api/admin/calls/{room}/export", For::Admin, 200, "A call's samples as CSV."),
            get(admin::export),
        )
        .add::<Nothing, Totals>(
            route("get", "/api/admin/totals", For::Admin, 200, "Figures over a range of time."),
            get(admin::totals),
        )
        .add::<Nothing, AuditPage>(
            route("get", "/api/admin/audit", For::Admin, 200, "What admins did."),
            get(admin::audit),
        )
        .add::<Nothing, Vec<ReportLine>>(
            route("get", "/api/admin/reports", For::Admin, 200, "What people reported about random partners."),
            get(admin::complaints),
        )
        .add::<Nothing, Nothing>(
            route("delete", "/api/admin/reports/{report}", For::Admin, 204, "Puts a report away."),
            delete(admin::put_away),
        )
        .add::<Nothing, AccountPage>(
            route("get", "/api/admin/accounts", For::Admin, 200, "Accounts by name, filtered and in pages."),
            get(admin::accounts),
        )
        .add::<AdminWish, Me>(
            route(
                "post",
                "/api/admin/accounts/{name}/admin",
                For::Admin,
                200,
                "Makes an account an admin, or no admin.",
            ),
            post(admin::set_admin),
        )
        .add::<Nothing, Nothing>(
            route("delete", "/api/admin/accounts/{name}", For::Admin, 204, "Deletes an account."),
            delete(admin::delete_account),
        )
        .add::<Nothing, Text>(
            route("get", "/healthz", For::Everybody, 200, "That the server is there, for load balancers."),
            get(|| async { "ok" }),
        )
        .finish()
}

/// What every answer has. Any web page may be a client: there are no cookies, and whoever has a token may use it from
/// anywhere. Nobody keeps a connection that is not a WebSocket: clients ask one thing and are done. And what axum itself
/// refuses (an unknown path or method, a request to `/ws` that is no upgrade) gets a body as everything else that is
/// refused. All refusals are counted here.
async fn finish(State(metrics): State<Arc<Metrics>>, mut response: Response) -> Response {
    let status = response.status();
    let is_refused = status.is_client_error() || status.is_server_error();
    if is_refused && response.extensions().get::<Explained>().is_none() {
        let code = if status == StatusCode::NOT_FOUND { ErrorCode::NotFound } else { ErrorCode::BadMessage };
        let message = "This request does not fit. The routes and what they take are in /openapi.json.";
        response = Refused::with_status(status, Refusal::new(code, message)).into_response();
    }
    if let Some(Explained(code)) = response.extensions().get() {
        metrics.refused(*code);
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
    // Not all of the doors: what is moved in stays for as long as the socket.
    let Doors { switch, frame: Frame { people, limits, metrics, .. } } = doors;
    Ok(upgrade.on_upgrade(move |socket| async move {
        connection::serve(socket, address, switch, people, limits, metrics).await;
        drop(permit);
    }))
}
