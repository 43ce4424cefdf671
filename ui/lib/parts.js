/** Small parts that several views are made of. */
import { h } from './dom.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').QualityClass} QualityClass */

/** @param {QualityClass | null} quality a coloured dot; its word has to stand beside it */
export function dot(quality) {
  return h('span', { class: `dot ${quality ?? ''}`, 'aria-hidden': 'true' });
}

/** @param {import('../generated/ipc.js').HeadlineLine} headline */
export function headlineChip(headline) {
  return h('span', { class: 'chip' }, dot(headline.class), headlineWord(headline));
}

/** @param {import('../generated/ipc.js').HeadlineLine} headline */
export function headlineWord({ class: quality, goodShare }) {
  if (quality === null || goodShare === null) return t.quality.unclassified;
  return t.quality.share(Math.round(goodShare));
}

/**
 * A designed empty, loading or broken state: what it is, and what to do next.
 * @param {{icon?: import('../icons.js').IconName, title: string, text?: string, actions?: Node[], busy?: boolean, page?: boolean}} what
 *   `page`: it is all there is, so its title is the page's
 */
export function stateBox({ icon: name, title, text, actions = [], busy = false, page = false }) {
  return h(
    'div',
    { class: 'state' },
    busy ? h('span', { class: 'spinner' }) : name && icon(name),
    h(page ? 'h1' : 'h2', {}, title),
    text && h('p', { class: 'soft' }, text),
    actions.length > 0 && h('div', { class: 'row' }, ...actions),
  );
}

/**
 * @param {QualityClass | 'plain'} kind
 * @param {...import('./dom.js').Child} children
 */
export function notice(kind, ...children) {
  return h('div', { class: `notice ${kind}` }, ...children);
}

/**
 * A labelled control with an optional hint below.
 * @param {string} label
 * @param {HTMLInputElement | HTMLSelectElement} control
 * @param {import('./dom.js').Child} [hint]
 */
export function field(label, control, hint) {
  control.id ||= `field-${(fields += 1)}`;
  return h('div', { class: 'field' }, h('label', { for: control.id }, label), control, hint);
}

let fields = 0;

/**
 * @param {string} label
 * @param {boolean} checked
 * @param {(on: boolean) => void} onchange
 * @param {string} [hint]
 */
export function toggle(label, checked, onchange, hint) {
  const input = h('input', { type: 'checkbox', role: 'switch', checked });
  input.addEventListener('change', () => onchange(input.checked));
  return h(
    'label',
    { class: 'switch' },
    input,
    h('span', {}, label, hint ? h('span', { class: 'hint' }, h('br'), hint) : null),
  );
}

/**
 * @param {string} label name for screen readers, and tooltip
 * @param {import('../icons.js').IconName} name
 * @param {() => void} onclick
 */
export function iconButton(label, name, onclick) {
  return h(
    'button',
    { type: 'button', class: 'plain icon-only', 'aria-label': label, title: label, onclick },
    icon(name),
  );
}
