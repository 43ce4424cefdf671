//! The app without its window: what the commands do.
//!
//! Invariant: one call at a time, and the lobby is closed before a call begins, so that no device is opened twice. Shutdown:
//! leave the call, which completes its record; end the upload; close the lobby; stop the watch for devices; end the server.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use sightline_call::{Api, CallError, find_room, parse_invitation};
use sightline_charts::Input;
use sightline_history::{Recorder, keep_for};
use sightline_media::audio::{Speaker, play_test_tone};
use sightline_media::device::{DeviceInfo, DeviceWatch, watch};
use sightline_protocol::{ErrorCode as Refusal, Role, RoomWish, TokenIssued, TokenWish};
use tokio::sync::Notify;
use tokio::task::spawn_blocking;

use crate::admin::Admin;
use crate::call::{self, Beginning, Choice, Equipment, Order, Plan, Running, unix_ms, video_settings};
use crate::chart::{Charts, Look};
use crate::folders::Folders;
use crate::frames::{FrameSocket, Tiles};
use crate::history::{self, Written};
use crate::hosting::Host;
use crate::invitation;
use crate::ipc::{
    Answer, Boot, CallDetail, CallLine, CallState, ChatLine, Device, DeviceKind, ErrorCode, ExportFormat,
    HistoryFilter, HistoryTable, Hosting, Invitation, IpcError, NetworkCheck, Page, PageEvent, RoomPlan, RunningCall,
    Settings, Sharing, WaitingLink, WrittenFile,
};
use crate::lobby::{Lobby, Wanted};
use crate::options::Options;
use crate::passes::Passes;
use crate::people::People;
use crate::settings::SettingsFile;
use crate::sharing::Sharer;
use crate::words;

/// Recent calls on the home screen.
const RECENT: u32 = 5;

/// Everything the app holds.
pub(crate) struct App {
    options: Options,
    folders: Folders,
    page: Arc<dyn Page>,
    settings: SettingsFile,
    /// Held while they are changed, so that what follows from two changes comes in their order.
    changing: tokio::sync::Mutex<()>,
    sharer: Arc<Sharer>,
    host: Host,
    tiles: Arc<Tiles>,
    frames: FrameSocket,
    lobby: Lobby,
    call: tokio::sync::Mutex<Option<Running>>,
    /// Ends an attempt to join.
    given_up: Notify,
    /// As they were last listed.
    devices: Arc<Mutex<Vec<DeviceInfo>>>,
    watch: Mutex<Option<DeviceWatch>>,
    history_problem: Mutex<Option<String>>,
    link: Mutex<Link>,
    written: Written,
    passes: Mutex<Passes>,
    people: Arc<People>,
    charts: Arc<Charts>,
    admin: Arc<Admin>,
}

/// A link from outside, until a page takes it.
#[derive(Default)]
struct Link {
    waiting: Option<String>,
    /// A page listens.
    listens: bool,
}

impl App {
    /// Reads the settings, opens the frame socket, brings the history in order.
    ///
    /// # Errors
    /// Where the frame socket cannot be opened.
    pub(crate) async fn start(options: Options, folders: Folders, page: Arc<dyn Page>) -> Result<Arc<Self>> {
        let tiles = Arc::<Tiles>::default();
        let frames = FrameSocket::open(tiles.clone()).await.context("cannot listen on 127.0.0.1")?;
        let settings = SettingsFile::open(folders.settings());
        let app = Arc::new(Self {
            people: People::open(&folders, &settings.get().server, page.clone()),
            settings,
            changing: tokio::sync::Mutex::default(),
            sharer: Arc::new(Sharer::new(folders.history())),
            host: Host::new(options.listen, folders.rooms()),
            lobby: Lobby::new(tiles.clone(), page.clone()),
            link: Mutex::new(Link { waiting: options.link.clone(), listens: false }),
            frames,
            tiles,
            call: tokio::sync::Mutex::default(),
            given_up: Notify::new(),
            devices: Arc::default(),
            watch: Mutex::default(),
            history_problem: Mutex::default(),
            written: Written::default(),
            passes: Mutex::default(),
            charts: Arc::default(),
            admin: Arc::default(),
            options,
            folders,
            page,
        });
        app.tidy_history().await;
        app.share(Sharer::start).await;
        app.watch_devices();
        app.follow_people();
        Ok(app)
    }

