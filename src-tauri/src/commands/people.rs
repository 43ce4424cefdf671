//! The commands about people outside a call.

use super::Held;
use crate::ipc::{Answer, PeopleState};

#[tauri::command]
pub(crate) async fn people(app: Held<'_>) -> Answer<PeopleState> {
    Ok(app.people())
}

#[tauri::command(rename = "lookForAccounts")]
pub(crate) async fn look_for_accounts(app: Held<'_>) -> Answer<PeopleState> {
    app.look_for_accounts().await
}

#[tauri::command]
pub(crate) async fn register(app: Held<'_>, name: String, password: String) -> Answer<PeopleState> {
    app.register(name, password).await
}

#[tauri::command(rename = "signIn")]
pub(crate) async fn sign_in(app: Held<'_>, name: String, password: String) -> Answer<PeopleState> {
    app.sign_in(name, password).await
}

#[tauri::command(rename = "signOut")]
pub(crate) async fn sign_out(app: Held<'_>) -> Answer<PeopleState> {
    app.sign_out().await
}

#[tauri::command(rename = "changePassword")]
pub(crate) async fn change_password(app: Held<'_>, old: String, new: String) -> Answer<()> {
    app.change_password(old, new).await
}

#[tauri::command(rename = "blockedNames")]
pub(crate) async fn blocked_names(app: Held<'_>) -> Answer<Vec<String>> {
    app.blocked_names().await
}

#[tauri::command(rename = "setBlocked")]
pub(crate) async fn set_blocked(app: Held<'_>, name: String, blocked: bool) -> Answer<Vec<String>> {
    app.set_blocked(name, blocked).await
}

#[tauri::command(rename = "deleteAccount")]
pub(crate) async fn delete_account(app: Held<'_>, password: String) -> Answer<PeopleState> {
    app.delete_account(password).await
}

#[tauri::command(rename = "addContact")]
pub(crate) async fn add_contact(app: Held<'_>, name: String) -> Answer<PeopleState> {
    app.add_contact(&name)
}

#[tauri::command(rename = "removeContact")]
pub(crate) async fn remove_contact(app: Held<'_>, name: String) -> Answer<PeopleState> {
    app.remove_contact(&name)
}

#[tauri::command(rename = "missedSeen")]
pub(crate) async fn missed_seen(app: Held<'_>) -> Answer<()> {
    app.missed_seen()
}

#[tauri::command(rename = "callPerson")]
pub(crate) async fn call_person(app: Held<'_>, name: String) -> Answer<()> {
    app.call_person(&name).await
}

#[tauri::command(rename = "acceptCall")]
pub(crate) async fn accept_call(app: Held<'_>, id: String) -> Answer<()> {
    app.accept_call(&id)
}

#[tauri::command(rename = "declineCall")]
pub(crate) async fn decline_call(app: Held<'_>, id: String) -> Answer<()> {
    app.decline_call(&id)
}

#[tauri::command(rename = "silenceCall")]
pub(crate) async fn silence_call(app: Held<'_>) -> Answer<()> {
    app.silence_call();
    Ok(())
}

#[tauri::command(rename = "meetEnter")]
pub(crate) async fn meet_enter(app: Held<'_>) -> Answer<()> {
    app.meet_enter().await
}

#[tauri::command(rename = "meetNext")]
pub(crate) async fn meet_next(app: Held<'_>) -> Answer<()> {
    app.meet_next()
}

#[tauri::command(rename = "meetBlock")]
pub(crate) async fn meet_block(app: Held<'_>) -> Answer<()> {
    app.meet_block()
}

#[tauri::command(rename = "meetReport")]
pub(crate) async fn meet_report(app: Held<'_>, reason: String) -> Answer<()> {
    app.meet_report(&reason)
}

#[tauri::command(rename = "meetLeave")]
pub(crate) async fn meet_leave(app: Held<'_>) -> Answer<()> {
    app.meet_leave().await;
    Ok(())
}
