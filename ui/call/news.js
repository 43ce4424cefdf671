/**
 * What changed in a call, in sentences for the live region; and the chat's count of unread messages.
 *
 * Invariant: each change is told once, and what one did oneself is told only if it cannot be heard otherwise.
 */
import { roomNews } from './room.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').CallState} CallState */

/**
 * @param {CallState | null} before
 * @param {CallState} after
 * @returns {string[]}
 */
export function news(before, after) {
  if (!before) return [];
  const lines = [];
  if (before.phase !== after.phase && after.phase !== 'ended') lines.push(t.call.phase[after.phase]);
  if (after.note && after.note !== before.note) lines.push(after.note);
  if (before.me.microphone !== after.me.microphone)
    lines.push(after.me.microphone ? t.call.microphoneIsOn : t.call.microphoneIsOff);
  if (before.me.camera !== after.me.camera) lines.push(after.me.camera ? t.call.cameraIsOn : t.call.cameraIsOff);
  if (after.me.note && after.me.note !== before.me.note) lines.push(after.me.note);
  return [...lines, ...roomNews(before, after), ...tileNews(before, after)];
}

/** @param {CallState} before @param {CallState} after */
function tileNews(before, after) {
  const lines = [];
  const others = new Map(before.tiles.map((tile) => [tile.id, tile]));
  for (const tile of after.tiles) {
    const old = others.get(tile.id);
    others.delete(tile.id);
    if (tile.self) continue;
    if (!old) lines.push(t.call.joined(tile.name));
    else if (old.connection !== tile.connection && tile.connection !== 'connecting') {
      lines.push(t.call.connectionOf[tile.connection](tile.name));
    } else if (old.audio !== tile.audio) lines.push(tile.audio ? t.call.unmuted(tile.name) : t.call.muted(tile.name));
  }
  for (const gone of others.values()) if (!gone.self) lines.push(t.call.left(gone.name));
  return lines;
}

/** Kept of a chat; older lines leave the page. */
export const CHAT_LINES = 500;

/** @typedef {{messages: import('../generated/ipc.js').ChatLine[], unread: number}} ChatState */

/** @type {ChatState} */
export const NO_CHAT = { messages: [], unread: 0 };

/**
 * @param {ChatState} chat
 * @param {import('../generated/ipc.js').ChatLine} message
 * @param {boolean} seen whether the chat is open
 * @returns {ChatState}
 */
export function received(chat, message, seen) {
  if (chat.messages.some(({ number }) => number === message.number)) return chat;
  const messages = [...chat.messages, message].slice(-CHAT_LINES);
  return { messages, unread: seen || message.own ? chat.unread : chat.unread + 1 };
}

/**
 * With what was written before the page was loaded anew; it counts as read.
 * @param {ChatState} chat what came since
 * @param {import('../generated/ipc.js').ChatLine[]} lines everything so far
 * @returns {ChatState}
 */
export function restored(chat, lines) {
  const told = new Set(lines.map(({ number }) => number));
  const since = chat.messages.filter(({ number }) => !told.has(number));
  return { ...chat, messages: [...lines, ...since].slice(-CHAT_LINES) };
}
