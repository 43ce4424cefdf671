/**
 * The account on the server, in Settings: signing in and out, making one, and the way to its own page.
 *
 * Invariant: nothing is shown where the server has no accounts.
 */
import { announce } from '../lib/announce.js';
import { backend } from '../lib/backend.js';
import { fill, h, setText } from '../lib/dom.js';
import { dot, field } from '../lib/parts.js';
import { NAME_LENGTH, passwordField, problemLine, submit } from './form.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').PeopleState} PeopleState */

export class AccountPart {
  /** Whose form is shown: a name, '' for nobody's, null before the first. @type {string | null} */
  #shown = null;

  /** @param {import('../main.js').App} app */
  constructor(app) {
    this.app = app;
    this.body = h('div', { class: 'col' });
    this.note = h('p', { class: 'small word bad', role: 'status' });
    this.standing = h('p', { class: 'small row' });
    this.element = h('section', { class: 'card col account', hidden: true }, h('h2', {}, t.account.title), this.note, this.body);
    this.update(app.people);
    this.look();
  }

  /** Asks the server; where that fails, nothing more is known than before. */
  look() {
    backend.lookForAccounts().catch(() => {});
  }

  /** @param {PeopleState} people */
  update({ accounts, name, note, here }) {
    this.element.hidden = accounts !== true && name === null;
    setText(this.note, note ?? '');
    fill(this.standing, dot(here ? 'good' : 'bad'), here ? t.account.reachable : t.account.notReachable);
    // What is being typed stays.
    if (this.#shown === (name ?? '')) return;
    this.#shown = name ?? '';
    fill(this.body, ...(name === null ? this.#signedOut() : this.#signedIn(name)));
  }

  #signedOut() {
    const name = h('input', {
      maxlength: NAME_LENGTH,
      autocomplete: 'username',
      autocapitalize: 'off',
      spellcheck: 'false',
      required: true,
    });
    const password = passwordField('current-password');
    const wrong = problemLine();
    const buttons = [
      h('button', { class: 'primary', value: 'sign-in' }, t.account.signIn),
      h('button', { value: 'register' }, t.account.register),
    ];
    const onsubmit = async (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const isNew = event.submitter instanceof HTMLButtonElement && event.submitter.value === 'register';
      await submit(buttons, wrong, [name, password], async () => {
        const ask = isNew ? backend.register : backend.signIn;
        const people = await ask(name.value.trim(), password.value);
        announce(t.account.signedIn(people.name ?? ''));
      });
    };
    return [
      h('p', { class: 'small soft' }, t.account.text),
      h(
        'form',
        { class: 'col', onsubmit },
        field(t.account.name, name),
        field(t.account.password, password, h('p', { class: 'hint' }, t.account.passwordHint)),
        wrong,
        h('div', { class: 'row wrap' }, ...buttons),
      ),
    ];
  }

  /** @param {string} name */
  #signedIn(name) {
    const out = h('button', { type: 'button', onclick: () => void this.#signOut(out) }, t.account.signOut);
    return [
      h('p', {}, t.account.signedInAs, ' ', h('strong', {}, h('bdi', {}, name))),
      this.standing,
      h(
        'div',
        { class: 'row wrap' },
        h('button', { type: 'button', onclick: () => this.app.go('account') }, t.account.own.open),
        out,
      ),
    ];
  }

  /** @param {HTMLButtonElement} button */
  async #signOut(button) {
    button.disabled = true;
    try {
      await backend.signOut();
      announce(t.account.signedOut);
      this.element.querySelector('input')?.focus();
    } catch (error) {
      button.disabled = false;
      this.app.report(error);
    }
  }
}
