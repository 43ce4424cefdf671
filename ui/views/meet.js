/**
 * Meet someone: what it is, and the time in the queue. The call with a partner is the call view.
 *
 * Invariant: nobody is in the queue without this view before their eyes: who goes elsewhere leaves it.
 */
import { announce } from '../lib/announce.js';
import { backend } from '../lib/backend.js';
import { fill, h, setText } from '../lib/dom.js';
import { notice, stateBox } from '../lib/parts.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').MeetState} MeetState */

export class MeetView {
  title = t.meet.window;
  alone = false;
  /** @type {MeetState['phase'] | null} */
  #phase = null;
  #note = '';
  /** The way into the queue was asked for. */
  #asked = false;

  /** @param {import('../main.js').App} app */
  constructor(app) {
    this.app = app;
    this.note = h('div', { hidden: true });
    this.body = h('div', { class: 'meet-body' });
    this.others = h('p', { class: 'soft' });
    this.element = h(
      'div',
      { class: 'page scroll meet' },
      h('div', { class: 'inner' }, h('h1', {}, t.meet.title), this.note, this.body),
    );
    this.update(app.people);
  }

  close() {
    if (this.#phase === 'entering' || this.#phase === 'waiting') this.#stop();
  }

  /** @param {import('../generated/ipc.js').PeopleState} people */
  update({ meet: { phase, others, note } }) {
    const before = this.#phase;
    this.#phase = phase;
    if ((note ?? '') !== this.#note) {
      this.#note = note ?? '';
      this.note.hidden = note === null;
      fill(this.note, note !== null && notice('plain', icon('people'), h('p', {}, note)));
      if (note !== null) announce(note);
    }
    setText(this.others, phase === 'waiting' ? t.meet.others(others) : '');
    if (phase === before) return;
    const hadFocus = this.body.contains(document.activeElement);
    if (phase === 'idle') this.#showStart();
    else this.#showQueue(phase === 'waiting' ? t.meet.waiting : t.meet.entering);
    if (hadFocus) this.body.querySelector('button')?.focus();
  }

  #showStart() {
    const start = h('button', { type: 'button', class: 'primary', onclick: () => void this.#enter() }, t.meet.start);
    fill(
      this.body,
      h(
        'section',
        { class: 'card col' },
        h('p', {}, t.meet.text),
        h('p', { class: 'row meet-warning' }, icon('camera'), h('span', {}, t.meet.warning)),
        h('div', { class: 'row' }, start),
      ),
    );
  }

  /** @param {string} title */
  #showQueue(title) {
    const stop = h('button', { type: 'button', onclick: () => this.#stop() }, t.meet.stop);
    const box = stateBox({ busy: true, title, actions: [stop] });
    box.querySelector('h2')?.after(this.others);
    fill(this.body, h('section', { class: 'card' }, box));
    announce(title);
  }

  /** The button stays as it is, and keeps the focus, until the queue is in its place. */
  async #enter() {
    if (this.#asked) return;
    this.#asked = true;
    try {
      await backend.meetEnter();
    } catch (error) {
      this.app.report(error);
    } finally {
      this.#asked = false;
    }
  }

  #stop() {
    backend.meetLeave().catch((error) => this.app.report(error));
  }
}
