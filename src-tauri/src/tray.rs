//! The tray: what one wants of a call whose window is behind others.
//!
//! Invariant: a system without a tray costs nothing but the tray. What it offers follows the call: nothing can be muted or
//! left where there is no call.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use tauri::menu::{CheckMenuItem, Menu, MenuItem};
use tauri::tray::TrayIconBuilder;
use tauri::{AppHandle, Manager, Wry, async_runtime};

use crate::app::App;
use crate::ipc::{CallPhase, CallState};
use crate::window::show;
use crate::words::tray as words;

const SHOW: &str = "show";
const MUTE: &str = "mute";
const LEAVE: &str = "leave";
const QUIT: &str = "quit";

/// What of a call shows in the tray.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Standing {
    can_mute: bool,
    is_muted: bool,
    can_leave: bool,
}

impl Standing {
    fn of(state: &CallState) -> Self {
        let is_in = matches!(state.phase, CallPhase::In | CallPhase::Reconnecting);
        Self {
            can_mute: is_in,
            is_muted: is_in && !state.me.microphone,
            can_leave: is_in || state.phase == CallPhase::Joining,
        }
    }
}

/// The entries that change.
struct Entries {
    mute: CheckMenuItem<Wry>,
    leave: MenuItem<Wry>,
    shown: Mutex<Standing>,
}

/// Puts it up, where the system has one.
pub(crate) fn put_up(handle: &AppHandle, app: &Arc<App>) {
    // The library for it is looked for when it is needed, and its absence is a panic there. To tell of it with a backtrace
    // would load all symbols of the program: 40 MiB for nothing.
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(|info| tracing::debug!(%info, "while the tray is put up")));
    let built = catch_unwind(AssertUnwindSafe(|| build(handle, app.clone())));
    std::panic::set_hook(usual);
    match built {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "there is no tray"),
        Err(_) => tracing::warn!("there is no tray: its library is missing"),
    }
}

/// Shows in the tray how the call is.
pub(crate) fn follow(handle: &AppHandle, state: &CallState) {
    let Some(entries) = handle.try_state::<Entries>() else { return };
    let standing = Standing::of(state);
    let before = std::mem::replace(&mut *entries.shown.lock().unwrap_or_else(PoisonError::into_inner), standing);
    if before == standing {
        return;
    }
    let (mute, leave) = (entries.mute.clone(), entries.leave.clone());
    let change = move || {
        let Standing { can_mute, is_muted, can_leave } = standing;
        for done in [mute.set_enabled(can_mute), mute.set_checked(is_muted), leave.set_enabled(can_leave)] {
            if let Err(error) = done {
                tracing::warn!(%error, "the tray does not follow the call");
            }
        }
    };
    // Menus belong to the main thread, and nobody here waits for it.
    if let Err(error) = handle.run_on_main_thread(change) {
        tracing::debug!(%error, "the tray does not follow the call");
    }
}

fn build(handle: &AppHandle, app: Arc<App>) -> tauri::Result<()> {
    let item = |id: &str, title: &str, enabled| MenuItem::with_id(handle, id, title, enabled, None::<&str>);
    let (shown, quit) = (item(SHOW, words::SHOW, true)?, item(QUIT, words::QUIT, true)?);
    let mute = CheckMenuItem::with_id(handle, MUTE, words::MUTE, false, false, None::<&str>)?;
    let leave = item(LEAVE, words::LEAVE, false)?;
    let menu = Menu::with_items(handle, &[&shown, &mute, &leave, &quit])?;
    let mut tray = TrayIconBuilder::new().menu(&menu).tooltip("Sightline").on_menu_event(move |handle, event| {
        let app = app.clone();
        match event.id().as_ref() {
            SHOW => show(handle),
            MUTE => drop(async_runtime::spawn(async move { app.toggle_microphone().await })),
            LEAVE => drop(async_runtime::spawn(async move { app.leave_call().await })),
            QUIT => handle.exit(0),
            other => tracing::warn!(other, "the tray has no such entry"),
        }
    });
    if let Some(icon) = handle.default_window_icon() {
        tray = tray.icon(icon.clone());
    }
    tray.build(handle)?;
    handle.manage(Entries { mute, leave, shown: Mutex::default() });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::Me;

    #[test]
    fn the_tray_offers_what_the_call_allows() {
        let standing = |phase, microphone| {
            let me = Me { name: String::new(), microphone, camera: false, note: None };
            Standing::of(&CallState {
                room: None,
                phase,
                code: String::new(),
                link: String::new(),
                note: None,
                started_ms: None,
                me,
                tiles: Vec::new(),
                limit: None,
                ended: None,
            })
        };
        assert_eq!(standing(CallPhase::In, true), Standing { can_mute: true, is_muted: false, can_leave: true });
        assert_eq!(
            standing(CallPhase::Reconnecting, false),
            Standing { can_mute: true, is_muted: true, can_leave: true }
        );
        assert_eq!(standing(CallPhase::Joining, false), Standing { can_leave: true, ..Standing::default() });
        assert_eq!(standing(CallPhase::Ended, false), Standing::default());
    }
}
