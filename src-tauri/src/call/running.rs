//! The task that owns a call, its recorder and its model.
//!
//! Invariant: what the page shows is told on every change and once a second; leaving flushes the history before anyone
//! hears that the call is over. Shutdown: leave the call (goodbye, last counters, devices and links released), take in its
//! last events, finish the record, take the tiles away, tell the page.

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sightline_call::{Call, CallConfig, CallEvent, Entry, Levels, LinkOptions};
use sightline_media::audio::AudioSettings;
use sightline_media::video::VideoSettings;
use sightline_protocol::HostAction;
use sightline_quality::{Direction, Kind};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use super::asked::Asked;
use super::model::{Beginning, Model};
use super::plan::Equipment;
use super::record::Record;
use super::sinks::Sinks;
use crate::frames::{OWN_TILE, Tiles};
use crate::ipc::{
    Answer, CallPhase, CallState, ChatLine, DeviceKind, ErrorCode, IpcError, Page, PageEvent, SpeakingLevels,
};
use crate::sharing::Sharer;
use crate::words;

/// What a person presses in a moment, many times over.
const ORDERS: usize = 64;

/// Between two looks at how loud everybody is.
const LEVELS_EVERY: Duration = Duration::from_millis(200);

/// Lines of the chat that are kept for a page that is loaded anew: as many as the page itself keeps.
const CHAT_LINES: usize = 500;

/// What a call is to be.
pub(crate) struct Plan {
    pub(crate) server: String,
    pub(crate) beginning: Beginning,
    pub(crate) equipment: Equipment,
    pub(crate) video: VideoSettings,
    pub(crate) history: PathBuf,
    pub(crate) sharer: Arc<Sharer>,
    /// For the room, where we have one.
    pub(crate) token: Option<String>,
    /// A door in front of the room is shown; a random partner has none, but comes in at the same time.
    pub(crate) has_door: bool,
}

/// What the user asks of a call.
#[derive(Debug)]
pub(crate) enum Order {
    /// On or off.
    Microphone(bool),
    /// On or off.
    Camera(bool),
    /// Text for everybody.
    Chat(String),
    /// Another device of this kind, out of this equipment.
    Device(DeviceKind, Box<Equipment>),
    /// What we decide as the host.
    Host(HostAction),
    /// 'It is bad now'.
    Mark,
    /// Leave; answered when the record is complete. With a sentence, it is shown as the reason.
    Leave(oneshot::Sender<()>, Option<String>),
}

/// A call's handle.
pub(crate) struct Running {
    server: String,
    orders: mpsc::Sender<Order>,
    shown: Arc<Shown>,
    task: JoinHandle<()>,
}

/// What a page that is loaded anew asks for.
struct Shown {
    state: Mutex<CallState>,
    chat: Mutex<VecDeque<ChatLine>>,
}

impl Running {
    /// The server it goes through.
    pub(crate) fn server(&self) -> &str {
        &self.server
    }

    /// What the page shows.
    pub(crate) fn state(&self) -> CallState {
        lock(&self.shown.state).clone()
    }

    /// The latest lines of the chat, the oldest first.
    pub(crate) fn chat(&self) -> Vec<ChatLine> {
        lock(&self.shown.chat).iter().cloned().collect()
    }

    /// Whether it is over.
    pub(crate) fn is_over(&self) -> bool {
        self.task.is_finished() || self.state().phase == CallPhase::Ended
    }

    /// Passes an order on.
    ///
    /// # Errors
    /// The call is over.
    pub(crate) fn order(&self, order: Order) -> Answer<()> {
        self.orders.try_send(order).map_err(|_| IpcError::not_now(words::CALL_IS_OVER))
    }

    /// Leaves; the record is complete afterwards.
    pub(crate) async fn leave(self) {
        self.leave_because(None).await;
    }

    /// Leaves, and shows a sentence that says why.
    pub(crate) async fn leave_because(self, why: Option<String>) {
        let (done, is_done) = oneshot::channel();
        if self.orders.send(Order::Leave(done, why)).await.is_ok() {
            // A task that broke has dropped the sender.
            is_done.await.ok();
        }
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the call's task broke");
        }
    }
}

