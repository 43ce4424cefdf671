/** What to send to others: code, link, addresses and a picture of the link to scan. */
import { copy } from '../lib/clipboard.js';
import { h } from '../lib/dom.js';
import { iconButton } from '../lib/parts.js';
import { t } from '../strings.js';

/** @param {{code: string, link: string, addresses?: string[], qr?: string}} invitation */
export function invitePart({ code, link, addresses = [], qr = '' }) {
  // As an image the drawing cannot run or load anything, whatever is in it.
  const picture =
    qr && h('img', { class: 'qr', alt: t.invite.qr, src: `data:image/svg+xml,${encodeURIComponent(qr)}` });
  return h(
    'section',
    { class: 'invite', 'aria-label': t.invite.title },
    h(
      'div',
      { class: 'grow col tight' },
      h('h2', { class: 'minor' }, t.invite.title),
      line(code, t.invite.copyCode, t.invite.codeCopied, 'copy'),
      line(link, t.invite.copyLink, t.invite.linkCopied, 'link'),
      addresses.length > 0 &&
        h('p', { class: 'hint' }, t.invite.addresses, ' ', h('span', { class: 'mono' }, addresses.join(', '))),
    ),
    picture,
  );
}

/**
 * @param {string} text
 * @param {string} label
 * @param {string} done
 * @param {'copy' | 'link'} name
 */
function line(text, label, done, name) {
  return h(
    'div',
    { class: 'invite-line' },
    h('span', { class: 'mono grow clip', title: text }, text),
    iconButton(label, name, () => void copy(text, done)),
  );
}
