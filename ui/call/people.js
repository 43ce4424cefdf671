/** The people panel: who is here and how they are connected; how to invite more; one's own devices. */
import { backend } from '../lib/backend.js';
import { KINDS, fillPicker } from '../lib/devices.js';
import { fill, h } from '../lib/dom.js';
import { initials } from '../lib/format.js';
import { dot, field } from '../lib/parts.js';
import { invitePart } from './invite.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').DeviceKind} DeviceKind */

export class PeoplePanel {
  title = t.call.controls.people;
  #key = '';

  /**
   * @param {import('../main.js').App} app
   * @param {{code: string, link: string, addresses?: string[], qr?: string}} invitation
   */
  constructor(app, invitation) {
    this.app = app;
    this.list = h('ul', { class: 'people-list', 'aria-label': t.call.controls.people });
    this.pickers = new Map(KINDS.map((kind) => [kind, h('select', { onchange: () => void this.#picked(kind) })]));
    const fields = KINDS.map((kind) =>
      field(t.devices[kind], /** @type {HTMLSelectElement} */ (this.pickers.get(kind))),
    );
    this.element = h(
      'div',
      { class: 'panel-body scroll' },
      this.list,
      invitePart(invitation),
      h(
        'section',
        { class: 'col', 'aria-label': t.devices.title },
        h('h2', { class: 'minor' }, t.devices.title),
        ...fields,
      ),
    );
  }

  /** @param {import('../generated/ipc.js').CallState} state */
  update({ tiles }) {
    const people = tiles.filter((tile, index) => tiles.findIndex((other) => other.peer === tile.peer) === index);
    const key = JSON.stringify(
      people.map(({ name, audio, video, connection, class: quality }) => [name, audio, video, connection, quality]),
    );
    if (key === this.#key) return;
    this.#key = key;
    fill(this.list, ...people.map(personLine));
  }

  /** @param {import('../generated/ipc.js').Device[]} devices */
  showDevices(devices) {
    for (const [kind, select] of this.pickers) fillPicker(select, kind, devices, this.app.settings[kind]);
  }

  focus() {}

  /** @param {DeviceKind} kind */
  async #picked(kind) {
    const id = this.pickers.get(kind)?.value ?? '';
    try {
      await backend.setDevice(kind, id);
      await this.app.save({ [kind]: id });
    } catch (error) {
      this.app.report(error);
    }
  }
}

/** @param {import('../generated/ipc.js').Tile} tile */
function personLine(tile) {
  const quality = tile.class === null ? '' : t.quality.words[tile.class];
  const state = tile.connection === 'connected' ? quality : t.people.connection[tile.connection];
  return h(
    'li',
    { class: 'person' },
    h('span', { class: 'avatar small', 'aria-hidden': 'true' }, initials(tile.name)),
    h('span', { class: 'grow clip', title: tile.name }, tile.self ? t.call.you(tile.name) : tile.name),
    state !== '' && h('span', { class: 'chip' }, dot(tile.connection === 'connected' ? tile.class : 'bad'), state),
    mark(tile.audio, 'microphone', 'microphoneOff', t.people.microphoneOn, t.people.microphoneOff),
    mark(tile.video, 'camera', 'cameraOff', t.people.cameraOn, t.people.cameraOff),
  );
}

/**
 * @param {boolean} isOn
 * @param {import('../icons.js').IconName} on
 * @param {import('../icons.js').IconName} off
 * @param {string} onWords
 * @param {string} offWords
 */
function mark(isOn, on, off, onWords, offWords) {
  return h(
    'span',
    { class: isOn ? 'soft' : 'word terrible', title: isOn ? onWords : offWords },
    icon(isOn ? on : off, 'small'),
    h('span', { class: 'hidden-text' }, isOn ? onWords : offWords),
  );
}