/// Joins; `given_up` ends the attempt.
///
/// # Errors
/// The room, the server or nothing at all was there; or the attempt was given up.
pub(crate) async fn join(plan: Plan, tiles: Arc<Tiles>, page: Arc<dyn Page>, given_up: &Notify) -> Answer<Running> {
    let mut model = Model::new(plan.beginning.clone());
    page.tell(PageEvent::Call(Box::new(model.state(&Default::default(), unix_ms()))));
    let sinks = Arc::new(Sinks::new(tiles.clone()));
    let on_waiting = {
        let (beginning, page, has_door) = (plan.beginning.clone(), page.clone(), plan.has_door);
        Box::new(move |_: &str| {
            if !has_door {
                return;
            }
            let mut model = Model::new(beginning.clone());
            model.waits();
            page.tell(PageEvent::Call(Box::new(model.state(&Default::default(), unix_ms()))));
        })
    };
    let config = CallConfig { on_waiting: Some(on_waiting), ..config(&plan, sinks.clone()) };
    let joining = async { tokio::join!(Call::join(config), Record::open(plan.history.clone(), plan.sharer.clone())) };
    let (entered, record) = tokio::select! {
        joined = joining => joined,
        () = given_up.notified() => {
            let error = IpcError::not_now(words::LEFT_BEFORE_IT_BEGAN);
            let mut model = Model::new(plan.beginning.clone());
            model.failed("left", &error.message);
            page.tell(PageEvent::Call(Box::new(model.state(&Default::default(), unix_ms()))));
            return Err(error);
        }
    };
    let (call, events) = match entered {
        Ok(entered) => entered,
        Err(error) => {
            let error = IpcError::from(error);
            model.failed(if error.code == ErrorCode::Media { "media-failed" } else { "refused" }, &error.message);
            page.tell(PageEvent::Call(Box::new(model.state(&Default::default(), unix_ms()))));
            return Err(error);
        }
    };
    model.not_recorded(record.problem());
    let state = Mutex::new(model.state(&Default::default(), unix_ms()));
    let shown = Arc::new(Shown { state, chat: Mutex::default() });
    let (orders, order_rx) = mpsc::channel(ORDERS);
    let owner = Owner {
        model,
        record,
        name: plan.beginning.name,
        equipment: plan.equipment,
        sinks,
        tiles,
        page,
        shown: shown.clone(),
        told: None,
        levels: SpeakingLevels::default(),
        asked: BTreeMap::new(),
        why: None,
    };
    let task = tokio::spawn(owner.run(call, events, order_rx));
    Ok(Running { server: plan.server, orders, shown, task })
}

fn config(plan: &Plan, sinks: Arc<Sinks>) -> CallConfig {
    CallConfig {
        server: plan.server.clone(),
        code: plan.beginning.code.clone(),
        name: plan.beginning.name.clone(),
        token: plan.token.clone(),
        on_waiting: None,
        video: plan.equipment.camera.clone(),
        video_settings: plan.video,
        audio: plan.equipment.microphone.clone(),
        audio_settings: AudioSettings::default(),
        speaker: plan.equipment.speaker.clone(),
        entry: Entry { microphone: plan.beginning.microphone, camera: plan.beginning.camera, devices_required: false },
        sinks,
        on_captured: None,
        link: LinkOptions::default(),
    }
}

struct Owner {
    model: Model,
    record: Record,
    name: String,
    equipment: Equipment,
    sinks: Arc<Sinks>,
    tiles: Arc<Tiles>,
    page: Arc<dyn Page>,
    shown: Arc<Shown>,
    told: Option<CallState>,
    levels: SpeakingLevels,
    /// What the peers were told of their tiles.
    asked: BTreeMap<String, Asked>,
    /// Why the call is left, where it is not the user's wish.
    why: Option<String>,
}

