/** Signing in. Invariant: what was typed as a key is handed to the native side and kept nowhere. */
import { backend, problem } from '../lib/backend.js';
import { announce } from '../lib/announce.js';
import { fill, h, set, setText } from '../lib/dom.js';
import { field } from '../lib/parts.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

const words = t.admin.signIn;

export class SignIn {
  /** @type {'token' | 'account'} */
  #how = 'token';

  /**
   * @param {import('../main.js').App} app
   * @param {(session: import('../generated/ipc.js').AdminSession) => void} done
   * @param {string} [why] why one has to sign in again
   */
  constructor(app, done, why = '') {
    this.done = done;
    const secret = { type: 'password', autocomplete: 'off', spellcheck: 'false' };
    this.server = h('input', {
      value: app.settings.server,
      class: 'mono',
      maxlength: 256,
      placeholder: words.serverExample,
      autocomplete: 'off',
      spellcheck: 'false',
    });
    this.token = h('input', { ...secret, maxlength: 1024 });
    this.name = h('input', { autocomplete: 'off', spellcheck: 'false', maxlength: 64 });
    this.password = h('input', { ...secret, maxlength: 256 });
    this.tabs = {
      token: h('button', { type: 'button', onclick: () => this.#choose('token') }, words.token),
      account: h('button', { type: 'button', onclick: () => this.#choose('account') }, words.account),
    };
    this.fields = h('div', { class: 'col' });
    this.wrong = h('p', { class: 'problem', role: 'alert' }, why);
    this.button = h('button', { class: 'primary' }, words.go);
    this.element = h(
      'form',
      { class: 'card col sign-in', novalidate: true },
      icon('server'),
      h('h1', {}, words.title),
      h('p', { class: 'soft' }, words.text),
      field(words.server, this.server, h('p', { class: 'hint' }, words.serverHint)),
      h('div', { class: 'tabs', role: 'group', 'aria-label': words.how }, this.tabs.token, this.tabs.account),
      this.fields,
      this.wrong,
      h('div', { class: 'row wrap' }, this.button, h('p', { class: 'hint grow' }, words.note)),
    );
    this.element.addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#send();
    });
    this.#choose('token');
  }

  close() {
    this.token.value = this.password.value = '';
  }

  /** @param {'token' | 'account'} how */
  #choose(how) {
    this.#how = how;
    for (const name of /** @type {const} */ (['token', 'account']))
      set(this.tabs[name], 'aria-pressed', String(name === how));
    if (how === 'token')
      fill(this.fields, field(words.token, this.token, h('p', { class: 'hint' }, words.tokenHint)));
    else fill(this.fields, field(words.name, this.name), field(words.password, this.password));
  }

  async #send() {
    const [token, name, password] = [this.token.value.trim(), this.name.value.trim(), this.password.value];
    const byToken = this.#how === 'token';
    if (byToken ? token === '' : name === '' || password === '')
      return this.#say(byToken ? words.tokenNeeded : words.accountNeeded);
    setText(this.wrong, '');
    set(this.button, 'disabled', true);
    announce(t.admin.loading);
    try {
      const key = byToken ? { token: { token } } : { account: { name, password } };
      const session = await backend.adminSignIn(this.server.value.trim(), key);
      this.close();
      this.done(session);
    } catch (error) {
      this.#say(problem(error).message);
    } finally {
      set(this.button, 'disabled', false);
    }
  }

  /** @param {string} sentence */
  #say(sentence) {
    setText(this.wrong, sentence);
    const first = this.#how === 'token' ? this.token : this.name.value === '' ? this.name : this.password;
    first.focus();
  }
}
