/**
 * What was reported of a call: charts of each who reported, both ends of a stream side by side, the numbers as a table.
 *
 * Invariants: the native side has the reports of this call before anything is asked of them; charts of a place are closed before
 * others are opened there; of two side by side the one that the user is at leads.
 */
import { announce } from '../lib/announce.js';
import { backend } from '../lib/backend.js';
import { fill, h, set } from '../lib/dom.js';
import { stateBox } from '../lib/parts.js';
import { Charts } from '../history/charts.js';
import { Table } from '../history/table.js';
import { icon } from '../icons.js';
import { choice, showLoading, showProblem } from './parts.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').AdminPerson} AdminPerson */
/** @typedef {'charts' | 'ends' | 'table'} Shown */

const words = t.admin.call;
const SHOWN = /** @type {const} */ (['charts', 'ends', 'table']);

export class Figures {
  /** @type {AdminPerson[]} */
  #people = [];
  /** @type {Charts[]} */
  #open = [];
  /** @type {Shown} */
  #shown = 'charts';
  #seenBy = 0;
  #from = 0;
  #to = 1;
  /** What is shown follows the last choice. */
  #chosen = 0;

  /**
   * @param {import('./parts.js').Around} around
   * @param {import('../generated/ipc.js').AdminCall} call
   * @param {[number, number]} range of time, for the table
   */
  constructor(around, call, range) {
    this.around = around;
    this.call = call;
    this.range = range;
    this.tabs = SHOWN.map((name) =>
      h('button', { type: 'button', onclick: () => void this.#choose(name) }, words.views[name]),
    );
    this.choosers = h('div', { class: 'choosers' });
    this.tools = h('div', { class: 'row' });
    this.box = h('div', { class: 'figures-box' });
    this.head = h(
      'div',
      { class: 'row wrap' },
      h('div', { class: 'tabs', role: 'group', 'aria-label': t.history.views }, ...this.tabs),
      h('span', { class: 'grow' }),
      this.tools,
    );
    this.element = h('section', { class: 'col', 'aria-label': words.figures }, this.head, this.choosers, this.box);
  }

  /** After the element is on the page: charts need their size. */
  async shown() {
    this.head.hidden = true;
    showLoading(this.box);
    const chosen = (this.#chosen += 1);
    try {
      const people = await backend.adminReports(this.call.roomId, this.call.code);
      if (chosen !== this.#chosen) return;
      this.#people = people;
      this.head.hidden = false;
      this.#to = Math.min(1, people.length - 1);
      await this.#choose('charts');
    } catch (error) {
      if (chosen === this.#chosen) showProblem(this.box, error, this.around, () => void this.shown());
    }
  }

  close() {
    this.#chosen += 1;
    void this.#closeCharts();
  }

  async #closeCharts() {
    await Promise.all(this.#open.splice(0).map((charts) => charts.close()));
  }

  /** @param {Shown} what */
  async #choose(what) {
    this.#shown = what;
    SHOWN.forEach((name, index) => {
      const tab = this.tabs[index];
      if (tab) set(tab, 'aria-pressed', String(name === what));
    });
    this.#showChoosers();
    await this.#show();
  }

  async #show() {
    const chosen = (this.#chosen += 1);
    await this.#closeCharts();
    if (chosen !== this.#chosen) return;
    fill(this.tools);
    if (this.#shown === 'charts') this.#showCharts();
    else if (this.#shown === 'ends') this.#showEnds();
    else this.#showTable();
  }

  #showCharts() {
    const charts = this.#charts(0, { person: this.#seenBy });
    fill(this.tools, charts.tools);
    fill(this.box, charts.element);
    charts.open();
  }

  #showTable() {
    const [room, person] = [this.call.roomId, this.#seenBy];
    const table = new Table((fromMs, toMs) => backend.adminTable({ room, person, fromMs, toMs }));
    fill(this.box, table.element);
    void table.load(...this.range);
  }

  #showEnds() {
    if (this.#people.length < 2) return fill(this.box, stateBox({ icon: 'people', title: words.oneReporter }));
    const ends = [false, true].map((received, place) => this.#end(place, received));
    fill(this.box, h('div', { class: 'ends' }, ...ends.map(({ column }) => column)));
    const charts = ends.flatMap(({ column, charts: one }) => (one ? [{ column, one }] : []));
    let leader = charts[0]?.one;
    for (const { column, one } of charts) {
      const others = charts.filter((other) => other.one !== one).map((other) => other.one);
      const lead = () => {
        // It shows its own crosshair from now on.
        if (leader !== one) one.follow(one.range ?? this.range, null);
        leader = one;
      };
      for (const event of ['pointerover', 'focusin']) column.addEventListener(event, lead);
      one.onShown = (range, atMs) => {
        if (leader === one) for (const other of others) other.follow(range, atMs);
      };
      one.open();
    }
    announce(words.views.ends);
  }

  /**
   * One end of the stream, or that it is not known.
   * @param {number} place
   * @param {boolean} received
   */
  #end(place, received) {
    const person = this.#people[received ? this.#to : this.#from];
    const name = this.#name(received ? this.#to : this.#from);
    const charts = person?.reported ? this.#charts(place, { end: { from: this.#from, to: this.#to, received } }) : null;
    const column = h(
      'section',
      { class: 'col end' },
      h(
        'div',
        { class: 'row wrap' },
        h('h3', { class: 'grow' }, (received ? words.received : words.sent)(name)),
        charts?.tools,
      ),
      charts?.element ??
        stateBox({ icon: 'alert', title: words.didNotReport(name), text: words.didNotReportText }),
    );
    return { column, charts };
  }

  /** @param {number} place @param {import('../generated/ipc.js').AdminCharts} which */
  #charts(place, which) {
    const room = this.call.roomId;
    const open = (/** @type {{dark: boolean, pixels: boolean}} */ look, /** @type {import('../history/input.js').ChartInput} */ input) =>
      backend.adminChartOpen({ room, which, place, look, input });
    const charts = new Charts(this.around.app, { place, open });
    this.#open.push(charts);
    return charts;
  }

  /** @param {number} index people of one name are counted */
  #name(index) {
    const person = this.#people[index];
    const name = person?.name || words.somebody;
    const before = this.#people.slice(0, index).filter((one) => (one.name || words.somebody) === name).length;
    return before === 0 ? name : words.twice(name, before + 1);
  }

  #showChoosers() {
    const options = (/** @type {(person: AdminPerson) => boolean} */ which) =>
      this.#people.flatMap((person, index) =>
        which(person) ? [/** @type {[string, string]} */ ([String(index), this.#name(index)])] : [],
      );
    if (this.#shown !== 'ends') {
      const reporters = options((person) => person.reported);
      const seenBy = choice(words.seenBy, reporters, String(this.#seenBy), (value) => {
        this.#seenBy = Number(value);
        void this.#show();
      });
      return fill(this.choosers, seenBy.element);
    }
    const everybody = options(() => true);
    const from = choice(words.sender, everybody, String(this.#from), (value) => {
      const before = this.#from;
      this.#from = Number(value);
      if (this.#to === this.#from) this.#to = before;
      this.#again(0);
    });
    const to = choice(words.receiver, everybody, String(this.#to), (value) => {
      const before = this.#to;
      this.#to = Number(value);
      if (this.#to === this.#from) this.#from = before;
      this.#again(1);
    });
    const swap = h(
      'button',
      {
        type: 'button',
        onclick: () => {
          [this.#from, this.#to] = [this.#to, this.#from];
          this.#again(2);
        },
      },
      icon('swap'),
      words.swap,
    );
    fill(this.choosers, from.element, to.element, swap);
  }

  /** The choosers are made anew; the focus stays at the one that was used. @param {number} at */
  #again(at) {
    this.#showChoosers();
    /** @type {HTMLElement | undefined} */ ([...this.choosers.querySelectorAll('select, button')][at])?.focus();
    void this.#show();
  }
}
