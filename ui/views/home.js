/**
 * Home: join by code or link, start a call, recent calls; on the first start, the question for a name.
 *
 * Invariant: nobody gets past it without a name, and nothing else is asked.
 */
import { backend, problem } from '../lib/backend.js';
import { announce } from '../lib/announce.js';
import { listed } from '../lib/bidi.js';
import { fill, h, set, setText } from '../lib/dom.js';
import { duration, when } from '../lib/format.js';
import { dot, field, headlineChip, iconButton, notice, stateBox } from '../lib/parts.js';
import { PLAIN, openPlan } from '../home/plan.js';
import { ContactsPart } from '../people/contacts.js';
import { missedHomeLine, withMissed } from '../people/missed.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

/** As long as a name on a tile can be read. */
const NAME_LENGTH = 40;
/** A link with a long host name; a pasted novel is cut. */
const CODE_LENGTH = 512;
const RECENT = 5;

export class HomeView {
  title = t.home.window;
  /** A link that came before there was a name. */
  #link = '';
  /** Of the missed calls that are shown. */
  #missed = '';

  /** @param {import('../main.js').App} app */
  constructor(app) {
    this.app = app;
    /** Without a name there is nothing to go to. */
    this.alone = app.settings.name === '';
    this.inner = h('div', { class: 'inner' });
    this.element = h('div', { class: 'page scroll home' }, this.inner);
    if (this.alone) this.#askName();
    else this.#showHome();
  }

  /** Missed calls that were shown here are news no more. */
  close() {
    const { missed } = this.app.people;
    if (!this.contacts || !missed.some(({ seen }) => !seen)) return;
    backend.missedSeen().catch((error) => this.app.report(error));
  }

