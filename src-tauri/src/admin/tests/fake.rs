//! A server that answers as a real one does, and takes notes.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use sightline_protocol::account::{Credentials, ReportLine, SignedIn};
use sightline_protocol::admin::{
    AccountPage, AccountRow, AuditLine, AuditPage, CallBreak, CallDetails, CallLine, CallPage, CallQuality, CallStay,
    Coverage, Totals,
};
use sightline_protocol::logs::LogBatch;
use sightline_protocol::{
    ErrorCode as Code, LiveRoom, MediaState, Participant, Problem, Refusal, Role, RoomLine, RoomList, UserId,
};
use tokio::net::TcpListener;

pub(super) const TOKEN: &str = "open-sesame";
/// Of the account that is an admin's, and of the one that is not.
pub(super) const ADA: &str = "token-of-ada";
pub(super) const BEN: &str = "token-of-ben";
pub(super) const ROOM: &str = "r0123456789abcdef";

/// What was asked for: method, path with query, and bearer.
pub(super) type Asked = Arc<Mutex<Vec<(String, String, String)>>>;

pub(super) struct Fake {
    pub(super) url: String,
    asked: Asked,
    /// Takes no token any more.
    pub(super) closed: Arc<Mutex<bool>>,
}

impl Fake {
    pub(super) async fn start(reports: Vec<LogBatch>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}", listener.local_addr().unwrap());
        let (asked, closed, reports) = (Asked::default(), Arc::new(Mutex::new(false)), Arc::new(reports));
        let (notes, doors) = (asked.clone(), closed.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (notes, doors, reports) = (notes.clone(), doors.clone(), reports.clone());
                let service = hyper::service::service_fn(move |request| {
                    let (notes, is_closed, reports) = (notes.clone(), *doors.lock().unwrap(), reports.clone());
                    async move { Ok::<_, Infallible>(answer(request, &notes, is_closed, &reports).await) }
                });
                let connection = hyper::server::conn::http1::Builder::new();
                tokio::spawn(connection.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { url, asked, closed }
    }

    /// What was asked for, by method and path.
    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(method, path, _)| format!("{method} {path}")).collect()
    }

    /// The bearers so far.
    pub(super) fn bearers(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(.., bearer)| bearer.clone()).collect()
    }
}

async fn answer(
    request: Request<Incoming>,
    notes: &Asked,
    closed: bool,
    reports: &[LogBatch],
) -> Response<Full<Bytes>> {
    let bearer = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = bearer.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default().to_owned();
    let (method, path) = (request.method().clone(), request.uri().to_string());
    notes.lock().unwrap().push((method.to_string(), path.clone(), bearer.clone()));
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let route = path.split('?').next().unwrap_or_default();
    if route == "/accounts/sign-in" {
        return sign_in(&body);
    }
    if closed || ![TOKEN, ADA, BEN].contains(&bearer.as_str()) {
        return problem(401, Code::Unauthorized, "This token is not good any more. Sign in again.");
    }
    if bearer == BEN && route != "/accounts/sign-out" {
        return problem(403, Code::Forbidden, "Only an admin may do this. Sign in as one.");
    }
    let call = format!("/api/admin/calls/{ROOM}");
    match (&method, route.strip_prefix(&call)) {
        (&Method::GET, Some("")) => json(200, &details()),
        (&Method::DELETE, Some("")) => problem(410, Code::Gone, "This call was deleted already."),
        (&Method::GET, Some("/reports")) => json(200, &reports),
        (&Method::GET, Some("/export")) => text(200, "text/csv", "time,what\n1,\"a\"\n".to_owned()),
        _ => match (&method, route) {
            (&Method::POST, "/accounts/sign-out") => text(204, "", String::new()),
            (&Method::GET, "/rooms") => json(200, &rooms()),
            (&Method::DELETE, route) if route == format!("/rooms/{ROOM}") => text(204, "", String::new()),
            (&Method::GET, "/api/admin/calls") => json(200, &CallPage { calls: vec![line()], total: 41 }),
            (&Method::GET, "/api/admin/totals") => json(200, &Totals { calls: 3, ..Totals::default() }),
            (&Method::GET, "/api/admin/audit") => json(200, &audit()),
            (&Method::GET, "/api/admin/reports") => json(200, &[complaint()]),
            (&Method::DELETE, "/api/admin/reports/1") => text(204, "", String::new()),
            (&Method::GET, "/api/admin/accounts") => json(200, &AccountPage { accounts: vec![account()], total: 41 }),
            (&Method::POST, ACCOUNT_RIGHTS) if body == br#"{"admin":true}"#[..] => text(204, "", String::new()),
            (&Method::DELETE, ACCOUNT) => text(204, "", String::new()),
            _ => problem(404, Code::NotFound, "There is no such call."),
        },
    }
}