impl Owner {
    async fn run(mut self, call: Call, mut events: mpsc::Receiver<CallEvent>, mut orders: mpsc::Receiver<Order>) {
        let mut leaver = None;
        let mut pulse = interval(LEVELS_EVERY);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = pulse.tick() => {
                    self.listen(&call);
                    self.tell_tiles(&call);
                }
                event = events.recv() => match event {
                    Some(CallEvent::Ended { reason }) => {
                        self.model.event(&CallEvent::Ended { reason }, unix_ms());
                        break;
                    }
                    Some(event) => {
                        self.event(&event).await;
                        // What came meanwhile is told together.
                        if !events.is_empty() {
                            continue;
                        }
                    }
                    None => break,
                },
                order = orders.recv() => match order {
                    Some(Order::Leave(done, why)) => {
                        leaver = Some(done);
                        self.why = why;
                        break;
                    }
                    Some(order) => self.obey(&call, order),
                    // Nobody holds the call any more: the app ends.
                    None => break,
                },
            }
            self.tell();
        }
        self.end(call, events).await;
        if let Some(leaver) = leaver {
            // Who asked may have stopped waiting.
            leaver.send(()).ok();
        }
    }

    fn obey(&mut self, call: &Call, order: Order) {
        match order {
            Order::Microphone(on) => {
                call.set_microphone(on);
                self.model.set_microphone(on && self.equipment.microphone.is_some());
            }
            Order::Camera(on) => {
                call.set_camera(on);
                self.model.set_camera(on && self.equipment.camera.is_some());
            }
            Order::Device(kind, equipment) => self.change_device(call, kind, *equipment),
            Order::Chat(text) => call.chat(&text),
            Order::Host(action) => call.host(action),
            Order::Mark => call.mark(),
            Order::Leave(..) => {}
        }
    }

    fn change_device(&mut self, call: &Call, kind: DeviceKind, new: Equipment) {
        match kind {
            DeviceKind::Camera => {
                call.set_camera_source(new.camera.clone());
                self.equipment.camera = new.camera;
                self.model.device_changed(Kind::Video, Direction::Outbound);
            }
            DeviceKind::Microphone => {
                call.set_microphone_source(new.microphone.clone());
                self.equipment.microphone = new.microphone;
                self.model.device_changed(Kind::Audio, Direction::Outbound);
            }
            DeviceKind::Speaker => {
                call.set_speaker(new.speaker.clone());
                self.equipment.speaker = new.speaker;
                self.model.device_changed(Kind::Audio, Direction::Inbound);
            }
        }
    }

    /// Tells who speaks; and shows our own picture as soon as there is a camera.
    fn listen(&mut self, call: &Call) {
        if let Some(own) = call.self_view().filter(|_| self.tiles.get(OWN_TILE).is_none()) {
            self.tiles.set(OWN_TILE, own);
        }
        let Levels { own, peers } = call.levels();
        let levels = SpeakingLevels { levels: peers.into_iter().chain([(OWN_TILE.to_owned(), own)]).collect() };
        // Silence is told once.
        if levels != self.levels {
            self.page.tell(PageEvent::Speaking(levels.clone()));
            self.model.set_levels(levels.levels.clone());
            self.levels = levels;
        }
    }

    /// Nobody need send more than the page shows. Before it has shown a peer for the first time, nothing is known of its tile.
    fn tell_tiles(&mut self, call: &Call) {
        let shown = self.tiles.shown();
        for (peer, pictures) in self.sinks.pictures() {
            let is_live = pictures.iter().any(|picture| picture.live);
            let asked = self.asked.entry(peer.clone()).or_default();
            if let Some((width, height)) = asked.look(shown.get(&peer).copied(), is_live) {
                call.set_tile_size(&peer, width, height);
            }
        }
    }

    async fn event(&mut self, event: &CallEvent) {
        let now = unix_ms();
        if let Some(live) = self.record.event(event, &self.name, now).await
            && let CallEvent::Snapshot(snapshot) = event
        {
            self.model.second(&live, snapshot);
            self.model.not_recorded(self.record.problem());
            self.told = None;
        }
        if let Some(line) = self.model.event(event, now) {
            let mut chat = lock(&self.shown.chat);
            chat.push_back(line.clone());
            if chat.len() > CHAT_LINES {
                chat.pop_front();
            }
            drop(chat);
            self.page.tell(PageEvent::Chat(line));
        }
    }

    async fn end(mut self, call: Call, mut events: mpsc::Receiver<CallEvent>) {
        let summary = call.leave().await;
        while let Ok(event) = events.try_recv() {
            self.event(&event).await;
        }
        self.record.finish(summary.reason.as_str(), unix_ms()).await;
        self.tiles.clear();
        // Twice changes nothing; once is needed where the last event was lost.
        self.model.event(&CallEvent::Ended { reason: summary.reason }, unix_ms());
        if let Some(why) = self.why.take() {
            self.model.failed("unanswered", &why);
        }
        self.tell();
    }

    /// Tells the page, where there is something new.
    fn tell(&mut self) {
        let state = self.model.state(&self.sinks.pictures(), unix_ms());
        if self.told.as_ref() != Some(&state) {
            *lock(&self.shown.state) = state.clone();
            self.told = Some(state.clone());
            self.page.tell(PageEvent::Call(Box::new(state)));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Milliseconds since the Unix epoch.
pub(crate) fn unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
