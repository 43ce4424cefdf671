//! What admins read and delete. Each action that changes something is in the audit log, under the name of who did it.

use axum::{
    Extension, Json,
    body::Body as AnswerBody,
    extract::{Path, Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use futures_util::{TryStreamExt, stream};
use serde::Deserialize;
use sightline_protocol::{
    EndReason, ErrorCode, Refusal,
    account::{AdminWish, Me, ReportLine},
    admin::{AccountFilter, AccountPage, AccountRow, AuditPage, CallDetails, CallFilter, CallPage, Totals},
    logs::LogBatch,
};

use super::{Doors, body::Body, guard::Caller, problem::Refused};
use crate::{
    accept::Progress,
    accounts::{AccountError, AccountId, lists::Listed},
    hub::Effect,
    record::{Deleted, Export, RecordEntry, RecordError, RecordReader},
    store::Entry,
    switch,
};

/// Windows of a track in a report, where the caller has no other wish: as many as a wide chart has pixels.
const POINTS: usize = 2000;

#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Points {
    points: usize,
}

impl Default for Points {
    fn default() -> Self {
        Self { points: POINTS }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Range {
    from_ms: Option<i64>,
    to_ms: Option<i64>,
}

#[derive(Debug, Deserialize)]
#[serde(default)]
pub(super) struct Part {
    limit: u32,
    offset: u32,
}

impl Default for Part {
    fn default() -> Self {
        Self { limit: 100, offset: 0 }
    }
}

/// Calls, filtered, sorted and in pages.
pub(super) async fn calls(
    State(doors): State<Doors>,
    caller: Caller,
    Query(filter): Query<CallFilter>,
) -> Result<Json<CallPage>, Refused> {
    caller.admin()?;
    Ok(Json(read(&doors, move |reader| reader.calls(&filter)).await?))
}

/// All that is known of a call but its samples.
pub(super) async fn call(
    State(doors): State<Doors>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<Json<CallDetails>, Refused> {
    caller.admin()?;
    Ok(Json(read(&doors, move |reader| reader.call(&room)).await?))
}

/// What the clients in a call uploaded, thinned.
pub(super) async fn reports(
    State(doors): State<Doors>,
    caller: Caller,
    Path(room): Path<String>,
    Query(Points { points }): Query<Points>,
) -> Result<Json<Vec<LogBatch>>, Refused> {
    caller.admin()?;
    Ok(Json(read(&doors, move |reader| reader.reports(&room, points)).await?))
}

/// A call's samples as CSV. It is read as fast as the caller takes it; where it breaks off, so does the answer.
pub(super) async fn export(
    State(doors): State<Doors>,
    caller: Caller,
    Path(room): Path<String>,
    Extension(progress): Extension<Progress>,
) -> Result<Response, Refused> {
    caller.admin()?;
    // The first part before the head: an unknown call is a refusal, and not an answer that breaks off.
    let first = export_part(doors.clone(), Export::new(&room)).await?;
    let parts = stream::try_unfold((doors, first), move |(doors, part)| {
        progress.made();
        async move {
            let Some((export, bytes)) = part else { return Ok::<_, Refused>(None) };
            let next = export_part(doors.clone(), export).await?;
            Ok(Some((bytes, (doors, next))))
        }
    });
    let parts = parts.map_err(|refused| std::io::Error::other(format!("{refused:?}")));
    let kind = HeaderValue::from_static("text/csv; charset=utf-8");
    Ok(([(header::CONTENT_TYPE, kind)], AnswerBody::from_stream(parts)).into_response())
}

async fn export_part(doors: Doors, mut export: Export) -> Result<Option<(Export, Vec<u8>)>, Refused> {
    read(&doors, move |reader| Ok(reader.export_part(&mut export)?.map(|part| (export, part)))).await
}

/// Deletes a call and everything that was uploaded of it. One that goes on is ended first.
pub(super) async fn delete(
    State(doors): State<Doors>,
    caller: Caller,
    Path(room): Path<String>,
) -> Result<StatusCode, Refused> {
    let who = caller.admin()?.to_owned();
    let records = doors.records()?;
    let now = switch::now();
    // The record knows calls by their ids; a room that is there may be named by its code, too.
    let named = room.clone();
    let room = doors.switch.ask(move |hub, _, _| Ok(hub.id_of(&named))).await?.unwrap_or(room);
    let id = room.clone();
    // Where it is over already there is nothing to end.
    let ended = doors.switch.change(move |hub, now, out| hub.end_room_named(&id, EndReason::Admin, now, out)).await;
    if let Err(refusal) = ended
        && refusal.code != ErrorCode::UnknownRoom
    {
        return Err(refusal.into());
    }
    match records.writer.delete_call(room, who, now.unix_ms).await.map_err(refused)? {
        Deleted::Done => Ok(StatusCode::NO_CONTENT),
        Deleted::AlreadyGone => Err(Refusal::new(ErrorCode::Gone, "This call was deleted already.").into()),
        Deleted::Unknown => Err(refused(RecordError::UnknownCall)),
        Deleted::StillOpen => {
            Err(Refusal::new(ErrorCode::Unavailable, "The room could not be ended. Try again in a moment.").into())
        }
    }
}

/// Figures over a range of time; all time without one.
pub(super) async fn totals(
    State(doors): State<Doors>,
    caller: Caller,
    Query(Range { from_ms, to_ms }): Query<Range>,
) -> Result<Json<Totals>, Refused> {
    caller.admin()?;
    let to = to_ms.unwrap_or_else(|| switch::now().unix_ms);
    Ok(Json(read(&doors, move |reader| reader.totals(from_ms.unwrap_or(0), to)).await?))
}

/// What admins did, the latest first.
pub(super) async fn audit(
    State(doors): State<Doors>,
    caller: Caller,
    Query(Part { limit, offset }): Query<Part>,
) -> Result<Json<AuditPage>, Refused> {
    caller.admin()?;
    Ok(Json(read(&doors, move |reader| reader.audit(limit, offset)).await?))
}

/// What people reported about their random partners, the latest first.
pub(super) async fn complaints(
    State(doors): State<Doors>,
    caller: Caller,
    Query(Part { limit, offset }): Query<Part>,
) -> Result<Json<Vec<ReportLine>>, Refused> {
    caller.admin()?;
    let accounts = doors.people.clone();
    let reports = super::people::blocking(move || accounts.reports(limit, offset)).await?;
    let line = |report: crate::accounts::lists::Report| ReportLine {
        id: report.id,
        who_id: report.who.person.to_string(),
        who: report.who.name,
        whom_id: report.whom.person.to_string(),
        whom: report.whom.name,
        room_id: report.room,
        reason: report.reason,
        unix_ms: report.unix_ms,
    };
    Ok(Json(reports.into_iter().map(line).collect()))
}

/// Puts a report away that was seen to.
pub(super) async fn put_away(
    State(doors): State<Doors>,
    caller: Caller,
    Path(report): Path<i64>,
) -> Result<StatusCode, Refused> {
    let who = caller.admin()?.to_owned();
    let accounts = doors.people.clone();
    if !super::people::blocking(move || accounts.delete_report(report)).await? {
        return Err(Refusal::new(ErrorCode::Gone, "This report was put away already.").into());
    }
    audit_of(&doors, who, "put-away-report", report.to_string(), None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Accounts by name, filtered and in pages.
pub(super) async fn accounts(
    State(doors): State<Doors>,
    caller: Caller,
    Query(filter): Query<AccountFilter>,
) -> Result<Json<AccountPage>, Refused> {
    caller.admin()?;
    let people = doors.people.clone();
    let (listed, total) = super::people::blocking(move || people.list(&filter)).await?;
    let ids: Vec<AccountId> = listed.iter().map(|listed| listed.account.id).collect();
    let online =
        doors.switch.ask(move |hub, _, _| Ok(ids.into_iter().map(|id| hub.is_here(id)).collect::<Vec<_>>())).await?;
    let row = |(listed, online): (Listed, bool)| AccountRow {
        name: listed.account.name,
        admin: listed.account.admin,
        created_ms: listed.created_ms,
        last_seen_ms: listed.last_seen_ms,
        online,
    };
    Ok(Json(AccountPage { accounts: listed.into_iter().zip(online).map(row).collect(), total }))
}

/// Makes an account an admin, or no admin any more.
pub(super) async fn set_admin(
    State(doors): State<Doors>,
    caller: Caller,
    Path(name): Path<String>,
    Body(AdminWish { admin }): Body<AdminWish>,
) -> Result<Json<Me>, Refused> {
    let who = caller.admin()?.to_owned();
    let accounts = doors.people.clone();
    let account = super::people::blocking(move || accounts.set_admin(&name, admin)).await?;
    let action = if admin { "make-admin" } else { "unmake-admin" };
    audit_of(&doors, who, action, account.name.clone(), None).await?;
    Ok(Json(Me { name: account.name, admin: account.admin }))
}

/// Deletes an account, whoever has it.
pub(super) async fn delete_account(
    State(doors): State<Doors>,
    caller: Caller,
    Path(name): Path<String>,
) -> Result<StatusCode, Refused> {
    let who = caller.admin()?.to_owned();
    let accounts = doors.people.clone();
    let account = super::people::blocking(move || {
        let account = accounts.find(&name)?.ok_or(AccountError::UnknownAccount)?;
        accounts.remove(account.id)?;
        Ok(account)
    })
    .await?;
    let id = account.id;
    doors
        .switch
        .ask(move |hub, now, out| {
            hub.account_gone(id, now, out);
            Ok(())
        })
        .await?;
    audit_of(&doors, who, "delete-account", account.name, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Puts an action into the audit log; it is on disk when this returns.
async fn audit_of(
    doors: &Doors,
    who: String,
    action: &str,
    what: String,
    detail: Option<String>,
) -> Result<(), Refused> {
    let action = action.to_owned();
    doors
        .switch
        .change(move |_, now, out| {
            let entry = RecordEntry::Audit { unix_ms: now.unix_ms, who, action, what: Some(what), detail };
            out.push(Effect::Store(Entry::Audit(entry)));
            Ok(())
        })
        .await?;
    Ok(())
}

/// Looks something up off the tasks that serve.
async fn read<T: Send + 'static>(
    doors: &Doors,
    look: impl FnOnce(&RecordReader) -> Result<T, RecordError> + Send + 'static,
) -> Result<T, Refused> {
    let reader = doors.records()?.reader.clone();
    let looked = tokio::task::spawn_blocking(move || look(&reader)).await;
    looked.unwrap_or_else(|error| Err(RecordError::Failed(error.to_string()))).map_err(refused)
}

fn refused(error: RecordError) -> Refused {
    let code = match error {
        RecordError::UnknownCall => ErrorCode::NotFound,
        RecordError::Closed => ErrorCode::ShuttingDown,
        RecordError::Busy | RecordError::Full | RecordError::Failed(_) => ErrorCode::Unavailable,
    };
    Refusal::new(code, error.to_string()).into()
}