    /// What the page starts with. Starts the server, where it is the one inside the app.
    pub(crate) async fn boot(&self) -> Answer<Boot> {
        let settings = self.settings.get();
        let hosting = self.hosting().await;
        let history_problem = lock(&self.history_problem).clone();
        let recent = self.history_calls(HistoryFilter::default(), RECENT, 0).await.unwrap_or_default();
        Ok(Boot {
            settings,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            link: self.take_link(),
            recent,
            frames: self.frames.endpoint(),
            has_card: crate::launch::has_card(),
            hosting,
            history_problem,
            settings_problem: self.settings.problem(),
            call: self.running_call().await?,
        })
    }

    async fn running_call(&self) -> Answer<Option<RunningCall>> {
        // An attempt to join, which may wait at a door for long, ends with the page that showed it.
        self.given_up.notify_waiters();
        let held = self.call.lock().await;
        let Some(call) = held.as_ref().filter(|call| !call.is_over()) else { return Ok(None) };
        let state = call.state();
        let name = state.room.as_ref().map(|room| room.name.clone()).unwrap_or_default();
        let invitation = Invitation { name, ..self.invitation(call.server(), &state.code).await? };
        Ok(Some(RunningCall { state, invitation }))
    }

    /// What was written in the call, for a page that was loaded anew.
    pub(crate) async fn chat_lines(&self) -> Vec<ChatLine> {
        self.call.lock().await.as_ref().map(Running::chat).unwrap_or_default()
    }

    /// The server inside the app; starts it, where no other one is set.
    pub(crate) async fn hosting(&self) -> Hosting {
        if self.settings.get().server.is_empty()
            && let Err(problem) = self.host.url().await
        {
            tracing::warn!("{problem}");
        }
        self.host.standing().await
    }

    /// Keeps new settings.
    pub(crate) async fn save_settings(&self, settings: Settings) -> Answer<Settings> {
        let _alone = self.changing.lock().await;
        let before = self.settings.get();
        let server = settings.server.trim();
        if !server.is_empty() && server != before.server {
            invitation::check_server(server)?;
        }
        let kept = self.settings.set(settings)?;
        if kept.keep_days != before.keep_days {
            self.tidy_history().await;
        }
        if kept.server != before.server {
            self.people.server_set(&kept.server);
        }
        self.share(Sharer::set).await;
        Ok(kept)
    }

    /// Tells the sharer what the settings say.
    async fn share(&self, tell: fn(&Sharer, bool)) {
        let (sharer, on) = (self.sharer.clone(), self.settings.get().share_samples);
        // A defect is logged, and keeps nothing else from being kept.
        blocking(move || {
            tell(&sharer, on);
            Ok(())
        })
        .await
        .ok();
    }

    /// How sharing stands, and what is sent.
    pub(crate) async fn sharing(&self) -> Answer<Sharing> {
        let sharer = self.sharer.clone();
        blocking(move || Ok(sharer.standing())).await
    }

    /// Devices as they were last listed; asks for them where that has not happened yet.
    pub(crate) async fn devices(&self) -> Answer<Vec<Device>> {
        let known = lock(&self.devices).clone();
        let devices = match known.is_empty() {
            true => blocking(|| Ok(sightline_media::device::list_devices())).await?,
            false => known,
        };
        Ok(devices.into_iter().map(Device::from).collect())
    }

    /// Makes a room.
    pub(crate) async fn start_call(&self, plan: RoomPlan) -> Answer<Invitation> {
        let server = self.server().await?;
        let filled = |text: String| (!text.trim().is_empty()).then_some(text);
        let wish = RoomWish {
            room_name: filled(plan.name),
            expires_in_minutes: (plan.minutes > 0).then_some(plan.minutes),
            password: filled(plan.password),
            waiting_room: plan.waiting_room,
            ..RoomWish::default()
        };
        let room = self.make_room(&server, &wish).await.map_err(|error| self.about_own_server(error))?;
        lock(&self.passes).keep(&server, &room.code, room.token);
        let invitation = self.invitation(&server, &room.code).await?;
        // Who made the room needs no password to it.
        Ok(Invitation { name: room.name, ..invitation })
    }

    /// Finds the room that a code or a link means.
    pub(crate) async fn open_invitation(&self, text: &str) -> Answer<Invitation> {
        let parsed = parse_invitation(text)?;
        let is_named = parsed.server.is_some();
        let server = match parsed.server {
            Some(server) => server,
            None => self.server().await?,
        };
        let found = find_room(&server, &parsed.code).await;
        let room = found.map_err(|error| if is_named { error.into() } else { self.about_own_server(error) })?;
        let invitation = self.invitation(&server, &room.code).await?;
        let password_needed = room.password_needed && lock(&self.passes).of(&server, &room.code).is_none();
        Ok(Invitation { name: room.name, password_needed, waiting_room: room.waiting_room, ..invitation })
    }

