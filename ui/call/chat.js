/** The chat panel. Invariant: what others wrote is text and nothing else. */
import { backend } from '../lib/backend.js';
import { fill, h } from '../lib/dom.js';
import { timeOfDay } from '../lib/format.js';
import { stateBox } from '../lib/parts.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

/** What the server takes at most, in characters of UTF-16; it answers with an error beyond its own bound. */
const LONGEST = 2000;

export class ChatPanel {
  title = t.call.controls.chat;

  /** @param {(error: unknown) => void} report */
  constructor(report) {
    this.report = report;
    this.list = h('ol', { class: 'chat-list scroll grow', 'aria-label': t.chat.messages, tabindex: '0' });
    this.input = h('input', {
      'aria-label': t.chat.write,
      placeholder: t.chat.write,
      maxlength: LONGEST,
      autocomplete: 'off',
    });
    const send = h(
      'button',
      { class: 'primary icon-only', 'aria-label': t.chat.send, title: t.chat.send },
      icon('send'),
    );
    this.form = h(
      'form',
      { class: 'chat-form', onsubmit: (/** @type {Event} */ event) => void this.#send(event) },
      this.input,
      send,
    );
    this.element = h('div', { class: 'panel-body' }, this.list, this.form);
  }

  /** @param {readonly import('../generated/ipc.js').ChatLine[]} messages */
  update(messages) {
    if (messages.length === 0) {
      fill(
        this.list,
        h('li', { class: 'grow col' }, stateBox({ icon: 'chat', title: t.chat.empty, text: t.chat.emptyText })),
      );
      return;
    }
    const atEnd = this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 80;
    const lines = [];
    /** @type {import('../generated/ipc.js').ChatLine | undefined} */
    let last;
    for (const message of messages) {
      lines.push(chatLine(message, last));
      last = message;
    }
    fill(this.list, ...lines);
    if (atEnd || last?.own) this.list.scrollTop = this.list.scrollHeight;
  }

  focus() {
    this.list.scrollTop = this.list.scrollHeight;
    this.input.focus();
  }

  /** @param {Event} event */
  async #send(event) {
    event.preventDefault();
    const text = this.input.value.trim();
    if (text === '') return;
    this.input.value = '';
    try {
      await backend.sendChat(text);
    } catch (error) {
      if (this.input.value === '') this.input.value = text;
      this.report(error);
    }
  }
}

/** Lines of one person within this time stand under one name. */
const TOGETHER_MS = 120_000;

/**
 * @param {import('../generated/ipc.js').ChatLine} message
 * @param {import('../generated/ipc.js').ChatLine} [before]
 */
function chatLine(message, before) {
  const follows = before && before.fromId === message.fromId && message.atMs - before.atMs < TOGETHER_MS;
  return h(
    'li',
    { class: message.own ? 'chat-line own' : 'chat-line' },
    !follows &&
      h(
        'p',
        { class: 'chat-from' },
        h('b', {}, h('bdi', {}, message.own ? t.chat.you : message.from)),
        ' ',
        h('time', { class: 'soft num' }, timeOfDay(message.atMs)),
      ),
    h('p', { class: 'chat-text' }, h('bdi', {}, message.text)),
  );
}
