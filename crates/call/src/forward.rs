//! From one encoder to every link: each link has a short queue of its own, filled by the encoder's thread, emptied by the
//! link's task.
//!
//! Invariant: pushing never blocks. Pictures leave a queue in the order they were encoded and only in decodable runs: the
//! first one is a keyframe, and after a gap the next one is a keyframe again.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use sightline_media::{EncodedAudio, EncodedVideo};
use tokio::sync::Notify;

/// Pictures that wait for a link: 200 ms at 30 fps. A link that is further behind than that shall have a keyframe
/// later rather than all of it late.
const PICTURES: usize = 6;
/// Opus packets that wait: 200 ms; beyond that the oldest is of no use to a jitter buffer any more.
const PACKETS: usize = 10;

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
}

#[derive(Debug, Default)]
struct State {
    /// The link is connected; before, nothing is kept.
    open: bool,
    /// Pictures up to the next keyframe are left out.
    awaiting_keyframe: bool,
    video: VecDeque<Arc<EncodedVideo>>,
    audio: VecDeque<Arc<EncodedAudio>>,
    counters: QueueCounters,
}

impl State {
    /// Takes a picture; true where a keyframe has to be asked for.
    fn push_video(&mut self, frame: Arc<EncodedVideo>) -> bool {
        if !self.open {
            return false;
        }
        if frame.keyframe {
            self.awaiting_keyframe = false;
            if self.video.len() >= PICTURES {
                // Who is that far behind goes on from here.
                self.counters.dropped += self.video.len() as u64;
                self.video.clear();
            }
        } else if self.awaiting_keyframe {
            self.counters.dropped += 1;
            return false;
        } else if self.video.len() >= PICTURES {
            self.counters.dropped += 1 + self.video.len() as u64;
            self.video.clear();
            self.awaiting_keyframe = true;
            return true;
        }
        self.video.push_back(frame);
        false
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
    /// The link is connected: take media from now on, pictures from the next keyframe on.
    pub(crate) fn open(&self) {
        let mut state = self.lock();
        state.open = true;
        state.awaiting_keyframe = true;
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
        self.lock().counters
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        // Each change leaves the state whole, so that a thread that panicked elsewhere does no harm here.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All queues of a call, and the wish for a keyframe that any of them may have.
#[derive(Debug, Default)]
pub(crate) struct Fanout {
    queues: Mutex<Vec<Arc<MediaQueue>>>,
    /// Somebody needs a keyframe; one permit is kept however many ask.
    pub keyframe_wanted: Notify,
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
            if queue.lock().push_video(frame.clone()) {
                self.keyframe_wanted.notify_one();
            }
            queue.filled.notify_one();
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
        Arc::new(EncodedVideo {
            payloads: vec![Bytes::from_static(b"x")],
            timestamp: number,
            captured_us: 0,
            keyframe,
            temporal_layer: 0,
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
        State { open: true, awaiting_keyframe: true, ..State::default() }
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
    fn only_what_the_link_took_counts_as_sent() {
        let queue = MediaQueue::default();
        queue.sent(true, true);
        queue.sent(false, true);
        queue.sent(false, false);
        assert_eq!(queue.counters(), QueueCounters { frames: 2, key_frames: 1, dropped: 1 });
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
