/** What is said while one is alone in a call, with what to send to others. */
import { copy } from '../lib/clipboard.js';
import { h } from '../lib/dom.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

/** @param {{code: string, link: string}} invitation */
export function nobodyHere({ code, link }) {
  return h(
    'div',
    { class: 'banner nobody', hidden: true },
    icon('people'),
    h('p', { class: 'grow' }, t.call.nobodyHere),
    h(
      'button',
      { type: 'button', onclick: () => void copy(code, t.invite.codeCopied) },
      icon('copy'),
      t.invite.copyCode,
    ),
    h(
      'button',
      { type: 'button', onclick: () => void copy(link, t.invite.linkCopied) },
      icon('link'),
      t.invite.copyLink,
    ),
  );
}
