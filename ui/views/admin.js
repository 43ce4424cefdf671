/**
 * The admin mode: signing in, then one of its pieces at a time.
 *
 * Invariants: nothing is asked of the server but by the piece that is shown; a piece is closed before the next one opens; where
 * the server takes the key no more, the sign-in is shown with its sentence.
 */
import { announce } from '../lib/announce.js';
import { backend, problem } from '../lib/backend.js';
import { fill, h, set } from '../lib/dom.js';
import { stateBox } from '../lib/parts.js';
import { Accounts } from '../admin/accounts.js';
import { Audit } from '../admin/audit.js';
import { Call } from '../admin/call.js';
import { Calls } from '../admin/calls.js';
import { Live } from '../admin/live.js';
import { showLoading, showProblem } from '../admin/parts.js';
import { Reports } from '../admin/reports.js';
import { SignIn } from '../admin/sign-in.js';
import { Totals } from '../admin/totals.js';
import { t } from '../strings.js';

/** @typedef {import('../admin/parts.js').Part} Part */
/** @typedef {import('../generated/ipc.js').AdminSession} AdminSession */

const PARTS = /** @type {const} */ (['live', 'calls', 'totals', 'accounts', 'audit', 'reports']);
/** @typedef {typeof PARTS[number]} PartName */

export class AdminView {
  title = t.admin.window;
  alone = false;
  /** @type {Part | null} */
  #part = null;
  /** A call that is open, over the piece that it was opened from. @type {Call | null} */
  #call = null;
  /** The call that was asked for last. @type {string | null} */
  #wanted = null;

  /** @param {import('../main.js').App} app */
  constructor(app) {
    this.app = app;
    /** @type {import('../admin/parts.js').Around} */
    this.around = {
      app,
      openCall: (room) => void this.#openCall(room),
      ended: (error) => this.#ended(error),
    };
    this.tabs = PARTS.map((name) => h('button', { type: 'button', onclick: () => this.#show(name) }, t.admin.parts[name]));
    this.box = h('div', { class: 'part' });
    this.over = h('div', { class: 'part', hidden: true });
    this.inner = h('div', { class: 'inner' }, h('h1', { class: 'hidden-text' }, t.admin.title));
    this.element = h('div', { class: 'page scroll admin' }, this.inner);
    void this.#begin();
  }

  close() {
    this.#closed = true;
    this.#closeCall();
    this.#part?.close();
    this.#part = null;
  }
  #closed = false;

  async #begin() {
    try {
      const session = await backend.adminStanding();
      if (this.#closed) return;
      if (session) this.#enter(session);
      else this.#signIn();
    } catch (error) {
      fill(this.inner, stateBox({ icon: 'alert', title: t.admin.problem, text: problem(error).message, page: true }));
    }
  }

  /** @param {string} [why] */
  #signIn(why) {
    this.#closeCall();
    this.#part?.close();
    const signIn = new SignIn(this.app, (session) => this.#enter(session), why);
    this.#part = signIn;
    this.app.adminSignedIn(false);
    fill(this.inner, signIn.element);
    signIn.element.querySelector('input')?.focus();
    if (why) announce(why, true);
  }

  /** @param {AdminSession} session */
  #enter({ server, name }) {
    this.app.adminSignedIn(true);
    fill(
      this.inner,
      h(
        'header',
        { class: 'row wrap' },
        h('h1', {}, t.admin.title),
        h(
          'p',
          { class: 'soft small grow' },
          h('span', { class: 'mono' }, t.admin.at(server)),
          ` ${name === null ? t.admin.asToken : t.admin.as(name)}`,
        ),
        h('button', { type: 'button', onclick: () => void this.#signOut() }, t.admin.signOut),
      ),
      h('div', { class: 'tabs wrap', role: 'group', 'aria-label': t.admin.partsName }, ...this.tabs),
      this.box,
      this.over,
    );
    // The form that had it is gone.
    const heading = this.inner.querySelector('h1');
    heading?.setAttribute('tabindex', '-1');
    if (!this.element.contains(document.activeElement)) heading?.focus();
    this.#show('live');
  }

  async #signOut() {
    try {
      await backend.adminSignOut();
      announce(t.admin.signedOut);
    } catch (error) {
      this.app.report(error);
    }
    if (!this.#closed) this.#signIn();
  }

  /** @param {unknown} error */
  #ended(error) {
    const { code, message } = problem(error);
    if (code !== 'unauthorized' || this.#closed) return false;
    this.#signIn(message);
    return true;
  }

  /** @param {PartName} name */
  #show(name) {
    this.#closeCall();
    this.#part?.close();
    PARTS.forEach((one, index) => {
      const tab = this.tabs[index];
      if (tab) set(tab, 'aria-pressed', String(one === name));
    });
    const make = { live: Live, calls: Calls, totals: Totals, accounts: Accounts, audit: Audit, reports: Reports }[name];
    this.#part = new make(this.around);
    fill(this.box, this.#part.element);
    this.element.scrollTop = 0;
    announce(t.admin.parts[name]);
  }

  #closeCall() {
    this.#wanted = null;
    this.#call?.close();
    this.#call = null;
    fill(this.over);
    this.over.hidden = true;
    this.box.hidden = false;
  }

  /** Opens a call over what is shown, which stays as it is for the way back. @param {string} room */
  async #openCall(room) {
    this.#closeCall();
    this.#wanted = room;
    this.box.hidden = true;
    this.over.hidden = false;
    this.element.scrollTop = 0;
    showLoading(this.over);
    try {
      const details = await backend.adminCall(room);
      if (this.#wanted !== room) return;
      const call = new Call(this.around, details, {
        back: () => this.#back(room),
        gone: () => {
          this.#back(room);
          if (this.#part instanceof Calls) void this.#part.load(false);
        },
      });
      this.#call = call;
      fill(this.over, call.element);
      call.shown();
      call.element.querySelector('h2')?.focus();
    } catch (error) {
      if (this.#wanted === room) this.#cannotOpen(error, room);
    }
  }

  /** @param {unknown} error @param {string} room */
  #cannotOpen(error, room) {
    showProblem(this.over, error, this.around, () => void this.#openCall(room));
    const back = h('button', { type: 'button', onclick: () => this.#back(room) }, t.admin.call.back);
    this.over.querySelector('.state .row')?.append(back);
  }

  /** @param {string} room */
  #back(room) {
    this.#closeCall();
    const line = this.box.querySelector(`button[data-room="${CSS.escape(room)}"]`);
    if (line instanceof HTMLElement) line.focus();
  }
}
