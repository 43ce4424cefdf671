//! The handle of a call.
//!
//! Invariant: the call ends when it is told to leave or when its handle is dropped; both run the same shutdown.

use std::sync::{Arc, OnceLock};
use std::time::Instant;

use sightline_media::audio::{AudioSource, Speaker};
use sightline_media::video::{LatestFrame, VideoSource};
use sightline_protocol::{HostAction, MediaState, UserId};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::adapt::Adaptation;
use crate::driver::{Driver, DriverSetup, Inputs};
use crate::event::{CallEvent, CallSummary, EndReason, Events};
use crate::levels::{LevelBoard, Levels};
use crate::local::{Equipment, Sources};
use crate::orders::Order;
use crate::own_media::OwnMedia;
use crate::reporting::Reporting;
use crate::signaling::{Signaling, Ticket};
use crate::{CallConfig, CallError};

/// What people press in a moment.
const ORDERS: usize = 64;

/// A running call.
pub struct Call {
    orders: mpsc::Sender<Order>,
    driver: JoinHandle<CallSummary>,
    started: Instant,
    self_view: Arc<OnceLock<Arc<LatestFrame>>>,
    levels: Arc<LevelBoard>,
}

impl Call {
    /// Joins: resolves once the room is entered and camera and microphone are open, or either is refused (see
    /// [`crate::Entry::devices_required`]). Events then flow on the receiver until [`CallEvent::Ended`]; it holds some minutes of them if nobody reads.
    ///
    /// # Errors
    /// The server is not there or refuses; a device or file cannot be used.
    pub async fn join(config: CallConfig) -> Result<(Self, mpsc::Receiver<CallEvent>), CallError> {
        let started = Instant::now();
        let CallConfig { server, code, name, video, video_settings, audio, audio_settings, speaker, entry, .. } =
            config;
        let media = MediaState { audio: audio.is_some(), video: video.is_some() };
        let on = OwnMedia::new(media, &entry).now();
        let reporting = Reporting::new(video_settings.fps, audio_settings.dtx);
        let on_captured = config.on_captured;
        // Opening a camera takes longer than signaling: both at once.
        let equipment =
            Equipment::start(Sources { video, video_settings, on_captured, audio, audio_settings, speaker, entry });
        let ticket = Ticket { code: &code, name: &name, token: config.token };
        let on_waiting = config.on_waiting.unwrap_or_else(|| Box::new(|_| {}));
        let (signaling, entered, signals) = match Signaling::join(&server, ticket, on, &*on_waiting).await {
            Ok(joined) => joined,
            Err(error) => {
                equipment.abandon();
                return Err(error);
            }
        };
        let (orders, order_rx) = mpsc::channel(ORDERS);
        let (ready, is_ready) = oneshot::channel();
        let (events, event_rx) = Events::channel();
        let setup = DriverSetup {
            server,
            name,
            pressed: started,
            media,
            entry,
            reporting,
            adaptation: Adaptation::new(video_settings),
            options: config.link,
            max_video_bps: video_settings.max_bps,
            sinks: config.sinks,
            events,
            signaling,
        };
        let (driver, reports) = Driver::new(setup, &entered, &equipment);
        let (self_view, levels) = (equipment.self_view.clone(), equipment.levels.clone());
        let inputs = Inputs { orders: order_rx, signals, equipment, ready };
        let driver = tokio::spawn(driver.run(entered, inputs, reports));
        match is_ready.await {
            Ok(Ok(())) => Ok((Self { orders, driver, started, self_view, levels }, event_rx)),
            Ok(Err(error)) => {
                drop(orders);
                if let Err(error) = driver.await {
                    tracing::error!(%error, "the call's driver broke");
                }
                Err(error.into())
            }
            Err(_) => Err(CallError::Stopped),
        }
    }

    /// Microphone on or off; the others are told.
    pub fn set_microphone(&self, on: bool) {
        self.order(Order::Microphone(on));
    }

    /// Camera on or off: off releases the device; the others are told.
    pub fn set_camera(&self, on: bool) {
        self.order(Order::Camera(on));
    }

    /// Pictures from elsewhere from now on, or from nowhere; also where the call began without a camera. The former device is
    /// released first; trouble with the new one comes as [`CallEvent::Warning`], and it is tried until it works.
    pub fn set_camera_source(&self, source: Option<VideoSource>) {
        self.order(Order::CameraSource(source));
    }

    /// Sound from elsewhere from now on, or from nowhere; likewise.
    pub fn set_microphone_source(&self, source: Option<AudioSource>) {
        self.order(Order::MicrophoneSource(source));
    }

    /// Plays the peers' sound elsewhere from now on, or nowhere; likewise.
    pub fn set_speaker(&self, speaker: Speaker) {
        self.order(Order::Speaker(speaker));
    }

    /// How loud everybody is at the moment. Cheap: made for asking several times a second.
    pub fn levels(&self) -> Levels {
        self.levels.read()
    }

    /// In how many pixels of the screen a peer's pictures are shown; 0 x 0 where they are not. The peer then sends no larger ones
    /// than that takes. Sides beyond 65535 count as that. Unsaid, it sends the largest that the connection carries.
    pub fn set_tile_size(&self, peer: &str, width: u32, height: u32) {
        let side = |pixels: u32| u16::try_from(pixels).unwrap_or(u16::MAX);
        self.order(Order::TileSize(UserId(peer.to_owned()), (side(width), side(height))));
    }

    /// Text for everybody. It comes back as [`CallEvent::Chat`] once the server took it.
    pub fn chat(&self, text: &str) {
        self.order(Order::Chat(text.to_owned()));
    }

    /// What we decide as the room's host; the server refuses it where we are none.
    pub fn host(&self, action: HostAction) {
        self.order(Order::Host(action));
    }

    /// 'It is bad now': puts a mark into the record.
    pub fn mark(&self) {
        self.order(Order::Mark);
    }

    /// Our own picture, the same slot all through the call; `None` until a camera is used. Empty while it gives none.
    pub fn self_view(&self) -> Option<Arc<LatestFrame>> {
        self.self_view.get().cloned()
    }

    /// Leaves: last snapshot, goodbye, media threads and links stopped and joined, within 2 s. [`CallEvent::Ended`] is
    /// the last event.
    pub async fn leave(self) -> CallSummary {
        drop(self.orders);
        match self.driver.await {
            Ok(summary) => summary,
            Err(error) => {
                tracing::error!(%error, "the call's driver broke");
                CallSummary {
                    reason: EndReason::Left,
                    duration: self.started.elapsed(),
                    took_place: false,
                    most_encoders: 0,
                    video: None,
                    audio: None,
                }
            }
        }
    }

    fn order(&self, order: Order) {
        if self.orders.try_send(order).is_err() {
            tracing::warn!("the call has ended or is too busy; what was asked for is not done");
        }
    }
}
