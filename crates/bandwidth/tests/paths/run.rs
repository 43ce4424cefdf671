//! Calls in virtual time: for each a source, a send side, a path each way, a receiver.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use sightline_bandwidth::{BitRate, Kind, Packet, Report};
use sightline_netpath::Path;

use crate::receiver::Receiver;
use crate::side::Side;
use crate::source::{HEADERS, Media, SOUND, Source};

pub(crate) const MS: Duration = Duration::from_millis(1);
const FRAME: Duration = Duration::from_nanos(33_333_333);
const SOUND_EVERY: Duration = Duration::from_millis(20);
const FEEDBACK_EVERY: Duration = Duration::from_millis(50);
/// What the other side sends meanwhile, on the way back.
const BACK_EVERY: Duration = Duration::from_millis(7);
/// The receiver looks for gaps so often.
const PATIENCE: Duration = Duration::from_millis(5);
/// Timers wake late.
const LATE: Duration = Duration::from_millis(1);
/// Video is paused while less than the first may be sent of everything, until it is the second.
const PAUSE: (BitRate, BitRate) = (BitRate::kbps(100), BitRate::kbps(130));
/// Of sound, 16 kbit/s then.
const SOUND_LEAST: usize = SOUND / 2;
/// Packets kept as padding for probes.
const RECENT: usize = 24;

enum Event {
    Frame,
    Sound,
    Feedback,
    Requests,
    Back,
    Arrival(u64, Kind, Media, Instant),
    Reports(Vec<Report>),
    Requested(Vec<u64>),
    KeyFrame,
}

/// What is measured. Times are since the start.
#[derive(Default)]
pub(crate) struct Measured {
    /// Each 20 ms: when, target in bit/s.
    pub(crate) targets: Vec<(Duration, f64)>,
    /// Each frame: when, what the encoder was given, in bit/s.
    pub(crate) encoder: Vec<(Duration, f64)>,
    /// Of each packet of sound that arrived: when sent, and the round trip it would have had.
    pub(crate) round_trips: Vec<(Duration, Duration)>,
    /// Each packet of video that was new: when, bytes without headers.
    pub(crate) video: Vec<(Duration, usize)>,
    /// When each picture was shown.
    pub(crate) pictures: Vec<Duration>,
    pub(crate) sent_bytes: usize,
    pub(crate) repair_bytes: usize,
    pub(crate) padding_bytes: usize,
    pub(crate) key_frames: u32,
}

struct Run {
    start: Instant,
    now: Instant,
    side: Box<dyn Side>,
    forth: Rc<RefCell<Path>>,
    back: Rc<RefCell<Path>>,
    /// The other side's media are on the way back as well, by a run of their own.
    is_duplex: bool,
    back_delay: Duration,
    source: Source,
    /// What the encoder is never given more than.
    cap: BitRate,
    receiver: Receiver,
    events: BinaryHeap<Reverse<(Instant, u64)>>,
    bodies: BTreeMap<u64, Event>,
    next_event: u64,
    /// Video that has left, by its number.
    sent: BTreeMap<u64, Media>,
    next_number: u64,
    recent: VecDeque<Media>,
    padded: usize,
    is_paused: bool,
    measured: Measured,
}

/// What the sides of a run have in common.
#[derive(Clone, Copy)]
pub(crate) struct Terms {
    pub(crate) start: Instant,
    pub(crate) length: Duration,
    /// One way.
    pub(crate) delay: Duration,
    /// What the encoder is never given more than, headers included.
    pub(crate) cap: BitRate,
    /// What the encoder makes at its coarsest, without headers.
    pub(crate) floor: BitRate,
    pub(crate) seed: u64,
}

/// Runs calls whose `sides` share the path `forth`, each with a way back of its own.
pub(crate) fn run(sides: Vec<Box<dyn Side>>, forth: Path, back: &Path, terms: Terms) -> Vec<Measured> {
    let forth = Rc::new(RefCell::new(forth));
    let runs = sides.into_iter().zip(0..).map(|(side, index)| {
        let back = Rc::new(RefCell::new(back.clone()));
        Run::new(side, forth.clone(), back, Terms { seed: terms.seed + index, ..terms })
    });
    run_all(runs.collect(), terms)
}

