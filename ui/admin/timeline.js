/**
 * Who was in a call when: a row for each person, over one axis of time.
 *
 * Invariant: what the bars show stands in words beside them for screen readers.
 */
import { h } from '../lib/dom.js';
import { timeOfDay } from '../lib/format.js';
import { breakWord, qualityClass, reasonWord, span } from './format.js';
import { extent, marks, persons, watched } from './persons.js';
import { t } from '../strings.js';

/** @typedef {import('./persons.js').Person} Person */

const words = t.admin.call;
/** Marks of time that fit under the bars in the narrowest window. */
const MARKS = 5;
/** Nothing is drawn narrower, in percent of the axis: it would not be seen. */
const LEAST = 0.4;

/**
 * @param {import('../generated/ipc.js').AdminCallDetails} call
 * @param {number} now
 */
export function timeline(call, now) {
  const [firstMs, lastMs] = extent(call, now);
  const share = (/** @type {number} */ ms) => (100 * Math.min(Math.max(ms - firstMs, 0), lastMs - firstMs)) / (lastMs - firstMs);
  const bar = (/** @type {string} */ kind, /** @type {number} */ fromMs, /** @type {number | undefined} */ toMs, /** @type {string} */ title) => {
    const [left, right] = [share(fromMs), share(toMs ?? lastMs)];
    const element = h('span', { class: `bar ${kind}`, title });
    element.style.left = `${Math.min(left, 100 - LEAST)}%`;
    element.style.width = `${Math.max(right - left, LEAST)}%`;
    return element;
  };
  const axis = h('div', { class: 'axis num', 'aria-hidden': 'true' });
  const seconds = lastMs - firstMs < 5 * 60_000;
  for (const at of marks(firstMs, lastMs, MARKS)) {
    const place = share(at);
    // At an end the label stands within.
    const end = place < 6 ? 'first' : place > 94 ? 'last' : '';
    const mark = h('span', { class: end }, timeOfDay(at, undefined, seconds));
    mark.style.left = `${place}%`;
    axis.append(mark);
  }
  return h(
    'section',
    { class: 'card col timeline' },
    h(
      'div',
      { class: 'row wrap' },
      h('h3', { class: 'grow' }, words.timeline),
      h('ul', { class: 'row wrap small soft legend-line', 'aria-hidden': 'true' }, ...legend()),
    ),
    h('ul', { class: 'lanes' }, ...persons(call).map((person) => lane(person, bar))),
    axis,
  );
}

function legend() {
  const entry = (/** @type {string} */ kind, /** @type {string} */ label) => h('li', {}, h('i', { class: `bar ${kind}` }), label);
  return [
    entry('stay', words.legendStay),
    entry('session good', words.legendReported),
    entry('gap', words.legendBreak),
  ];
}

/**
 * @param {Person} person
 * @param {(kind: string, fromMs: number, toMs: number | undefined, title: string) => HTMLElement} bar
 */
function lane(person, bar) {
  /** @type {HTMLElement[]} */
  const bars = [];
  /** @type {string[]} */
  const said = [];
  const add = (/** @type {string} */ kind, /** @type {number} */ fromMs, /** @type {number | undefined} */ toMs, /** @type {string} */ title) => {
    bars.push(bar(kind, fromMs, toMs, title));
    said.push(title);
  };
  for (const { joinedMs, leftMs, reason } of person.stays)
    add('stay', joinedMs, leftMs, words.stay(span(joinedMs, leftMs), reason === undefined ? null : reasonWord(reason)));
  for (const { session, quality } of person.sessions) {
    const title = `${words.reported} ${span(session.startedMs, session.endedMs)}: ${t.admin.qualities[quality]}`;
    add(`session ${qualityClass(quality) ?? ''}`, session.startedMs, session.endedMs, title);
  }
  for (const { startMs, endMs, cause, betweenStays } of person.breaks) {
    const title = (betweenStays ? words.away : words.lost)(span(startMs, endMs), breakWord(cause));
    add(betweenStays ? 'gap away' : 'gap', startMs, endMs, title);
  }
  const name = person.name || words.somebody;
  const what = watched(person) ? words.watched(person.account) : (person.account ?? person.role);
  return h(
    'li',
    { class: 'lane' },
    h('span', { class: 'lane-name' }, h('span', { class: 'clip', title: name }, h('bdi', {}, name)), h('span', { class: 'soft small clip' }, what)),
    h('span', { class: 'track', 'aria-hidden': 'true' }, ...bars),
    h('span', { class: 'hidden-text' }, `: ${said.join('; ')}`),
  );
}
