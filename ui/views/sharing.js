/**
 * What is shared with the server of a call: the switch, what is sent word for word, and how it stands.
 *
 * Invariant: nothing here says more, or less, than what the native side sends: the list and the example are its own.
 */
import { announce } from '../lib/announce.js';
import { backend, problem } from '../lib/backend.js';
import { copy } from '../lib/clipboard.js';
import { openDialog } from '../lib/dialog.js';
import { fill, h, setText } from '../lib/dom.js';
import { when } from '../lib/format.js';
import { notice, toggle } from '../lib/parts.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').Sharing} Sharing */

/** Rows of a call come each 15 s and are sent each 30 s. */
const LOOK_MS = 5000;

export class SharingPart {
  /**
   * @param {import('../main.js').App} app
   * @param {(change: Partial<import('../generated/ipc.js').Settings>) => Promise<void>} store says itself what went wrong
   */
  constructor(app, store) {
    this.app = app;
    this.standing = h('p', { class: 'small soft' });
    this.trouble = h('div', { hidden: true });
    this.said = '';
    const change = async (/** @type {boolean} */ on) => {
      await store({ shareSamples: on });
      // Where it could not be stored it is as before.
      input.checked = app.settings.shareSamples;
      await this.#look();
    };
    const label = toggle(t.sharing.on, app.settings.shareSamples, (on) => void change(on), t.sharing.onHint);
    const input = /** @type {HTMLInputElement} */ (label.querySelector('input'));
    this.element = h(
      'section',
      { class: 'card col sharing' },
      h('h2', {}, t.sharing.title),
      label,
      h('p', { class: 'small' }, t.sharing.readers),
      h('p', { class: 'hint' }, t.sharing.never),
      h('p', { class: 'hint' }, t.sharing.waits),
      h(
        'div',
        { class: 'row wrap' },
        h('button', { type: 'button', onclick: () => void this.#show() }, t.sharing.what),
        this.standing,
      ),
      this.trouble,
    );
    this.timer = setInterval(() => document.hidden || void this.#look(), LOOK_MS);
    void this.#look();
  }

  close() {
    clearInterval(this.timer);
  }

  async #look() {
    try {
      this.#tell(await backend.sharing());
    } catch (error) {
      this.#complain(problem(error).message);
    }
  }

  /** @param {Sharing} sharing */
  #tell({ on, waitingRows, lastSuccessMs, lastError }) {
    const success = lastSuccessMs === null ? t.sharing.neverSent : t.sharing.lastSent(when(lastSuccessMs, Date.now()));
    setText(this.standing, on ? `${t.sharing.waiting(waitingRows)} ${success}` : t.sharing.isOff);
    this.#complain(lastError ?? '');
  }

  /** @param {string} sentence */
  #complain(sentence) {
    if (sentence === this.said) return;
    this.said = sentence;
    this.trouble.hidden = sentence === '';
    fill(this.trouble, sentence !== '' && notice('bad', sentence));
    if (sentence !== '') announce(sentence);
  }

  async #show() {
    try {
      const { fields, example } = await backend.sharing();
      openDialog(t.sharing.what, (close) => [
        h('p', { class: 'soft' }, t.sharing.whole),
        h('h3', { id: 'sent-fields' }, t.sharing.fields),
        h(
          'ul',
          { class: 'sent-box sent-fields', tabindex: 0, role: 'group', 'aria-labelledby': 'sent-fields' },
          ...fields.map(({ path, says }) =>
            h('li', { class: says.endsWith(':') ? 'sent-head' : null }, h('code', {}, path), h('span', {}, says)),
          ),
        ),
        h('h3', { id: 'sent-next' }, t.sharing.next),
        example === null
          ? h('p', { class: 'soft' }, t.sharing.noExample)
          : h('pre', { class: 'sent-box', tabindex: 0, role: 'group', 'aria-labelledby': 'sent-next' }, example),
        h(
          'div',
          { class: 'actions' },
          example !== null &&
            h(
              'button',
              { type: 'button', onclick: () => void copy(example, t.sharing.copied, t.sharing.notCopied) },
              t.sharing.copy,
            ),
          h('button', { type: 'button', class: 'primary', onclick: close, autofocus: true }, t.close),
        ),
      ]).classList.add('sent');
    } catch (error) {
      this.app.report(error);
    }
  }
}
