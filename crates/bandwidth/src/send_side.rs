//! The parts together: what one link sends, when, and how much it may.
//!
//! Invariant: every packet gets its transport-wide number as it leaves, without gaps, and is known to the estimator from that
//! moment. While feedback is overdue video waits. After a fall of the link nothing but audio is sent until the queue of the path is
//! empty; in an outage nothing but audio (or one packet each tenth of a second, if there is none) until feedback tells of an
//! arrival, or the peer is heard again that was silent too. None of these lowers the target by itself.

use std::time::{Duration, Instant};

use crate::estimator::{Estimator, Limits, State};
use crate::meter::Meter;
use crate::pacer::{Admission, Departure, Pacer};
use crate::packet::{BitRate, Kind, Packet, Report, Sent};
use crate::probe::ProbeController;
use crate::repair::{Repair, RepairLimiter};
use crate::timeline::Timeline;
use crate::unwrap::at_or_before;

/// Probes and outages are looked for so often.
const TICK: Duration = Duration::from_millis(25);
/// Most that is ever sent, against the target.
const PACE_MOST: f64 = 2.5;
/// What is sent as a rule, against the capacity: no more than a trace above, or frames queue in the path.
const PACE_USUAL: f64 = 1.05;
/// The same on a slow link that is known, where sound and feedback between the packets of a frame are a part of what it carries: as a
/// rule, and when so much waits that frames would be left out.
const PACE_SLOW: f64 = 0.97;
const PACE_MOST_SLOW: f64 = 1.5;
/// More new video than this share of what was asked for, while so much queue stands in the path, is sent at this share of the
/// target, so that the queue goes.
const EXCESS: f64 = 1.1;
const STANDS: Duration = Duration::from_millis(25);
const PACE_EXCESS: f64 = 0.9;
/// What is sent as a rule against the target, where the capacity is unknown and more than this is lost, of 1.
const PACE_LOSSY: f64 = 1.3;
const LOSSY: f64 = 0.03;
/// No feedback for so long and a round trip: an outage.
const SILENCE: Duration = Duration::from_millis(500);
/// Nothing heard for so long of a packet that was sent, beyond the round trip, the queue that is known and three times what delay
/// differs by: its feedback was due 50 ms after it, and stands in a queue or was lost with others. Where both ways have become
/// slower, that is known long before feedback comes through and tells of it.
const UNHEARD: Duration = Duration::from_millis(70);
/// And as long as so many bytes take: feedback has to pass frames on its way.
const UNHEARD_BYTES: usize = 7_500;
/// No more than this, and as much on a path that loses, where a feedback may be missing.
const UNHEARD_MOST: Duration = Duration::from_millis(150);
/// Looked at so long after it would be: timers are not exact.
const WELL_OVERDUE: Duration = Duration::from_millis(1);
/// A path that loses so much, of 1, loses feedback, too.
const MISSING: f64 = 0.005;
/// Feedback that was overdue for longer and tells of no fall may not have seen it yet: what told of it stood in a queue itself.
const LONG_WAIT: Duration = Duration::from_millis(150);
/// Then two pictures leave, and no more before there is feedback of all of them.
const CAREFUL: Duration = Duration::from_millis(66);
/// In an outage something is sent so often.
const TRICKLE: Duration = Duration::from_millis(100);
/// The path's queue counts as empty again below.
const DRAINED: Duration = Duration::from_millis(30);
/// Draining takes no longer than the deepest queue worth waiting for.
const DRAIN_MOST: Duration = Duration::from_millis(600);
/// Repair and padding are counted up to this share of the target.
const EXTRA_MOST: f64 = 0.3;

/// No UDP packet is larger; more would only spoil sums.
const PACKET_MOST: usize = 65_535;
/// Below, the padding of probes counts too, and encoders may be at their coarsest.
const SLOW: BitRate = BitRate::kbps(500);

/// What holds back video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Open,
    Draining { since: Instant },
    Outage { trickled: Instant },
}

/// How a link goes on after a long wait that nothing explained.
#[derive(Debug, Clone, Copy)]
struct Careful {
    /// Video sent since.
    bytes: usize,
    /// The last packet of it, once it is enough.
    last: Option<u64>,
}

/// Figures for the record.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Statistics {
    /// What is known of the path.
    pub state: State,
    /// Waiting in the pacer.
    pub queue: Duration,
    /// Frames left out so far.
    pub frames_dropped: u64,
    /// Clusters sent so far.
    pub probes: u64,
    /// Whether nothing is heard of the far end.
    pub is_outage: bool,
}