/// `عمر/?`: no letter of it means anything in a path.
const ACCOUNT: &str = "/api/admin/accounts/%D8%B9%D9%85%D8%B1%2F%3F";
const ACCOUNT_RIGHTS: &str = "/api/admin/accounts/%D8%B9%D9%85%D8%B1%2F%3F/admin";

pub(super) fn account() -> AccountRow {
    AccountRow { name: "عمر/?".to_owned(), admin: false, created_ms: 5, last_seen_ms: None, online: true }
}

fn sign_in(body: &[u8]) -> Response<Full<Bytes>> {
    let Credentials { name, password } = serde_json::from_slice(body).unwrap();
    if password != "correct horse" {
        return problem(403, Code::WrongPassword, "Name and password do not fit together.");
    }
    let admin = name == "ada";
    let token = if admin { ADA } else { BEN }.to_owned();
    json(200, &SignedIn { token, name: if admin { "Ada" } else { "Ben" }.to_owned(), admin })
}

fn json(status: u16, body: &impl Serialize) -> Response<Full<Bytes>> {
    text(status, "application/json", serde_json::to_string(body).unwrap())
}

fn problem(status: u16, code: Code, message: &str) -> Response<Full<Bytes>> {
    json(status, &Problem::new(status, "No", Refusal::new(code, message)))
}

fn text(status: u16, kind: &str, body: String) -> Response<Full<Bytes>> {
    let status = StatusCode::from_u16(status).unwrap();
    Response::builder().status(status).header(header::CONTENT_TYPE, kind).body(Full::new(body.into())).unwrap()
}

fn rooms() -> RoomList {
    let participant = |id: &str, name: &str, role| Participant {
        user_id: UserId(id.to_owned()),
        name: name.to_owned(),
        media: MediaState { audio: true, video: false },
        away: id == "u2",
        role,
    };
    let live = LiveRoom {
        code: "amber-canoe".to_owned(),
        expires_at: None,
        max_participants: 8,
        locked: true,
        participants: vec![participant("u1", "Ada", Role::Host), participant("u2", "Ben", Role::Guest)],
        waiting: 1,
        observers: 2,
    };
    let line = |live| RoomLine {
        room_id: ROOM.to_owned(),
        name: "Stand-up".to_owned(),
        participant_count: 2,
        created_at: "2025-10-09T08:53:20Z".to_owned(),
        live,
    };
    RoomList { rooms: vec![line(Some(live)), line(None)] }
}

fn line() -> CallLine {
    CallLine {
        room_id: ROOM.to_owned(),
        code: "amber-canoe".to_owned(),
        name: None,
        started_ms: 1_760_000_000_000,
        ended_ms: None,
        room_ended_ms: None,
        end_reason: None,
        people: 2,
        names: vec!["Ada".to_owned(), "Ben".to_owned()],
        talk_ms: 40_000,
        reporters: 1,
        windows: 4,
        good_windows: 4,
        quality: CallQuality::Good,
        worst: None,
        reasons: Vec::new(),
    }
}

fn details() -> CallDetails {
    let stay = CallStay {
        user_id: "me".to_owned(),
        account: None,
        name: "Me".to_owned(),
        role: "guest".to_owned(),
        joined_ms: 1_760_000_000_000,
        left_ms: None,
        reason: None,
    };
    let gap = CallBreak {
        user_id: "me".to_owned(),
        name: "Me".to_owned(),
        peer: None,
        start_ms: 1_760_000_000_000,
        end_ms: None,
        cause: "sleep".to_owned(),
        between_stays: false,
    };
    CallDetails {
        call: line(),
        created_ms: 1_759_999_999_000,
        created_by: None,
        stays: vec![stay],
        sessions: Vec::new(),
        breaks: vec![gap],
        coverage: Coverage { reported: 1, of: 2 },
        left_out: 0,
    }
}

fn audit() -> AuditPage {
    let entry = AuditLine {
        unix_ms: 1,
        who: "Ada".to_owned(),
        action: "delete-call".to_owned(),
        what: Some(ROOM.to_owned()),
        detail: None,
    };
    AuditPage { entries: vec![entry], total: 1 }
}

fn complaint() -> ReportLine {
    ReportLine {
        id: 1,
        who: "Ada".to_owned(),
        who_id: "a1".to_owned(),
        whom: "Ben".to_owned(),
        whom_id: "a2".to_owned(),
        room_id: ROOM.to_owned(),
        reason: "rude".to_owned(),
        unix_ms: 1,
    }
}
