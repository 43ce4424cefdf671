//! The tray: what one wants of a call whose window is behind others.
//!
//! Invariant: a system without a tray costs nothing but the tray.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tauri::menu::{Menu, MenuItem};
use tauri::tray::TrayIconBuilder;
use tauri::{AppHandle, async_runtime};

use crate::app::App;
use crate::window::show;

const SHOW: &str = "show";
const LEAVE: &str = "leave";
const QUIT: &str = "quit";

/// Puts it up, where the system has one.
pub(crate) fn put_up(handle: &AppHandle, app: &Arc<App>) {
    // The library for it is looked for when it is needed, and its absence is a panic there.
    match catch_unwind(AssertUnwindSafe(|| build(handle, app.clone()))) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "there is no tray"),
        Err(_) => tracing::warn!("there is no tray: its library is missing"),
    }
}

fn build(handle: &AppHandle, app: Arc<App>) -> tauri::Result<()> {
    let item = |id: &str, title: &str| MenuItem::with_id(handle, id, title, true, None::<&str>);
    let items = [item(SHOW, "Show Sightline")?, item(LEAVE, "Leave the call")?, item(QUIT, "Quit")?];
    let menu = Menu::with_items(handle, &[&items[0], &items[1], &items[2]])?;
    let mut tray = TrayIconBuilder::new().menu(&menu).tooltip("Sightline").on_menu_event(move |handle, event| {
        match event.id().as_ref() {
            SHOW => show(handle),
            LEAVE => {
                let app = app.clone();
                async_runtime::spawn(async move { app.leave_call().await });
            }
            QUIT => handle.exit(0),
            other => tracing::warn!(other, "the tray has no such entry"),
        }
    });
    if let Some(icon) = handle.default_window_icon() {
        tray = tray.icon(icon.clone());
    }
    tray.build(handle).map(drop)
}
