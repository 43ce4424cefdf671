/** What people reported about random partners, the latest first. */
import { announce } from '../lib/announce.js';
import { backend } from '../lib/backend.js';
import { fill, h } from '../lib/dom.js';
import { when } from '../lib/format.js';
import { stateBox } from '../lib/parts.js';
import { toast } from '../lib/toast.js';
import { Pager, showLoading, showProblem } from './parts.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').ReportLine} ReportLine */

const words = t.admin.reports;
const PAGE = 50;

export class Reports {
  #asked = 0;

  /** @param {import('./parts.js').Around} around */
  constructor(around) {
    this.around = around;
    this.list = h('ul', { class: 'reports', 'aria-label': words.list });
    this.rest = h('div', { class: 'rest' });
    this.pager = new Pager(PAGE, () => void this.#load());
    this.element = h('section', { class: 'col' }, this.list, this.rest, this.pager.element);
    showLoading(this.rest);
    void this.#load();
  }

  close() {
    this.#asked += 1;
  }

  async #load() {
    const asked = (this.#asked += 1);
    try {
      const reports = await backend.adminComplaints(PAGE, this.pager.offset);
      if (asked !== this.#asked) return;
      const now = Date.now();
      fill(this.list, ...reports.map((report) => this.#line(report, now)));
      this.pager.show(reports.length, null);
      const none = stateBox({ icon: 'check', title: words.none, text: words.noneText });
      fill(this.rest, reports.length === 0 && none);
      announce(reports.length === 0 ? words.none : words.list);
    } catch (error) {
      if (asked !== this.#asked) return;
      fill(this.list);
      showProblem(this.rest, error, this.around, () => void this.#load());
    }
  }

  /** @param {ReportLine} report @param {number} now */
  #line(report, now) {
    const { who, whom, reason, roomId, unixMs } = report;
    return h(
      'li',
      { class: 'card report' },
      h(
        'div',
        { class: 'grow' },
        h('h3', {}, words.line(who, whom)),
        h('p', {}, reason === '' ? words.noReason : reason),
        h('p', { class: 'soft small num' }, when(unixMs, now)),
      ),
      h(
        'div',
        { class: 'row wrap' },
        h('button', { type: 'button', onclick: () => this.around.openCall(roomId) }, words.openCall),
        h(
          'button',
          { type: 'button', 'aria-label': words.putAwayOf(whom), onclick: () => void this.#putAway(report) },
          words.putAway,
        ),
      ),
    );
  }

  /** @param {ReportLine} report */
  async #putAway({ id }) {
    try {
      await backend.adminPutAway(id);
      toast(words.gone);
    } catch (error) {
      if (this.around.ended(error)) return;
      this.around.app.report(error);
    }
    await this.#load();
    // The button that had the focus is gone.
    this.list.querySelector('button')?.focus();
  }
}
