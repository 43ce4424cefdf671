/** Calls as lines that open: in the list of calls and among the worst. */
import { h } from '../lib/dom.js';
import { listed } from '../lib/bidi.js';
import { when } from '../lib/format.js';
import { dot } from '../lib/parts.js';
import { lengthWords, qualityClass, qualityWords, reasonWord, roomWords, worstWords } from './format.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').AdminCall} AdminCall */

const words = t.admin.list;

/** Names of the columns; what they say stands in the lines as well, so it is for eyes only. */
export function columnNames() {
  const names = [words.when, words.room, words.length, words.who, words.how, words.reported, words.why];
  return h('div', { class: 'call-row head', 'aria-hidden': 'true' }, ...names.map((name) => h('span', {}, name)));
}

/**
 * @param {AdminCall} call
 * @param {number} now
 * @param {(room: string) => void} open
 */
export function callLine(call, now, open) {
  const worst = worstWords(call.worst);
  const why = call.endedMs === undefined ? words.underWay : call.reasons.map(reasonWord).join(', ');
  const names = listed(call.names);
  const button = h(
    'button',
    { type: 'button', class: 'plain call-row', 'data-room': call.roomId, onclick: () => open(call.roomId) },
    h('span', { class: 'num when' }, when(call.startedMs, now)),
    h(
      'span',
      { class: 'what' },
      h('b', { class: 'clip' }, roomWords(call)),
      h('span', { class: 'soft small clip', title: names }, names === '' ? call.code : names),
    ),
    h('span', { class: 'num length' }, lengthWords(call, now)),
    h('span', { class: 'num who' }, t.admin.people(call.people)),
    h(
      'span',
      { class: 'how' },
      h('span', { class: 'line' }, dot(qualityClass(call.quality)), qualityWords(call)),
      worst && h('span', { class: 'soft small clip', title: worst }, worst),
    ),
    h('span', { class: 'num reported' }, t.admin.call.coverage(call.reporters, call.people)),
    h('span', { class: 'soft small why' }, why),
  );
  return h('li', {}, button);
}
