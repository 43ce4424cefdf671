//! From one encoder to every link: each link has a short queue of its own, filled by the encoder's thread, emptied by the
//! link's task.
//!
//! Invariant: pushing never blocks. Pictures leave a queue in the order they were encoded, one for each moment, and only in
//! decodable runs of one layer: the first one is a keyframe, and after a gap or in another layer the next one is a keyframe
//! again. Until the other layer's keyframe is there, the former layer goes on.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sightline_media::{EncodedAudio, EncodedVideo};
use tokio::sync::Notify;

/// Pictures that wait for a link: 200 ms at 30 fps. A link that is further behind than that shall have a keyframe
/// later rather than all of it late.
const PICTURES: usize = 6;
/// Opus packets that wait: 200 ms; beyond that the oldest is of no use to a jitter buffer any more.
const PACKETS: usize = 10;
/// Pictures that pass while a keyframe is waited for before it is asked for again: half a second. The request or its answer
/// may have been lost to a change of plan.
const ASK_AGAIN: u8 = 15;

/// Something to send. Shared with all other links.
#[derive(Debug, Clone)]
pub(crate) enum Outgoing {
    Video(Arc<EncodedVideo>),
    Audio(Arc<EncodedAudio>),
}

/// What a queue has let through and what not, cumulative.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct QueueCounters {
    /// Pictures the link took.
    pub frames: u64,
    /// Of these, keyframes.
    pub key_frames: u64,
    /// Pictures left out because the link was behind.
    pub dropped: u64,
    /// The layer the link takes.
    pub layer: Option<u8>,
}

#[derive(Debug, Default)]
struct State {
    /// The link is connected; before, nothing is kept.
    open: bool,
    /// The layer that the link is to take; `None` while pictures pause.
    wanted: Option<u8>,
    /// The layer that it takes, since a keyframe of it came; `None` while it waits for one.
    taken: Option<u8>,
    /// Timestamp of the last picture.
    last: Option<u32>,
    /// Pictures of the wanted layer that passed since a keyframe was asked for.
    passed: u8,
    video: VecDeque<Arc<EncodedVideo>>,
    audio: VecDeque<Arc<EncodedAudio>>,
    counters: QueueCounters,
}

impl State {
    /// Takes a picture; true where a keyframe of the wanted layer has to be asked for.
    fn push_video(&mut self, frame: Arc<EncodedVideo>) -> bool {
        let Some(wanted) = self.wanted.filter(|_| self.open) else { return false };
        let layer = frame.spatial_layer;
        if frame.keyframe && layer == wanted && self.taken != Some(wanted) {
            if self.last == Some(frame.timestamp) {
                // The former layer's picture of this moment came first.
                match self.video.back() {
                    Some(former) if former.timestamp == frame.timestamp => drop(self.video.pop_back()),
                    _ => return true,
                }
            }
            self.taken = Some(wanted);
        }
        if self.taken != Some(layer) {
            return layer == wanted && self.pass();
        }
        if self.video.len() >= PICTURES {
            self.counters.dropped += self.video.len() as u64;
            self.video.clear();
            if !frame.keyframe {
                self.counters.dropped += 1;
                (self.taken, self.passed) = (None, 0);
                return true;
            }
            // Who is that far behind goes on from here.
        }
        self.last = Some(frame.timestamp);
        self.video.push_back(frame);
        false
    }

    /// A picture passes by, because a keyframe has to come first. True where that should be asked for again.
    fn pass(&mut self) -> bool {
        self.counters.dropped += u64::from(self.taken.is_none());
        self.passed += 1;
        let again = self.passed >= ASK_AGAIN;
        if again {
            self.passed = 0;
        }
        again
    }

    /// The layer to take from now on. True where it is another one, of which a keyframe is needed.
    fn take(&mut self, layer: Option<u8>) -> bool {
        if self.wanted == layer {
            return false;
        }
        (self.wanted, self.passed) = (layer, 0);
        if layer.is_none() {
            self.taken = None;
            self.video.clear();
        }
        // Who comes back to the layer that it still takes goes on with it.
        layer.is_some() && self.taken != layer
    }