  /** @param {import('../generated/ipc.js').PeopleState} people */
  update(people) {
    this.contacts?.update(people);
    const key = missedKey(people);
    if (key === this.#missed || this.app.boot.historyProblem) return;
    this.#missed = key;
    this.#showRecent(this.app.boot.recent);
  }

  /** @param {string} link to open as soon as there is a name */
  keepLink(link) {
    this.#link = link;
  }

  #askName() {
    const input = h('input', { autocomplete: 'name', maxlength: NAME_LENGTH, required: true, autofocus: true });
    const button = h('button', { class: 'primary' }, t.home.continue);
    const submit = async (/** @type {Event} */ event) => {
      event.preventDefault();
      const name = input.value.trim();
      if (name === '') return input.focus();
      await this.#busy(button, async () => {
        await this.app.save({ name });
        this.app.go('home');
        if (this.#link) this.app.lobby(await backend.openInvitation(this.#link), false);
      });
    };
    this.inner.classList.add('welcome');
    fill(
      this.inner,
      h(
        'header',
        { class: 'hero' },
        icon('sightline'),
        h('h1', {}, t.home.welcome),
        h('p', { class: 'soft' }, t.home.welcomeText),
      ),
      h(
        'form',
        { class: 'card name-card', onsubmit: submit },
        field(t.home.yourName, input, h('p', { class: 'hint' }, t.home.yourNameHint)),
        button,
      ),
    );
    queueMicrotask(() => input.focus());
  }

  #showHome() {
    const { boot } = this.app;
    this.recent = h('section', { class: 'col recent', 'aria-labelledby': 'recent-title' });
    this.contacts = new ContactsPart(this.app);
    this.#missed = missedKey(this.app.people);
    fill(
      this.inner,
      h('header', { class: 'hero' }, h('h1', {}, t.home.title), h('p', { class: 'soft' }, t.home.text)),
      h('div', { class: 'ways' }, this.#joinCard(), this.#startCard()),
      ...[boot.settingsProblem, boot.historyProblem].map(
        (words) => words && notice('bad', icon('alert'), h('p', {}, words)),
      ),
      this.contacts.hint,
      this.contacts.element,
      this.recent,
    );
    if (boot.historyProblem) return;
    this.#showRecent(boot.recent);
    void this.refresh();
  }

  #joinCard() {
    const input = h('input', {
      class: 'mono',
      maxlength: CODE_LENGTH,
      autocomplete: 'off',
      autocapitalize: 'off',
      spellcheck: 'false',
      placeholder: t.home.codeExample,
      'aria-describedby': 'join-hint join-problem',
    });
    const wrong = h('p', { class: 'problem', id: 'join-problem', role: 'alert' });
    const button = h('button', { class: 'primary' }, t.home.join);
    const submit = async (/** @type {Event} */ event) => {
      event.preventDefault();
      setText(wrong, '');
      set(input, 'aria-invalid', null);
      const text = input.value.trim();
      if (text === '') return input.focus();
      await this.#busy(
        button,
        async () => this.app.lobby(await backend.openInvitation(text), false),
        (sentence) => {
          setText(wrong, sentence);
          set(input, 'aria-invalid', 'true');
          input.focus();
        },
      );
    };
    return h(
      'form',
      { class: 'card col', onsubmit: submit },
      h('h2', {}, t.home.joinTitle),
      field(t.home.codeOrLink, input),
      wrong,
      h('div', { class: 'row wrap' }, button, h('span', { class: 'hint', id: 'join-hint' }, t.home.joinHint)),
    );
  }

  #startCard() {
    const button = h('button', { type: 'button' }, t.home.start);
    button.addEventListener('click', () =>
      this.#busy(button, async () => this.app.lobby(await backend.startCall(PLAIN), true)),
    );
    const options = iconButton(t.room.options, 'options', () =>
      openPlan(async (plan) => this.app.lobby(await backend.startCall(plan), true, plan)),
    );
    set(options, 'aria-haspopup', 'dialog');
    return h(
      'section',
      { class: 'card col' },
      h('h2', {}, t.home.startTitle),
      h('p', { class: 'soft' }, t.home.startText),
      h('div', { class: 'row wrap end' }, h('div', { class: 'start-ways' }, button, options), this.#serverChip()),
    );
  }

  #serverChip() {
    const { server } = this.app.settings;
    const { hosting } = this.app.boot;
    if (server !== '') return h('span', { class: 'chip' }, icon('server', 'small'), server);
    if (hosting.problem) return h('span', { class: 'chip', title: hosting.problem }, dot('bad'), t.home.serverFailed);
    return h('span', { class: 'chip' }, dot('good'), t.home.ownServer);
  }

  /** Calls that ended since the app began are not in what it began with. */
  async refresh() {
    if (!this.recent || this.app.boot.historyProblem) return;
    try {
      const filter = { text: '', fromMs: null, toMs: null, class: null };
      this.#showRecent((this.app.boot.recent = await backend.historyCalls(filter, RECENT, 0)));
    } catch (error) {
      if (this.recent) fill(this.recent, notice('bad', icon('alert'), h('p', {}, problem(error).message)));
    }
  }

  /** @param {import('../generated/ipc.js').CallLine[]} calls */
  #showRecent(calls) {
    if (!this.recent) return;
    const title = h('h3', { id: 'recent-title' }, t.home.recent);
    const { missed, here } = this.app.people;
    const callBack = (/** @type {string} */ name) => void this.app.callPerson(name);
    const lines = withMissed(calls, missed, calls.length >= RECENT).slice(0, RECENT);
    if (lines.length === 0) {
      fill(
        this.recent,
        title,
        h('div', { class: 'card' }, stateBox({ icon: 'pulse', title: t.home.noCalls, text: t.home.noCallsText })),
      );
      return;
    }
    fill(
      this.recent,
      title,
      h(
        'ul',
        { class: 'recent-list' },
        ...lines.map((line) =>
          'call' in line ? this.#recentLine(line.call) : missedHomeLine(line.missed, callBack, here),
        ),
      ),
    );
  }

  /** @param {import('../generated/ipc.js').CallLine} call */
  #recentLine(call) {
    const who = call.peers.length > 0 ? listed(call.peers) : call.code;
    return h(
      'li',
      {},
      h(
        'button',
        { type: 'button', class: 'plain recent-call', onclick: () => this.app.go('history', call.id) },
        h('span', { class: 'who clip', title: who }, who),
        h('span', { class: 'soft when' }, when(call.startedMs, Date.now())),
        h('span', { class: 'soft num length' }, call.underWay ? t.history.underWay : duration(call.durationMs)),
        h('span', { class: 'headline' }, headlineChip(call.headline)),
        h(
          'span',
          { class: `words clip word ${call.headline.class === 'good' ? 'soft' : (call.headline.class ?? 'soft')}` },
          call.headline.words,
        ),
      ),
    );
  }

  /**
   * Runs what a button began; the button cannot be pressed again meanwhile.
   * @param {HTMLButtonElement} button
   * @param {() => Promise<void>} work
   * @param {(sentence: string) => void} [failed]
   */
  async #busy(button, work, failed) {
    button.disabled = true;
    button.setAttribute('aria-busy', 'true');
    try {
      await work();
    } catch (error) {
      if (failed) failed(problem(error).message);
      else this.app.report(error);
      announce(problem(error).message, true);
    } finally {
      button.disabled = false;
      button.removeAttribute('aria-busy');
    }
  }
}

/** What of the missed calls is shown. @param {import('../generated/ipc.js').PeopleState} people */
function missedKey({ missed, here }) {
  return JSON.stringify([missed.slice(0, RECENT), here]);
}
