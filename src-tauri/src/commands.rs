//! The commands of the page, by the names it knows them by. Each hands over to [`App`].
//!
//! Invariant: all are async, since a panic in a synchronous one would end the app.

pub(crate) mod admin;
pub(crate) mod people;

use std::sync::Arc;

use sightline_charts::Input;
use tauri::State;
use tauri::ipc::Response;

use crate::app::App;
use crate::call::Order;
use crate::chart::Look;
use crate::ipc::{
    Answer, Boot, CallDetail, CallLine, CallState, ChatLine, Device, DeviceKind, ExportFormat, HistoryFilter,
    HistoryTable, HostAct, Hosting, Invitation, NetworkCheck, RoomPlan, Settings, Sharing, WrittenFile,
};

/// The app as the commands get it.
pub(crate) type Held<'a> = State<'a, Arc<App>>;

#[tauri::command]
pub(crate) async fn boot(app: Held<'_>) -> Answer<Boot> {
    app.boot().await
}

#[tauri::command(rename = "saveSettings")]
pub(crate) async fn save_settings(app: Held<'_>, settings: Settings) -> Answer<Settings> {
    app.save_settings(settings).await
}

#[tauri::command]
pub(crate) async fn hosting(app: Held<'_>) -> Answer<Hosting> {
    Ok(app.hosting().await)
}

#[tauri::command]
pub(crate) async fn sharing(app: Held<'_>) -> Answer<Sharing> {
    app.sharing().await
}

#[tauri::command]
pub(crate) async fn devices(app: Held<'_>) -> Answer<Vec<Device>> {
    app.devices().await
}

#[tauri::command(rename = "startCall")]
pub(crate) async fn start_call(app: Held<'_>, plan: RoomPlan) -> Answer<Invitation> {
    app.start_call(plan).await
}

#[tauri::command(rename = "openInvitation")]
pub(crate) async fn open_invitation(app: Held<'_>, text: String) -> Answer<Invitation> {
    app.open_invitation(&text).await
}

#[tauri::command(rename = "lobbyOpen")]
pub(crate) async fn lobby_open(
    app: Held<'_>,
    camera: Option<String>,
    microphone: Option<String>,
    speaker: String,
) -> Answer<()> {
    app.lobby_open(camera, microphone, speaker).await
}

#[tauri::command(rename = "lobbyClose")]
pub(crate) async fn lobby_close(app: Held<'_>) -> Answer<()> {
    app.lobby_close().await;
    Ok(())
}

#[tauri::command(rename = "testTone")]
pub(crate) async fn test_tone(app: Held<'_>) -> Answer<()> {
    app.test_tone().await
}

#[tauri::command(rename = "checkNetwork")]
pub(crate) async fn check_network(app: Held<'_>, server: String) -> Answer<NetworkCheck> {
    app.check_network(server).await
}

#[tauri::command(rename = "joinCall")]
pub(crate) async fn join_call(
    app: Held<'_>,
    code: String,
    server: String,
    password: String,
    microphone_on: bool,
    camera_on: bool,
) -> Answer<CallState> {
    app.join_call(code, server, password, microphone_on, camera_on).await
}

#[tauri::command(rename = "setMicrophone")]
pub(crate) async fn set_microphone(app: Held<'_>, on: bool) -> Answer<()> {
    app.order(Order::Microphone(on)).await
}

#[tauri::command(rename = "setCamera")]
pub(crate) async fn set_camera(app: Held<'_>, on: bool) -> Answer<()> {
    app.order(Order::Camera(on)).await
}

#[tauri::command(rename = "setDevice")]
pub(crate) async fn set_device(app: Held<'_>, kind: DeviceKind, id: String) -> Answer<()> {
    app.set_device(kind, id).await
}

#[tauri::command(rename = "sendChat")]
pub(crate) async fn send_chat(app: Held<'_>, text: String) -> Answer<()> {
    app.order(Order::Chat(text)).await
}

#[tauri::command(rename = "chatLines")]
pub(crate) async fn chat_lines(app: Held<'_>) -> Answer<Vec<ChatLine>> {
    Ok(app.chat_lines().await)
}

#[tauri::command(rename = "hostAct")]
pub(crate) async fn host_act(app: Held<'_>, act: HostAct) -> Answer<()> {
    app.order(Order::Host(act.into())).await
}

#[tauri::command]
pub(crate) async fn mark(app: Held<'_>) -> Answer<()> {
    app.order(Order::Mark).await
}

#[tauri::command(rename = "leaveCall")]
pub(crate) async fn leave_call(app: Held<'_>) -> Answer<()> {
    app.leave_call().await;
    Ok(())
}

#[tauri::command(rename = "historyCalls")]
pub(crate) async fn history_calls(
    app: Held<'_>,
    filter: HistoryFilter,
    limit: u32,
    skip: u32,
) -> Answer<Vec<CallLine>> {
    app.history_calls(filter, limit, skip).await
}

#[tauri::command(rename = "historyCall")]
pub(crate) async fn history_call(app: Held<'_>, id: i64) -> Answer<CallDetail> {
    app.history_call(id).await
}

#[tauri::command(rename = "historyTable")]
pub(crate) async fn history_table(app: Held<'_>, id: i64, from_ms: i64, to_ms: i64) -> Answer<HistoryTable> {
    app.history_table(id, from_ms, to_ms).await
}

#[tauri::command(rename = "historyExport")]
pub(crate) async fn history_export(app: Held<'_>, id: i64, format: ExportFormat) -> Answer<WrittenFile> {
    app.history_export(id, format).await
}

#[tauri::command(rename = "historyDelete")]
pub(crate) async fn history_delete(app: Held<'_>, id: i64) -> Answer<()> {
    app.history_delete(id).await
}

#[tauri::command(rename = "openPath")]
pub(crate) async fn open_path(app: Held<'_>, path: String) -> Answer<()> {
    app.open_path(&path).await
}

#[tauri::command(rename = "chartOpen")]
pub(crate) async fn chart_open(app: Held<'_>, id: i64, look: Look, input: Input) -> Answer<Response> {
    app.chart_open(id, look, input).await.map(Response::new)
}

#[tauri::command(rename = "chartInput")]
pub(crate) async fn chart_input(app: Held<'_>, place: Option<u8>, input: Input) -> Answer<Response> {
    app.chart_input(place.unwrap_or(0), input).await.map(Response::new)
}

#[tauri::command(rename = "chartClose")]
pub(crate) async fn chart_close(app: Held<'_>, place: Option<u8>) -> Answer<()> {
    app.chart_close(place.unwrap_or(0))
}

#[tauri::command(rename = "chartPng")]
pub(crate) async fn chart_png(app: Held<'_>, place: Option<u8>) -> Answer<WrittenFile> {
    app.chart_png(place.unwrap_or(0)).await
}
