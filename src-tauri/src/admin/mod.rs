//! The admin mode: what a server tells an admin, and what it does for one.
//!
//! Invariant: the token stays here, in memory, until the admin signs out, the server does not take it any more, or the app
//! ends. No answer, no event, no file and no line of the log has it.

mod reports;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sightline_call::{Api, CallError};
use sightline_protocol::account::{AdminWish, Credentials, ReportLine, SignedIn};
use sightline_protocol::admin::{AccountFilter, AccountPage, AuditPage, CallDetails, CallFilter, CallPage, Totals};
use sightline_protocol::logs::LogBatch;
use sightline_protocol::{ErrorCode as Code, Role, RoomLine, RoomList};
use tokio::sync::{mpsc, oneshot};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use crate::history::write_new;
use crate::ipc::{
    AdminKey, AdminMember, AdminPerson, AdminRoom, AdminSession, Answer, ErrorCode, ExportFormat, IpcError,
};
use crate::words;

pub(crate) use reports::Reports;

/// Points of each track that are asked for: as many as the charts show.
const POINTS: usize = sightline_charts::DEFAULT_POINTS;
/// The same for a file: the most that a server gives.
const MOST_POINTS: usize = 10_000;
/// How long a server may take to hear that somebody signed out: the app does not end before.
const GOODBYE: Duration = Duration::from_secs(2);
/// Of an export, between the network and the disk: some 100 kB.
const PIECES: usize = 8;
/// No id of a room is longer.
const ID_BYTES: usize = 64;

/// Who is signed in, if anybody is.
#[derive(Default)]
pub(crate) struct Admin {
    signed_in: Mutex<SignedInAs>,
    /// Of the call that is looked at.
    reports: Mutex<Option<Reports>>,
}

#[derive(Default)]
struct SignedInAs {
    session: Option<Session>,
    /// Of sessions so far: an answer to one that is over must not end the next.
    number: u64,
}

/// Not `Debug`: `api` holds the token.
struct Session {
    shown: AdminSession,
    api: Api,
}

impl Admin {
    /// Who is signed in.
    pub(crate) fn standing(&self) -> Option<AdminSession> {
        lock(&self.signed_in).session.as_ref().map(|session| session.shown.clone())
    }

    /// Signs in at a server, in place of whoever was signed in before.
    pub(crate) async fn sign_in(&self, server: String, key: AdminKey) -> Answer<AdminSession> {
        let (api, name) = match key {
            AdminKey::Token { token } => (with_token(&server, &token).await?, None),
            AdminKey::Account { name, password } => with_password(&server, Credentials { name, password }).await?,
        };
        self.sign_out().await;
        let shown = AdminSession { server, name };
        let mut held = lock(&self.signed_in);
        held.number += 1;
        held.session = Some(Session { shown: shown.clone(), api });
        Ok(shown)
    }

    /// Forgets the token, and what was read with it. That of an account is called back as well.
    pub(crate) async fn sign_out(&self) {
        *lock(&self.reports) = None;
        let session = lock(&self.signed_in).session.take();
        if let Some(Session { shown: AdminSession { name: Some(_), .. }, api }) = session {
            match timeout(GOODBYE, end_session(&api)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!("the server was not told that the admin signed out: {error}"),
                Err(_) => tracing::warn!("the server was not told in time that the admin signed out"),
            }
        }
    }

    /// The open rooms, the newest first.
    pub(crate) async fn rooms(&self) -> Answer<Vec<AdminRoom>> {
        let list: RoomList = self.get("/rooms").await?;
        Ok(list.rooms.into_iter().map(AdminRoom::from).collect())
    }

    /// Ends a room for all who are in it.
    pub(crate) async fn end_room(&self, room: &str) -> Answer<()> {
        self.delete(&format!("/rooms/{}", id(room)?)).await
    }

    /// Calls, as the filter asks.
    pub(crate) async fn calls(&self, filter: &CallFilter) -> Answer<CallPage> {
        self.get(&with_query("/api/admin/calls", filter)?).await
    }

    /// One call.
    pub(crate) async fn call(&self, room: &str) -> Answer<CallDetails> {
        self.get(&format!("/api/admin/calls/{}", id(room)?)).await
    }

    /// Deletes a call and all that was uploaded of it.
    pub(crate) async fn delete_call(&self, room: &str) -> Answer<()> {
        self.delete(&format!("/api/admin/calls/{}", id(room)?)).await
    }

