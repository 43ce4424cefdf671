/** Short messages that go by themselves. Invariant: at most three at a time; each is also announced. */
import { announce } from './announce.js';
import { h } from './dom.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

/** More would cover what people came for. */
const AT_MOST = 3;
const SHOWN_MS = 5000;

const box = h('div', { class: 'toasts', role: 'region', 'aria-label': t.shell.messages });

/** Once, when the page starts. */
export function mountToasts() {
  document.body.append(box);
}

/**
 * @param {string} sentence
 * @param {{bad?: boolean, action?: {label: string, run: () => void}, ms?: number}} [options]
 * @returns {() => void} takes it away
 */
export function toast(sentence, { bad = false, action, ms = SHOWN_MS } = {}) {
  const close = () => {
    clearTimeout(timer);
    element.remove();
  };
  const act = () => {
    close();
    action?.run();
  };
  const element = h(
    'div',
    { class: bad ? 'toast bad' : 'toast' },
    h('span', { class: 'grow' }, sentence),
    action && h('button', { type: 'button', class: 'primary', onclick: act }, action.label),
    h(
      'button',
      { type: 'button', class: 'plain icon-only', 'aria-label': t.shell.dismiss, onclick: close },
      icon('close'),
    ),
  );
  const timer = setTimeout(close, ms);
  while (box.childElementCount >= AT_MOST) box.firstElementChild?.remove();
  box.append(element);
  announce(action ? `${sentence} ${action.label}` : sentence, bad);
  return close;
}
