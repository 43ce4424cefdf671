/** The people panel: who is here, who waits and who watches, what a host decides; how to invite more; one's own devices. */
import { backend } from '../lib/backend.js';
import { KINDS, fillPicker } from '../lib/devices.js';
import { confirm } from '../lib/dialog.js';
import { fill, h } from '../lib/dom.js';
import { initials, when } from '../lib/format.js';
import { MenuButton } from '../lib/menu.js';
import { dot, field } from '../lib/parts.js';
import { toast } from '../lib/toast.js';
import { invitePart } from './invite.js';
import { firstTiles, hostNames } from './room.js';
import { WaitingList } from './waiting.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').DeviceKind} DeviceKind */
/** @typedef {import('../generated/ipc.js').Tile} Tile */
/** @typedef {import('../generated/ipc.js').RoomShown} RoomShown */
/** @typedef {import('./waiting.js').Decide} Decide */

export class PeoplePanel {
  title = t.call.controls.people;
  /** @type {Map<string, PersonLine>} By peer id, '' for us. */
  #lines = new Map();
  #roomKey = '';
  #locked = false;

  /**
   * @param {import('../main.js').App} app
   * @param {{code: string, link: string, addresses?: string[], qr?: string}} invitation
   * @param {Decide} decide
   * @param {() => void} end asks whether the call is to end for everybody
   */
  constructor(app, invitation, decide, end) {
    this.app = app;
    this.decide = decide;
    this.waiting = new WaitingList(decide);
    this.list = h('ul', { class: 'people-list', 'aria-label': t.call.controls.people });
    this.facts = h('div', { class: 'col tight' });
    this.lock = h('button', {
      type: 'button',
      onclick: () => void this.decide({ what: 'lock', locked: !this.#locked }),
    });
    this.controls = h(
      'div',
      { class: 'row wrap', hidden: true },
      this.lock,
      h('button', { type: 'button', class: 'warn', onclick: end }, icon('close'), t.room.end),
    );
    this.room = h('section', { class: 'col', 'aria-label': t.room.facts, hidden: true }, this.facts, this.controls);
    this.pickers = new Map(KINDS.map((kind) => [kind, h('select', { onchange: () => void this.#picked(kind) })]));
    const fields = KINDS.map((kind) =>
      field(t.devices[kind], /** @type {HTMLSelectElement} */ (this.pickers.get(kind))),
    );
    this.element = h(
      'div',
      { class: 'panel-body scroll' },
      this.waiting.element,
      this.list,
      this.room,
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
  update(state) {
    const { room } = state;
    this.waiting.update(room?.host ? room.waiting : []);
    const people = firstTiles(state.tiles);
    const there = new Set(people.map(({ peer }) => peer));
    for (const [peer, line] of this.#lines) {
      if (there.has(peer)) continue;
      line.close();
      this.#lines.delete(peer);
    }
    people.forEach((tile, index) => {
      let line = this.#lines.get(tile.peer);
      if (!line) this.#lines.set(tile.peer, (line = new PersonLine(tile.peer, this.decide)));
      line.update(tile, room);
      // Moving what is there already would take the focus from within.
      if (this.list.children[index] !== line.element)
        this.list.insertBefore(line.element, this.list.children[index] ?? null);
    });
    this.#showRoom(room, hostNames(state));
  }

  /** @param {import('../generated/ipc.js').Device[]} devices */
  showDevices(devices) {
    for (const [kind, select] of this.pickers) fillPicker(select, kind, devices, this.app.settings[kind]);
  }

  focus() {
    this.waiting.focus();
  }

  close() {
    for (const line of this.#lines.values()) line.close();
  }

  /** @param {RoomShown | null} room @param {string[]} hosts */
  #showRoom(room, hosts) {
    if (!room) return;
    const { host, locked, waitingRoom, endsMs, observers } = room;
    const key = JSON.stringify([hosts, host, locked, waitingRoom, endsMs, observers]);
    if (key === this.#roomKey) return;
    this.#roomKey = key;
    const facts = [
      hosts.length > 0 && t.room.hosts(hosts),
      locked && t.room.lockedText,
      waitingRoom && t.room.waitingRoomText,
      endsMs !== null && t.room.endsAt(when(endsMs, Date.now())),
    ].filter((one) => one !== false);
    this.room.hidden = facts.length === 0 && observers.length === 0 && !host;
    const watchers = observers.map((one) => watcherLine(one.name));
    fill(
      this.facts,
      watchers.length > 0 && h('h2', { class: 'minor' }, t.room.watching),
      watchers.length > 0 && h('ul', { class: 'people-list' }, ...watchers),
      h('h2', { class: 'minor' }, t.room.facts),
      ...facts.map((words) => h('p', { class: 'small' }, words)),
    );
    this.#locked = locked;
    this.controls.hidden = !host;
    fill(this.lock, icon(locked ? 'unlock' : 'lock'), locked ? t.room.unlock : t.room.lock);
  }

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

/** One who is here. Invariant: the menu stays the same element, whatever is said of the person beside it. */
class PersonLine {
  #key = '';
  /** @type {Tile | null} */
  #tile = null;
  #host = false;

  /** @param {string} peer @param {Decide} decide */
  constructor(peer, decide) {
    this.peer = peer;
    this.decide = decide;
    this.words = h('div', { class: 'row grow' });
    this.menu = new MenuButton('', 'more', 'plain icon-only', () => this.#items());
    this.menu.button.hidden = true;
    this.element = h('li', { class: 'person' }, this.words, this.menu.button);
  }

  /** @param {Tile} tile @param {RoomShown | null} room */
  update(tile, room) {
    this.#tile = tile;
    this.#host = room?.hosts.includes(tile.peer) ?? false;
    const managed = (room?.host ?? false) && !tile.self;
    if (!managed) this.menu.close();
    this.menu.button.hidden = !managed;
    this.element.classList.toggle('unmanaged', (room?.host ?? false) && tile.self);
    const { name, audio, video, connection, class: quality } = tile;
    const key = JSON.stringify([name, audio, video, connection, quality, this.#host]);
    if (key === this.#key) return;
    this.#key = key;
    this.menu.label(t.room.manage(name));
    fill(this.words, ...personParts(tile, this.#host));
  }

  close() {
    this.menu.close();
    this.element.remove();
  }

  /** @returns {import('../lib/menu.js').MenuItem[]} */
  #items() {
    const id = this.peer;
    const { name, audio } = /** @type {Tile} */ (this.#tile);
    /** @type {import('../lib/menu.js').MenuItem[]} */
    const items = [];
    if (audio)
      items.push({
        label: t.room.askToMute,
        icon: 'microphoneOff',
        run: () => void this.decide({ what: 'mute', id }).then((done) => void (done && toast(t.room.asked(name)))),
      });
    if (!this.#host)
      items.push({
        label: t.room.makeHost,
        icon: 'star',
        run: () =>
          void this.#ask(t.room.makeHostTitle(name), t.room.makeHostText(name), t.room.makeHost, {
            what: 'handOver',
            id,
          }),
      });
    items.push({
      label: t.room.putOut,
      icon: 'out',
      grave: true,
      run: () => void this.#ask(t.room.putOutTitle(name), t.room.putOutText, t.room.putOut, { what: 'remove', id }),
    });
    return items;
  }

  /**
   * @param {string} title
   * @param {string} text
   * @param {string} yes
   * @param {import('../generated/ipc.js').HostAct} act
   */
  async #ask(title, text, yes, act) {
    if (await confirm({ title, text, yes })) await this.decide(act);
  }
}

/** @param {Tile} tile @param {boolean} host */
function personParts(tile, host) {
  const quality = tile.class === null ? '' : t.quality.words[tile.class];
  const state = tile.connection === 'connected' ? quality : t.people.connection[tile.connection];
  return [
    h('span', { class: 'avatar small', 'aria-hidden': 'true' }, initials(tile.name)),
    h('span', { class: 'grow clip', title: tile.name }, tile.self ? t.call.you(tile.name) : h('bdi', {}, tile.name)),
    host && h('span', { class: 'chip' }, t.room.host),
    state !== '' && h('span', { class: 'chip' }, dot(tile.connection === 'connected' ? tile.class : 'bad'), state),
    mark(tile.audio, 'microphone', 'microphoneOff', t.people.microphoneOn, t.people.microphoneOff),
    mark(tile.video, 'camera', 'cameraOff', t.people.cameraOn, t.people.cameraOff),
  ];
}

/** @param {string} name */
function watcherLine(name) {
  return h('li', { class: 'person' }, icon('eye', 'small'), h('span', { class: 'grow clip', title: name }, h('bdi', {}, name)));
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
