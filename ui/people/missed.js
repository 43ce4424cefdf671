/** Calls that nobody took, among those that were. */
import { h } from '../lib/dom.js';
import { when } from '../lib/format.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').CallLine} CallLine */
/** @typedef {import('../generated/ipc.js').MissedCall} MissedCall */

/**
 * Calls and missed calls, the latest first. Where there are more calls than are given, missed calls that are older than all
 * of these have to wait for them.
 * @param {readonly CallLine[]} calls the latest first
 * @param {readonly MissedCall[]} missed the latest first
 * @param {boolean} more there are older calls
 * @returns {({call: CallLine} | {missed: MissedCall})[]}
 */
export function withMissed(calls, missed, more) {
  const oldest = calls.at(-1)?.startedMs ?? -Infinity;
  const lines = [
    ...calls.map((call) => ({ at: call.startedMs, line: { call } })),
    ...missed.filter(({ atMs }) => !more || atMs >= oldest).map((one) => ({ at: one.atMs, line: { missed: one } })),
  ];
  return lines.sort((a, b) => b.at - a.at).map(({ line }) => line);
}

/**
 * A line of Home for a missed call.
 * @param {MissedCall} missed
 * @param {(name: string) => void} callBack
 * @param {boolean} able whether one can call back
 */
export function missedHomeLine(missed, callBack, able) {
  const parts = [
    h('span', { class: 'who clip', title: missed.from }, h('bdi', {}, missed.from)),
    h('span', { class: 'soft when' }, when(missed.atMs, Date.now())),
    h('span', { class: 'length' }),
    h('span', { class: 'headline' }, h('span', { class: 'chip missed' }, icon('missed', 'small'), t.contacts.missed)),
    h('span', { class: 'words soft' }, able ? t.contacts.callBack : ''),
  ];
  return h('li', { class: missed.seen ? '' : 'unseen' }, missedButton(missed, 'recent-call', callBack, able, parts));
}

/**
 * A line of the history for a missed call.
 * @param {MissedCall} missed
 * @param {(name: string) => void} callBack
 * @param {boolean} able
 */
export function missedHistoryLine(missed, callBack, able) {
  const parts = [
    h(
      'span',
      { class: 'grow' },
      h('span', { class: 'call-who clip', title: missed.from }, h('bdi', {}, missed.from)),
      h('span', { class: 'soft small clip num' }, `${when(missed.atMs, Date.now())} · ${t.contacts.missedCall}`),
    ),
    h('span', { class: 'soft small call-quality' }, icon('missed', 'small'), able ? t.contacts.callBack : t.contacts.missed),
  ];
  return h('li', {}, missedButton(missed, 'call-line', callBack, able, parts));
}

/**
 * @param {MissedCall} missed
 * @param {string} look class
 * @param {(name: string) => void} callBack
 * @param {boolean} able
 * @param {Node[]} parts
 */
function missedButton(missed, look, callBack, able, parts) {
  const label = `${t.contacts.missedFrom(missed.from)}, ${when(missed.atMs, Date.now())}`;
  if (!able) return h('div', { class: look }, h('span', { class: 'hidden-text' }, label), ...parts);
  return h(
    'button',
    {
      type: 'button',
      class: `plain ${look}`,
      'aria-label': `${label}. ${t.contacts.callBack}`,
      onclick: () => callBack(missed.from),
    },
    ...parts,
  );
}
