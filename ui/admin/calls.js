/**
 * The calls that a server remembers: filtered, sorted, in pages.
 *
 * Invariant: what is shown is the answer to the latest question; a new question begins at the first page.
 */
import { announce } from '../lib/announce.js';
import { backend } from '../lib/backend.js';
import { fill, h } from '../lib/dom.js';
import { field, stateBox } from '../lib/parts.js';
import { callLine, columnNames } from './call-lines.js';
import { counted, dayMs, reasonWord } from './format.js';
import { Pager, choice, dayField, showLoading, showProblem } from './parts.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').AdminFilter} AdminFilter */

const PAGE = 50;
/** So that not every letter asks. */
const TYPING_MS = 200;

const words = t.admin.list;
const QUALITIES = /** @type {const} */ (['good', 'ok', 'bad', 'terrible', 'unknown']);
const SORTS = /** @type {const} */ (['newest', 'oldest', 'longest', 'worst', 'people']);

export class Calls {
  #asked = 0;
  #typing = 0;

  /** @param {import('./parts.js').Around} around */
  constructor(around) {
    this.around = around;
    const ask = () => void this.load(true);
    this.search = h('input', { type: 'search', maxlength: 100, autocomplete: 'off', spellcheck: 'false' });
    this.search.addEventListener('input', () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(ask, TYPING_MS);
    });
    this.from = dayField(words.from, ask);
    this.to = dayField(words.to, ask);
    const any = /** @type {[string, string]} */ (['', t.admin.any]);
    this.quality = choice(
      words.quality,
      [any, ...QUALITIES.map((one) => /** @type {[string, string]} */ ([one, t.admin.qualities[one]]))],
      '',
      ask,
    );
    const reasons = Object.keys(t.admin.reasons);
    this.reason = choice(
      words.reason,
      [any, ...reasons.map((one) => /** @type {[string, string]} */ ([one, reasonWord(one)]))],
      '',
      ask,
    );
    this.sort = choice(
      words.sort,
      SORTS.map((one) => /** @type {[string, string]} */ ([one, words.sorts[one]])),
      'newest',
      ask,
    );
    this.clear = h('button', { type: 'button', class: 'plain', onclick: () => this.#clear() }, words.clear);
    this.pager = new Pager(PAGE, () => void this.load(false));
    this.count = h('h2', {}, words.list);
    this.lines = h('ul', { class: 'call-rows', 'aria-label': words.list });
    this.head = columnNames();
    this.rest = h('div', { class: 'rest' });
    this.element = h(
      'section',
      { class: 'col' },
      h(
        'div',
        { class: 'filter-bar', role: 'search' },
        field(words.search, this.search),
        this.from.element,
        this.to.element,
        this.quality.element,
        this.reason.element,
        this.sort.element,
      ),
      h('div', { class: 'row' }, h('div', { class: 'grow' }, this.count), this.clear),
      h('div', {}, this.head, this.lines),
      this.rest,
      this.pager.element,
    );
    void this.load(true);
  }

  close() {
    clearTimeout(this.#typing);
    this.#asked += 1;
  }

  /** @returns {AdminFilter} */
  #filter() {
    const [fromMs, toMs] = [dayMs(this.from.input.value), dayMs(this.to.input.value, 1)];
    const quality = QUALITIES.find((one) => one === this.quality.select.value);
    const sort = SORTS.find((one) => one === this.sort.select.value) ?? 'newest';
    return {
      text: this.search.value.trim(),
      sort,
      limit: PAGE,
      offset: this.pager.offset,
      ...(fromMs !== null && { fromMs }),
      ...(toMs !== null && { toMs }),
      ...(quality && { quality }),
      ...(this.reason.select.value !== '' && { reason: this.reason.select.value }),
    };
  }

  #isFiltered() {
    const { text, fromMs, toMs, quality, reason } = this.#filter();
    return text !== '' || [fromMs, toMs, quality, reason].some((one) => one !== undefined);
  }

  #clear() {
    this.search.value = this.from.input.value = this.to.input.value = '';
    this.quality.select.value = this.reason.select.value = '';
    this.search.focus();
    void this.load(true);
  }

  /** @param {boolean} anew from the first page on */
  async load(anew) {
    if (anew) this.pager.offset = 0;
    const asked = (this.#asked += 1);
    this.clear.hidden = !this.#isFiltered();
    if (this.lines.childElementCount === 0) showLoading(this.rest);
    try {
      const { calls, total } = await backend.adminCalls(this.#filter());
      if (asked !== this.#asked) return;
      this.#show(calls, total);
      if (!anew) this.lines.querySelector('button')?.focus();
    } catch (error) {
      if (asked !== this.#asked) return;
      fill(this.lines);
      this.head.hidden = true;
      showProblem(this.rest, error, this.around, () => void this.load(anew));
    }
  }

  /** @param {import('../generated/ipc.js').AdminCall[]} calls @param {number} total */
  #show(calls, total) {
    const now = Date.now();
    fill(this.lines, ...calls.map((call) => callLine(call, now, (room) => this.around.openCall(room))));
    this.head.hidden = calls.length === 0;
    this.pager.show(calls.length, total);
    const found = t.admin.calls(total, counted(total));
    fill(this.count, found);
    announce(found);
    const nothing = this.#isFiltered()
      ? stateBox({ icon: 'search', title: words.noMatch, text: words.noMatchText })
      : stateBox({ icon: 'pulse', title: words.none, text: words.noneText });
    fill(this.rest, calls.length === 0 && nothing);
  }

  /** @param {string} room */
  focus(room) {
    const line = this.lines.querySelector(`button[data-room="${CSS.escape(room)}"]`);
    if (line instanceof HTMLElement) line.focus();
  }
}
