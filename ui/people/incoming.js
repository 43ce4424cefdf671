/**
 * The dialog of a call that comes in.
 *
 * Invariants: it is there exactly while something rings; no key that was meant for something else takes or declines a call,
 * so the focus goes to its title and to no button. Escape only silences: who was disturbed can still answer.
 */
import { announce } from '../lib/announce.js';
import { backend } from '../lib/backend.js';
import { h, setText } from '../lib/dom.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').IncomingCall} IncomingCall */

export class IncomingDialog {
  /** @type {IncomingCall | null} */
  #call = null;

  /** @param {(error: unknown) => void} report */
  constructor(report) {
    this.report = report;
    this.title = h('h2', { id: 'incoming-title', tabindex: '-1' });
    this.text = h('p', { class: 'soft' });
    this.others = h('p', { class: 'soft small' });
    this.sound = h('p', { class: 'soft small', role: 'status' });
    this.silence = h('button', { type: 'button', onclick: () => this.#silence() }, t.ring.silence);
    this.decline = h('button', { type: 'button', class: 'stop', onclick: () => this.#answer('decline') }, icon('end'), t.ring.decline);
    this.accept = h('button', { type: 'button', class: 'primary', onclick: () => this.#answer('accept') });
    this.element = h(
      'dialog',
      { class: 'incoming', role: 'alertdialog', 'aria-labelledby': 'incoming-title', 'aria-describedby': 'incoming-text' },
      h('span', { class: 'ringing', 'aria-hidden': 'true' }, icon('bell')),
      this.title,
      h('div', { id: 'incoming-text', class: 'col tight' }, this.text, this.others, this.sound),
      h('div', { class: 'actions' }, this.silence, this.decline, this.accept),
    );
    const escape = (/** @type {Event} */ event) => {
      if (event instanceof KeyboardEvent && event.key !== 'Escape') return;
      event.preventDefault();
      event.stopPropagation();
      this.#silence();
    };
    this.element.addEventListener('keydown', escape);
    this.element.addEventListener('cancel', escape);
    // A browser may close a dialog whatever is said about it; what rings stays on the screen.
    this.element.addEventListener('close', () => this.#call && this.element.showModal());
  }

  /**
   * @param {IncomingCall | null} call
   * @param {'none' | 'call' | 'meeting'} busy what accepting ends
   */
  update(call, busy) {
    const before = this.#call;
    this.#call = call;
    if (!call) {
      if (this.element.open) this.element.close();
      this.element.remove();
      return;
    }
    setText(this.title, t.ring.title(call.from));
    setText(this.text, { none: t.ring.text, call: t.ring.endsCall, meeting: t.ring.endsMeeting }[busy]);
    setText(this.others, call.others > 0 ? t.ring.others(call.others) : '');
    setText(this.sound, call.silent && before?.id === call.id && !before.silent ? t.ring.silenced : this.sound.textContent ?? '');
    if (before?.id !== call.id) setText(this.sound, '');
    this.silence.hidden = call.silent || call.accepted;
    this.accept.disabled = call.accepted;
    this.decline.disabled = call.accepted;
    this.element.classList.toggle('still', call.accepted);
    this.accept.replaceChildren(icon('microphone'), call.accepted ? t.ring.joining : t.ring.accept);
    if (!this.element.isConnected) {
      document.body.append(this.element);
      this.element.showModal();
    }
    if (before?.id === call.id) return;
    this.title.focus();
    announce(t.ring.title(call.from), true);
  }

  #silence() {
    if (this.#call && !this.#call.silent) backend.silenceCall().catch(this.report);
  }

  /** @param {'accept' | 'decline'} how */
  #answer(how) {
    if (!this.#call) return;
    const { id } = this.#call;
    (how === 'accept' ? backend.acceptCall(id) : backend.declineCall(id)).catch(this.report);
  }
}
