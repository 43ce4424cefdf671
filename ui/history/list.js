/**
 * The list of calls with search and filters.
 *
 * Invariant: what is shown is the answer to the latest search; longer lists come page by page.
 */
import { backend, problem } from '../lib/backend.js';
import { announce } from '../lib/announce.js';
import { listed } from '../lib/bidi.js';
import { fill, h, set, setText } from '../lib/dom.js';
import { duration, when } from '../lib/format.js';
import { dot, headlineWord, stateBox } from '../lib/parts.js';
import { missedHistoryLine, withMissed } from '../people/missed.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').CallLine} CallLine */
/** @typedef {import('../generated/ipc.js').QualityClass} QualityClass */

const PAGE = 100;
/** So that not every letter asks. */
const TYPING_MS = 150;
const WEEK_MS = 7 * 24 * 3_600_000;

/** @type {QualityClass[]} */
const CLASSES = ['good', 'ok', 'bad', 'terrible'];

export class CallList {
  /** @type {QualityClass | null} */
  #class = null;
  #week = false;
  #asked = 0;
  #typing = 0;
  /** @type {CallLine[]} */
  #calls = [];
  /** An answer is shown. */
  #loaded = false;
  /** There are older calls than those. */
  #hasMore = false;
  /** @type {CallLine['id'] | null} */
  #chosen = null;

