//! The decision for all links at once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sightline_media::video::{LAYERS, LayerRates};

use super::climb::Climb;
use super::ladder::Source;

/// A larger layer is taken when the link has so much more than it needs: more than an estimate wobbles.
const CLIMB_MARGIN: f64 = 1.4;
/// A link with less than this part of what most others on its layer have leaves it to them and takes the next smaller one.
const DRAG: f64 = 0.6;
/// It comes back when it has this part.
const NO_DRAG: f64 = 0.85;

/// What a new link can carry is a guess for so long. Until it is known, the others wait for it rather than have one more
/// encoder for each who comes in.
const GUESS: Duration = Duration::from_millis(700);

/// What a link can carry, and what its receiver shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Demand {
    /// For pictures, bits a second; 0: none.
    pub video_bps: u32,
    /// Where the receiver shows them, pixels; `None` where it does not say.
    pub tile: Option<(u32, u32)>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    /// 0 where a layer is not taken.
    pub rates: LayerRates,
    /// By link: its layer, or `None` where pictures pause.
    pub links: BTreeMap<u32, Option<usize>>,
}

/// What is remembered of a link.
#[derive(Debug)]
struct Memory {
    since: Instant,
    /// Between pictures (0) and none (1).
    pause: Climb,
    /// Between layers.
    size: Climb,
    /// At each layer, between staying (0) and going one down for the others' sake (1).
    company: [Climb; LAYERS],
}

/// Decides, and remembers what it takes to do so calmly. Links are named by numbers that are not used twice.
#[derive(Debug, Default)]
pub(crate) struct Planner {
    links: BTreeMap<u32, Memory>,
}

impl Planner {
    /// Who takes what from now on. `top` is the largest layer that this machine encodes in time.
    pub(crate) fn plan(&mut self, now: Instant, source: Source, top: usize, demands: &BTreeMap<u32, Demand>) -> Plan {
        self.links.retain(|link, _| demands.contains_key(link));
        let mut links: BTreeMap<u32, Option<usize>> = BTreeMap::new();
        for (link, demand) in demands {
            let keep = source.affordable(demand.video_bps, 1.0);
            let climb = source.affordable(demand.video_bps, CLIMB_MARGIN);
            let off = usize::from(demand.video_bps == 0);
            let memory = self.links.entry(*link).or_insert_with(|| Memory {
                since: now,
                pause: Climb::new(off),
                size: Climb::new(keep),
                company: [Climb::new(0); LAYERS],
            });
            let paused = memory.pause.update(now, off, off) == 1;
            let affordable = memory.size.update(now, keep, climb);
            let layer = affordable.max(source.for_tile(demand.tile)).max(top).min(source.smallest());
            links.insert(*link, (!paused).then_some(layer));
        }
        let mut rates = [0; LAYERS];
        for (layer, rate) in rates.iter_mut().enumerate() {
            self.part_company(now, source, layer, demands, &mut links);
            let takers = links.iter().filter(|(_, taken)| **taken == Some(layer));
            let least = takers.map(|(link, _)| demands[link].video_bps).min();
            *rate = least.map_or(0, |least| least.min(source.ceiling(layer)));
        }
        Plan { rates, links }
    }

    /// Sends those who would drag down most of a layer's takers to the next smaller layer.
    fn part_company(
        &mut self,
        now: Instant,
        source: Source,
        layer: usize,
        demands: &BTreeMap<u32, Demand>,
        links: &mut BTreeMap<u32, Option<usize>>,
    ) {
        if layer >= source.smallest() {
            return;
        }
        let has = |link: &u32| demands[link].video_bps.min(source.ceiling(layer));
        let takers: Vec<u32> =
            links.iter().filter(|(_, taken)| **taken == Some(layer)).map(|(link, _)| *link).collect();
        let mut rates: Vec<u32> = takers.iter().map(has).collect();
        rates.sort_unstable();
        // Of two, the better one.
        let Some(most) = rates.get(rates.len() / 2).copied().map(f64::from) else { return };
        for link in takers {
            let own = f64::from(has(&link));
            let Some(memory) = self.links.get_mut(&link) else { continue };
            if now.saturating_duration_since(memory.since) < GUESS {
                continue;
            }
            let (keep, climb) = (usize::from(own < most * DRAG), usize::from(own < most * NO_DRAG));
            if memory.company[layer].update(now, keep, climb) == 1 {
                links.insert(link, Some(layer + 1));
            }
        }
    }
}
