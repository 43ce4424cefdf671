/** What is said while somebody is called who has not answered. */
import { h } from '../lib/dom.js';
import { t } from '../strings.js';

/** @param {() => void} cancel */
export function ringingBanner(cancel) {
  const words = h('p', { class: 'grow' });
  const element = h(
    'div',
    { class: 'banner busy ringing-banner', hidden: true },
    h('span', { class: 'spinner' }),
    words,
    h('button', { type: 'button', onclick: cancel }, t.ring.cancel),
  );
  return { element, words };
}
