/** Pickers and switches of cameras, microphones and speakers, the same in the lobby, the call and the settings. */
import { fill, h, set } from './dom.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').DeviceKind} DeviceKind */

/** @type {DeviceKind[]} */
export const KINDS = ['camera', 'microphone', 'speaker'];

/**
 * The options of a device picker; a device that is not there now stays chosen and says so.
 * @param {HTMLSelectElement} select
 * @param {DeviceKind} kind
 * @param {import('../generated/ipc.js').Device[]} devices
 * @param {string} chosen
 */
export function fillPicker(select, kind, devices, chosen) {
  const present = devices.filter((device) => device.kind === kind);
  const usual = present.find((device) => device.isDefault);
  const first = present.length === 0 ? t.devices.none[kind] : t.devices.usual(usual?.name ?? null);
  const options = [
    h('option', { value: '' }, first),
    ...present.map(({ id, name }) => h('option', { value: id }, name)),
  ];
  if (chosen !== '' && !present.some((device) => device.id === chosen)) {
    options.push(h('option', { value: chosen }, t.devices.away));
  }
  fill(select, ...options);
  select.value = chosen;
  select.disabled = options.length === 1;
}

/**
 * A round switch for microphone or camera.
 * @param {HTMLButtonElement} button
 * @param {boolean} isOn
 * @param {string} label
 * @param {[import('../icons.js').IconName, import('../icons.js').IconName]} icons for on and off
 */
export function showSwitch(button, isOn, label, icons) {
  set(button, 'aria-pressed', String(isOn));
  set(button, 'aria-label', label);
  set(button, 'title', isOn ? t.call.turnOff(label) : t.call.turnOn(label));
  button.classList.toggle('off', !isOn);
  const name = icons[isOn ? 0 : 1];
  if (button.dataset.icon === name) return;
  // Only then: a picture that is replaced between press and release takes the click with it.
  button.dataset.icon = name;
  fill(button, icon(name));
}
