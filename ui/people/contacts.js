/**
 * Whom the user knows on the server, and whether they are there to be called.
 *
 * Invariant: a line stays the same element while its person does, so that the focus does; a dot never stands without its word.
 */
import { announce } from '../lib/announce.js';
import { backend } from '../lib/backend.js';
import { fill, h, set, setText } from '../lib/dom.js';
import { initials } from '../lib/format.js';
import { dot, iconButton } from '../lib/parts.js';
import { toast } from '../lib/toast.js';
import { t } from '../strings.js';
import { nameForm } from './form.js';

/** @typedef {import('../generated/ipc.js').Contact} Contact */
/** @typedef {import('../generated/ipc.js').PeopleState} PeopleState */

export class ContactsPart {
  /** @type {Map<string, ContactLine>} By name. */
  #lines = new Map();

  /** @param {import('../main.js').App} app */
  constructor(app) {
    this.app = app;
    this.list = h('ul', { class: 'contacts', 'aria-labelledby': 'contacts-title' });
    this.none = h('p', { class: 'soft' }, t.contacts.none);
    this.note = h('p', { class: 'small word bad', role: 'status' });
    this.element = h(
      'section',
      { class: 'col tight', 'aria-labelledby': 'contacts-title', hidden: true },
      h('h3', { id: 'contacts-title' }, t.contacts.title),
      this.note,
      h('div', { class: 'card col' }, this.list, this.none, this.#form()),
    );
    this.hint = h(
      'p',
      { class: 'soft account-hint', hidden: true },
      t.contacts.signIn,
      ' ',
      h('button', { type: 'button', class: 'plain link', onclick: () => app.go('settings') }, t.contacts.toAccount),
    );
    this.update(app.people);
  }

  /** @param {PeopleState} people */
  update({ accounts, name, note, contacts, here }) {
    this.element.hidden = name === null;
    this.hint.hidden = name !== null || accounts !== true;
    setText(this.note, name === null ? '' : (note ?? ''));
    this.none.hidden = contacts.length > 0;
    const there = new Set(contacts.map((one) => one.name));
    for (const [known, line] of this.#lines) {
      if (there.has(known)) continue;
      line.element.remove();
      this.#lines.delete(known);
    }
    contacts.forEach((contact, index) => {
      let line = this.#lines.get(contact.name);
      if (!line) this.#lines.set(contact.name, (line = new ContactLine(this.app, contact.name)));
      line.update(contact, here);
      if (this.list.children[index] !== line.element)
        this.list.insertBefore(line.element, this.list.children[index] ?? null);
    });
  }

  #form() {
    return nameForm({
      title: t.contacts.add,
      label: t.contacts.name,
      button: t.contacts.addButton,
      work: (name) => backend.addContact(name),
    });
  }
}

class ContactLine {
  /** @type {boolean | null | undefined} */
  #here;

  /** @param {import('../main.js').App} app @param {string} name */
  constructor(app, name) {
    this.app = app;
    this.name = name;
    this.dot = h('span', { class: 'presence' });
    this.call = h(
      'button',
      { type: 'button', 'aria-label': t.contacts.callWho(name), onclick: () => void this.#ring() },
      t.contacts.call,
    );
    this.element = h(
      'li',
      { class: 'person' },
      h('span', { class: 'avatar small', 'aria-hidden': 'true' }, initials(name)),
      h('span', { class: 'grow clip', title: name }, h('bdi', {}, name)),
      this.dot,
      this.call,
      iconButton(t.contacts.remove(name), 'close', () => void this.#remove()),
    );
  }

  /** @param {Contact} contact @param {boolean} connected whether we are there ourselves */
  update({ here }, connected) {
    this.call.disabled = !connected || this.call.hasAttribute('aria-busy');
    if (this.#here === here) return;
    const words = here === null ? t.contacts.notKnown : here ? t.contacts.here : t.contacts.away;
    fill(this.dot, dot(here ? 'good' : null), words);
    this.dot.classList.toggle('soft', !here);
    // At first everybody is told, and nobody wants to hear all of it.
    if (this.#here !== undefined && this.#here !== null && here !== null) announce(`${this.name}: ${words}`);
    this.#here = here;
  }

  async #ring() {
    this.call.disabled = true;
    set(this.call, 'aria-busy', 'true');
    await this.app.callPerson(this.name);
    set(this.call, 'aria-busy', null);
    this.call.disabled = false;
  }

  async #remove() {
    try {
      await backend.removeContact(this.name);
      const undo = () => void backend.addContact(this.name).catch((error) => this.app.report(error));
      toast(t.contacts.removed(this.name), { action: { label: t.contacts.undo, run: undo } });
    } catch (error) {
      this.app.report(error);
    }
  }
}
