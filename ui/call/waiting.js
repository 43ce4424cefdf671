/**
 * Who waits to be let in, for a host: a note over the call, and a list in the people panel.
 *
 * Invariant: a press counts for the one who was shown when it began. So buttons are made anew for each person, and where the one
 * who had the focus goes, it goes to words and to no other button: a key that is held down lets in one person.
 */
import { fill, h, setText } from '../lib/dom.js';
import { initials } from '../lib/format.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').Person} Person */
/** Passes on what a host decides, and says what went wrong; gives whether it went out. @typedef {(act: import('../generated/ipc.js').HostAct) => Promise<boolean>} Decide */

/** The note. */
export class WaitingNote {
  #shown = '';

  /** @param {Decide} decide @param {() => void} seeAll */
  constructor(decide, seeAll) {
    this.decide = decide;
    this.seeAll = seeAll;
    this.words = h('p', { class: 'grow', tabindex: '-1' });
    this.actions = h('div', { class: 'row' });
    this.element = h('div', { class: 'banner waiting-note', hidden: true }, icon('people'), this.words, this.actions);
  }

  /** @param {readonly Person[]} people @param {boolean} listed whether the panel shows them already */
  update(people, listed) {
    const [first] = people;
    this.element.hidden = first === undefined || listed;
    if (first === undefined) return void (this.#shown = '');
    const more = people.length - 1;
    setText(this.words, more > 0 ? t.room.moreWait(first.name, more) : t.room.waits(first.name));
    const key = `${more > 0} ${first.id}`;
    if (key === this.#shown) return;
    this.#shown = key;
    const focused = this.actions.contains(document.activeElement);
    const [admit, deny] = decisions(first, this.decide);
    const all = h('button', { type: 'button', onclick: this.seeAll }, t.room.seeAll);
    fill(this.actions, admit, more > 0 ? all : deny);
    if (focused) this.words.focus();
  }
}

/** The list. */
export class WaitingList {
  /** @type {Map<string, HTMLElement>} By participant id. */
  #lines = new Map();

  /** @param {Decide} decide */
  constructor(decide) {
    this.decide = decide;
    this.title = h('h2', { class: 'minor', tabindex: '-1', id: 'waiting-title' });
    this.list = h('ul', { class: 'people-list' });
    this.element = h(
      'section',
      { class: 'col tight waiting-list', 'aria-labelledby': 'waiting-title', hidden: true },
      this.title,
      this.list,
    );
  }

  /** @param {readonly Person[]} people */
  update(people) {
    const focused = this.list.contains(document.activeElement);
    const there = new Set(people.map(({ id }) => id));
    for (const [id, line] of this.#lines) {
      if (there.has(id)) continue;
      line.remove();
      this.#lines.delete(id);
    }
    for (const person of people) {
      if (this.#lines.has(person.id)) continue;
      const line = this.#line(person);
      this.#lines.set(person.id, line);
      this.list.append(line);
    }
    setText(this.title, t.room.waitingTitle(people.length));
    this.element.hidden = people.length === 0;
    if (focused && !this.list.contains(document.activeElement)) this.title.focus();
  }

  /** Where a host who opens the panel goes first. @returns {boolean} whether there is anybody */
  focus() {
    const first = this.list.querySelector('button');
    first?.focus();
    return first !== null;
  }

  /** @param {Person} person */
  #line(person) {
    return h(
      'li',
      { class: 'person waiting-person' },
      h('span', { class: 'avatar small', 'aria-hidden': 'true' }, initials(person.name)),
      h('span', { class: 'grow clip', title: person.name }, h('bdi', {}, person.name)),
      h('span', { class: 'row' }, ...decisions(person, this.decide)),
    );
  }
}

/**
 * @param {Person} person
 * @param {Decide} decide
 */
function decisions({ id, name }, decide) {
  const button = (/** @type {'admit' | 'deny'} */ what, /** @type {string} */ words, /** @type {string} */ label) => {
    const element = h('button', {
      type: 'button',
      class: what === 'admit' ? 'primary' : '',
      'aria-label': label,
      title: label,
      onclick: () => {
        // Until it is said: a second press would be about somebody who does not wait any more.
        element.disabled = true;
        void decide({ what, id }).finally(() => (element.disabled = false));
      },
    });
    element.append(words);
    return element;
  };
  return [
    button('admit', t.room.letIn, t.room.letInWho(name)),
    button('deny', t.room.sendAway, t.room.sendAwayWho(name)),
  ];
}
