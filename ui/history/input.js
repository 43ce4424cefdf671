/**
 * What the pointer and the keys do on the charts, as the native side takes it.
 *
 * Invariant: of moves only the last since the previous frame is kept, as of what charts beside these show, so the list stays short however fast they come.
 */

/**
 * @typedef {'pointerLeft'
 *   | {pointerMoved: {x: number, y: number}}
 *   | {button: {x: number, y: number, pressed: boolean, primary: boolean}}
 *   | {wheel: {dx: number, dy: number, ctrl: boolean}}
 *   | {key: {name: string, pressed: boolean}}
 *   | {hide: {series: string, hidden: boolean}}
 *   | {range: {fromMs: number, toMs: number}}
 *   | {window: {fromMs: number, toMs: number}}
 *   | {beside: {atMs: number | null}}
 *   | {theme: 'light' | 'dark'}} InputEvent
 */

/**
 * @typedef {object} ChartInput
 * @property {number} widthPoints
 * @property {number} heightPoints
 * @property {number} pixelsPerPoint
 * @property {[number, number] | null} visiblePoints top and bottom of what is seen of the canvas; null is all of it
 * @property {number} timeS on a clock that only goes on
 * @property {InputEvent[]} events
 */

/** The native side takes 500; what is beyond that in one frame is no person's doing. */
const AT_MOST = 200;

/**
 * @param {readonly InputEvent[]} events
 * @param {InputEvent} event
 * @returns {InputEvent[]}
 */
export function queued(events, event) {
  const [kind, last] = [kindOf(event), events.at(-1)];
  let before = events;
  // What charts beside these show: the last counts, whatever came between.
  if (kind === 'window' || kind === 'beside') before = events.filter((one) => kindOf(one) !== kind);
  else if (kind === 'pointerMoved' && last && kindOf(last) === kind) before = events.slice(0, -1);
  return before.length < AT_MOST ? [...before, event] : [...before];
}

/** @param {InputEvent} event */
function kindOf(event) {
  return typeof event === 'object' ? Object.keys(event)[0] : event;
}

/** Points that a line of a wheel's turning stands for. */
const LINE = 16;

/**
 * A wheel zooms with Ctrl and pans sideways; up and down it is the page's, which then scrolls.
 * @param {{deltaX: number, deltaY: number, deltaMode: number, ctrlKey: boolean, metaKey: boolean, shiftKey: boolean}} wheel
 * @returns {InputEvent | null} null where the page is to scroll
 */
export function wheelEvent(wheel) {
  const unit = wheel.deltaMode === 0 ? 1 : LINE;
  const ctrl = wheel.ctrlKey || wheel.metaKey;
  let [dx, dy] = [wheel.deltaX * unit, wheel.deltaY * unit];
  if (wheel.shiftKey && dx === 0) [dx, dy] = [dy, 0];
  if (ctrl) return { wheel: { dx: 0, dy, ctrl: true } };
  return Math.abs(dx) > Math.abs(dy) ? { wheel: { dx, dy: 0, ctrl: false } } : null;
}

/** Keys that the charts take; the others stay the page's. */
const KEYS = new Set(['ArrowLeft', 'ArrowRight', '+', '=', '-', '0', 'Home', 'Escape']);

/** @param {string} name of a key @returns {InputEvent | null} */
export function keyEvent(name) {
  if (!KEYS.has(name)) return null;
  return { key: { name: name === '=' ? '+' : name, pressed: true } };
}
