/**
 * Settings.
 *
 * Invariant: each change is stored when it is made, and said so; what cannot be stored is shown at its field and not kept.
 */
import { announce } from '../lib/announce.js';
import { backend, on, problem } from '../lib/backend.js';
import { KINDS, fillPicker } from '../lib/devices.js';
import { fill, h, set, setText } from '../lib/dom.js';
import { field, toggle } from '../lib/parts.js';
import { t } from '../strings.js';
import { SharingPart } from './sharing.js';
import { AccountPart } from '../people/account.js';

/** @typedef {import('../generated/ipc.js').Settings} Settings */

const HEIGHTS = [180, 360, 720, 1080];
/** As the app takes them. */
const KBPS = { low: 50, high: 20_000 };
const DAYS = [0, 7, 30, 90, 365];

export class SettingsView {
  title = t.settings.window;
  alone = false;

  /** @param {import('../main.js').App} app */
  constructor(app) {
    this.app = app;
    this.pickers = new Map(KINDS.map((kind) => [kind, this.#picker(kind)]));
    this.hosting = h('p', { class: 'hint' });
    this.account = new AccountPart(app);
    this.sharing = new SharingPart(app, (change) => this.#save(change));
    this.status = h('span', { class: 'soft small saved', 'aria-hidden': 'true' });
    this.element = h(
      'div',
      { class: 'page scroll settings' },
      h(
        'div',
        { class: 'inner' },
        h('header', { class: 'row' }, h('h1', { class: 'grow' }, t.settings.title), this.status),
        h(
          'div',
          { class: 'settings-columns' },
          h('div', { class: 'col' }, this.#you(), this.#server(), this.account.element, this.#devices(), this.#look()),
          h('div', { class: 'col' }, this.#quality(), this.#record(), this.sharing.element),
        ),
        h(
          'footer',
          { class: 'row wrap' },
          h('p', { class: 'soft small grow' }, t.settings.about(app.boot.version)),
          h(
            'button',
            { type: 'button', class: 'plain', title: t.settings.adminHint, onclick: () => app.go('admin') },
            t.settings.admin,
          ),
        ),
      ),
    );
    this.stop = on.devices((devices) => this.#showDevices(devices));
    backend
      .devices()
      .then((devices) => this.#showDevices(devices))
      .catch((error) => app.report(error));
  }

  /** @param {import('../generated/ipc.js').PeopleState} people */
  update(people) {
    this.account.update(people);
  }

  close() {
    this.stop();
    this.sharing.close();
  }

  #you() {
    const input = h('input', { value: this.app.settings.name, maxlength: 40, autocomplete: 'name' });
    return part(
      t.settings.you,
      this.#text(input, t.settings.name, t.settings.nameHint, (text) => {
        if (text === '') throw new Error(t.settings.nameNeeded);
        return { name: text };
      }),
    );
  }

  #server() {
    const { hosting } = this.app.boot;
    const input = h('input', {
      value: this.app.settings.server,
      class: 'mono',
      maxlength: 256,
      placeholder: t.settings.serverExample,
      autocomplete: 'off',
      spellcheck: 'false',
    });
    this.#showHosting(hosting);
    void this.#askHosting();
    return part(
      t.settings.server,
      this.#text(input, t.settings.serverAddress, t.settings.serverHint, (server) => ({ server })),
      this.hosting,
    );
  }

  /** It may have been started by the last change, and addresses come and go. */
  async #askHosting() {
    try {
      this.#showHosting((this.app.boot.hosting = await backend.hosting()));
    } catch (error) {
      this.app.report(error);
    }
  }

  /** @param {import('../generated/ipc.js').Hosting} hosting */
  #showHosting({ running, addresses, problem }) {
    if (running) fill(this.hosting, t.settings.hosting, ' ', h('span', { class: 'mono' }, addresses.join(', ')));
    else fill(this.hosting, problem ?? t.settings.hostingOff);
  }

  #quality() {
    const { maxHeight, maxKbps, dataSaver } = this.app.settings;
    const height = choice(HEIGHTS, maxHeight, t.settings.lines, (value) => void this.#save({ maxHeight: value }));
    const kbps = h('input', { value: String(maxKbps), inputmode: 'numeric', class: 'num' });
    return part(
      t.settings.quality,
      field(t.settings.maxHeight, height),
      this.#text(kbps, `${t.settings.maxKbps}, ${t.settings.kbps}`, '', (text) => {
        const value = Number(text);
        if (!Number.isInteger(value) || value < KBPS.low || value > KBPS.high)
          throw new Error(t.settings.kbpsWrong(KBPS.low, KBPS.high));
        return { maxKbps: value };
      }),
      toggle(
        t.settings.dataSaver,
        dataSaver,
        (value) => void this.#save({ dataSaver: value }),
        t.settings.dataSaverHint,
      ),
    );
  }