    fn push_audio(&mut self, packet: Arc<EncodedAudio>) {
        if !self.open {
            return;
        }
        if self.audio.len() >= PACKETS {
            self.audio.pop_front();
        }
        self.audio.push_back(packet);
    }

    /// Sound first: it is small and the ear is less patient.
    fn pop(&mut self) -> Option<Outgoing> {
        if let Some(packet) = self.audio.pop_front() {
            return Some(Outgoing::Audio(packet));
        }
        self.video.pop_front().map(Outgoing::Video)
    }
}

/// The queue of one link.
#[derive(Debug, Default)]
pub(crate) struct MediaQueue {
    state: Mutex<State>,
    filled: Notify,
}

impl MediaQueue {
    /// The link is connected: take media from now on, pictures from the next keyframe on. False where that was so: a link that was
    /// cut off for a moment asks for a keyframe itself, once pictures can leave; one made before is lost, and the next has to wait.
    pub(crate) fn open(&self) -> bool {
        let mut state = self.lock();
        let is_new = !std::mem::replace(&mut state.open, true);
        if is_new {
            (state.taken, state.passed) = (None, 0);
        }
        is_new
    }

    /// The layer to take from now on, or none. True where a keyframe of it has to be asked for.
    pub(crate) fn take(&self, layer: Option<u8>) -> bool {
        self.lock().take(layer)
    }

