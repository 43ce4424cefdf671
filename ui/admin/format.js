/**
 * What a server tells an admin, in words.
 *
 * Invariant: a word of a newer server, which no entry of the strings has, is shown as it came, without its hyphens.
 */
import { date, duration, number, timeOfDay } from '../lib/format.js';
import { locale, t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').AdminCall} AdminCall */
/** @typedef {import('../generated/ipc.js').QualityClass} QualityClass */

/** @param {Record<string, string>} words @param {string} word */
function lookUp(words, word) {
  return Object.hasOwn(words, word) ? /** @type {string} */ (words[word]) : t.admin.word(word);
}

/** Why a stay, a session or a room ended. @param {string} reason */
export const reasonWord = (reason) => lookUp(t.admin.reasons, reason);
/** Why there was a break. @param {string} cause */
export const breakWord = (cause) => lookUp(t.admin.breaks, cause);
/** @param {string} path */
export const pathWord = (path) => lookUp(t.admin.pathTypes, path);
/** What an admin did. @param {string} action */
export const actionWord = (action) => lookUp(t.admin.audit.actions, action);

/** What spoilt most. @param {string | undefined} worst as it is uploaded: cause, kind, direction */
export function worstWords(worst) {
  const [cause, ...stream] = (worst ?? '').split(' ');
  if (!cause || stream.length !== 2) return null;
  return t.admin.worst(lookUp(t.admin.causes, cause), lookUp(t.admin.streams, stream.join(' ')));
}

/** The quality as the dots have it. @param {import('../generated/ipc.js').CallQuality} quality @returns {QualityClass | null} */
export function qualityClass(quality) {
  return quality === 'unknown' ? null : quality;
}

/** @param {{quality: import('../generated/ipc.js').CallQuality, windows: number, goodWindows: number}} of */
export function qualityWords({ quality, windows, goodWindows }) {
  if (quality === 'unknown' || windows === 0) return t.admin.unknownQuality;
  return t.quality.share(Math.round((100 * goodWindows) / windows));
}

/** @param {AdminCall} call @param {number} now */
export function lengthWords(call, now) {
  return duration((call.endedMs ?? now) - call.startedMs);
}

/** @param {AdminCall} call the room's name, or its code where it has none */
export function roomWords(call) {
  return call.name ?? call.code;
}

/** @param {number} count with the separators of the language */
export function counted(count) {
  return Math.round(count).toLocaleString(locale);
}

/** @param {number | undefined} value @param {number} [decimals] */
export function figure(value, decimals = 0) {
  return value !== undefined && value >= 1000 ? counted(value) : number(value, decimals);
}

/** From when to when, by the minute. @param {number} fromMs @param {number | undefined} toMs */
export function span(fromMs, toMs) {
  return t.admin.call.span(timeOfDay(fromMs), toMs === undefined ? t.admin.call.now : timeOfDay(toMs));
}

/** A moment with its day and second. @param {number} ms @param {number} now */
export function moment(ms, now) {
  return `${date(ms, now)} ${timeOfDay(ms, undefined, true)}`;
}

/** The start of a day as the calendar here has it; null where nothing is chosen. @param {string} day as an input gives it @param {number} [later] days */
export function dayMs(day, later = 0) {
  const [year, month, of] = day.split('-').map(Number);
  if (!year || !month || !of) return null;
  // By the calendar: a day of a change of clocks is no 24 hours.
  return new Date(year, month - 1, of + later).getTime();
}

/** A day as an input takes it. @param {number} ms */
export function dayText(ms) {
  const day = new Date(ms);
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  return `${day.getFullYear()}-${two(day.getMonth() + 1)}-${two(day.getDate())}`;
}
