//! The commands of the admin mode.

use sightline_charts::Input;
use sightline_protocol::account::ReportLine;
use sightline_protocol::admin::{AccountFilter, AccountPage, AuditPage, CallDetails, CallFilter, CallPage, Totals};
use tauri::ipc::Response;

use super::Held;
use crate::chart::Look;
use crate::ipc::{
    AdminCharts, AdminKey, AdminPerson, AdminRoom, AdminSession, Answer, ExportFormat, HistoryTable, WrittenFile,
};

#[tauri::command(rename = "adminStanding")]
pub(crate) async fn admin_standing(app: Held<'_>) -> Answer<Option<AdminSession>> {
    Ok(app.admin().standing())
}

#[tauri::command(rename = "adminSignIn")]
pub(crate) async fn admin_sign_in(app: Held<'_>, server: String, key: AdminKey) -> Answer<AdminSession> {
    app.admin_sign_in(&server, key).await
}

#[tauri::command(rename = "adminSignOut")]
pub(crate) async fn admin_sign_out(app: Held<'_>) -> Answer<()> {
    app.admin().sign_out().await;
    Ok(())
}

#[tauri::command(rename = "adminRooms")]
pub(crate) async fn admin_rooms(app: Held<'_>) -> Answer<Vec<AdminRoom>> {
    app.admin().rooms().await
}

#[tauri::command(rename = "adminEndRoom")]
pub(crate) async fn admin_end_room(app: Held<'_>, room: String) -> Answer<()> {
    app.admin().end_room(&room).await
}

#[tauri::command(rename = "adminCalls")]
pub(crate) async fn admin_calls(app: Held<'_>, filter: CallFilter) -> Answer<CallPage> {
    app.admin().calls(&filter).await
}

#[tauri::command(rename = "adminCall")]
pub(crate) async fn admin_call(app: Held<'_>, room: String) -> Answer<CallDetails> {
    app.admin().call(&room).await
}

#[tauri::command(rename = "adminDeleteCall")]
pub(crate) async fn admin_delete_call(app: Held<'_>, room: String) -> Answer<()> {
    app.admin().delete_call(&room).await
}

#[tauri::command(rename = "adminExport")]
pub(crate) async fn admin_export(
    app: Held<'_>,
    room: String,
    code: String,
    started_ms: i64,
    format: ExportFormat,
) -> Answer<WrittenFile> {
    app.admin_export(&room, &code, started_ms, format).await
}

#[tauri::command(rename = "adminTotals")]
pub(crate) async fn admin_totals(app: Held<'_>, from_ms: Option<i64>, to_ms: Option<i64>) -> Answer<Totals> {
    app.admin().totals(from_ms, to_ms).await
}

#[tauri::command(rename = "adminAudit")]
pub(crate) async fn admin_audit(app: Held<'_>, limit: u32, offset: u32) -> Answer<AuditPage> {
    app.admin().audit(limit, offset).await
}

#[tauri::command(rename = "adminComplaints")]
pub(crate) async fn admin_complaints(app: Held<'_>, limit: u32, offset: u32) -> Answer<Vec<ReportLine>> {
    app.admin().complaints(limit, offset).await
}

#[tauri::command(rename = "adminPutAway")]
pub(crate) async fn admin_put_away(app: Held<'_>, report: i64) -> Answer<()> {
    app.admin().put_away(report).await
}

#[tauri::command(rename = "adminAccounts")]
pub(crate) async fn admin_accounts(app: Held<'_>, filter: AccountFilter) -> Answer<AccountPage> {
    app.admin().accounts(&filter).await
}

#[tauri::command(rename = "adminSetAdmin")]
pub(crate) async fn admin_set_admin(app: Held<'_>, name: String, admin: bool) -> Answer<()> {
    app.admin().set_admin(&name, admin).await
}

#[tauri::command(rename = "adminDeleteAccount")]
pub(crate) async fn admin_delete_account(app: Held<'_>, name: String) -> Answer<()> {
    app.admin().delete_account(&name).await
}

#[tauri::command(rename = "adminReports")]
pub(crate) async fn admin_reports(app: Held<'_>, room: String, code: String) -> Answer<Vec<AdminPerson>> {
    app.admin().load_reports(room, code).await
}

#[tauri::command(rename = "adminTable")]
pub(crate) async fn admin_table(
    app: Held<'_>,
    room: String,
    person: u32,
    from_ms: i64,
    to_ms: i64,
) -> Answer<HistoryTable> {
    app.admin_table(room, person, from_ms, to_ms).await
}

#[tauri::command(rename = "adminChartOpen")]
pub(crate) async fn admin_chart_open(
    app: Held<'_>,
    room: String,
    which: AdminCharts,
    place: u8,
    look: Look,
    input: Input,
) -> Answer<Response> {
    app.admin_chart_open(room, which, place, look, input).await.map(Response::new)
}
