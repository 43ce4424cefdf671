/**
 * What is one's own at the server: the session here, the password, whom one blocks, and the end of the account.
 *
 * Invariant: it is there for the one account that is signed in; who is signed out, wherever that was done, is led back to
 * Settings.
 */
import { announce } from '../lib/announce.js';
import { backend, problem } from '../lib/backend.js';
import { confirm } from '../lib/dialog.js';
import { fill, h, set } from '../lib/dom.js';
import { dot, field, iconButton, stateBox } from '../lib/parts.js';
import { toast } from '../lib/toast.js';
import { nameForm, passwordField, problemLine, submit } from '../people/form.js';
import { t } from '../strings.js';

const words = t.account.own;

export class AccountView {
  title = words.title;
  alone = false;

  /** @param {import('../main.js').App} app */
  constructor(app) {
    this.app = app;
    this.name = app.people.name ?? '';
    this.standing = h('p', { class: 'small row' });
    this.blocked = new Blocked(app);
    this.element = h(
      'div',
      { class: 'page scroll account own-account' },
      h(
        'div',
        { class: 'inner' },
        h(
          'header',
          { class: 'row' },
          iconButton(words.back, 'back', () => app.go('settings')),
          h('h1', { class: 'grow' }, words.title),
        ),
        h(
          'div',
          { class: 'settings-columns' },
          h('div', { class: 'col' }, this.#session(), this.#password()),
          h('div', { class: 'col' }, this.blocked.element, this.#end()),
        ),
      ),
    );
    this.update(app.people);
  }

  close() {}

  /** @param {import('../generated/ipc.js').PeopleState} people */
  update({ name, here }) {
    if (name !== this.name) return this.app.go('settings');
    fill(this.standing, dot(here ? 'good' : 'bad'), here ? t.account.reachable : t.account.notReachable);
  }

  #session() {
    const out = h('button', { type: 'button', onclick: () => void signOut() }, t.account.signOut);
    const signOut = async () => {
      out.disabled = true;
      try {
        await backend.signOut();
        announce(t.account.signedOut);
      } catch (error) {
        out.disabled = false;
        this.app.report(error);
      }
    };
    return part(
      words.session,
      h('p', {}, t.account.signedInAs, ' ', h('strong', {}, h('bdi', {}, this.name))),
      this.standing,
      h('div', { class: 'row' }, out),
    );
  }

  #password() {
    const old = passwordField('current-password');
    const next = passwordField('new-password');
    const wrong = problemLine();
    const change = h('button', {}, t.account.changeButton);
    const onsubmit = async (/** @type {Event} */ event) => {
      event.preventDefault();
      await submit([change], wrong, [old, next], async () => {
        await backend.changePassword(old.value, next.value);
        toast(t.account.changed);
      });
    };
    return part(
      t.account.change,
      h(
        'form',
        { class: 'col', 'aria-label': t.account.change, onsubmit },
        whose(this.name),
        field(t.account.old, old),
        field(t.account.next, next, h('p', { class: 'hint' }, t.account.passwordHint)),
        wrong,
        h('div', { class: 'row' }, change),
      ),
    );
  }

  #end() {
    const password = passwordField('current-password');
    const wrong = problemLine();
    const end = h('button', { class: 'warn' }, words.end);
    const onsubmit = async (/** @type {Event} */ event) => {
      event.preventDefault();
      const filled = password.value !== '';
      if (filled && !(await confirm({ title: words.endTitle(this.name), text: words.endText, yes: words.end }))) return;
      await submit([end], wrong, [password], async () => {
        await backend.deleteAccount(password.value);
        toast(words.ended(this.name));
      });
    };
    return part(
      words.end,
      h('p', { class: 'soft' }, words.endHint),
      h(
        'form',
        { class: 'col', 'aria-label': words.end, onsubmit },
        whose(this.name),
        field(t.account.password, password),
        wrong,
        h('div', { class: 'row' }, end),
      ),
    );
  }
}

/** Whom the account blocks. Invariant: what is listed is what the server said last. */
class Blocked {
  /** @param {import('../main.js').App} app */
  constructor(app) {
    this.app = app;
    this.box = h('div', { class: 'rest' });
    this.element = part(words.blocked, h('p', { class: 'soft' }, words.blockedHint), this.box, this.#form());
    void this.#load();
  }

  async #load() {
    fill(this.box, stateBox({ busy: true, title: words.loading }));
    try {
      this.#show(await backend.blockedNames());
    } catch (error) {
      const again = h('button', { type: 'button', onclick: () => void this.#load() }, t.tryAgain);
      fill(this.box, stateBox({ icon: 'alert', title: words.problem, text: problem(error).message, actions: [again] }));
    }
  }

  /** @param {string[]} names */
  #show(names) {
    if (names.length === 0) return fill(this.box, h('p', { class: 'soft' }, words.none));
    const line = (/** @type {string} */ name) =>
      h(
        'li',
        { class: 'person' },
        h('span', { class: 'grow clip', title: name }, h('bdi', {}, name)),
        h(
          'button',
          { type: 'button', 'aria-label': words.unblockWho(name), onclick: (/** @type {Event} */ event) => void this.#unblock(name, event) },
          words.unblock,
        ),
      );
    fill(this.box, h('ul', { class: 'contacts', 'aria-label': words.blocked }, ...names.map(line)));
  }

  /** @param {string} name @param {Event} event */
  async #unblock(name, { currentTarget: button }) {
    set(/** @type {Element} */ (button), 'disabled', true);
    try {
      this.#show(await backend.setBlocked(name, false));
      const again = () => void backend.setBlocked(name, true).then((names) => this.#show(names), (error) => this.app.report(error));
      toast(words.unblocked(name), { action: { label: t.contacts.undo, run: again } });
      // The button that had it is gone.
      this.element.querySelector('button')?.focus();
    } catch (error) {
      set(/** @type {Element} */ (button), 'disabled', false);
      this.app.report(error);
    }
  }

  #form() {
    return nameForm({
      title: words.blockSomebody,
      label: t.account.name,
      button: words.block,
      work: async (name) => {
        this.#show(await backend.setBlocked(name, true));
        announce(words.nowBlocked(name));
      },
    });
  }
}

/** So that a keeper of passwords knows whose it is. @param {string} name */
function whose(name) {
  return h('input', {
    class: 'hidden-text',
    value: name,
    autocomplete: 'username',
    tabindex: '-1',
    'aria-hidden': 'true',
    readonly: true,
  });
}

/** @param {string} title @param {...Node} children */
function part(title, ...children) {
  return h('section', { class: 'card col' }, h('h2', {}, title), ...children);
}