    /// Figures over a range of time.
    pub(crate) async fn totals(&self, from_ms: Option<i64>, to_ms: Option<i64>) -> Answer<Totals> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Range {
            from_ms: Option<i64>,
            to_ms: Option<i64>,
        }
        self.get(&with_query("/api/admin/totals", &Range { from_ms, to_ms })?).await
    }

    /// What admins did, the latest first.
    pub(crate) async fn audit(&self, limit: u32, offset: u32) -> Answer<AuditPage> {
        self.get(&format!("/api/admin/audit?limit={limit}&offset={offset}")).await
    }

    /// What people reported about others, the latest first.
    pub(crate) async fn complaints(&self, limit: u32, offset: u32) -> Answer<Vec<ReportLine>> {
        self.get(&format!("/api/admin/reports?limit={limit}&offset={offset}")).await
    }

    /// Puts a report about somebody away, which was seen to.
    pub(crate) async fn put_away(&self, report: i64) -> Answer<()> {
        self.delete(&format!("/api/admin/reports/{report}")).await
    }

    /// Accounts, as the filter asks.
    pub(crate) async fn accounts(&self, filter: &AccountFilter) -> Answer<AccountPage> {
        self.get(&with_query("/api/admin/accounts", filter)?).await
    }

    /// Makes an account an admin, or no admin any more.
    pub(crate) async fn set_admin(&self, name: &str, admin: bool) -> Answer<()> {
        let (number, api) = self.api()?;
        self.told(number, api.post(&format!("{}/admin", of_account(name)), &AdminWish { admin }).await)
    }

    /// Deletes an account, whoever has it.
    pub(crate) async fn delete_account(&self, name: &str) -> Answer<()> {
        self.delete(&of_account(name)).await
    }

    /// Reads what was reported of a call, for its charts and its table; gives those who are in it.
    pub(crate) async fn load_reports(&self, room: String, code: String) -> Answer<Vec<AdminPerson>> {
        let batches = self.batches(&room, POINTS).await?;
        let server = self.standing().map(|session| session.server).unwrap_or_default();
        let made = spawn_blocking(move || Reports::new(room, &server, &code, &batches));
        let made = made.await.map_err(IpcError::internal)??;
        let people = made.people();
        *lock(&self.reports) = Some(made);
        Ok(people)
    }

    /// Does something with what was read of a call.
    pub(crate) fn with_reports<T>(&self, room: &str, work: impl FnOnce(&Reports) -> Answer<T>) -> Answer<T> {
        let held = lock(&self.reports);
        let reports = held.as_ref().filter(|reports| reports.room() == room);
        work(reports.ok_or_else(|| IpcError::not_now(words::admin::NO_REPORTS))?)
    }

    /// Writes a call into a file of a folder, as it comes, however long it is: CSV as the server makes it, JSON with all that
    /// it tells.
    pub(crate) async fn export(
        &self,
        room: &str,
        stem: String,
        format: ExportFormat,
        folder: PathBuf,
    ) -> Answer<PathBuf> {
        let call = format!("/api/admin/calls/{}", id(room)?);
        let (extension, route, before, after) = match format {
            ExportFormat::Csv => ("csv", format!("{call}/export"), String::new(), ""),
            ExportFormat::Json => {
                let details = serde_json::to_string(&self.call(room).await?).map_err(IpcError::internal)?;
                let before = format!("{{\"call\":{details},\"reports\":");
                ("json", format!("{call}/reports?points={MOST_POINTS}"), before, "}")
            }
        };
        let (number, api) = self.api()?;
        let (pieces, mut taken) = mpsc::channel::<Bytes>(PIECES);
        let (complete, is_complete) = oneshot::channel();
        let written = spawn_blocking(move || {
            write_new(&folder, &stem, extension, |out| {
                out.write_all(before.as_bytes()).map_err(IpcError::file)?;
                while let Some(piece) = taken.blocking_recv() {
                    out.write_all(&piece).map_err(IpcError::file)?;
                }
                // Where it broke off, that is the error, below, and this file is not kept.
                is_complete.blocking_recv().map_err(IpcError::file)?;
                out.write_all(after.as_bytes()).map_err(IpcError::file)
            })
        });
        let downloaded = api.download(&route, pieces).await;
        let whole = downloaded.is_ok().then(|| complete.send(()));
        let written = written.await.map_err(IpcError::internal)?;
        match whole {
            Some(_) => written,
            None => self.told(number, downloaded).and(written),
        }
    }

    async fn batches(&self, room: &str, points: usize) -> Answer<Vec<LogBatch>> {
        self.get(&format!("/api/admin/calls/{}/reports?points={points}", id(room)?)).await
    }

    async fn get<T: DeserializeOwned>(&self, route: &str) -> Answer<T> {
        let (number, api) = self.api()?;
        self.told(number, api.get(route).await)
    }

    async fn delete(&self, route: &str) -> Answer<()> {
        let (number, api) = self.api()?;
        self.told(number, api.delete(route).await)
    }

    fn api(&self) -> Answer<(u64, Api)> {
        let held = lock(&self.signed_in);
        let first = || IpcError::new(ErrorCode::Unauthorized, words::admin::SIGN_IN_FIRST);
        Ok((held.number, held.session.as_ref().ok_or_else(first)?.api.clone()))
    }

    /// A token that the server does not take any more is forgotten.
    fn told<T>(&self, number: u64, answer: Result<T, CallError>) -> Answer<T> {
        answer.map_err(|error| {
            let error = refusal(error);
            let mut held = lock(&self.signed_in);
            if error.code == ErrorCode::Unauthorized && held.number == number {
                held.session = None;
            }
            error
        })
    }
}

