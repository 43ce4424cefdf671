/**
 * Who is outlined as speaking.
 *
 * Invariant: at most one at a time; it changes only to someone who is clearly louder, and stays over the pauses of speech.
 */

/** Of full scale: above breathing and fans. */
const AUDIBLE = 0.04;
/** A pause between sentences. */
const HOLD_MS = 1200;
/** Someone else has to be this much louder to take over from a speaker who is not silent. */
const LOUDER = 1.5;

/** @typedef {{id: string | null, heardMs: number}} Speaker */

/** @type {Speaker} */
export const NOBODY = { id: null, heardMs: 0 };

/**
 * @param {Speaker} now
 * @param {Record<string, number>} levels of each tile, 0 to 1
 * @param {number} nowMs
 * @returns {Speaker}
 */
export function nextSpeaker(now, levels, nowMs) {
  let loudest = null;
  let level = AUDIBLE;
  for (const [id, value] of Object.entries(levels)) {
    if (value >= level) [loudest, level] = [id, value];
  }
  const own = now.id === null ? 0 : (levels[now.id] ?? 0);
  const heard = own >= AUDIBLE;
  const free = now.id === null || (!heard && nowMs - now.heardMs > HOLD_MS);
  if (loudest !== null && loudest !== now.id && (free || (heard && level >= own * LOUDER))) {
    return { id: loudest, heardMs: nowMs };
  }
  if (heard) return { id: now.id, heardMs: nowMs };
  return free ? NOBODY : now;
}

/**
 * The levels of those whose microphone is on: what is left in a buffer of one who is muted is no speech.
 * @param {Record<string, number>} levels of each tile, 0 to 1
 * @param {readonly {id: string, audio: boolean}[]} tiles
 * @returns {Record<string, number>}
 */
export function audible(levels, tiles) {
  const on = tiles.filter(({ id, audio }) => audio && id in levels);
  return Object.fromEntries(on.map(({ id }) => [id, levels[id] ?? 0]));
}
