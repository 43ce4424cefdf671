//! The tray: what one wants of a call whose window is behind others, and of one that comes in.
//!
//! Invariant: a system without a tray costs nothing but the tray. What it offers follows the calls: nothing can be muted or
//! left where there is no call, and a call can be accepted or declined exactly while it rings.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tauri::menu::{CheckMenuItem, Menu, MenuItem, PredefinedMenuItem};
use tauri::tray::{TrayIcon, TrayIconBuilder};
use tauri::{AppHandle, Manager, Wry, async_runtime};

use crate::app::App;
use crate::ipc::{Answer, CallPhase, CallState, PeopleState};
use crate::window::show;
use crate::words::tray as words;

const PRODUCT: &str = "Sightline";
const ACCEPT: &str = "accept";
const DECLINE: &str = "decline";
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

/// A call that comes in.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Ringing {
    id: String,
    from: String,
}

impl Ringing {
    fn of(state: &PeopleState) -> Option<Self> {
        let call = state.incoming.as_ref().filter(|call| !call.accepted)?;
        Some(Self { id: call.id.clone(), from: call.from.clone() })
    }
}

/// What changes, and how it was shown last.
struct Entries {
    tray: TrayIcon,
    menu: Menu<Wry>,
    mute: CheckMenuItem<Wry>,
    leave: MenuItem<Wry>,
    /// Above all others while somebody calls: accept, decline, a line.
    accept: MenuItem<Wry>,
    decline: MenuItem<Wry>,
    line: PredefinedMenuItem<Wry>,
    shown: Mutex<Standing>,
    ringing: Arc<Mutex<Option<Ringing>>>,
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
    let before = std::mem::replace(&mut *lock(&entries.shown), standing);
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

/// Shows in the tray who calls.
pub(crate) fn follow_people(handle: &AppHandle, state: &PeopleState) {
    let Some(entries) = handle.try_state::<Entries>() else { return };
    let ringing = Ringing::of(state);
    let before = std::mem::replace(&mut *lock(&entries.ringing), ringing.clone());
    if before == ringing {
        return;
    }
    let handle_there = handle.clone();
    let change = move || {
        let Some(entries) = handle_there.try_state::<Entries>() else { return };
        if let Err(error) = entries.ring(before.is_some(), ringing.as_ref()) {
            tracing::warn!(%error, "the tray does not show who calls");
        }
    };
    if let Err(error) = handle.run_on_main_thread(change) {
        tracing::debug!(%error, "the tray does not show who calls");
    }
}

impl Entries {
    fn ring(&self, is_there: bool, ringing: Option<&Ringing>) -> tauri::Result<()> {
        match ringing {
            Some(Ringing { from, .. }) => {
                self.accept.set_text(words::accept(from))?;
                if !is_there {
                    self.menu.prepend_items(&[&self.accept, &self.decline, &self.line])?;
                }
                self.say(Some(&words::calling(from)))
            }
            None if is_there => {
                self.menu.remove(&self.accept)?;
                self.menu.remove(&self.decline)?;
                self.menu.remove(&self.line)?;
                self.say(None)
            }
            None => Ok(()),
        }
    }

    /// Beside the icon; some systems show it where the pointer rests on it only.
    fn say(&self, words: Option<&str>) -> tauri::Result<()> {
        self.tray.set_title(words)?;
        self.tray.set_tooltip(Some(words.unwrap_or(PRODUCT)))
    }
}

fn build(handle: &AppHandle, app: Arc<App>) -> tauri::Result<()> {
    let item = |id: &str, title: &str, enabled| MenuItem::with_id(handle, id, title, enabled, None::<&str>);
    let (shown, quit) = (item(SHOW, words::SHOW, true)?, item(QUIT, words::QUIT, true)?);
    let mute = CheckMenuItem::with_id(handle, MUTE, words::MUTE, false, false, None::<&str>)?;
    let leave = item(LEAVE, words::LEAVE, false)?;
    let (accept, decline) = (item(ACCEPT, "", true)?, item(DECLINE, words::DECLINE, true)?);
    let line = PredefinedMenuItem::separator(handle)?;
    let menu = Menu::with_items(handle, &[&shown, &mute, &leave, &quit])?;
    let ringing = Arc::<Mutex<Option<Ringing>>>::default();
    let rings = ringing.clone();
    let mut tray = TrayIconBuilder::new().menu(&menu).tooltip(PRODUCT).on_menu_event(move |handle, event| {
        let app = app.clone();
        let id = || lock(&rings).as_ref().map(|call| call.id.clone()).unwrap_or_default();
        match event.id().as_ref() {
            ACCEPT => {
                answered(app.accept_call(&id()));
                show(handle);
            }
            DECLINE => answered(app.decline_call(&id())),
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
    let tray = tray.build(handle)?;
    handle.manage(Entries { tray, menu, mute, leave, accept, decline, line, shown: Mutex::default(), ringing });
    Ok(())
}

/// One who pressed in the moment in which it stopped ringing sees that in the window.
fn answered(answer: Answer<()>) {
    if let Err(error) = answer {
        tracing::info!("a call is not answered from the tray: {error}");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipc::{IncomingCall, Me};

    #[test]
    fn a_call_can_be_answered_while_it_rings() {
        let incoming = IncomingCall { id: "c1".into(), from: "ada".into(), others: 1, silent: true, accepted: false };
        let state = |incoming| PeopleState { incoming, ..PeopleState::default() };
        let ringing = Ringing { id: "c1".into(), from: "ada".into() };
        assert_eq!(Ringing::of(&state(Some(incoming.clone()))), Some(ringing));
        assert_eq!(Ringing::of(&state(Some(IncomingCall { accepted: true, ..incoming }))), None);
        assert_eq!(Ringing::of(&state(None)), None);
    }

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