/// The send side of one link.
#[derive(Debug)]
pub struct SendSide<T> {
    estimator: Estimator,
    prober: ProbeController,
    pacer: Pacer<T>,
    repairs: RepairLimiter,
    timeline: Timeline,
    audio: Meter,
    /// New video, whether or not it was sent.
    offered: Meter,
    repair: Meter,
    padding: Meter,
    /// Number of the next packet.
    next: u64,
    has_video: bool,
    gate: Gate,
    /// When something was last sent, and when feedback last told of an arrival.
    sent_at: Option<Instant>,
    heard_at: Option<Instant>,
    /// When anything last came from the peer, and since when its path is taken to be back without feedback having told of it.
    peer_at: Option<Instant>,
    back_at: Option<Instant>,
    tick_at: Option<Instant>,
    /// When feedback may be overdue, if none comes.
    overdue_at: Option<Instant>,
    /// Since when video waits for feedback.
    waits_since: Option<Instant>,
    careful: Option<Careful>,
    probes: u64,
}

impl<T> SendSide<T> {
    /// Nothing was sent yet.
    pub fn new(limits: Limits) -> Self {
        let estimator = Estimator::new(limits);
        let target = estimator.target();
        let mut pacer = Pacer::new(target);
        pacer.set_rates(target.times(PACE_MOST), target.times(PACE_MOST));
        Self {
            estimator,
            prober: ProbeController::new(),
            pacer,
            repairs: RepairLimiter::new(),
            timeline: Timeline::default(),
            audio: Meter::default(),
            offered: Meter::default(),
            repair: Meter::default(),
            padding: Meter::default(),
            next: 0,
            has_video: false,
            gate: Gate::Open,
            sent_at: None,
            heard_at: None,
            peer_at: None,
            back_at: None,
            tick_at: None,
            overdue_at: None,
            waits_since: None,
            careful: None,
            probes: 0,
        }
    }

