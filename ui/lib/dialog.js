/** Dialogs on the element of that name: it keeps the focus inside, closes on Escape, and gives the focus back. */
import { h } from './dom.js';
import { t } from '../strings.js';

/** Makes the ids of titles distinct. */
let made = 0;

/**
 * @param {string} title
 * @param {(close: () => void) => Node[]} content
 * @returns {HTMLDialogElement}
 */
export function openDialog(title, content) {
  const id = `dialog-${(made += 1)}`;
  const dialog = h('dialog', { 'aria-labelledby': id });
  const close = () => dialog.close();
  dialog.append(h('h2', { id }, title), ...content(close));
  dialog.addEventListener('close', () => dialog.remove());
  dialog.addEventListener('click', (event) => {
    if (event.target === dialog) close();
  });
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/**
 * Asks before something that cannot be taken back.
 * @param {{title: string, text: string, yes: string}} question
 * @returns {Promise<boolean>}
 */
export function confirm({ title, text, yes }) {
  return new Promise((resolve) => {
    const dialog = openDialog(title, (close) => {
      const accept = () => {
        resolve(true);
        close();
      };
      return [
        h('p', { class: 'soft' }, text),
        h(
          'div',
          { class: 'actions' },
          h('button', { type: 'button', onclick: close, autofocus: true }, t.cancel),
          h('button', { type: 'button', class: 'stop', onclick: accept }, yes),
        ),
      ];
    });
    dialog.addEventListener('close', () => resolve(false));
  });
}
