/**
 * The open rooms and who is in them.
 *
 * Invariants: the server is asked each 5 s exactly while this is shown and the window is seen; a room keeps its card, and with it
 * the focus, as long as it is open.
 */
import { announce } from '../lib/announce.js';
import { backend } from '../lib/backend.js';
import { confirm } from '../lib/dialog.js';
import { fill, h, set, setText } from '../lib/dom.js';
import { duration, when } from '../lib/format.js';
import { notice, stateBox } from '../lib/parts.js';
import { toast } from '../lib/toast.js';
import { icon } from '../icons.js';
import { showLoading, showProblem } from './parts.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').AdminRoom} AdminRoom */

const LOOK_MS = 5000;
const words = t.admin.live;

export class Live {
  /** @type {Map<string, RoomCard>} */
  #cards = new Map();
  #said = '';
  #asked = 0;
  #known = false;

  /** @param {import('./parts.js').Around} around */
  constructor(around) {
    this.around = around;
    this.summary = h('h2', {}, words.list);
    this.stale = notice('bad', words.stale);
    this.stale.hidden = true;
    this.list = h('ul', { class: 'rooms', 'aria-label': words.list });
    this.rest = h('div', { class: 'rest' });
    this.element = h('section', { class: 'col' }, this.summary, this.stale, this.list, this.rest);
    showLoading(this.rest);
    this.timer = setInterval(() => document.hidden || void this.#look(), LOOK_MS);
    this.seen = () => document.hidden || void this.#look();
    document.addEventListener('visibilitychange', this.seen);
    void this.#look();
  }

  close() {
    this.#asked = -1;
    clearInterval(this.timer);
    document.removeEventListener('visibilitychange', this.seen);
  }

  async #look() {
    if (this.#asked < 0) return;
    const asked = (this.#asked += 1);
    try {
      const rooms = await backend.adminRooms();
      if (asked === this.#asked) this.#show(rooms);
    } catch (error) {
      if (asked !== this.#asked || this.around.ended(error)) return;
      // What is known stays, and says that it may be old.
      if (this.#known) this.stale.hidden = false;
      else showProblem(this.rest, error, this.around, () => void this.#look());
    }
  }

  /** @param {AdminRoom[]} rooms */
  #show(rooms) {
    this.#known = true;
    this.stale.hidden = true;
    const now = Date.now();
    const open = new Set(rooms.map((room) => room.roomId));
    for (const [id, card] of this.#cards) {
      if (open.has(id)) continue;
      card.element.remove();
      this.#cards.delete(id);
    }
    rooms.forEach((room, index) => {
      let card = this.#cards.get(room.roomId);
      if (!card) {
        card = new RoomCard((one) => void this.#end(one));
        this.#cards.set(room.roomId, card);
      }
      card.show(room, now);
      // Moved only if it is elsewhere: moving takes the focus away.
      if (this.list.children[index] !== card.element) this.list.insertBefore(card.element, this.list.children[index] ?? null);
    });
    const people = rooms.reduce((sum, room) => sum + room.people.length, 0);
    const summary = words.summary(rooms.length, people);
    setText(this.summary, summary);
    if (this.#said !== '' && this.#said !== summary) announce(summary);
    this.#said = summary;
    if (rooms.length > 0) fill(this.rest);
    else fill(this.rest, stateBox({ icon: 'people', title: words.none, text: words.noneText }));
  }

  /** @param {AdminRoom} room */
  async #end(room) {
    const sure = await confirm({
      title: words.endTitle(room.name),
      text: words.endText(room.people.length),
      yes: words.end,
    });
    if (!sure) return;
    try {
      await backend.adminEndRoom(room.roomId);
      toast(words.ended(room.name));
    } catch (error) {
      if (!this.around.ended(error)) this.around.app.report(error);
    }
    void this.#look();
  }
}

class RoomCard {
  #people = '';

  /** @param {(room: AdminRoom) => void} end */
  constructor(end) {
    /** @type {AdminRoom | null} */
    this.room = null;
    this.name = h('h3', { class: 'room-name' });
    this.facts = h('p', { class: 'soft small num' });
    this.people = h('ul', { class: 'chips' });
    this.end = h('button', { type: 'button', class: 'warn', onclick: () => this.room && end(this.room) }, words.end);
    this.element = h(
      'li',
      { class: 'card room' },
      h('div', { class: 'row wrap' }, h('div', { class: 'grow' }, this.name, this.facts), this.end),
      this.people,
    );
  }

  /** @param {AdminRoom} room @param {number} now */
  show(room, now) {
    this.room = room;
    this.element.dataset.room = room.roomId;
    setText(this.name, room.name || room.code || room.roomId);
    set(this.end, 'aria-label', words.endOf(room.name));
    const facts = [
      room.code,
      room.createdMs !== null && words.open(duration(now - room.createdMs)),
      words.seats(room.people.length, room.maxParticipants),
      room.waiting > 0 && words.waiting(room.waiting),
      room.observers > 0 && words.observers(room.observers),
      room.locked && words.locked,
      room.expiresMs !== null && words.ends(when(room.expiresMs, now)),
    ];
    setText(this.facts, facts.filter(Boolean).join(' · '));
    const key = JSON.stringify(room.people);
    if (key === this.#people) return;
    this.#people = key;
    if (room.people.length === 0) return fill(this.people, h('li', { class: 'soft small' }, words.nobody));
    fill(this.people, ...room.people.map(person));
  }
}

/** @param {AdminRoom['people'][number]} of */
function person({ name, host, away, microphone, camera }) {
  const on = (/** @type {boolean} */ is, /** @type {import('../icons.js').IconName} */ shown, /** @type {string} */ label) =>
    is && h('span', { class: 'on', title: label }, icon(shown, 'small'), h('span', { class: 'hidden-text' }, `, ${label}`));
  return h(
    'li',
    { class: away ? 'chip away' : 'chip' },
    h('span', { class: 'clip' }, h('bdi', {}, name)),
    host && h('span', { class: 'tag' }, words.host),
    away && h('span', { class: 'tag' }, words.away),
    on(microphone, 'microphone', words.microphone),
    on(camera, 'camera', words.camera),
  );
}
