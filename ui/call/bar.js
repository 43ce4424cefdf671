/** The bar of a call: code and link, the round controls with their keys, how long it has lasted. */
import { copy } from '../lib/clipboard.js';
import { showSwitch } from '../lib/devices.js';
import { h, set, setText } from '../lib/dom.js';
import { clock } from '../lib/format.js';
import { MenuButton } from '../lib/menu.js';
import { iconButton } from '../lib/parts.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

/** @typedef {'chat' | 'people' | 'quality'} Panel */

/** @type {[Panel, import('../icons.js').IconName, string][]} */
const PANELS = [
  ['chat', 'chat', 'C'],
  ['people', 'people', 'P'],
  ['quality', 'pulse', 'Q'],
];

export class Bar {
  /**
   * @param {{code: string, link: string}} invitation
   * @param {(action: import('./keys.js').Action) => void} act
   */
  constructor(invitation, act) {
    this.microphone = round('M', () => act('microphone'));
    this.camera = round('V', () => act('camera'));
    this.panels = new Map(PANELS.map(([panel, name, key]) => [panel, panelButton(panel, name, key, () => act(panel))]));
    this.unread = h('span', { class: 'badge', 'aria-hidden': 'true', hidden: true });
    this.panels.get('chat')?.append(this.unread);
    this.waiting = h('span', { class: 'badge', 'aria-hidden': 'true', hidden: true });
    this.panels.get('people')?.append(this.waiting);
    /** Leaving stays one press for a host as well; what else there is has a button of its own. */
    this.ways = new MenuButton(t.room.leaveOptions, 'up', 'plain ways', () => [
      { label: t.call.controls.leave, icon: 'end', run: () => act('leave') },
      { label: t.room.end, icon: 'close', grave: true, run: () => act('end') },
    ]);
    this.ways.button.hidden = true;
    const leave = h(
      'button',
      {
        type: 'button',
        class: 'round stop',
        'aria-label': t.call.controls.leave,
        title: t.withKey(t.call.controls.leave, 'L'),
        'aria-keyshortcuts': 'L',
        onclick: () => act('leave'),
      },
      icon('end'),
    );
    this.time = h('span', { class: 'soft num small', role: 'timer', 'aria-label': t.call.lasted });
    this.element = h(
      'div',
      { class: 'bar', onmousedown: keepFocus },
      h(
        'div',
        { class: 'bar-code' },
        h('span', { class: 'mono soft small clip', title: invitation.code }, invitation.code),
        iconButton(t.invite.copyCode, 'copy', () => void copy(invitation.code, t.invite.codeCopied)),
        iconButton(t.invite.copyLink, 'link', () => void copy(invitation.link, t.invite.linkCopied)),
      ),
      h(
        'div',
        { class: 'bar-controls', role: 'group', 'aria-label': t.call.controls.all },
        this.microphone,
        this.camera,
        ...this.panels.values(),
        h('span', { class: 'leave' }, leave, this.ways.button),
      ),
      h(
        'div',
        { class: 'bar-time' },
        this.time,
        iconButton(t.withKey(t.call.controls.help, '?'), 'help', () => act('help')),
      ),
    );
  }

  /** @param {{microphone: boolean, camera: boolean}} me */
  update(me) {
    showSwitch(this.microphone, me.microphone, t.call.controls.microphone, ['microphone', 'microphoneOff']);
    showSwitch(this.camera, me.camera, t.call.controls.camera, ['camera', 'cameraOff']);
    this.microphone.title = t.withKey(this.microphone.title, 'M');
    this.camera.title = t.withKey(this.camera.title, 'V');
  }

  /** @param {number | null} startedMs @param {number} nowMs */
  tick(startedMs, nowMs) {
    setText(this.time, startedMs === null ? '' : clock(nowMs - startedMs));
  }

  /** @param {Panel | null} open */
  mark(open) {
    for (const [panel, button] of this.panels) set(button, 'aria-expanded', String(panel === open));
  }

  /** @param {number} count */
  showUnread(count) {
    showBadge(this.unread, count);
    const button = this.panels.get('chat');
    if (button) set(button, 'aria-label', count === 0 ? t.call.controls.chat : t.call.unread(count));
  }

  /** @param {import('../generated/ipc.js').RoomShown | null} room */
  showRoom(room) {
    const count = room?.waiting.length ?? 0;
    showBadge(this.waiting, count);
    const button = this.panels.get('people');
    if (button) set(button, 'aria-label', count === 0 ? t.call.controls.people : t.room.peopleWaiting(count));
    const host = room?.host ?? false;
    if (!host) this.ways.close();
    this.ways.button.hidden = !host;
  }

  /** Nothing can be switched or opened before one is let in. @param {boolean} only */
  onlyLeave(only) {
    for (const button of [this.microphone, this.camera, ...this.panels.values()]) button.hidden = only;
  }
}

/** @param {HTMLElement} badge @param {number} count */
function showBadge(badge, count) {
  badge.hidden = count === 0;
  setText(badge, count > 99 ? '99+' : String(count));
}

/**
 * A click with the mouse leaves the focus where it was, so that space stays push-to-talk and does not press the button
 * again; the keyboard still reaches every control.
 * @param {MouseEvent} event
 */
function keepFocus(event) {
  event.preventDefault();
}

/** @param {string} key @param {() => void} onclick */
function round(key, onclick) {
  return h('button', { type: 'button', class: 'round', 'aria-keyshortcuts': key, onclick });
}

/**
 * @param {Panel} panel
 * @param {import('../icons.js').IconName} name
 * @param {string} key
 * @param {() => void} onclick
 */
function panelButton(panel, name, key, onclick) {
  const label = t.call.controls[panel];
  return h(
    'button',
    {
      type: 'button',
      class: 'round',
      'aria-label': label,
      title: t.withKey(label, key),
      'aria-keyshortcuts': key,
      'aria-expanded': 'false',
      'aria-controls': 'call-panel',
      onclick,
    },
    icon(name),
  );
}
