/**
 * The history: calls on the left, one of them on the right; in a narrow window one or the other.
 *
 * Invariant: an answer for a search or a call that is no longer asked for is dropped.
 */
import { backend, problem } from '../lib/backend.js';
import { confirm } from '../lib/dialog.js';
import { fill, h } from '../lib/dom.js';
import { stateBox } from '../lib/parts.js';
import { toast } from '../lib/toast.js';
import { Detail } from '../history/detail.js';
import { CallList } from '../history/list.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').CallLine['id']} CallId */

export class HistoryView {
  title = t.history.window;
  alone = false;
  /** @type {Detail | null} */
  #detail = null;
  /** @type {CallId | null} */
  #chosen = null;

  /**
   * @param {import('../main.js').App} app
   * @param {CallId} [call] to open at once
   */
  constructor(app, call) {
    this.app = app;
    this.missed = JSON.stringify([app.people.missed, app.people.here]);
    this.list = new CallList({
      open: (id) => void this.#open(id),
      start: () => app.go('home'),
      report: (error) => app.report(error),
      people: () => app.people,
      callBack: (name) => void app.callPerson(name),
    });
    this.pane = h('div', { class: 'history-detail scroll' });
    this.element = h(
      'div',
      { class: 'history' },
      h('h1', { class: 'hidden-text' }, t.history.title),
      this.list.element,
      this.pane,
    );
    if (app.boot.historyProblem) {
      fill(
        this.element,
        h('h1', { class: 'hidden-text' }, t.history.title),
        stateBox({ icon: 'alert', title: t.history.problem, text: app.boot.historyProblem }),
      );
      return;
    }
    this.#showNothing();
    void this.list.load();
    if (call !== undefined) void this.#open(call);
  }

  /** @param {import('../generated/ipc.js').PeopleState} people */
  update({ missed, here }) {
    const key = JSON.stringify([missed, here]);
    if (key === this.missed) return;
    this.missed = key;
    this.list.refresh();
  }

  close() {
    this.list.close();
    this.#detail?.close();
  }

  /** @param {CallId} id */
  async #open(id) {
    this.#chosen = id;
    this.list.choose(id);
    this.#detail?.close();
    this.#detail = null;
    this.element.classList.add('with-detail');
    try {
      const call = await backend.historyCall(id);
      if (this.#chosen !== id) return;
      this.#detail = new Detail(this.app, call, {
        back: () => this.#back(),
        remove: () => void this.#delete(id),
      });
      fill(this.pane, this.#detail.element);
      this.#detail.shown();
      this.pane.scrollTop = 0;
    } catch (error) {
      if (this.#chosen === id)
        fill(this.pane, stateBox({ icon: 'alert', title: t.history.problem, text: problem(error).message }));
    }
  }

  #back() {
    const chosen = this.#chosen;
    this.#showNothing();
    if (chosen !== null) this.list.focus(chosen);
  }

  #showNothing() {
    this.#chosen = null;
    this.#detail?.close();
    this.#detail = null;
    this.list.choose(null);
    this.element.classList.remove('with-detail');
    fill(this.pane, stateBox({ icon: 'pulse', title: t.history.choose, text: t.history.chooseText }));
  }

  /** @param {CallId} id */
  async #delete(id) {
    const sure = await confirm({ title: t.history.deleteTitle, text: t.history.deleteText, yes: t.history.delete });
    if (!sure) return;
    try {
      await backend.historyDelete(id);
      toast(t.history.deleted);
      if (this.#chosen === id) this.#showNothing();
      await this.list.load();
    } catch (error) {
      this.app.report(error);
    }
  }
}
