//! The window and what the system offers beside it: one instance, links, tray, signals, the end.
//!
//! Invariant: the process ends only after [`App::shut_down`], whether the window was closed, the tray said so, or a signal
//! came; a kill alone is faster.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, bail};
use clap::Parser;
use serde::Serialize;
use tauri::{
    AppHandle, Emitter, Manager, RunEvent, UserAttentionType, WebviewUrl, WebviewWindowBuilder, async_runtime,
};
use tauri_plugin_deep_link::DeepLinkExt;

use crate::app::App;
use crate::commands;
use crate::folders::Folders;
use crate::ipc::{Page, PageEvent};
use crate::options::Options;
use crate::tray;

/// The folder below the system's folder for data.
const DATA: &str = "sightline";
/// The only window.
const MAIN: &str = "main";

/// Runs the app until it ends.
///
/// # Errors
/// Where there is no display, or its folders cannot be made.
pub fn run(options: Options) -> Result<()> {
    if cfg!(target_os = "linux") && ["DISPLAY", "WAYLAND_DISPLAY"].iter().all(|name| std::env::var_os(name).is_none()) {
        bail!("there is no display here; `sightline-headless` makes calls without one");
    }
    let single = tauri_plugin_single_instance::Builder::new().dbus_id(instance(&options)).callback(second_start);
    let built = tauri::Builder::default()
        // First, so that a second start ends before it opens anything.
        .plugin(single.build())
        .plugin(tauri_plugin_deep_link::init())
        .invoke_handler(tauri::generate_handler![
            commands::boot,
            commands::save_settings,
            commands::hosting,
            commands::sharing,
            commands::devices,
            commands::start_call,
            commands::open_invitation,
            commands::lobby_open,
            commands::lobby_close,
            commands::test_tone,
            commands::check_network,
            commands::join_call,
            commands::set_microphone,
            commands::set_camera,
            commands::set_device,
            commands::send_chat,
            commands::chat_lines,
            commands::host_act,
            commands::mark,
            commands::leave_call,
            commands::history_calls,
            commands::history_call,
            commands::history_table,
            commands::history_export,
            commands::history_delete,
            commands::open_path,
            commands::chart_open,
            commands::chart_input,
            commands::chart_close,
            commands::chart_png,
            commands::people::people,
            commands::people::look_for_accounts,
            commands::people::register,
            commands::people::sign_in,
            commands::people::sign_out,
            commands::people::change_password,
            commands::people::blocked_names,
            commands::people::set_blocked,
            commands::people::delete_account,
            commands::people::add_contact,
            commands::people::remove_contact,
            commands::people::missed_seen,
            commands::people::call_person,
            commands::people::accept_call,
            commands::people::decline_call,
            commands::people::silence_call,
            commands::people::meet_enter,
            commands::people::meet_next,
            commands::people::meet_block,
            commands::people::meet_report,
            commands::people::meet_leave,
            commands::admin::admin_standing,
            commands::admin::admin_sign_in,
            commands::admin::admin_sign_out,
            commands::admin::admin_rooms,
            commands::admin::admin_end_room,
            commands::admin::admin_calls,
            commands::admin::admin_call,
            commands::admin::admin_delete_call,
            commands::admin::admin_export,
            commands::admin::admin_totals,
            commands::admin::admin_audit,
            commands::admin::admin_complaints,
            commands::admin::admin_put_away,
            commands::admin::admin_accounts,
            commands::admin::admin_set_admin,
            commands::admin::admin_delete_account,
            commands::admin::admin_reports,
            commands::admin::admin_table,
            commands::admin::admin_chart_open,
        ])
        .setup(move |app| Ok(set_up(app.handle(), options)?))
        .build(tauri::generate_context!())
        .context("the window cannot be made")?;
    let ending = AtomicBool::new(false);
    built.run(move |handle, event| {
        if let RunEvent::ExitRequested { api, code, .. } = event
            && let Some(app) = handle.try_state::<Arc<App>>()
        {
            match ending.swap(true, Ordering::Relaxed) {
                false => {
                    api.prevent_exit();
                    end(handle.clone(), app.inner().clone(), code.unwrap_or(0));
                }
                // The second time it is we who ask, after everything is closed.
                true => tracing::debug!("the end"),
            }
        }
    });
    Ok(())
}

fn set_up(handle: &AppHandle, options: Options) -> Result<()> {
    let folders = folders(handle, &options)?;
    let registers = options.data_dir.is_none();
    let page = Arc::new(Window(handle.clone()));
    let app = async_runtime::block_on(App::start(options, folders, page))?;
    handle.manage(app.clone());
    WebviewWindowBuilder::new(handle, MAIN, WebviewUrl::default())
        .title("Sightline")
        .inner_size(1180.0, 760.0)
        .min_inner_size(480.0, 480.0)
        .build()
        .context("the window cannot be opened")?;
    tray::put_up(handle, &app);
    end_at_signals(handle.clone());
    if registers {
        register_links(handle.clone());
    }
    // On macOS a link is an event; elsewhere it is the argument of a second start.
    let of_links = app.clone();
    if cfg!(target_os = "macos") {
        handle.deep_link().on_open_url(move |event| {
            event.urls().into_iter().for_each(|url| of_links.link_opened(url.to_string()));
        });
    }
    Ok(())
}

