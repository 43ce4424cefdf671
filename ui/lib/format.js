/**
 * Numbers and times in words.
 *
 * Invariant: unknown is a dash, never 0; time and zone are arguments, so that the same input gives the same text.
 */
import { t, locale } from '../strings.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

/**
 * Decimals by size: 0.04, 1.5, 24.
 * @param {number | null | undefined} value
 * @param {number} [decimals]
 */
export function number(value, decimals = 0) {
  return value === null || value === undefined || !Number.isFinite(value) ? t.unknown : value.toFixed(decimals);
}

/** @param {number | null | undefined} kbps kilobit per second, shown as megabit per second */
export function megabits(kbps) {
  if (kbps === null || kbps === undefined) return t.unknown;
  const mbps = kbps / 1000;
  return number(mbps, mbps !== 0 && mbps < 0.1 ? 2 : 1);
}

/** @param {number} ms as on a clock: 2:41, 1:02:41 */
export function clock(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const two = (/** @type {number} */ n) => String(n).padStart(2, '0');
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** @param {number} ms a length of time in words: 41 s, 12 min, 1 h 5 min */
export function duration(ms) {
  if (ms < MINUTE_MS) return t.time.seconds(Math.max(0, Math.round(ms / 1000)));
  const minutes = Math.round(ms / MINUTE_MS);
  if (minutes < 60) return t.time.minutes(minutes);
  return t.time.hours(Math.floor(minutes / 60), minutes % 60);
}

/**
 * When something was, as short as stays clear: 'Today 14:02', 'Yesterday 18:30', 'Wed 09:15', '19 Nov 09:15'.
 * @param {number} atMs
 * @param {number} nowMs
 * @param {string} [timeZone] the system's, if not given
 */
export function when(atMs, nowMs, timeZone) {
  const days = dayNumber(nowMs, timeZone) - dayNumber(atMs, timeZone);
  const time = timeOfDay(atMs, timeZone);
  if (days === 0) return t.time.today(time);
  if (days === 1) return t.time.yesterday(time);
  if (days > 1 && days < 7) return `${part(atMs, { weekday: 'short' }, timeZone)} ${time}`;
  return `${date(atMs, nowMs, timeZone)} ${time}`;
}

/**
 * @param {number} atMs
 * @param {number} nowMs the year is left out if it is this year
 * @param {string} [timeZone]
 */
export function date(atMs, nowMs, timeZone) {
  const year = part(atMs, { year: 'numeric' }, timeZone);
  const text = part(atMs, { day: 'numeric', month: 'short' }, timeZone);
  return year === part(nowMs, { year: 'numeric' }, timeZone) ? text : `${text} ${year}`;
}

/**
 * @param {number} atMs
 * @param {string} [timeZone]
 * @param {boolean} [seconds]
 */
export function timeOfDay(atMs, timeZone, seconds = false) {
  /** @type {Intl.DateTimeFormatOptions} */
  const options = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
  if (seconds) options.second = '2-digit';
  return part(atMs, options, timeZone);
}

/**
 * @param {number | null} width
 * @param {number | null} height
 */
export function size(width, height) {
  return width === null || height === null ? t.unknown : `${width}×${height}`;
}

/** @param {string} name the letters that stand for a person without a picture */
export function initials(name) {
  const words = name.trim().split(/\s+/u).filter(Boolean);
  const letters = [words[0], words.length > 1 ? words[words.length - 1] : undefined];
  return (
    letters
      .map((word) => (word ? [...word][0] : ''))
      .join('')
      .toUpperCase() || '?'
  );
}

/**
 * Days since 1970 on the calendar of the zone. By parts: how a whole date is written differs between engines.
 * @param {number} atMs
 * @param {string} [timeZone]
 */
function dayNumber(atMs, timeZone) {
  const parts = format({ year: 'numeric', month: 'numeric', day: 'numeric' }, timeZone).formatToParts(new Date(atMs));
  const value = (/** @type {Intl.DateTimeFormatPartTypes} */ type) =>
    Number(parts.find((one) => one.type === type)?.value);
  return Math.round(Date.UTC(value('year'), value('month') - 1, value('day')) / (24 * HOUR_MS));
}

/** @type {Map<string, Intl.DateTimeFormat>} Making one costs far more than using it; there are fewer than ten. */
const formats = new Map();

/**
 * @param {Intl.DateTimeFormatOptions} options
 * @param {string} [timeZone]
 */
function format(options, timeZone) {
  const key = `${timeZone ?? ''} ${JSON.stringify(options)}`;
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat(locale, timeZone ? { ...options, timeZone } : options);
    formats.set(key, made);
  }
  return made;
}

/**
 * @param {number} atMs
 * @param {Intl.DateTimeFormatOptions} options
 * @param {string} [timeZone]
 */
function part(atMs, options, timeZone) {
  return format(options, timeZone).format(new Date(atMs));
}