    /// The link is not connected: drop what waits.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.open = false;
        state.video.clear();
        state.audio.clear();
    }

    /// Waits for something to send. Cancel safe. For one reader.
    pub(crate) async fn next(&self) -> Outgoing {
        loop {
            let next = self.lock().pop();
            match next {
                Some(next) => return next,
                // A notification that comes in between is kept for this.
                None => self.filled.notified().await,
            }
        }
    }

    /// The link's answer to a picture from [`MediaQueue::next`].
    pub(crate) fn sent(&self, keyframe: bool, taken: bool) {
        let mut state = self.lock();
        if taken {
            state.counters.frames += 1;
            state.counters.key_frames += u64::from(keyframe);
        } else {
            state.counters.dropped += 1;
        }
    }

    /// What went through so far.
    pub(crate) fn counters(&self) -> QueueCounters {
        let state = self.lock();
        QueueCounters { layer: state.wanted, ..state.counters }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Each change leaves the state whole, so that a thread that panicked elsewhere does no harm here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All queues of a call, and what any of the links may wish for.
#[derive(Debug, Default)]
pub(crate) struct Fanout {
    queues: Mutex<Vec<Arc<MediaQueue>>>,
    /// Layers of which somebody needs a keyframe, one bit each.
    wishes: AtomicU8,
    wished: Notify,
    /// A link can carry more or less than before; one permit is kept however many links say so.
    pub rates_changed: Notify,
}

impl Fanout {
    /// A queue for one more link.
    pub(crate) fn add(&self) -> Arc<MediaQueue> {
        let queue = Arc::new(MediaQueue::default());
        self.lock().push(queue.clone());
        queue
    }

    /// The link is gone.
    pub(crate) fn remove(&self, queue: &Arc<MediaQueue>) {
        self.lock().retain(|other| !Arc::ptr_eq(other, queue));
    }

    /// Hands a picture to all links. Called from the encoder's thread.
    pub(crate) fn video(&self, frame: &Arc<EncodedVideo>) {
        for queue in self.lock().iter() {
            let ask = queue.lock().push_video(frame.clone());
            if ask {
                self.ask_for(queue);
            }
            queue.filled.notify_one();
        }
    }

    /// A link needs a keyframe of its layer.
    pub(crate) fn ask_for(&self, queue: &MediaQueue) {
        if let Some(layer) = queue.lock().wanted {
            self.wishes.fetch_or(1 << layer, Ordering::Relaxed);
            self.wished.notify_one();
        }
    }

    /// Waits until keyframes are needed, and says of which layers: one bit each. Cancel safe. For one reader.
    pub(crate) async fn keyframes_wanted(&self) -> u8 {
        loop {
            match self.wishes.swap(0, Ordering::Relaxed) {
                // A notification that comes in between is kept for this.
                0 => self.wished.notified().await,
                layers => return layers,
            }
        }
    }

    /// Hands a packet to all links. Called from the encoder's thread.
    pub(crate) fn audio(&self, packet: &Arc<EncodedAudio>) {
        for queue in self.lock().iter() {
            queue.lock().push_audio(packet.clone());
            queue.filled.notify_one();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Arc<MediaQueue>>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn picture(number: u32, keyframe: bool) -> Arc<EncodedVideo> {
        layered(0, number, keyframe)
    }

    fn layered(spatial_layer: u8, number: u32, keyframe: bool) -> Arc<EncodedVideo> {
        Arc::new(EncodedVideo {
            payloads: vec![Bytes::from_static(b"x")],
            timestamp: number,
            captured_us: 0,
            keyframe,
            temporal_layer: 0,
            spatial_layer,
            width: 2,
            height: 2,
        })
    }

    fn packet(number: u32) -> Arc<EncodedAudio> {
        Arc::new(EncodedAudio { payload: Bytes::new(), timestamp: number, captured_us: 0, marker: false, level: 127 })
    }

    fn drain(state: &mut State) -> Vec<u32> {
        std::iter::from_fn(|| state.pop())
            .map(|next| match next {
                Outgoing::Video(frame) => frame.timestamp,
                Outgoing::Audio(packet) => 1000 + packet.timestamp,
            })
            .collect()
    }

    fn opened() -> State {
        State { open: true, wanted: Some(0), ..State::default() }
    }

    #[test]
    fn a_link_that_was_cut_off_for_a_moment_goes_on_where_it_was() {
        let queue = MediaQueue::default();
        assert!(queue.open());
        queue.take(Some(0));
        queue.lock().push_video(picture(1, true));
        assert!(!queue.open(), "nothing to ask for");
        queue.lock().push_video(picture(2, false));
        assert_eq!(drain(&mut queue.lock()), [1, 2]);
        queue.close();
        assert!(queue.open(), "what was missed in between needs a keyframe");
    }

    #[test]
    fn a_link_starts_with_a_keyframe() {
        let mut state = opened();
        for (number, keyframe) in [(1, false), (2, false), (3, true), (4, false)] {
            assert!(!state.push_video(picture(number, keyframe)), "one was asked for when the link opened");
        }
        assert_eq!(drain(&mut state), [3, 4]);
        assert_eq!(state.counters.dropped, 2);
    }

    #[test]
    fn a_link_that_is_behind_goes_on_with_a_keyframe() {
        let mut state = opened();
        state.push_video(picture(0, true));
        let asked: Vec<bool> = (1..10).map(|number| state.push_video(picture(number, false))).collect();
        assert_eq!(asked.iter().filter(|asked| **asked).count(), 1, "one keyframe is asked for, not one each frame");
        assert_eq!(drain(&mut state), [0; 0], "nothing undecodable is left");
        state.push_video(picture(10, true));
        state.push_video(picture(11, false));
        assert_eq!(drain(&mut state), [10, 11]);
        assert_eq!(state.counters.dropped, 10);
    }

    #[test]
    fn a_keyframe_takes_the_place_of_a_full_queue() {
        let mut state = opened();
        for number in 0..PICTURES as u32 {
            state.push_video(picture(number, number == 0));
        }
        state.push_video(picture(50, true));
        state.push_video(picture(51, false));
        assert_eq!(drain(&mut state), [50, 51]);
    }

    #[test]
    fn a_link_goes_over_to_another_layer_at_its_keyframe_and_sends_each_moment_once() {
        let mut state = opened();
        state.push_video(layered(0, 1, true));
        state.push_video(layered(2, 1, true));
        assert!(state.take(Some(2)) && !state.take(Some(2)));
        // Until its keyframe is there, the former layer goes on.
        for (layer, number) in [(0, 2), (2, 2), (0, 3), (2, 3)] {
            state.push_video(layered(layer, number, false));
        }
        // Keyframes are encoded before the others of their moment.
        for (layer, number, keyframe) in [(2, 4, true), (0, 4, false), (0, 5, true), (2, 5, false)] {
            assert!(!state.push_video(layered(layer, number, keyframe)));
        }
        let sent: Vec<_> = state.video.iter().map(|frame| (frame.spatial_layer, frame.timestamp)).collect();
        assert_eq!(sent, [(0, 1), (0, 2), (0, 3), (2, 4), (2, 5)]);
        assert_eq!(state.counters.dropped, 0, "what another layer is for is not left out");
    }

    #[test]
    fn a_moment_is_not_sent_in_two_layers() {
        let mut state = opened();
        state.push_video(layered(0, 1, true));
        state.take(Some(1));
        // Asked for too late: the large picture of the moment came first. While it waits, the small one takes its place.
        assert!(!state.push_video(layered(1, 1, true)));
        assert_eq!(drain(&mut state), [1]);
        state.take(Some(0));
        state.push_video(layered(1, 2, false));
        assert_eq!(drain(&mut state), [2]);
        assert!(state.push_video(layered(0, 2, true)), "it is gone: another keyframe is asked for");
        state.push_video(layered(1, 3, false));
        state.push_video(layered(0, 4, true));
        assert_eq!(drain(&mut state), [3, 4]);
    }

    #[test]
    fn a_keyframe_that_does_not_come_is_asked_for_again() {
        let mut state = opened();
        let asked = (0..60).filter(|number| state.push_video(picture(*number, false))).count();
        assert_eq!(asked, 60 / usize::from(ASK_AGAIN));
        state.push_video(picture(60, true));
        assert!(!state.take(None) && state.video.is_empty(), "paused: nothing waits");
        assert!(!state.push_video(picture(61, true)));
        assert!(state.take(Some(0)), "after a pause it begins with a keyframe");
    }

    #[tokio::test]
    async fn keyframes_are_asked_for_by_layer() {
        let fanout = Fanout::default();
        let (large, small, paused) = (fanout.add(), fanout.add(), fanout.add());
        large.take(Some(0));
        small.take(Some(2));
        [&large, &small, &large, &paused].into_iter().for_each(|queue| fanout.ask_for(queue));
        assert_eq!(fanout.keyframes_wanted().await, 0b101);
        fanout.ask_for(&small);
        assert_eq!(fanout.keyframes_wanted().await, 0b100);
    }

    #[test]
    fn only_what_the_link_took_counts_as_sent() {
        let queue = MediaQueue::default();
        queue.sent(true, true);
        queue.sent(false, true);
        queue.sent(false, false);
        assert_eq!(queue.counters(), QueueCounters { frames: 2, key_frames: 1, dropped: 1, layer: None });
    }

    #[test]
    fn sound_goes_first_and_the_oldest_is_dropped() {
        let mut state = opened();
        state.push_video(picture(7, true));
        for number in 0..PACKETS as u32 + 2 {
            state.push_audio(packet(number));
        }
        let drained = drain(&mut state);
        assert_eq!(drained.len(), PACKETS + 1);
        assert_eq!((drained[0], drained[PACKETS]), (1002, 7));
    }

    #[test]
    fn a_closed_queue_keeps_nothing() {
        let mut state = State::default();
        state.push_video(picture(1, true));
        state.push_audio(packet(1));
        assert_eq!(drain(&mut state), [0; 0]);
    }

    #[tokio::test]
    async fn every_link_gets_the_same_picture() {
        let fanout = Fanout::default();
        let queues = [fanout.add(), fanout.add(), fanout.add()];
        for queue in &queues {
            queue.open();
            assert!(queue.take(Some(0)), "it needs a keyframe");
        }
        let shared = picture(5, true);
        fanout.video(&shared);
        for queue in &queues {
            let Outgoing::Video(frame) = queue.next().await else { panic!("sound came out") };
            assert!(Arc::ptr_eq(&frame, &shared), "encoded and packed once");
        }
        fanout.remove(&queues[0]);
        fanout.video(&picture(6, false));
        assert_eq!(queues[0].lock().video.len(), 0);
        assert_eq!(queues[1].lock().video.len(), 1);
    }
}
