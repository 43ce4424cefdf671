/**
 * A button with a menu.
 *
 * Invariants: one menu at a time; the keyboard reaches all of it (arrows, Home, End, Escape, Tab); when it closes, the focus is
 * where it was before; keys pressed in it mean nothing to what lies below.
 */
import { h, set } from './dom.js';
import { icon } from '../icons.js';

/**
 * @typedef {object} MenuItem
 * @property {string} label
 * @property {import('../icons.js').IconName} icon
 * @property {boolean} [grave] it cannot be taken back
 * @property {() => void} run
 */

/** Between button and menu, and between menu and the window's edge, in pixels. */
const GAP = 6;

/** Closes the menu that is open. */
let closeOpen = () => {};

export class MenuButton {
  /** @type {HTMLElement | null} */
  #menu = null;

  /**
   * @param {string} label name for screen readers, and tooltip
   * @param {import('../icons.js').IconName} name
   * @param {string} className
   * @param {() => MenuItem[]} items what there is to choose from when it opens
   */
  constructor(label, name, className, items) {
    this.items = items;
    this.button = h(
      'button',
      {
        type: 'button',
        class: className,
        'aria-haspopup': 'menu',
        'aria-expanded': 'false',
        onclick: () => (this.#menu ? this.close() : this.#open()),
        onkeydown: (/** @type {KeyboardEvent} */ event) => {
          if (event.key !== 'ArrowDown' && event.key !== 'ArrowUp') return;
          event.preventDefault();
          this.#open();
        },
      },
      icon(name),
    );
    this.label(label);
  }

  /** @param {string} label */
  label(label) {
    set(this.button, 'aria-label', label);
    set(this.button, 'title', label);
  }

  close() {
    if (this.#menu) closeOpen();
  }

  #open() {
    closeOpen();
    const before = document.activeElement;
    const entries = this.items().map((item) => this.#entry(item));
    const menu = h(
      'div',
      { class: 'menu', role: 'menu', 'aria-label': this.button.getAttribute('aria-label') },
      ...entries,
    );
    const outside = (/** @type {Event} */ event) => {
      if (event.target instanceof Node && (menu.contains(event.target) || this.button.contains(event.target))) return;
      this.close();
    };
    // The button moves away from under the menu only where what holds it is scrolled.
    const scrolled = (/** @type {Event} */ event) => {
      if (event.target instanceof Node && event.target.contains(this.button)) this.close();
    };
    closeOpen = () => {
      closeOpen = () => {};
      document.removeEventListener('pointerdown', outside);
      document.removeEventListener('scroll', scrolled, true);
      window.removeEventListener('resize', outside);
      const focused = menu.contains(document.activeElement);
      this.#menu = null;
      menu.remove();
      set(this.button, 'aria-expanded', 'false');
      if (focused && before instanceof HTMLElement) before.focus();
    };
    menu.addEventListener('keydown', (event) => this.#key(event, entries));
    document.addEventListener('pointerdown', outside);
    document.addEventListener('scroll', scrolled, true);
    window.addEventListener('resize', outside);
    this.#menu = menu;
    set(this.button, 'aria-expanded', 'true');
    document.body.append(menu);
    place(menu, this.button.getBoundingClientRect());
    entries[0]?.focus();
  }

  /** @param {MenuItem} item */
  #entry(item) {
    const run = () => {
      this.close();
      item.run();
    };
    return h(
      'button',
      { type: 'button', role: 'menuitem', tabindex: '-1', class: item.grave ? 'plain warn' : 'plain', onclick: run },
      icon(item.icon),
      item.label,
    );
  }

  /** @param {KeyboardEvent} event @param {HTMLElement[]} entries */
  #key(event, entries) {
    event.stopPropagation();
    const at = entries.findIndex((entry) => entry === document.activeElement);
    const steps = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 };
    if (event.key === 'Escape' || event.key === 'Tab') {
      event.preventDefault();
      this.close();
    } else if (event.key in steps) {
      event.preventDefault();
      const to = steps[/** @type {keyof typeof steps} */ (event.key)];
      entries.at(to % entries.length)?.focus();
    }
  }
}

/**
 * Below the button, or above it where there is no room below; within the window.
 * @param {HTMLElement} menu
 * @param {DOMRect} button
 */
function place(menu, button) {
  const { width, height } = menu.getBoundingClientRect();
  const below = button.bottom + GAP;
  const top = below + height + GAP <= innerHeight ? below : Math.max(GAP, button.top - GAP - height);
  menu.style.setProperty('top', `${top}px`);
  menu.style.setProperty('left', `${Math.max(GAP, Math.min(button.right - width, innerWidth - width - GAP))}px`);
}