    /// Opens the lobby, or changes its devices; `None` keeps one off.
    pub(crate) async fn lobby_open(
        &self,
        camera: Option<String>,
        microphone: Option<String>,
        speaker: String,
    ) -> Answer<()> {
        if self.call.lock().await.as_ref().is_some_and(|call| !call.is_over()) {
            return Err(IpcError::not_now(words::IN_A_CALL));
        }
        let choice = Choice {
            camera: camera.clone().unwrap_or_default(),
            microphone: microphone.clone().unwrap_or_default(),
            speaker,
        };
        let equipment = Equipment::of(&choice, &self.options);
        let wanted = Wanted {
            camera: equipment.camera.filter(|_| camera.is_some()),
            microphone: equipment.microphone.filter(|_| microphone.is_some()),
            speaker: equipment.speaker,
            video: video_settings(&self.settings.get()),
        };
        let devices = lock(&self.devices).clone();
        self.lobby.open(wanted, &devices).await;
        Ok(())
    }

    /// Closes the lobby.
    pub(crate) async fn lobby_close(&self) {
        self.lobby.close().await;
    }

    /// Plays two notes on the lobby's speaker.
    pub(crate) async fn test_tone(&self) -> Answer<()> {
        let settings = self.settings.get();
        let chosen = Equipment::of(&Choice::from(&settings), &self.options).speaker;
        match self.lobby.speaker().await.unwrap_or(chosen) {
            Speaker::None => Err(IpcError::new(ErrorCode::Media, words::NO_SPEAKER_IS_USED)),
            Speaker::Device(id) => {
                blocking(move || {
                    play_test_tone(id).map(drop).map_err(|error| IpcError::new(ErrorCode::Media, error.to_string()))
                })
                .await
            }
        }
    }

    /// Looks at the way to a server; an empty one is the one that is set.
    pub(crate) async fn check_network(&self, server: String) -> Answer<NetworkCheck> {
        let server = if server.is_empty() { self.server().await? } else { server };
        Ok(sightline_call::check_network(&server).await.into())
    }

    /// Joins a room; an empty server is the one that is set.
    pub(crate) async fn join_call(
        &self,
        code: String,
        server: String,
        password: String,
        microphone_on: bool,
        camera_on: bool,
    ) -> Answer<CallState> {
        let mut held = self.call.lock().await;
        self.join_into(&mut held, code, server, password, (microphone_on, camera_on)).await
    }

    /// The same, into the place of the call.
    async fn join_into(
        &self,
        held: &mut Option<Running>,
        code: String,
        server: String,
        password: String,
        (microphone_on, camera_on): (bool, bool),
    ) -> Answer<CallState> {
        if held.as_ref().is_some_and(|call| !call.is_over()) {
            return Err(IpcError::not_now(words::IN_A_CALL));
        }
        if let Some(over) = held.take() {
            over.leave().await;
        }
        self.lobby.close().await;
        let settings = self.settings.get();
        let server = if server.is_empty() { self.server().await? } else { server };
        let link = invitation::link(&server, &code, &self.addresses(&server).await)?;
        let name = if settings.name.is_empty() { words::GUEST.to_owned() } else { settings.name.clone() };
        let token = self.pass(&server, &code, &name, password).await?;
        let is_meeting = self.people.is_meeting_in(&code);
        if !is_meeting {
            self.people.set_camera_on(camera_on);
        }
        let equipment = Equipment::of(&Choice::from(&settings), &self.options);
        let microphone = microphone_on && equipment.microphone.is_some();
        let camera = camera_on && equipment.camera.is_some();
        let plan = Plan {
            server,
            beginning: Beginning { code, link, name, microphone, camera },
            equipment,
            video: video_settings(&settings),
            history: self.folders.history(),
            sharer: self.sharer.clone(),
            token,
            has_door: !is_meeting,
        };
        let running = call::join(plan, self.tiles.clone(), self.page.clone(), &self.given_up).await?;
        let state = running.state();
        *held = Some(running);
        Ok(state)
    }