/// Runs both sides of a call: the way back of each is the other's way forth.
pub(crate) fn run_duplex(sides: [Box<dyn Side>; 2], paths: [Path; 2], terms: Terms) -> Vec<Measured> {
    let [one, other] = paths.map(|path| Rc::new(RefCell::new(path)));
    let [first, second] = sides;
    let mut runs = vec![
        Run::new(first, one.clone(), other.clone(), terms),
        Run::new(second, other, one, Terms { seed: terms.seed + 1, ..terms }),
    ];
    runs.iter_mut().for_each(|run| run.is_duplex = true);
    run_all(runs, terms)
}

fn run_all(mut runs: Vec<Run>, terms: Terms) -> Vec<Measured> {
    // Whichever has something to do first, so that the shared path sees packets in order of time.
    while let Some(run) = runs.iter_mut().min_by_key(|run| run.next())
        && run.next() < terms.start + terms.length
    {
        run.step();
    }
    runs.into_iter().map(Run::measured).collect()
}

impl Run {
    fn new(side: Box<dyn Side>, forth: Rc<RefCell<Path>>, back: Rc<RefCell<Path>>, terms: Terms) -> Self {
        let start = terms.start;
        let mut source = Source::new(terms.seed);
        source.least = source.least.max(terms.floor.as_bps() as f64 / 8.0 / 30.0);
        let mut run = Self {
            start,
            now: start,
            side,
            forth,
            back,
            is_duplex: false,
            back_delay: terms.delay,
            source,
            cap: terms.cap,
            receiver: Receiver::new(start, 2 * terms.delay),
            events: BinaryHeap::new(),
            bodies: BTreeMap::new(),
            next_event: 0,
            sent: BTreeMap::new(),
            next_number: 0,
            recent: VecDeque::new(),
            padded: 0,
            is_paused: false,
            measured: Measured::default(),
        };
        // Calls do not keep step with each other.
        let offset = Duration::from_micros(3100) * (terms.seed % 7) as u32;
        run.at(start, Event::Sound);
        run.at(start, Event::Back);
        run.at(start + MS + offset, Event::Frame);
        run.at(start + FEEDBACK_EVERY, Event::Feedback);
        run.at(start + PATIENCE, Event::Requests);
        run
    }

    fn measured(mut self) -> Measured {
        self.measured.key_frames = self.source.key_frames;
        self.measured.pictures = self.receiver.pictures.iter().map(|at| *at - self.start).collect();
        self.measured
    }

    fn at(&mut self, at: Instant, event: Event) {
        self.events.push(Reverse((at, self.next_event)));
        self.bodies.insert(self.next_event, event);
        self.next_event += 1;
    }

    /// When there is something to do next; there always is.
    fn next(&self) -> Instant {
        let event = self.events.peek().map(|Reverse((at, _))| *at);
        let wake = self.side.wake().map(|wake| wake.max(self.now) + LATE);
        event.into_iter().chain(wake).min().unwrap_or(self.now)
    }

    fn step(&mut self) {
        self.now = self.next();
        if self.events.peek().is_some_and(|Reverse((at, _))| *at <= self.now)
            && let Some(Reverse((_, id))) = self.events.pop()
            && let Some(event) = self.bodies.remove(&id)
        {
            self.happen(self.now, event);
        }
        self.send(self.now);
    }

