/**
 * The account on the server: signing in and out, making one, its password.
 *
 * Invariants: nothing is shown where the server has no accounts; a password is in its field only, and leaves it empty.
 */
import { announce } from '../lib/announce.js';
import { backend, problem } from '../lib/backend.js';
import { fill, h, set, setText } from '../lib/dom.js';
import { dot, field } from '../lib/parts.js';
import { toast } from '../lib/toast.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').PeopleState} PeopleState */

/** As the server has them. */
const NAME_LENGTH = 32;
const PASSWORD_LENGTH = 128;

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
    const wrong = h('p', { class: 'problem', role: 'alert' });
    const buttons = [
      h('button', { class: 'primary', value: 'sign-in' }, t.account.signIn),
      h('button', { value: 'register' }, t.account.register),
    ];
    const submit = async (/** @type {SubmitEvent} */ event) => {
      event.preventDefault();
      const isNew = event.submitter instanceof HTMLButtonElement && event.submitter.value === 'register';
      await this.#send(buttons, wrong, [name, password], async () => {
        const ask = isNew ? backend.register : backend.signIn;
        const people = await ask(name.value.trim(), password.value);
        announce(t.account.signedIn(people.name ?? ''));
      });
    };
    return [
      h('p', { class: 'small soft' }, t.account.text),
      h(
        'form',
        { class: 'col', onsubmit: submit },
        field(t.account.name, name),
        field(t.account.password, password, h('p', { class: 'hint' }, t.account.passwordHint)),
        wrong,
        h('div', { class: 'row wrap' }, ...buttons),
      ),
    ];
  }

  /** @param {string} name */
  #signedIn(name) {
    const old = passwordField('current-password');
    const next = passwordField('new-password');
    const wrong = h('p', { class: 'problem', role: 'alert' });
    const change = h('button', {}, t.account.changeButton);
    const submit = async (/** @type {Event} */ event) => {
      event.preventDefault();
      await this.#send([change], wrong, [old, next], async () => {
        await backend.changePassword(old.value, next.value);
        toast(t.account.changed);
        details.open = false;
      });
    };
    const details = h(
      'details',
      { class: 'change-password' },
      h('summary', {}, t.account.change),
      h(
        'form',
        { class: 'col', onsubmit: submit },
        h('input', { class: 'hidden-text', value: name, autocomplete: 'username', tabindex: '-1', 'aria-hidden': 'true', readonly: true }),
        field(t.account.old, old),
        field(t.account.next, next),
        wrong,
        h('div', { class: 'row' }, change),
      ),
    );
    const out = h('button', { type: 'button', onclick: () => void this.#signOut(out) }, t.account.signOut);
    return [
      h(
        'div',
        { class: 'row wrap' },
        h('p', { class: 'grow' }, t.account.signedInAs, ' ', h('strong', {}, name)),
        out,
      ),
      this.standing,
      details,
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

  /**
   * @param {HTMLButtonElement[]} buttons
   * @param {HTMLElement} wrong where it is said what went wrong
   * @param {HTMLInputElement[]} inputs
   * @param {() => Promise<void>} work
   */
  async #send(buttons, wrong, inputs, work) {
    setText(wrong, '');
    const empty = inputs.find((input) => input.value === '');
    if (empty) return empty.focus();
    buttons.forEach((button) => (button.disabled = true));
    try {
      await work();
      inputs.forEach((input) => (input.value = ''));
    } catch (error) {
      setText(wrong, problem(error).message);
      inputs.forEach((input) => set(input, 'aria-invalid', 'true'));
      inputs.at(-1)?.focus();
    } finally {
      buttons.forEach((button) => (button.disabled = false));
    }
  }
}

/** @param {'current-password' | 'new-password'} autocomplete */
function passwordField(autocomplete) {
  return h('input', { type: 'password', maxlength: PASSWORD_LENGTH, autocomplete, required: true });
}