  #record() {
    const { keepDays } = this.app.settings;
    const label = (/** @type {number} */ days) => (days === 0 ? t.settings.keepForEver : t.settings.keepDays(days));
    return part(
      t.settings.record,
      field(
        t.settings.keep,
        choice(DAYS, keepDays, label, (value) => void this.#save({ keepDays: value })),
      ),
    );
  }

  #look() {
    const { theme, language } = this.app.settings;
    /** @type {Settings['theme'][]} */
    const themes = ['system', 'light', 'dark'];
    return part(
      t.settings.look,
      field(
        t.settings.theme,
        choice(
          themes,
          theme,
          (value) => t.settings.themes[value],
          (value) => void this.#save({ theme: value }),
        ),
      ),
      field(
        t.settings.language,
        choice(
          /** @type {Settings['language'][]} */ (['en']),
          language,
          (value) => t.settings.languages[value],
          (value) => void this.#save({ language: value }),
        ),
      ),
    );
  }

  #devices() {
    return part(t.devices.title, ...[...this.pickers].map(([kind, select]) => field(t.devices[kind], select)));
  }

  /** @param {import('../generated/ipc.js').DeviceKind} kind */
  #picker(kind) {
    const select = h('select', { onchange: () => void this.#save({ [kind]: select.value }) });
    return select;
  }

  /** @param {import('../generated/ipc.js').Device[]} devices */
  #showDevices(devices) {
    for (const [kind, select] of this.pickers) fillPicker(select, kind, devices, this.app.settings[kind]);
  }

  /**
   * A line of text that is stored when it is left or Enter is pressed.
   * @param {HTMLInputElement} input
   * @param {string} label
   * @param {string} hint
   * @param {(text: string) => Partial<Settings>} change fails with a sentence for people
   */
  #text(input, label, hint, change) {
    const wrong = h('p', { class: 'problem', role: 'alert' });
    input.addEventListener('change', async () => {
      setText(wrong, '');
      set(input, 'aria-invalid', null);
      try {
        await this.#store(change(input.value.trim()));
      } catch (error) {
        setText(wrong, problem(error).message);
        set(input, 'aria-invalid', 'true');
      }
    });
    const box = field(label, input, hint && h('p', { class: 'hint' }, hint));
    box.append(wrong);
    return box;
  }

  /** @param {Partial<Settings>} change */
  async #save(change) {
    try {
      await this.#store(change);
    } catch (error) {
      this.app.report(error);
    }
  }

  /** @param {Partial<Settings>} change */
  async #store(change) {
    await this.app.save(change);
    if (change.server !== undefined) {
      void this.#askHosting();
      this.account.look();
    }
    setText(this.status, t.settings.saved);
    announce(t.settings.saved);
  }
}

/**
 * @param {string} title
 * @param {...Node} content
 */
function part(title, ...content) {
  return h('section', { class: 'card col' }, h('h2', {}, title), ...content);
}

/**
 * A choice among a few values; one that is set but not offered is offered as well.
 * @template {string | number} T
 * @param {readonly T[]} values
 * @param {T} chosen
 * @param {(value: T) => string} label
 * @param {(value: T) => void} onchange
 */
function choice(values, chosen, label, onchange) {
  const all = values.includes(chosen) ? values : [...values, chosen];
  const options = all.map((value) => h('option', { value: String(value), selected: value === chosen }, label(value)));
  const select = h('select', {}, ...options);
  select.addEventListener('change', () => {
    const value = all[select.selectedIndex];
    if (value !== undefined) onchange(value);
  });
  return select;
}
