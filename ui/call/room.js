/**
 * The room around a call: what changed of it in sentences, and when to say how long it lasts. Pure.
 *
 * Invariant: each change is told once; a warning of the end is said once, also where the page came too late for one before it.
 */
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').CallState} CallState */
/** @typedef {import('../generated/ipc.js').RoomShown} RoomShown */
/** @typedef {import('../generated/ipc.js').Person} Person */

/** The time that is left when it is said, ms; as the server warns. */
export const WARNINGS_MS = [300_000, 60_000, 10_000];

/**
 * The warning that is due now.
 * @param {number | null} said the one that was said last
 * @param {number} leftMs
 * @returns {number | null} null is none
 */
export function dueWarning(said, leftMs) {
  const due = WARNINGS_MS.filter((at) => leftMs <= at).at(-1);
  return due === undefined || leftMs <= 0 || (said !== null && said <= due) ? null : due;
}

/** @param {number} leftMs in words that are read out well */
export function leftWords(leftMs) {
  const seconds = Math.ceil(leftMs / 1000);
  return seconds < 60 ? t.room.seconds(seconds) : t.room.minutes(Math.round(seconds / 60));
}

/**
 * Names of the hosts who are here, in the order of the tiles.
 * @param {CallState} state
 * @returns {string[]}
 */
export function hostNames({ room, tiles }) {
  const hosts = new Set(room?.hosts);
  return firstTiles(tiles)
    .filter((tile) => hosts.has(tile.peer))
    .map(({ name, self }) => (self ? t.call.you(name) : name));
}

/**
 * One tile for each who is here: a further picture has a name of its own.
 * @param {readonly import('../generated/ipc.js').Tile[]} tiles
 */
export function firstTiles(tiles) {
  return tiles.filter((tile, index) => tiles.findIndex((other) => other.peer === tile.peer) === index);
}

/**
 * @param {CallState} before
 * @param {CallState} after
 * @returns {string[]}
 */
export function roomNews({ room: before }, { room: after, tiles }) {
  if (!after) return [];
  const lines = [];
  const arrived = came(before?.waiting ?? [], after.waiting);
  if (arrived.length > 1) lines.push(t.room.manyWait(arrived.length));
  else if (arrived[0]) lines.push(t.room.waits(arrived[0].name));
  if (after.notice && after.notice !== before?.notice) lines.push(after.notice);
  if (before && before.locked !== after.locked) lines.push(after.locked ? t.room.lockedNow : t.room.unlockedNow);
  for (const one of came(before?.observers ?? [], after.observers)) lines.push(t.room.beganToWatch(one.name));
  for (const one of came(after.observers, before?.observers ?? [])) lines.push(t.room.stoppedWatching(one.name));
  for (const id of after.hosts) {
    // Of ourselves the notice tells.
    const host = id !== '' && !before?.hosts.includes(id) && tiles.find((tile) => tile.peer === id);
    if (host) lines.push(t.room.becameHost(host.name));
  }
  return lines;
}

/**
 * @param {readonly Person[]} before
 * @param {readonly Person[]} after
 */
function came(before, after) {
  const known = new Set(before.map(({ id }) => id));
  return after.filter(({ id }) => !known.has(id));
}