/// An error with the server's own code and sentence.
fn refusal(error: CallError) -> IpcError {
    let CallError::Refused { code, message } = error else { return error.into() };
    let code = match code {
        Code::Unauthorized | Code::WrongPassword => ErrorCode::Unauthorized,
        Code::Forbidden => ErrorCode::Forbidden,
        Code::Gone => ErrorCode::Gone,
        Code::NotFound | Code::UnknownPerson => ErrorCode::NotFound,
        Code::UnknownRoom => ErrorCode::NoRoom,
        _ => ErrorCode::Refused,
    };
    IpcError::new(code, message)
}

/// The routes of a server for the admin token, once the server has taken it.
async fn with_token(server: &str, token: &str) -> Answer<Api> {
    let token = token.trim();
    // RFC 6750, 2.1: what can stand in the header.
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(IpcError::bad_input(words::admin::NO_TOKEN));
    }
    let api = Api::new(server, Some(token.to_owned()))?;
    // A server that keeps no record, or has no accounts, can be looked at all the same.
    match api.get::<AuditPage>("/api/admin/audit?limit=1").await {
        Ok(_) | Err(CallError::Refused { code: Code::Unavailable, .. }) => Ok(api),
        Err(error) => Err(refusal(error)),
    }
}

/// The routes of a server for an account, and its name.
async fn with_password(server: &str, credentials: Credentials) -> Answer<(Api, Option<String>)> {
    let asked = Api::new(server, None)?.post("/accounts/sign-in", &credentials).await;
    let SignedIn { token, name, admin } = asked.map_err(refusal)?;
    let api = Api::new(server, Some(token))?;
    if admin {
        return Ok((api, Some(name)));
    }
    if let Err(error) = end_session(&api).await {
        tracing::warn!("a session that is not an admin's stays open: {error}");
    }
    Err(IpcError::new(ErrorCode::Forbidden, words::admin::not_an_admin(&name)))
}

async fn end_session(api: &Api) -> Result<(), CallError> {
    api.post("/accounts/sign-out", &()).await
}

/// An id as it can stand in a path.
fn id(room: &str) -> Answer<&str> {
    let fits = !room.is_empty()
        && room.len() <= ID_BYTES
        && room.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    if fits { Ok(room) } else { Err(IpcError::new(ErrorCode::NotFound, words::admin::NO_SUCH_CALL)) }
}

/// The route of an account. Names have letters of all scripts.
fn of_account(name: &str) -> String {
    format!("/api/admin/accounts/{}", utf8_percent_encode(name, NON_ALPHANUMERIC))
}

fn with_query(route: &str, query: &impl Serialize) -> Answer<String> {
    let query = serde_urlencoded::to_string(query).map_err(IpcError::internal)?;
    Ok(format!("{route}?{query}"))
}

impl From<RoomLine> for AdminRoom {
    fn from(line: RoomLine) -> Self {
        let ms = |text: &str| text.parse::<Timestamp>().ok().map(Timestamp::as_millisecond);
        let live = line.live;
        Self {
            room_id: line.room_id,
            name: line.name,
            created_ms: ms(&line.created_at),
            code: live.as_ref().map(|live| live.code.clone()),
            expires_ms: live.as_ref().and_then(|live| live.expires_at.as_deref()).and_then(ms),
            locked: live.as_ref().is_some_and(|live| live.locked),
            max_participants: live.as_ref().map(|live| live.max_participants),
            waiting: live.as_ref().map_or(0, |live| live.waiting),
            observers: live.as_ref().map_or(0, |live| live.observers),
            people: live.map(|live| live.participants).unwrap_or_default().into_iter().map(member).collect(),
        }
    }
}

fn member(participant: sightline_protocol::Participant) -> AdminMember {
    AdminMember {
        id: participant.user_id.to_string(),
        name: participant.name,
        host: participant.role == Role::Host,
        microphone: participant.media.audio,
        camera: participant.media.video,
        away: participant.away,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
