/**
 * The line above a call: its name, whether it is locked, who decides and who watches, and how long it still lasts.
 *
 * Invariant: nobody watches unseen; the end that is coming is shown and said by the clock of the page.
 */
import { announce } from '../lib/announce.js';
import { fill, h, set, setText } from '../lib/dom.js';
import { clock } from '../lib/format.js';
import { dueWarning, hostNames, leftWords } from './room.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

/** From then on it is urgent, ms. */
const URGENT_MS = 60_000;
/** From then on it interrupts what is being read, ms. */
const LAST_MS = 10_000;

export class Head {
  #key = '';
  /** @type {number | null} When the room ends, Unix ms; null where that is not to be shown yet. */
  #endsMs = null;
  /** @type {number | null} */
  #said = null;

  /** @param {{name?: string, code: string}} invitation */
  constructor(invitation) {
    this.name = h('h1', { class: 'clip' }, invitation.name || t.call.heading(invitation.code));
    this.facts = h('ul', { class: 'room-facts', 'aria-label': t.room.facts, hidden: true });
    this.left = h('span', { class: 'chip num', role: 'timer', 'aria-label': t.room.timeLeft, hidden: true });
    this.element = h('header', { class: 'call-head' }, this.name, this.left, this.facts);
  }

  /** @param {import('../generated/ipc.js').CallState} state */
  update(state) {
    const { room } = state;
    if (!room) return;
    const endsMs = room.endsSoon ? room.endsMs : null;
    if (endsMs !== this.#endsMs) this.#said = null;
    this.#endsMs = endsMs;
    if (room.name !== '') setText(this.name, room.name);
    set(this.name, 'title', room.name);
    const hosts = hostNames(state);
    const key = JSON.stringify([room.host, hosts, room.locked, room.observers]);
    if (key === this.#key) return;
    this.#key = key;
    const hostWords = room.host ? t.room.youHost : hosts.length > 0 ? t.room.hosts(hosts) : '';
    const watchers = room.observers.map(({ name }) => name);
    const facts = [
      room.locked && fact('lock', t.room.locked, t.room.lockedText, 'locked-fact'),
      watchers.length > 0 && fact('eye', t.room.watchers(watchers), watchers.join(', ')),
      hostWords !== '' && fact('star', hostWords, hostWords, 'host-fact'),
    ].filter((one) => one instanceof Node);
    this.facts.hidden = facts.length === 0;
    fill(this.facts, ...facts);
  }

  /** @param {number} nowMs Unix ms */
  tick(nowMs) {
    this.left.hidden = this.#endsMs === null;
    if (this.#endsMs === null) return;
    const leftMs = Math.max(0, this.#endsMs - nowMs);
    // Up to the full second: it starts at 5:00, and 0:00 is the end.
    setText(this.left, t.room.endsIn(clock(Math.ceil(leftMs / 1000) * 1000)));
    this.left.classList.toggle('urgent', leftMs <= URGENT_MS);
    const due = dueWarning(this.#said, leftMs);
    if (due === null) return;
    this.#said = due;
    announce(t.room.endsSoon(leftWords(leftMs)), due <= LAST_MS);
  }
}

/**
 * @param {import('../icons.js').IconName} name
 * @param {string} words
 * @param {string} title in full
 * @param {string} [extra] class beside `chip`
 */
function fact(name, words, title, extra = '') {
  const more = title !== words && h('span', { class: 'hidden-text' }, `: ${title}`);
  return h('li', { class: `chip ${extra}`, title }, icon(name, 'small'), h('span', { class: 'clip' }, words), more);
}
