/** The rail that leads to home, history, meeting someone and settings. */
import { h } from '../lib/dom.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

/** @typedef {import('../main.js').Place} Place */

/** @type {[Place, import('../icons.js').IconName][]} */
const PLACES = [
  ['home', 'home'],
  ['history', 'pulse'],
  ['meet', 'meet'],
  ['admin', 'server'],
  ['settings', 'gear'],
];

export class Rail {
  /** @param {(place: Place) => void} go */
  constructor(go) {
    this.buttons = PLACES.map(([place, name]) => {
      const label = t.shell.places[place];
      const button = h(
        'button',
        { type: 'button', 'aria-label': label, title: label, onclick: () => go(place) },
        icon(name),
      );
      if (place === 'settings') button.classList.add('last');
      // Ordinary people have no use for it.
      if (place === 'admin') button.hidden = true;
      return button;
    });
    this.element = h('nav', { class: 'rail', 'aria-label': t.shell.rail }, ...this.buttons);
  }

  /** Leads to a place, or not. @param {Place} place @param {boolean} is */
  offer(place, is) {
    const button = this.buttons[PLACES.findIndex(([one]) => one === place)];
    if (button) button.hidden = !is;
  }

  /** @param {Place} current */
  mark(current) {
    PLACES.forEach(([place], index) => {
      const button = this.buttons[index];
      if (place === current) button?.setAttribute('aria-current', 'page');
      else button?.removeAttribute('aria-current');
    });
  }
}
