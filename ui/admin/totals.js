/** Figures over a range of time. Invariant: what is shown is the answer to the latest question. */
import { announce } from '../lib/announce.js';
import { backend } from '../lib/backend.js';
import { fill, h, set } from '../lib/dom.js';
import { stateBox } from '../lib/parts.js';
import { callLine, columnNames } from './call-lines.js';
import { counted, dayMs, dayText, figure, moment, pathWord } from './format.js';
import { dayField, showLoading, showProblem } from './parts.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').Totals} TotalsOf */
/** @typedef {import('../generated/ipc.js').TotalsGroup} TotalsGroup */
/** @typedef {import('../generated/ipc.js').Percentiles} Percentiles */

const words = t.admin.totals;
const HOUR_MS = 3_600_000;
const PRESETS = /** @type {const} */ (['day', 'week', 'month', 'quarter']);
const DAYS = { day: 1, week: 7, month: 30, quarter: 90 };

export class Totals {
  #asked = 0;
  /** @type {typeof PRESETS[number] | null} null where days were chosen */
  #preset = /** @type {const} */ ('week');

  /** @param {import('./parts.js').Around} around */
  constructor(around) {
    this.around = around;
    this.presets = PRESETS.map((name) =>
      h('button', { type: 'button', class: 'chip', onclick: () => this.#choose(name) }, words.presets[name]),
    );
    const days = () => {
      this.#preset = null;
      void this.#load();
    };
    this.from = dayField(words.from, days);
    this.to = dayField(words.to, days);
    this.box = h('div', { class: 'col' });
    this.element = h(
      'section',
      { class: 'col' },
      h(
        'div',
        { class: 'filter-bar range', role: 'group', 'aria-label': words.range },
        h('div', { class: 'filters' }, ...this.presets),
        this.from.element,
        this.to.element,
      ),
      this.box,
    );
    showLoading(this.box);
    this.#choose('week');
  }

  close() {
    this.#asked += 1;
  }

  /** @param {typeof PRESETS[number]} name */
  #choose(name) {
    this.#preset = name;
    const now = Date.now();
    this.from.input.value = dayText(now - DAYS[name] * 24 * HOUR_MS);
    this.to.input.value = dayText(now);
    void this.#load();
  }

  /** @returns {[number | null, number | null]} */
  #range() {
    if (this.#preset === null) return [dayMs(this.from.input.value), dayMs(this.to.input.value, 1)];
    const now = Date.now();
    return [now - DAYS[this.#preset] * 24 * HOUR_MS, now];
  }

  async #load() {
    const asked = (this.#asked += 1);
    PRESETS.forEach((name, index) => {
      const button = this.presets[index];
      if (button) set(button, 'aria-pressed', String(name === this.#preset));
    });
    try {
      const totals = await backend.adminTotals(...this.#range());
      if (asked === this.#asked) this.#show(totals);
    } catch (error) {
      if (asked === this.#asked) showProblem(this.box, error, this.around, () => void this.#load());
    }
  }

  /** @param {TotalsOf} totals */
  #show(totals) {
    const { calls, minutes, people, quality, byVersion, byPath, worst } = totals;
    const now = Date.now();
    fill(
      this.box,
      h('p', { class: 'soft small num' }, words.hours(moment(totals.fromMs, now), moment(totals.toMs, now))),
      h(
        'dl',
        { class: 'sums' },
        sum(words.calls, counted(calls)),
        sum(words.minutes, counted(minutes)),
        sum(words.people, counted(people)),
        sum(words.good, percent(quality.goodPercent), meter(quality.goodPercent)),
        spread(words.loss, quality.lossPercent, words.percent, 1),
        spread(words.rtt, quality.rttMs, words.ms),
        spread(words.setup, quality.setupMs, words.ms),
      ),
      quality.lossPercent.count + quality.rttMs.count + quality.setupMs.count === 0 && h('p', { class: 'soft' }, words.nothing),
      groups(words.byVersion, words.version, byVersion, (name) => (name === 'other' ? words.other : name)),
      groups(words.byPath, words.path, byPath, pathWord),
      h('h2', {}, words.worst),
      worst.length > 0
        ? h('div', {}, columnNames(), h('ul', { class: 'call-rows', 'aria-label': words.worst }, ...worst.map((call) => callLine(call, now, (room) => this.around.openCall(room)))))
        : stateBox({ icon: 'check', title: words.noWorst }),
    );
    announce(t.admin.calls(calls, counted(calls)));
  }
}

/** @param {string} name @param {string} value @param {import('../lib/dom.js').Child} [more] */
function sum(name, value, more) {
  return h('div', { class: 'card sum' }, h('dt', {}, name), h('dd', { class: 'num' }, value), more && h('dd', {}, more));
}

/** @param {number | undefined} value */
function percent(value) {
  return value === undefined ? t.unknown : `${figure(value, 1)} %`;
}

/** @param {number | undefined} value a share that is seen; the number stands beside it */
function meter(value) {
  const bar = h('span', { class: 'bar' });
  if (value !== undefined) bar.style.width = `${value}%`;
  return h('span', { class: 'meter', 'aria-hidden': 'true' }, bar);
}

/** @param {string} name @param {Percentiles} of @param {string} unit @param {number} [decimals] */
function spread(name, { p50, p95, count }, unit, decimals = 0) {
  const value = (/** @type {number | undefined} */ number) =>
    number === undefined ? t.unknown : `${figure(number, decimals)} ${unit}`;
  return h(
    'div',
    { class: 'card sum' },
    h('dt', {}, name),
    h('dd', { class: 'num' }, value(p50), h('span', { class: 'soft small' }, ` ${words.p50}`)),
    h('dd', { class: 'num second' }, value(p95), h('span', { class: 'soft small' }, ` ${words.p95}`)),
    h('dd', { class: 'soft small num' }, words.values(counted(count))),
  );
}

/** @param {string} title @param {string} first @param {TotalsGroup[]} rows @param {(name: string) => string} shown */
function groups(title, first, rows, shown) {
  if (rows.length === 0) return null;
  const head = (/** @type {string} */ name, unit = '') =>
    h('th', { scope: 'col', class: 'num' }, name, unit && h('span', { class: 'unit' }, ` ${unit}`));
  const pair = (/** @type {Percentiles} */ { p50, p95 }, decimals = 0) => [
    h('td', { class: 'num' }, figure(p50, decimals)),
    h('td', { class: 'num' }, figure(p95, decimals)),
  ];
  const line = (/** @type {TotalsGroup} */ { name, calls, people, quality }) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row' }, shown(name)),
      h('td', { class: 'num' }, counted(calls)),
      h('td', { class: 'num' }, counted(people)),
      h('td', { class: 'num' }, counted(quality.connectedMinutes)),
      h('td', { class: 'num' }, percent(quality.goodPercent)),
      ...pair(quality.lossPercent, 1),
      ...pair(quality.rttMs),
      ...pair(quality.setupMs),
    );
  const pairHead = (/** @type {string} */ name, /** @type {string} */ unit) => [head(name, unit), head(`${name}, ${words.p95Short}`, unit)];
  return h(
    'div',
    { class: 'table-box scroll', tabindex: '0', role: 'region', 'aria-label': title },
    h(
      'table',
      {},
      h('caption', {}, title),
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          h('th', { scope: 'col' }, first),
          head(words.calls),
          head(words.people),
          head(words.measured),
          head(words.good),
          ...pairHead(words.loss, words.percent),
          ...pairHead(words.rtt, words.ms),
          ...pairHead(words.setup, words.ms),
        ),
      ),
      h('tbody', {}, ...rows.map(line)),
    ),
  );
}