    fn happen(&mut self, now: Instant, event: Event) {
        match event {
            Event::Frame => {
                self.source.wants_key |= self.side.wants_key_frame(now);
                let rate = self.side.video_target(now).min(self.cap);
                self.measured.encoder.push((now - self.start, rate.as_bps() as f64));
                // A sender pauses video then, for the sake of sound.
                let target = self.side.target();
                self.is_paused = if self.is_paused { target < PAUSE.1 } else { target < PAUSE.0 };
                if !self.is_paused && !self.side.is_waiting() {
                    for packet in self.source.frame(rate) {
                        self.side.push(now, packet);
                    }
                }
                self.at(now + FRAME, Event::Frame);
            }
            Event::Sound => {
                let bytes = if self.is_paused { SOUND_LEAST } else { SOUND };
                let packet = self.source.sound(bytes);
                self.side.push(now, packet);
                self.measured.targets.push((now - self.start, self.side.target().as_bps() as f64));
                self.at(now + SOUND_EVERY, Event::Sound);
            }
            Event::Back => {
                // The other side's media take part in the loss of the way back.
                if !self.is_duplex {
                    self.back.borrow_mut().send(now, SOUND + HEADERS);
                    self.at(now + BACK_EVERY, Event::Back);
                }
            }
            Event::Feedback => {
                if let Some(reports) = self.receiver.feedback(now) {
                    self.send_back(now, 60 + reports.len() * 2, Event::Reports(reports));
                }
                self.at(now + FEEDBACK_EVERY, Event::Feedback);
            }
            Event::Requests => {
                let requests = self.receiver.requests(now);
                if !requests.is_empty() {
                    self.send_back(now, 80, Event::Requested(requests));
                }
                if self.receiver.wants_key_frame(now) {
                    self.send_back(now, 60, Event::KeyFrame);
                }
                self.at(now + PATIENCE, Event::Requests);
            }
            Event::Arrival(sequence, kind, media, sent) => self.arrive(now, sequence, kind, &media, sent),
            Event::Reports(reports) => self.side.feedback(now, &reports),
            Event::Requested(sequences) => {
                for media in sequences.iter().filter_map(|number| self.sent.get(number)) {
                    self.side.repair(now, media.payload + HEADERS + 2, *media);
                }
            }
            Event::KeyFrame => self.source.wants_key = true,
        }
    }

    fn send_back(&mut self, now: Instant, bytes: usize, event: Event) {
        let arrival = self.back.borrow_mut().send(now, bytes).arrival();
        if let Some(at) = arrival {
            self.at(at, event);
        }
    }

    fn arrive(&mut self, now: Instant, sequence: u64, kind: Kind, media: &Media, sent: Instant) {
        let is_new = self.receiver.arrive(now, sequence, media);
        if is_new && media.picture.is_some() {
            self.measured.video.push((now - self.start, media.payload));
        }
        if kind == Kind::Audio {
            self.measured.round_trips.push((sent - self.start, now - sent + self.back_delay));
        }
    }

    fn send(&mut self, now: Instant) {
        loop {
            let (recent, padded) = (&self.recent, &mut self.padded);
            let mut padding = |wanted: usize| {
                *padded += 1;
                let media = *recent.get(*padded % recent.len().max(1))?;
                // A copy, or if that is too large a packet of nothing.
                let bytes = (media.payload + HEADERS + 2).min(wanted);
                Some(Packet { kind: Kind::Padding, bytes, body: media })
            };
            let Some((sequence, departure)) = self.side.poll(now, &mut padding) else { return };
            let mut media = departure.body;
            self.measured.sent_bytes += departure.bytes;
            match departure.kind {
                Kind::Repair => self.measured.repair_bytes += departure.bytes,
                Kind::Padding => self.measured.padding_bytes += departure.bytes,
                Kind::Audio => {}
                Kind::Video(_) => {
                    media.number = Some(self.next_number);
                    self.sent.insert(self.next_number, media);
                    self.next_number += 1;
                    self.recent.push_back(media);
                    if self.recent.len() > RECENT {
                        self.recent.pop_front();
                    }
                }
            }
            let arrival = self.forth.borrow_mut().send(now, departure.bytes).arrival();
            if let Some(at) = arrival {
                self.at(at, Event::Arrival(sequence, departure.kind, media, now));
            }
        }
    }
}
