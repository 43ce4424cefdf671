/** Tells screen readers what changed. Invariant: two live regions exist from the start, and only this file writes them. */
import { h } from './dom.js';

const polite = h('div', { class: 'hidden-text', role: 'status', 'aria-live': 'polite' });
const urgent = h('div', { class: 'hidden-text', role: 'alert', 'aria-live': 'assertive' });

/** Once, when the page starts. */
export function mountAnnouncer() {
  document.body.append(polite, urgent);
}

/**
 * @param {string} sentence
 * @param {boolean} [now] interrupts what is being read
 */
export function announce(sentence, now = false) {
  // A new element each time: the same sentence twice is then also read twice. What was read before is dropped.
  (now ? urgent : polite).replaceChildren(h('p', {}, sentence));
}