fn folders(handle: &AppHandle, options: &Options) -> Result<Folders> {
    let data = match &options.data_dir {
        Some(chosen) => chosen.clone(),
        None => handle.path().data_dir().context("no folder for data is known; choose one with --data-dir")?.join(DATA),
    };
    let exports = match &options.export_dir {
        Some(chosen) => chosen.clone(),
        None => handle.path().download_dir().unwrap_or_else(|_| data.join("exports")),
    };
    Folders::make(data, exports)
}

/// Under which name there is one instance. Another folder for data is another Sightline.
fn instance(options: &Options) -> String {
    match &options.data_dir {
        None => "app.sightline.desktop".to_owned(),
        Some(folder) => {
            let mut hasher = DefaultHasher::new();
            std::path::absolute(folder).as_deref().unwrap_or(folder).hash(&mut hasher);
            format!("app.sightline.desktop.in{:016x}", hasher.finish())
        }
    }
}

/// A second start hands its link over and ends; what it was started with besides counts for nothing.
fn second_start(handle: &AppHandle, args: Vec<String>, _folder: String) {
    show(handle);
    let link = Options::try_parse_from(args).ok().and_then(|options| options.link);
    if let (Some(link), Some(app)) = (link, handle.try_state::<Arc<App>>()) {
        app.link_opened(link);
    }
}

/// Brings the window to the front.
pub(crate) fn show(handle: &AppHandle) {
    let Some(window) = handle.get_webview_window(MAIN) else { return };
    for shown in [window.unminimize(), window.show(), window.set_focus()] {
        if let Err(error) = shown {
            tracing::warn!(%error, "the window does not come to the front");
        }
    }
}

/// Somebody calls: the window comes to the front, and where the system does not let it, its entry in the task bar asks.
fn call_attention(handle: &AppHandle) {
    let handle_there = handle.clone();
    let come = move || {
        show(&handle_there);
        let Some(window) = handle_there.get_webview_window(MAIN) else { return };
        if let Err(error) = window.request_user_attention(Some(UserAttentionType::Critical)) {
            tracing::debug!(%error, "the task bar does not ask for attention");
        }
    };
    // Windows belong to the main thread, and nobody here waits for it.
    if let Err(error) = handle.run_on_main_thread(come) {
        tracing::warn!(%error, "the window does not come to the front");
    }
}

fn end(handle: AppHandle, app: Arc<App>, code: i32) {
    // Nobody shall wait in front of a window that does not answer.
    handle.webview_windows().values().for_each(|window| drop(window.hide()));
    async_runtime::spawn(async move {
        app.shut_down().await;
        handle.exit(code);
    });
}

/// Ends as if the window had been closed.
fn end_at_signals(handle: AppHandle) {
    async_runtime::spawn(async move {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            let (Ok(mut terminate), Ok(mut interrupt)) =
                (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
            else {
                return tracing::warn!("signals will end Sightline at once");
            };
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
        #[cfg(not(unix))]
        if tokio::signal::ctrl_c().await.is_err() {
            return;
        }
        handle.exit(0);
    });
}

/// Links of `sightline:` open this program from now on; an installed one has said so to the system already.
fn register_links(handle: AppHandle) {
    let installed = std::env::current_exe().is_ok_and(|path| path.starts_with(Path::new("/usr")));
    if installed || cfg!(target_os = "macos") {
        return;
    }
    // Starts programs of the desktop, which takes its time.
    async_runtime::spawn_blocking(move || {
        if let Err(error) = handle.deep_link().register_all() {
            tracing::warn!("sightline: links will not open this program: {error}");
        }
    });
}

/// The page in the window.
struct Window(AppHandle);

impl Page for Window {
    fn tell(&self, event: PageEvent) {
        match event {
            PageEvent::Devices(devices) => self.emit("devices", devices),
            PageEvent::Lobby(state) => self.emit("lobby", state),
            PageEvent::Level(level) => self.emit("level", level),
            PageEvent::Call(state) => {
                tray::follow(&self.0, &state);
                self.emit("call", state);
            }
            PageEvent::Speaking(levels) => self.emit("speaking", levels),
            PageEvent::Chat(line) => self.emit("chat", line),
            PageEvent::Link(link) => self.emit("link", link),
            PageEvent::People(state) => {
                tray::follow_people(&self.0, &state);
                self.emit("people", state);
            }
            PageEvent::Enter(call) => self.emit("enter", call),
            PageEvent::Said(said) => self.emit("said", said),
            PageEvent::Calls => call_attention(&self.0),
        }
    }
}

impl Window {
    fn emit(&self, name: &str, payload: impl Serialize + Clone) {
        if let Err(error) = self.0.emit(name, payload) {
            tracing::debug!(%error, name, "the page was not told");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_folder_is_another_instance() {
        let name = |dir: Option<&str>| instance(&Options { data_dir: dir.map(Into::into), ..Options::default() });
        let names = [name(None), name(Some("/a")), name(Some("/b"))];
        assert!(names[0] != names[1] && names[1] != names[2] && names[0] != names[2]);
        assert_eq!(name(Some("/a")), names[1]);
        // Names on the bus have letters first in each part (D-Bus specification, valid names).
        assert!(names[1].rsplit('.').next().is_some_and(|part| part.starts_with("in")));
    }
}