  /**
   * @param {{open: (id: CallLine['id']) => void, start: () => void, report: (error: unknown) => void,
   *   people: () => import('../generated/ipc.js').PeopleState, callBack: (name: string) => void}} on
   */
  constructor(on) {
    this.on = on;
    this.search = h('input', {
      type: 'search',
      'aria-label': t.history.search,
      placeholder: t.history.search,
      maxlength: 100,
    });
    this.search.addEventListener('input', () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => void this.load(), TYPING_MS);
    });
    this.week = h(
      'button',
      { type: 'button', class: 'chip', 'aria-pressed': 'false', onclick: () => this.#toggleWeek() },
      t.history.thisWeek,
    );
    this.classes = CLASSES.map((quality) =>
      h(
        'button',
        { type: 'button', class: 'chip', 'aria-pressed': 'false', onclick: () => this.#toggleClass(quality) },
        dot(quality),
        t.quality.words[quality],
      ),
    );
    this.count = h('span', { class: 'soft small num' });
    this.list = h('ul', { class: 'call-list', 'aria-label': t.history.list });
    this.rest = h('div', { class: 'list-rest' });
    this.element = h(
      'section',
      { class: 'history-list', 'aria-label': t.history.list },
      h('div', { class: 'search' }, icon('search'), this.search),
      h('div', { class: 'filters', role: 'group', 'aria-label': t.history.filterQuality }, ...this.classes),
      h('div', { class: 'row filters' }, this.week, h('span', { class: 'grow' }), this.count),
      h('div', { class: 'scroll grow list-box' }, this.list, this.rest),
    );
  }

  close() {
    clearTimeout(this.#typing);
    this.#asked += 1;
  }

  /** Asks for the first page. */
  async load() {
    const asked = (this.#asked += 1);
    if (this.#calls.length === 0) fill(this.rest, stateBox({ busy: true, title: t.history.loading }));
    try {
      const calls = await backend.historyCalls(this.#filter(), PAGE, 0);
      if (asked !== this.#asked) return;
      this.#calls = calls;
      this.#show(calls.length === PAGE);
    } catch (error) {
      if (asked !== this.#asked) return;
      this.#calls = [];
      fill(this.list);
      this.element.classList.add('bare');
      fill(this.rest, stateBox({ icon: 'alert', title: t.history.problem, text: problem(error).message }));
    }
  }

  /** @param {CallLine['id'] | null} id */
  choose(id) {
    this.#chosen = id;
    for (const button of this.list.querySelectorAll('button')) mark(button, button.dataset.call === String(id));
  }

  /** @param {CallLine['id']} id */
  focus(id) {
    const button = this.list.querySelector(`button[data-call="${CSS.escape(String(id))}"]`);
    if (button instanceof HTMLElement) button.focus();
  }

  async #more() {
    const asked = this.#asked;
    try {
      const calls = await backend.historyCalls(this.#filter(), PAGE, this.#calls.length);
      if (asked !== this.#asked) return;
      const first = calls[0];
      this.#calls.push(...calls);
      this.#show(calls.length === PAGE);
      // The button that had the focus is gone.
      if (first) this.focus(first.id);
    } catch (error) {
      this.on.report(error);
    }
  }

  #filter() {
    const fromMs = this.#week ? Date.now() - WEEK_MS : null;
    return { text: this.search.value.trim(), fromMs, toMs: null, class: this.#class };
  }

  /** Missed calls that the search finds; of what quality they would have been, nobody knows. */
  #missed() {
    const { text, fromMs } = this.#filter();
    const { missed } = this.on.people();
    if (this.#class !== null) return [];
    return missed.filter(
      ({ from, atMs }) => atMs >= (fromMs ?? 0) && from.toLowerCase().includes(text.toLowerCase()),
    );
  }

  /** People are other than they were. */
  refresh() {
    if (this.#loaded) this.#show(this.#hasMore);
  }

  #isFiltered() {
    return this.search.value.trim() !== '' || this.#week || this.#class !== null;
  }

  #toggleWeek() {
    this.#week = !this.#week;
    set(this.week, 'aria-pressed', String(this.#week));
    void this.load();
  }

  /** @param {QualityClass | null} quality */
  #toggleClass(quality) {
    this.#class = this.#class === quality ? null : quality;
    CLASSES.forEach((name, index) => {
      const button = this.classes[index];
      if (button) set(button, 'aria-pressed', String(name === this.#class));
    });
    void this.load();
  }

  #showAll() {
    this.search.value = '';
    if (this.#week) this.#toggleWeek();
    this.#toggleClass(null);
    this.search.focus();
  }

  /** @param {boolean} more */
  #show(more) {
    this.#loaded = true;
    this.#hasMore = more;
    const now = Date.now();
    const lines = withMissed(this.#calls, this.#missed(), more);
    const able = this.on.people().here;
    fill(
      this.list,
      ...lines.map((line) =>
        'call' in line ? this.#line(line.call, now) : missedHistoryLine(line.missed, this.on.callBack, able),
      ),
    );
    const found = more ? t.history.foundMore(this.#calls.length) : t.history.found(lines.length);
    setText(this.count, found);
    announce(found);
    this.element.classList.toggle('bare', lines.length === 0 && !this.#isFiltered());
    if (lines.length > 0) {
      fill(this.rest, more && h('button', { type: 'button', onclick: () => void this.#more() }, t.history.more));
    } else if (this.#isFiltered()) {
      const all = h('button', { type: 'button', onclick: () => this.#showAll() }, t.history.showAll);
      fill(
        this.rest,
        stateBox({ icon: 'search', title: t.history.noMatch, text: t.history.noMatchText, actions: [all] }),
      );
    } else {
      const start = h('button', { type: 'button', class: 'primary', onclick: this.on.start }, t.history.goHome);
      fill(this.rest, stateBox({ icon: 'pulse', title: t.history.none, text: t.history.noneText, actions: [start] }));
    }
  }

  /**
   * @param {CallLine} call
   * @param {number} now
   */
  #line(call, now) {
    const who = call.peers.length > 0 ? listed(call.peers) : call.code;
    const button = h(
      'button',
      { type: 'button', class: 'plain call-line', 'data-call': call.id, onclick: () => this.on.open(call.id) },
      h(
        'span',
        { class: 'grow' },
        h('span', { class: 'call-who clip', title: who }, who),
        h(
          'span',
          { class: 'soft small clip num' },
          `${when(call.startedMs, now)} · ${call.underWay ? t.history.underWay : duration(call.durationMs)}`,
        ),
      ),
      h('span', { class: 'soft small call-quality' }, dot(call.headline.class), headlineWord(call.headline)),
    );
    mark(button, call.id === this.#chosen);
    return h('li', {}, button);
  }
}

/** @param {HTMLElement} button @param {boolean} chosen */
function mark(button, chosen) {
  set(button, 'aria-current', chosen ? 'true' : null);
}