    /// Other limits from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.estimator.set_limits(limits);
    }

    /// The limits in force.
    pub fn limits(&self) -> Limits {
        self.estimator.limits()
    }

    /// What is known of the path.
    pub fn state(&mut self, now: Instant) -> State {
        self.estimator.state(now)
    }

    /// What may be sent, of everything together.
    pub fn target(&self) -> BitRate {
        self.estimator.target()
    }

    /// What is left of the target for new video, headers included: less audio and repair as they are sent of late.
    pub fn video_target(&mut self, now: Instant) -> BitRate {
        let now_us = self.timeline.at(now);
        let target = self.target().as_f64();
        // A probe of a fast link is over in no time; on a slow one it is a queue that has to be made good.
        let padding = if self.target() < SLOW { self.padding.last_second(now_us) } else { 0.0 };
        let extra = (self.repair.last_second(now_us) + padding).min(EXTRA_MOST * target);
        BitRate::from_f64(target - self.audio.rate(now_us) - extra)
    }

    /// A stream of video that needs a key frame because frames of it were left out; again if it does not come.
    pub fn wants_key_frame(&mut self, now: Instant) -> Option<u32> {
        self.pacer.wants_key_frame(now)
    }

    /// Whether feedback is overdue, so that pictures wait, and what is made now would be out of date when it leaves. Not on a slow link:
    /// there pictures are small, none can be spared, and feedback is late by chance more often.
    pub fn is_waiting(&self) -> bool {
        self.pacer.is_paused() && self.target() >= SLOW
    }

    /// Takes a packet that is to be sent.
    pub fn push(&mut self, now: Instant, packet: Packet<T>) -> Admission {
        if let Kind::Video(_) = packet.kind {
            self.has_video = true;
            self.offered.add(self.timeline.at(now), packet.bytes.min(PACKET_MOST));
        }
        self.pacer.push(now, packet)
    }

    /// Takes a packet that is to be sent again: number `sequence` (RTP) of stream `ssrc`.
    pub fn push_repair(&mut self, now: Instant, (ssrc, sequence): (u32, u16), bytes: usize, body: T) -> Repair {
        let state = self.estimator.state(now);
        // Through the queue that the copy before has met.
        let rtt = state.rtt + self.estimator.newest_queue();
        let answer = self.repairs.ask(now, (ssrc, sequence), bytes, rtt, state.target);
        if answer == Repair::Send {
            self.pacer.push(now, Packet { kind: Kind::Repair, bytes, body });
        }
        answer
    }

    /// The next packet that leaves at `now`, with its transport-wide number. Call it again until there is none. `padding`
    /// makes a packet of about so many bytes to fill a probe; a copy of one sent before does.
    pub fn poll(
        &mut self,
        now: Instant,
        mut padding: impl FnMut(usize) -> Option<Packet<T>>,
    ) -> Option<(u64, Departure<T>)> {
        self.tick(now);
        let departure = self.pacer.poll(now, &mut padding).or_else(|| self.trickle(now, &mut padding));
        for (id, was_sent) in self.pacer.take_ended() {
            if was_sent {
                self.estimator.probe_complete(id);
                self.probes += 1;
            } else {
                self.estimator.probe_abandoned(id);
                self.prober.on_abandoned();
            }
        }
        let departure = departure?;
        let sequence = self.next;
        self.next += 1;
        self.sent_at = Some(now);
        let now_us = self.timeline.at(now);
        match departure.kind {
            Kind::Audio => self.audio.add(now_us, departure.bytes),
            Kind::Repair => self.repair.add(now_us, departure.bytes),
            Kind::Padding => self.padding.add(now_us, departure.bytes),
            Kind::Video(_) => self.spend(sequence, departure.bytes),
        }
        self.estimator.sent(&Sent { sequence, at: now, bytes: departure.bytes, probe: departure.probe });
        if self.careful.is_some_and(|careful| careful.last == Some(sequence)) {
            self.settle(now);
        }
        Some((sequence, departure))
    }

    /// When to poll next, at the latest.
    pub fn wake(&self) -> Option<Instant> {
        let tick = self.tick_at.map(|tick| tick + TICK);
        [self.pacer.wake(), tick, self.overdue_at].into_iter().flatten().min()
    }

    /// The packet that a feedback means by the last 16 bits of its number.
    pub fn sequence(&self, low: u16) -> Option<u64> {
        at_or_before(self.next.checked_sub(1)?, low)
    }

    /// Takes in a feedback that came at `now`.
    pub fn feedback(&mut self, now: Instant, reports: &[Report]) {
        let has_arrivals = self.estimator.feedback(now, reports, self.pacer.is_paused());
        for outcome in self.estimator.take_outcomes() {
            self.prober.on_outcome(outcome);
        }
        if has_arrivals {
            self.heard_at = Some(now);
            let is_past = |last: u64| reports.iter().any(|report| report.sequence >= last);
            self.careful.take_if(|careful| careful.last.is_some_and(is_past));
            if matches!(self.gate, Gate::Outage { .. }) {
                self.gate = Gate::Open;
            }
        }
        let has_fallen = self.estimator.take_fall();
        if has_fallen && self.gate == Gate::Open {
            // Video that waited for feedback stopped as it began to.
            self.gate = Gate::Draining { since: self.waits_since.unwrap_or(now) };
        }
        self.settle(now);
    }

    /// Something came from the peer, whatever it is. Where both ways were silent, one that is back means that the other is too: it
    /// is a round trip and a feedback's time until the peer can say so, in which the first picture may be on its way. Returns whether
    /// an outage is over by this.
    pub fn heard(&mut self, now: Instant) -> bool {
        let before = self.peer_at.replace(now);
        let was_silent = before.is_some_and(|before| now.saturating_duration_since(before) > SILENCE);
        let is_over = was_silent && matches!(self.gate, Gate::Outage { .. });
        if is_over {
            self.gate = Gate::Open;
            self.heard_at = Some(now);
            self.back_at = Some(now);
            self.settle(now);
        }
        is_over
    }

    /// Figures as of `now`.
    pub fn statistics(&mut self, now: Instant) -> Statistics {
        Statistics {
            state: self.estimator.state(now),
            queue: self.pacer.queue(),
            frames_dropped: self.pacer.frames_dropped(),
            probes: self.probes,
            is_outage: matches!(self.gate, Gate::Outage { .. }),
        }
    }

    fn tick(&mut self, now: Instant) {
        if self.overdue_at.is_some_and(|overdue| overdue <= now) {
            self.settle(now);
        }
        if self.tick_at.is_some_and(|tick| now.saturating_duration_since(tick) < TICK) {
            return;
        }
        self.tick_at = Some(now);
        let state = self.estimator.state(now);
        let silent_for = self.heard_at.map(|heard| now.saturating_duration_since(heard));
        if self.gate == Gate::Open
            && state.in_flight > 0
            && silent_for.is_some_and(|silence| silence > SILENCE + state.rtt)
        {
            self.gate = Gate::Outage { trickled: now };
        }
        self.settle(now);
        // A probe needs packets that can be copied.
        if self.gate == Gate::Open && self.has_video {
            while let Some(cluster) = self.prober.next(now, &state, self.estimator.limits()) {
                self.pacer.probe(now, cluster);
            }
        }
    }

    /// Sets gate and rates by what is known.
    fn settle(&mut self, now: Instant) {
        let state = self.estimator.state(now);
        if let Gate::Draining { since } = self.gate {
            let path = state.target.times(state.rtt.as_secs_f64() + DRAINED.as_secs_f64()).as_bps() as usize / 8;
            let is_over = self.estimator.is_below(DRAINED)
                || self.estimator.must_be_empty(now, since)
                || state.in_flight < path
                || now.saturating_duration_since(since) > DRAIN_MOST;
            if is_over {
                self.gate = Gate::Open;
            }
        }
        let most = state.target.times(PACE_MOST);
        // A path that loses may be one with hardly a queue, for which bursts are too much; so may a share of one.
        let blind = if state.loss > LOSSY || state.is_shared { state.target.times(PACE_LOSSY) } else { most };
        let usual = state.capacity.map_or(blind, |capacity| capacity.times(PACE_USUAL).max(state.target).min(most));
        // An encoder that makes more than it is told, at its coarsest on a slow link, must not keep a queue in the path: what it makes too much
        // waits here until it is left out.
        let is_excess = state.target < SLOW && state.queue > STANDS + state.jitter && {
            let offered = self.offered.rate(self.timeline.at(now));
            offered > EXCESS * self.video_target(now).as_f64()
        };
        let slow = state.target.times(PACE_EXCESS);
        // What waits here is passed by sound, what waits in the path is not.
        let known_slow = state.capacity.filter(|_| state.target < SLOW);
        let (usual, most) = known_slow.map_or((usual, most), |capacity| {
            (capacity.times(PACE_SLOW).max(state.target), capacity.times(PACE_MOST_SLOW).max(state.target))
        });
        let (usual, most) = if is_excess { (slow, slow) } else { (usual, most) };
        self.pacer.set_rates(usual, most);
        self.pacer.hold(self.gate != Gate::Open);
        let usual = (UNHEARD + state.target.time_for(UNHEARD_BYTES)).min(UNHEARD_MOST);
        let unheard = if state.loss > MISSING { UNHEARD_MOST } else { usual };
        let overdue = unheard + state.queue + 3 * state.jitter;
        // What was sent into the outage is overdue for good, and what was sent after it is not yet.
        let is_back = self.back_at.is_some_and(|back| now.saturating_duration_since(back) < overdue + state.rtt);
        let unheard_for = self.estimator.unheard_for(now);
        let can_be = self.heard_at.is_some() && !is_back && state.in_flight > 0;
        let is_overdue = can_be && unheard_for > overdue;
        self.overdue_at = (can_be && !is_overdue).then(|| now + (overdue - unheard_for) + WELL_OVERDUE);
        self.wait(now, is_overdue, self.gate == Gate::Open && !is_back);
        self.pacer.pause(is_overdue || self.careful.is_some_and(|careful| careful.last.is_some()));
    }

    /// Notes since when feedback is overdue, and how to go on afterwards. What else holds video explains the wait.
    fn wait(&mut self, now: Instant, is_overdue: bool, is_unexplained: bool) {
        if !is_unexplained {
            (self.waits_since, self.careful) = (None, None);
        } else if is_overdue {
            self.waits_since.get_or_insert(now);
        } else if let Some(since) = self.waits_since.take()
            && now.saturating_duration_since(since) > LONG_WAIT
        {
            self.careful = Some(Careful { bytes: 0, last: None });
        }
    }

    /// Counts what leaves after a long wait.
    fn spend(&mut self, sequence: u64, bytes: usize) {
        let target = self.target();
        if let Some(careful) = self.careful.as_mut().filter(|careful| careful.last.is_none()) {
            careful.bytes += bytes;
            careful.last = (target.time_for(careful.bytes) >= CAREFUL).then_some(sequence);
        }
    }

    fn trickle(&mut self, now: Instant, padding: &mut dyn FnMut(usize) -> Option<Packet<T>>) -> Option<Departure<T>> {
        let Gate::Outage { trickled } = &mut self.gate else { return None };
        let last = self.sent_at.map_or(*trickled, |sent| sent.max(*trickled));
        if now.saturating_duration_since(last) < TRICKLE {
            return None;
        }
        *trickled = now;
        let packet = padding(100)?;
        Some(Departure { kind: packet.kind, bytes: packet.bytes, body: packet.body, probe: None })
    }
}
