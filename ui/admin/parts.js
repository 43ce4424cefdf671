/** Small parts that the pieces of the admin mode share. */
import { problem } from '../lib/backend.js';
import { fill, h, set, setText } from '../lib/dom.js';
import { field, stateBox } from '../lib/parts.js';
import { counted } from './format.js';
import { t } from '../strings.js';

/**
 * A piece of the admin mode.
 * @typedef {object} Part
 * @property {HTMLElement} element
 * @property {() => void} close
 */

/**
 * What the pieces need of the admin mode around them.
 * @typedef {object} Around
 * @property {import('../main.js').App} app
 * @property {(room: string) => void} openCall
 * @property {(error: unknown) => boolean} ended whether the error means that nobody is signed in any more; the sign-in is then shown
 */

/** @param {HTMLElement} box */
export function showLoading(box) {
  fill(box, stateBox({ busy: true, title: t.admin.loading }));
}

/**
 * Says what went wrong, with a way to try again; unless the session is over.
 * @param {HTMLElement} box
 * @param {unknown} error
 * @param {Around} around
 * @param {() => void} again
 */
export function showProblem(box, error, around, again) {
  if (around.ended(error)) return;
  const button = h('button', { type: 'button', onclick: again }, t.admin.again);
  fill(box, stateBox({ icon: 'alert', title: t.admin.problem, text: problem(error).message, actions: [button] }));
}

/**
 * Turns pages. Invariant: the page that is asked for is within what there is, as far as that is known.
 */
export class Pager {
  offset = 0;

  /** @param {number} size @param {() => void} turned */
  constructor(size, turned) {
    this.size = size;
    this.words = h('span', { class: 'soft small num' });
    this.back = h('button', { type: 'button', onclick: () => this.#turn(-size) }, t.admin.newer);
    this.next = h('button', { type: 'button', onclick: () => this.#turn(size) }, t.admin.older);
    this.turned = turned;
    this.element = h('nav', { class: 'pager', 'aria-label': t.admin.pages }, this.words, this.back, this.next);
    this.show(0, 0);
  }

  /** @param {number} by */
  #turn(by) {
    this.offset = Math.max(0, this.offset + by);
    this.turned();
  }

  /**
   * @param {number} shown rows of this page
   * @param {number | null} total of all pages; null where it is not known
   */
  show(shown, total) {
    const last = this.offset + shown;
    this.element.hidden = this.offset === 0 && (total === null ? shown < this.size : total <= shown);
    if (shown === 0) setText(this.words, '');
    else if (total === null) setText(this.words, t.admin.pageOpen(this.offset + 1, last));
    else setText(this.words, t.admin.page(this.offset + 1, last, counted(total)));
    set(this.back, 'disabled', this.offset === 0);
    set(this.next, 'disabled', total === null ? shown < this.size : last >= total);
  }
}

/**
 * A choice among words.
 * @param {string} label
 * @param {[string, string][]} options value and words
 * @param {string} chosen
 * @param {(value: string) => void} onchange
 */
export function choice(label, options, chosen, onchange) {
  const select = h(
    'select',
    {},
    ...options.map(([value, words]) => h('option', { value, selected: value === chosen }, words)),
  );
  select.addEventListener('change', () => onchange(select.value));
  return { select, element: field(label, select) };
}

/** @param {string} label @param {() => void} onchange */
export function dayField(label, onchange) {
  const input = h('input', { type: 'date' });
  input.addEventListener('change', onchange);
  return { input, element: field(label, input) };
}
