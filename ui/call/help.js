/** The sheet of keys. */
import { openDialog } from '../lib/dialog.js';
import { h } from '../lib/dom.js';
import { KEYS } from './keys.js';
import { t } from '../strings.js';

export function openHelp() {
  openDialog(t.help.title, (close) => [
    h(
      'dl',
      { class: 'keys' },
      ...KEYS.map(([key, action]) => h('div', {}, h('dt', {}, h('kbd', {}, key)), h('dd', {}, t.help.keys[action]))),
    ),
    h('div', { class: 'actions' }, h('button', { type: 'button', onclick: close, autofocus: true }, t.close)),
  ]);
}
