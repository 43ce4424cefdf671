/** Tells screen readers what changed. Invariant: two live regions exist from the start, and only this file writes them. */
import { h } from './dom.js';

const polite = h('div', { class: 'hidden-text', role: 'status', 'aria-live': 'polite' });
const urgent = h('div', { class: 'hidden-text', role: 'alert', 'aria-live': 'assertive' });

/** Once, when the page starts. */
export function mountAnnouncer() {
  document.body.append(polite, urgent);
}

/**
 * @param {string | readonly string[]} sentences what happened at once is told at once: a second call drops the first
 * @param {boolean} [now] interrupts what is being read
 */
export function announce(sentences, now = false) {
  const lines = typeof sentences === 'string' ? [sentences] : sentences;
  // A new element each time: the same sentence twice is then also read twice. What was read before is dropped.
  (now ? urgent : polite).replaceChildren(...lines.map((line) => h('p', {}, line)));
}
