/** The accounts of the server: who they are, and what an admin does about them. */
import { announce } from '../lib/announce.js';
import { backend } from '../lib/backend.js';
import { confirm } from '../lib/dialog.js';
import { fill, h } from '../lib/dom.js';
import { date, initials } from '../lib/format.js';
import { MenuButton } from '../lib/menu.js';
import { dot, field, stateBox } from '../lib/parts.js';
import { toast } from '../lib/toast.js';
import { counted } from './format.js';
import { Pager, showLoading, showProblem } from './parts.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').AdminAccount} AdminAccount */

const words = t.admin.accounts;
const PAGE = 50;
const TYPING_MS = 200;

export class Accounts {
  #asked = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #typing;

  /** @param {import('./parts.js').Around} around */
  constructor(around) {
    this.around = around;
    this.search = h('input', { type: 'search', maxlength: 64, autocomplete: 'off', spellcheck: 'false' });
    this.search.addEventListener('input', () => {
      clearTimeout(this.#typing);
      this.#typing = setTimeout(() => void this.load(true), TYPING_MS);
    });
    this.count = h('h2', {}, words.list);
    this.lines = h('ul', { class: 'account-rows', 'aria-label': words.list });
    this.rest = h('div', { class: 'rest' });
    this.pager = new Pager(PAGE, () => void this.load(false));
    this.element = h(
      'section',
      { class: 'col' },
      h('div', { class: 'row wrap', role: 'search' }, h('div', { class: 'grow' }, this.count), field(words.search, this.search)),
      this.lines,
      this.rest,
      this.pager.element,
    );
    void this.load(true);
  }

  close() {
    clearTimeout(this.#typing);
    this.#asked += 1;
  }

  /** @param {boolean} anew from the first page on */
  async load(anew) {
    if (anew) this.pager.offset = 0;
    const asked = (this.#asked += 1);
    if (this.lines.childElementCount === 0) showLoading(this.rest);
    const text = this.search.value.trim();
    try {
      const { accounts, total } = await backend.adminAccounts({ text, limit: PAGE, offset: this.pager.offset });
      if (asked !== this.#asked) return;
      this.#show(accounts, total, text !== '');
    } catch (error) {
      if (asked !== this.#asked) return;
      fill(this.lines);
      showProblem(this.rest, error, this.around, () => void this.load(anew));
    }
  }

  /** @param {AdminAccount[]} accounts @param {number} total @param {boolean} isSearched */
  #show(accounts, total, isSearched) {
    fill(this.lines, ...accounts.map((account) => this.#line(account)));
    this.pager.show(accounts.length, total);
    const found = words.found(total, counted(total));
    fill(this.count, found);
    announce(found);
    const nothing = isSearched
      ? stateBox({ icon: 'search', title: words.noMatch, text: words.noMatchText })
      : stateBox({ icon: 'people', title: words.none, text: words.noneText });
    fill(this.rest, accounts.length === 0 && nothing);
  }

  /** @param {AdminAccount} account */
  #line(account) {
    const { name, admin, createdMs, lastSeenMs, online } = account;
    const now = Date.now();
    const seen = lastSeenMs === undefined ? words.nowhere : words.seen(date(lastSeenMs, now));
    const menu = new MenuButton(words.manage(name), 'more', 'plain icon-only', () => this.#items(account));
    menu.button.dataset.account = name;
    return h(
      'li',
      { class: 'person account-row' },
      h('span', { class: 'avatar small', 'aria-hidden': 'true' }, initials(name)),
      h(
        'span',
        { class: 'grow' },
        h('span', { class: 'clip', title: name }, h('b', {}, h('bdi', {}, name))),
        h(
          'span',
          { class: 'soft small num' },
          h('span', { class: 'once' }, words.made(date(createdMs, now))),
          ' · ',
          h('span', { class: 'once' }, seen),
        ),
      ),
      online && h('span', { class: 'chip' }, dot('good'), words.online),
      admin && h('span', { class: 'chip' }, words.admin),
      menu.button,
    );
  }

  /** @param {AdminAccount} account @returns {import('../lib/menu.js').MenuItem[]} */
  #items({ name, admin }) {
    const rights = admin
      ? { label: words.unmake, title: words.unmakeTitle(name), text: words.unmakeText, done: words.notAdmin(name) }
      : { label: words.make, title: words.makeTitle(name), text: words.makeText, done: words.nowAdmin(name) };
    return [
      {
        label: rights.label,
        icon: 'star',
        run: () =>
          void this.#do(name, { title: rights.title, text: rights.text, yes: rights.label }, rights.done, () =>
            backend.adminSetAdmin(name, !admin),
          ),
      },
      {
        label: words.delete,
        icon: 'trash',
        grave: true,
        run: () =>
          void this.#do(
            name,
            { title: words.deleteTitle(name), text: words.deleteText, yes: words.delete },
            words.deleted(name),
            () => backend.adminDeleteAccount(name),
          ),
      },
    ];
  }

  /**
   * @param {string} name
   * @param {{title: string, text: string, yes: string}} question
   * @param {string} done
   * @param {() => Promise<void>} work
   */
  async #do(name, question, done, work) {
    if (!(await confirm(question))) return;
    try {
      await work();
      toast(done);
    } catch (error) {
      if (this.around.ended(error)) return;
      this.around.app.report(error);
    }
    await this.load(false);
    const again = this.lines.querySelector(`button[data-account="${CSS.escape(name)}"]`);
    if (again instanceof HTMLElement) again.focus();
    else this.search.focus();
  }
}
