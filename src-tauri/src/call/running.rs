//! The task that owns a call, its recorder and its model.
//!
//! Invariant: what the page shows is told on every change and once a second; leaving flushes the history before anyone
//! hears that the call is over. Shutdown: leave the call (goodbye, last counters, devices and links released), take in its
//! last events, finish the record, take the tiles away, tell the page.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use sightline_call::{Call, CallConfig, CallError, CallEvent, Entry, LinkOptions};
use sightline_media::audio::{AudioSettings, Speaker};
use sightline_media::video::VideoSettings;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::model::{Beginning, Model};
use super::plan::Equipment;
use super::record::Record;
use super::sinks::Sinks;
use crate::frames::{OWN_TILE, Tiles};
use crate::ipc::{Answer, CallPhase, CallState, ErrorCode, IpcError, Page, PageEvent};

/// What a person presses in a moment, many times over.
const ORDERS: usize = 64;

/// What a call is to be.
pub(crate) struct Plan {
    pub(crate) server: String,
    pub(crate) beginning: Beginning,
    pub(crate) equipment: Equipment,
    pub(crate) video: VideoSettings,
    pub(crate) history: PathBuf,
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
    /// 'It is bad now'.
    Mark,
    /// Leave; answered when the record is complete.
    Leave(oneshot::Sender<()>),
}

/// A call's handle.
pub(crate) struct Running {
    orders: mpsc::Sender<Order>,
    state: Arc<Mutex<CallState>>,
    task: JoinHandle<()>,
}

impl Running {
    /// What the page shows.
    pub(crate) fn state(&self) -> CallState {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
        self.orders.try_send(order).map_err(|_| IpcError::not_now("the call is over"))
    }

    /// Leaves; the record is complete afterwards.
    pub(crate) async fn leave(self) {
        let (done, is_done) = oneshot::channel();
        if self.orders.send(Order::Leave(done)).await.is_ok() {
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
    let joining = async { tokio::join!(enter(&plan, &sinks, &mut model), Record::open(plan.history.clone())) };
    let (entered, record) = tokio::select! {
        joined = joining => joined,
        () = given_up.notified() => {
            let error = IpcError::not_now("you left before the call began");
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
    if let Some(own) = call.self_view() {
        tiles.set(OWN_TILE, own);
    }
    model.not_recorded(record.problem());
    let state = Arc::new(Mutex::new(model.state(&Default::default(), unix_ms())));
    let (orders, order_rx) = mpsc::channel(ORDERS);
    let owner =
        Owner { model, record, name: plan.beginning.name, sinks, tiles, page, state: state.clone(), told: None };
    let task = tokio::spawn(owner.run(call, events, order_rx));
    Ok(Running { orders, state, task })
}

/// With all devices; where one of them fails, without any, which is still a call: the trouble is told.
async fn enter(
    plan: &Plan,
    sinks: &Arc<Sinks>,
    model: &mut Model,
) -> Result<(Call, mpsc::Receiver<CallEvent>), CallError> {
    match Call::join(config(plan, &plan.equipment, sinks.clone())).await {
        Err(CallError::Media(error)) => {
            let nothing = Equipment { camera: None, microphone: None, speaker: Speaker::None };
            let entered = Call::join(config(plan, &nothing, sinks.clone())).await?;
            let sentence = format!("{error}. You are in the call without camera, microphone and speaker.");
            model.trouble(Some(sentence), Some(String::new()), Some(String::new()));
            Ok(entered)
        }
        joined => joined,
    }
}

fn config(plan: &Plan, equipment: &Equipment, sinks: Arc<Sinks>) -> CallConfig {
    CallConfig {
        server: plan.server.clone(),
        code: plan.beginning.code.clone(),
        name: plan.beginning.name.clone(),
        video: equipment.camera.clone(),
        video_settings: plan.video,
        audio: equipment.microphone.clone(),
        audio_settings: AudioSettings::default(),
        speaker: equipment.speaker.clone(),
        entry: Entry { microphone: plan.beginning.microphone, camera: plan.beginning.camera, devices_required: true },
        sinks,
        on_captured: None,
        link: LinkOptions::default(),
    }
}

struct Owner {
    model: Model,
    record: Record,
    name: String,
    sinks: Arc<Sinks>,
    tiles: Arc<Tiles>,
    page: Arc<dyn Page>,
    state: Arc<Mutex<CallState>>,
    told: Option<CallState>,
}

impl Owner {
    async fn run(mut self, call: Call, mut events: mpsc::Receiver<CallEvent>, mut orders: mpsc::Receiver<Order>) {
        let mut leaver = None;
        loop {
            tokio::select! {
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
                    Some(Order::Leave(done)) => {
                        leaver = Some(done);
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
                self.model.set_microphone(on);
            }
            Order::Camera(on) => {
                call.set_camera(on);
                self.model.set_camera(on);
            }
            Order::Chat(text) => call.chat(&text),
            Order::Mark => call.mark(),
            Order::Leave(_) => {}
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
        self.tell();
    }

    /// Tells the page, where there is something new.
    fn tell(&mut self) {
        let state = self.model.state(&self.sinks.pictures(), unix_ms());
        if self.told.as_ref() != Some(&state) {
            *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state.clone();
            self.told = Some(state.clone());
            self.page.tell(PageEvent::Call(Box::new(state)));
        }
    }
}

/// Milliseconds since the Unix epoch.
pub(crate) fn unix_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