    /// A token for a room: the one that we have, or one for its password or for the account.
    async fn pass(&self, server: &str, code: &str, name: &str, password: String) -> Answer<Option<String>> {
        if let Some(token) = lock(&self.passes).of(server, code) {
            return Ok(Some(token));
        }
        let account = self.account_token(server).await;
        if password.is_empty() && account.is_none() {
            return Ok(None);
        }
        let wish = TokenWish {
            role: Role::Guest,
            name: Some(name.to_owned()),
            password: (!password.is_empty()).then_some(password),
            expires_in_minutes: None,
        };
        let asked = Api::new(server, account)?.post(&format!("/rooms/{code}/token"), &wish).await;
        let issued: TokenIssued = asked.map_err(|error| match error {
            // As joining says it.
            CallError::Refused { code: Refusal::UnknownRoom, .. } => CallError::UnknownRoom(code.to_owned()),
            error => error,
        })?;
        Ok(Some(issued.token))
    }

    /// Passes on what the user wants of the call.
    pub(crate) async fn order(&self, order: Order) -> Answer<()> {
        match self.call.lock().await.as_ref() {
            Some(call) => {
                self.remember(&order, &call.state().code);
                call.order(order)
            }
            None => Err(IpcError::not_now(words::IN_NO_CALL)),
        }
    }

    /// Mutes the microphone, or takes that back; without a call there is nothing to mute.
    pub(crate) async fn toggle_microphone(&self) {
        if let Some(call) = self.call.lock().await.as_ref()
            && let Err(error) = call.order(Order::Microphone(!call.state().me.microphone))
        {
            tracing::debug!("{error}");
        }
    }

    /// Takes another device in the call, and keeps the choice.
    pub(crate) async fn set_device(&self, kind: DeviceKind, id: String) -> Answer<()> {
        let alone = self.changing.lock().await;
        let mut settings = self.settings.get();
        match kind {
            DeviceKind::Camera => settings.camera = id,
            DeviceKind::Microphone => settings.microphone = id,
            DeviceKind::Speaker => settings.speaker = id,
        }
        let settings = self.settings.set(settings)?;
        drop(alone);
        let equipment = Equipment::of(&Choice::from(&settings), &self.options);
        self.order(Order::Device(kind, Box::new(equipment))).await
    }

    /// Leaves the call, or gives up joining. The record is complete afterwards.
    pub(crate) async fn leave_call(&self) {
        self.people.call_left();
        self.drop_call().await;
    }

    /// Leaves the call, or gives up joining, whoever wants it.
    async fn drop_call(&self) {
        let call = match self.call.try_lock() {
            Ok(mut held) => held.take(),
            // Somebody joins; or is being told something, and the permit is for nobody then.
            Err(_) => {
                self.given_up.notify_waiters();
                self.call.lock().await.take()
            }
        };
        if let Some(call) = call {
            call.leave().await;
        }
    }

    /// The calls that a filter asks for.
    pub(crate) async fn history_calls(&self, filter: HistoryFilter, limit: u32, skip: u32) -> Answer<Vec<CallLine>> {
        let path = self.folders.history();
        blocking(move || history::calls(&path, &filter, limit, skip)).await
    }

    /// One call in whole.
    pub(crate) async fn history_call(&self, id: i64) -> Answer<CallDetail> {
        let path = self.folders.history();
        blocking(move || history::call(&path, id, unix_ms())).await
    }

    /// The numbers of a call.
    pub(crate) async fn history_table(&self, id: i64, from_ms: i64, to_ms: i64) -> Answer<HistoryTable> {
        let path = self.folders.history();
        blocking(move || history::table(&path, id, from_ms, to_ms)).await
    }

    /// Writes a call into a file.
    pub(crate) async fn history_export(&self, id: i64, format: ExportFormat) -> Answer<WrittenFile> {
        let (path, folder) = (self.folders.history(), self.folders.exports().to_owned());
        let written = blocking(move || history::export(&path, id, format, &folder)).await?;
        Ok(self.written.add(written))
    }

    /// Deletes a call.
    pub(crate) async fn history_delete(&self, id: i64) -> Answer<()> {
        let path = self.folders.history();
        blocking(move || Ok(sightline_history::delete_call(&path, sightline_history::CallId(id))?)).await
    }

    /// Opens the charts of a call; gives their first frame.
    pub(crate) async fn chart_open(&self, id: i64, look: Look, input: Input) -> Answer<Vec<u8>> {
        let (path, charts) = (self.folders.history(), self.charts.clone());
        blocking(move || charts.open(&path, id, look, &input)).await
    }

    /// The charts' next frame.
    pub(crate) async fn chart_input(&self, place: u8, input: Input) -> Answer<Vec<u8>> {
        let charts = self.charts.clone();
        blocking(move || charts.input(place, &input)).await
    }

