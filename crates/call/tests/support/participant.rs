//! Somebody in a call: sends the test clip and speech, and remembers what the call said.

use std::sync::{Arc, Mutex};

use sightline_call::{Call, CallConfig, CallError, CallEvent, CallSummary, Entry, LinkOptions};
use sightline_media::audio::{AudioSettings, AudioSource, Speaker};
use sightline_media::video::{VideoSettings, VideoSource};
use sightline_quality::{EventKind, Snapshot};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::sinks::Memory;
use super::{DEADLINE, FPS, HEIGHT, WIDTH, clip, speech};

/// What a call is joined with unless a test wants something else.
pub(crate) fn config(server: &str, code: &str, name: &str, memory: &Memory) -> CallConfig {
    CallConfig {
        server: server.to_owned(),
        code: code.to_owned(),
        name: name.to_owned(),
        token: None,
        on_waiting: None,
        video: Some(VideoSource::File(clip().to_owned())),
        video_settings: VideoSettings { width: WIDTH, height: HEIGHT, fps: FPS, max_bps: 500_000 },
        audio: Some(AudioSource::File(speech().to_owned())),
        audio_settings: AudioSettings { bitrate_bps: 32_000, expected_loss_percent: 10, dtx: false, process: false },
        speaker: Speaker::None,
        entry: Entry::default(),
        sinks: Arc::new(memory.clone()),
        on_captured: None,
        link: LinkOptions::default(),
    }
}

/// See the module.
pub(crate) struct Participant {
    pub(crate) call: Call,
    pub(crate) memory: Memory,
    events: Arc<Mutex<Vec<CallEvent>>>,
    reader: JoinHandle<()>,
}

impl Participant {
    /// Joins with [`config`].
    pub(crate) async fn join(server: &str, code: &str, name: &str) -> Self {
        let memory = Memory::default();
        Self::join_with(config(server, code, name, &memory), memory).await.expect("joined")
    }

    /// Joins with another one.
    pub(crate) async fn join_with(config: CallConfig, memory: Memory) -> Result<Self, CallError> {
        let (call, receiver) = Call::join(config).await?;
        let events = Arc::<Mutex<Vec<CallEvent>>>::default();
        let reader = tokio::spawn(read(receiver, events.clone()));
        Ok(Self { call, memory, events, reader })
    }

    /// Waits until something holds for all that the call said so far.
    pub(crate) async fn until(&self, what: &str, holds: impl Fn(&[CallEvent]) -> bool) {
        poll(what, || holds(&self.events.lock().expect("the reader does not panic"))).await;
    }

    /// Waits until so many pictures more came from `name`.
    pub(crate) async fn until_pictures(&self, name: &str, more: usize) {
        let before = self.memory.pictures(name);
        poll(&format!("{more} pictures from {name}"), || self.memory.pictures(name) >= before + more).await;
    }

    /// Looks at what the call said so far.
    pub(crate) fn events<T>(&self, look: impl FnOnce(&[CallEvent]) -> T) -> T {
        look(&self.events.lock().expect("the reader does not panic"))
    }

    /// The last snapshot for which something holds.
    pub(crate) async fn snapshot(&self, what: &str, holds: impl Fn(&Snapshot) -> bool) -> Snapshot {
        self.until(what, |events| snapshots(events).any(&holds)).await;
        self.events(|events| snapshots(events).rfind(|snapshot| holds(snapshot)).cloned().expect("there was one"))
    }

    /// Leaves, and gives all that the call said, to its end.
    pub(crate) async fn leave(self) -> (CallSummary, Vec<CallEvent>) {
        let summary = self.call.leave().await;
        self.reader.await.expect("the reader does not panic");
        let events = std::mem::take(&mut *self.events.lock().expect("the reader does not panic"));
        (summary, events)
    }
}

fn snapshots(events: &[CallEvent]) -> impl DoubleEndedIterator<Item = &Snapshot> {
    events.iter().filter_map(|event| match event {
        CallEvent::Snapshot(snapshot) => Some(&**snapshot),
        _ => None,
    })
}

/// How often an event of the record is there.
pub(crate) fn recorded(events: &[CallEvent], holds: impl Fn(&EventKind) -> bool) -> usize {
    events.iter().filter(|event| matches!(event, CallEvent::Record(record) if holds(&record.kind))).count()
}

async fn read(mut receiver: mpsc::Receiver<CallEvent>, events: Arc<Mutex<Vec<CallEvent>>>) {
    while let Some(event) = receiver.recv().await {
        events.lock().expect("no test panics in here").push(event);
    }
}

/// Polls until it holds; panics after [`DEADLINE`].
pub(crate) async fn poll(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < DEADLINE, "in vain: {what}");
        sleep(std::time::Duration::from_millis(20)).await;
    }
}
