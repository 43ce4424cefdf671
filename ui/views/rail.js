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

const ADMIN = PLACES.findIndex(([place]) => place === 'admin');

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
      return button;
    });
    this.element = h('nav', { class: 'rail', 'aria-label': t.shell.rail }, ...this.buttons);
    this.offerAdmin(false);
  }

  /** Leads to the admin mode, or not: ordinary people have no use for it. @param {boolean} is */
  offerAdmin(is) {
    const [admin, next] = [ADMIN, ADMIN + 1].map((index) => this.buttons[index]);
    if (!is) admin?.remove();
    else if (admin && next && !admin.isConnected) next.before(admin);
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
