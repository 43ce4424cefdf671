/** What a call with a random partner has besides: with whom, and the ways on and out. */
import { announce } from '../lib/announce.js';
import { backend, problem } from '../lib/backend.js';
import { confirm, openDialog } from '../lib/dialog.js';
import { h, set, setText } from '../lib/dom.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

/** As the server has it. */
const REASON_LENGTH = 500;

export class MeetingBar {
  /**
   * @param {string} partner shown name
   * @param {(error: unknown) => void} report
   * @param {() => void} stop
   */
  constructor(partner, report, stop) {
    this.partner = partner;
    this.report = report;
    this.next = h(
      'button',
      { type: 'button', class: 'primary', onclick: () => this.#go(backend.meetNext()) },
      t.meet.next,
    );
    this.element = h(
      'div',
      { class: 'meeting-bar', role: 'group', 'aria-label': t.meet.bar },
      h('p', { class: 'grow clip', title: partner }, t.meet.with(partner)),
      this.next,
      h('button', { type: 'button', onclick: () => void this.#block() }, t.meet.block),
      h('button', { type: 'button', onclick: () => this.#openReport() }, t.meet.report),
      h('button', { type: 'button', class: 'stop', onclick: stop }, icon('end'), t.meet.stop),
    );
  }

  /** @param {Promise<void>} gone */
  #go(gone) {
    set(this.next, 'disabled', true);
    gone.catch((error) => {
      set(this.next, 'disabled', false);
      this.report(error);
    });
  }

  async #block() {
    const sure = await confirm({ title: t.meet.blockTitle(this.partner), text: t.meet.blockText, yes: t.meet.block });
    if (sure && this.element.isConnected) this.#go(backend.meetBlock());
  }

  #openReport() {
    const reason = h('input', { maxlength: REASON_LENGTH, autofocus: true, autocomplete: 'off', 'aria-describedby': 'report-problem' });
    reason.id = 'report-reason';
    const wrong = h('p', { class: 'problem', id: 'report-problem', role: 'alert' });
    openDialog(t.meet.reportTitle(this.partner), (close) => {
      const submit = async (/** @type {Event} */ event) => {
        event.preventDefault();
        const text = reason.value.trim();
        if (text === '') {
          setText(wrong, t.meet.reasonNeeded);
          return reason.focus();
        }
        try {
          await backend.meetReport(text);
          close();
        } catch (error) {
          setText(wrong, problem(error).message);
          announce(problem(error).message, true);
        }
      };
      return [
        h('p', { class: 'soft' }, t.meet.reportText),
        h(
          'form',
          { class: 'col report-form', onsubmit: submit },
          h('div', { class: 'field' }, h('label', { for: reason.id }, t.meet.reason), reason),
          wrong,
          h(
            'div',
            { class: 'actions' },
            h('button', { type: 'button', onclick: close }, t.cancel),
            h('button', { class: 'primary' }, t.meet.send),
          ),
        ),
      ];
    });
  }
}