    /// Closes the charts.
    pub(crate) fn chart_close(&self, place: u8) -> Answer<()> {
        self.charts.close(place)
    }

    /// Writes a picture of the charts.
    pub(crate) async fn chart_png(&self, place: u8) -> Answer<WrittenFile> {
        let (charts, folder) = (self.charts.clone(), self.folders.exports().to_owned());
        Ok(self.written.add(blocking(move || charts.png(place, &folder)).await?))
    }

    /// Opens a file that was written here, with the program that the system has for it.
    pub(crate) async fn open_path(&self, path: &str) -> Answer<()> {
        let nothing = || IpcError::new(ErrorCode::NotFound, words::NO_SUCH_FILE);
        let path = self.written.find(path).ok_or_else(nothing)?;
        blocking(move || open::that_detached(&path).map_err(IpcError::file)).await
    }

    /// A link came from outside.
    pub(crate) fn link_opened(&self, text: String) {
        let mut link = lock(&self.link);
        // A page that is not there yet finds it in `boot`.
        if link.listens {
            self.page.tell(PageEvent::Link(WaitingLink { text }));
        } else {
            link.waiting = Some(text);
        }
    }

    fn take_link(&self) -> Option<String> {
        let mut link = lock(&self.link);
        link.listens = true;
        link.waiting.take()
    }

    /// Ends everything in order. Afterwards nothing of a call is lost, and every device is free.
    pub(crate) async fn shut_down(&self) {
        self.leave_call().await;
        self.people.shut_down().await;
        let sharer = self.sharer.clone();
        // A defect is logged; the rest is to end all the same.
        blocking(move || {
            sharer.stop();
            Ok(())
        })
        .await
        .ok();
        self.lobby.close().await;
        self.admin.sign_out().await;
        let watch = lock(&self.watch).take();
        if let Err(error) = spawn_blocking(move || drop(watch)).await {
            tracing::error!(%error, "the watch for devices broke");
        }
        self.host.stop().await;
    }

    /// The server to use where none is named.
    async fn server(&self) -> Answer<String> {
        let settings = self.settings.get();
        if !settings.server.is_empty() {
            return Ok(settings.server);
        }
        self.own_server().await
    }

    /// The server inside the app.
    async fn own_server(&self) -> Answer<String> {
        self.host.url().await.map_err(|problem| IpcError::new(ErrorCode::NoServer, words::no_server(&problem)))
    }

    /// Trouble with the server that is used where none is named; whoever set its address may have mistyped it.
    fn about_own_server(&self, error: CallError) -> IpcError {
        let mut error = IpcError::from(error);
        if error.code == ErrorCode::NoServer && !self.settings.get().server.is_empty() {
            error.message = format!("{} {}", error.message, words::SERVER_IS_SET);
        }
        error
    }

    async fn invitation(&self, server: &str, code: &str) -> Answer<Invitation> {
        invitation::invitation(server, code, self.addresses(server).await)
    }

    /// Under which others reach a server that is the one inside the app.
    async fn addresses(&self, server: &str) -> Vec<String> {
        if self.host.is_own(server).await { self.host.standing().await.addresses } else { Vec::new() }
    }

    /// Closes what a crash left open, and deletes what is older than is wanted.
    async fn tidy_history(&self) {
        let (path, days) = (self.folders.history(), self.settings.get().keep_days);
        let tidied = blocking(move || {
            Recorder::open(&path)?;
            keep_for(&path, days, unix_ms())?;
            Ok(())
        });
        *lock(&self.history_problem) = tidied.await.err().map(|error| error.message);
    }

    fn watch_devices(self: &Arc<Self>) {
        let runtime = tokio::runtime::Handle::current();
        // Weak: the watch ends with the app, not the other way round.
        let app = Arc::downgrade(self);
        let started = watch(Box::new(move |devices| {
            let Some(app) = app.upgrade() else { return };
            lock(&app.devices).clone_from(&devices);
            app.page.tell(PageEvent::Devices(devices.iter().cloned().map(Device::from).collect()));
            runtime.spawn(async move { app.lobby.devices_changed(&devices).await });
        }));
        match started {
            Ok(watch) => *lock(&self.watch) = Some(watch),
            Err(error) => tracing::error!("devices that are plugged in will not be noticed: {error}"),
        }
    }
}

/// Runs what waits for the disk or a device.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Answer<T> + Send + 'static) -> Answer<T> {
    spawn_blocking(work).await.unwrap_or_else(|broken| Err(IpcError::internal(broken)))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

mod admin;
mod people;
#[cfg(test)]
mod tests;
