/** What admins did, the latest first. */
import { announce } from '../lib/announce.js';
import { backend } from '../lib/backend.js';
import { fill, h } from '../lib/dom.js';
import { stateBox } from '../lib/parts.js';
import { actionWord, moment } from './format.js';
import { Pager, showLoading, showProblem } from './parts.js';
import { t } from '../strings.js';

const words = t.admin.audit;
const PAGE = 50;

export class Audit {
  #asked = 0;

  /** @param {import('./parts.js').Around} around */
  constructor(around) {
    this.around = around;
    this.box = h('div', { class: 'rest' });
    this.pager = new Pager(PAGE, () => void this.#load());
    this.element = h('section', { class: 'col' }, this.box, this.pager.element);
    showLoading(this.box);
    void this.#load();
  }

  close() {
    this.#asked += 1;
  }

  async #load() {
    const asked = (this.#asked += 1);
    try {
      const { entries, total } = await backend.adminAudit(PAGE, this.pager.offset);
      if (asked !== this.#asked) return;
      this.pager.show(entries.length, total);
      if (entries.length === 0) return fill(this.box, stateBox({ icon: 'check', title: words.none, text: words.noneText }));
      fill(this.box, table(entries));
      announce(t.admin.page(this.pager.offset + 1, this.pager.offset + entries.length, String(total)));
    } catch (error) {
      if (asked === this.#asked) showProblem(this.box, error, this.around, () => void this.#load());
    }
  }
}

/** @param {import('../generated/ipc.js').AuditLine[]} entries */
function table(entries) {
  const now = Date.now();
  const head = [words.when, words.who, words.action, words.what, words.detail];
  return h(
    'div',
    { class: 'table-box audit scroll', tabindex: '0', role: 'region', 'aria-label': t.admin.parts.audit },
    h(
      'table',
      {},
      h('thead', {}, h('tr', {}, ...head.map((name) => h('th', { scope: 'col' }, name)))),
      h(
        'tbody',
        {},
        ...entries.map(({ unixMs, who, action, what, detail }) =>
          h(
            'tr',
            {},
            h('td', { class: 'num' }, moment(unixMs, now)),
            h('td', {}, who),
            h('td', {}, actionWord(action)),
            h('td', { class: 'mono small' }, what ?? ''),
            h('td', { class: 'detail' }, detail ?? ''),
          ),
        ),
      ),
    ),
  );
}
