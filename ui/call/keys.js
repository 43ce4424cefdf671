/**
 * What a key does in a call.
 *
 * Invariants: nothing while someone types or holds Ctrl, Alt or Meta; space on a focused control is that control's; a
 * microphone that push-to-talk opened is closed again whatever happens, and one that was open before stays open.
 */

/** @typedef {'microphone' | 'camera' | 'chat' | 'people' | 'quality' | 'leave' | 'help' | 'mark' | 'talk' | 'escape'} KeyAction */
/** What ends the call for all has no key: nobody presses it by mistake. @typedef {KeyAction | 'end'} Action */

/** @type {Record<string, KeyAction>} by `KeyboardEvent.code`, for keyboards of other alphabets */
const BY_CODE = {
  KeyM: 'microphone',
  KeyV: 'camera',
  KeyC: 'chat',
  KeyP: 'people',
  KeyQ: 'quality',
  KeyL: 'leave',
  KeyB: 'mark',
};

/** @type {Record<string, KeyAction>} by `KeyboardEvent.key`: what people with other layouts mean */
const BY_KEY = {
  m: 'microphone',
  v: 'camera',
  c: 'chat',
  p: 'people',
  q: 'quality',
  l: 'leave',
  b: 'mark',
  '?': 'help',
  ' ': 'talk',
  Escape: 'escape',
};

/** What the help sheet lists, in its order. @type {[string, KeyAction][]} */
export const KEYS = [
  ['M', 'microphone'],
  ['V', 'camera'],
  ['Space', 'talk'],
  ['C', 'chat'],
  ['P', 'people'],
  ['Q', 'quality'],
  ['B', 'mark'],
  ['L', 'leave'],
  ['?', 'help'],
  ['Esc', 'escape'],
];

/**
 * @param {{key: string, code: string, ctrlKey: boolean, altKey: boolean, metaKey: boolean, repeat: boolean}} event
 * @param {'page' | 'control' | 'text'} focus what has the focus
 * @returns {KeyAction | null}
 */
export function actionOf(event, focus) {
  if (event.key === 'Escape') return 'escape';
  if (event.repeat || event.ctrlKey || event.altKey || event.metaKey || focus === 'text') return null;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const latin = /^[\x20-\x7e]$/.test(key) || key.length > 1;
  const action = BY_KEY[key] ?? (latin ? undefined : BY_CODE[event.code]) ?? null;
  return action === 'talk' && focus === 'control' ? null : action;
}

/** @param {EventTarget | null} target @returns {'page' | 'control' | 'text'} */
export function focusKind(target) {
  if (!(target instanceof HTMLElement)) return 'page';
  if (target.closest('textarea, select, input:not([type="checkbox"])')) return 'text';
  return target.closest('button, a[href], input, summary, [tabindex="0"]') ? 'control' : 'page';
}

/**
 * Push-to-talk.
 * @param {boolean} holding whether space is held and opened the microphone
 * @param {'down' | 'up'} key `up` also when the window loses the focus
 * @param {boolean} microphoneOn
 * @returns {{holding: boolean, set: boolean | null}} what to set the microphone to
 */
export function pushToTalk(holding, key, microphoneOn) {
  if (key === 'down') return holding || microphoneOn ? { holding, set: null } : { holding: true, set: true };
  return { holding: false, set: holding ? false : null };
}
