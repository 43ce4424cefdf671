/**
 * A new call with options: its name, its end, its password, and whether people are let in.
 *
 * Invariant: nothing of it is kept; the password is in no place but the field, and goes with it.
 */
import { problem } from '../lib/backend.js';
import { openDialog } from '../lib/dialog.js';
import { h, set, setText } from '../lib/dom.js';
import { duration } from '../lib/format.js';
import { field, toggle } from '../lib/parts.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').RoomPlan} RoomPlan */

/** A call with nothing special about it. @type {RoomPlan} */
export const PLAIN = { name: '', minutes: 0, password: '', waitingRoom: false };

/** As the server takes them: characters, characters, minutes of a year. */
const NAME_LENGTH = 80;
const PASSWORD_LENGTH = 128;
const MOST_MINUTES = 366 * 24 * 60;
const MINUTE_MS = 60_000;
/** What is offered, in minutes. */
const LENGTHS = [30, 60, 120, 480];
const OWN = 'own';

/**
 * The minutes that were chosen; null is no number that the server takes.
 * @param {string} chosen
 * @param {string} own what was written
 */
export function minutesOf(chosen, own) {
  const text = (chosen === OWN ? own : chosen).trim();
  if (!/^\d{1,7}$/.test(text)) return null;
  const minutes = Number(text);
  return minutes > MOST_MINUTES || (chosen === OWN && minutes === 0) ? null : minutes;
}

/** @param {(plan: RoomPlan) => Promise<void>} start */
export function openPlan(start) {
  const name = h('input', { maxlength: NAME_LENGTH, autocomplete: 'off', autofocus: true });
  const ends = h(
    'select',
    {},
    h('option', { value: '0' }, t.room.plan.never),
    ...LENGTHS.map((minutes) => h('option', { value: minutes }, duration(minutes * MINUTE_MS))),
    h('option', { value: OWN }, t.room.plan.own),
  );
  const own = h('input', { inputmode: 'numeric', autocomplete: 'off', 'aria-describedby': 'minutes-problem' });
  const wrong = h('p', { class: 'problem', id: 'minutes-problem', role: 'alert' });
  const ownField = field(t.room.plan.ownMinutes, own, wrong);
  ownField.hidden = true;
  // To be read out to others; and as a text no program offers to keep it.
  const password = h('input', {
    class: 'mono',
    maxlength: PASSWORD_LENGTH,
    autocomplete: 'off',
    autocapitalize: 'off',
    spellcheck: 'false',
  });
  let waitingRoom = false;
  const failed = h('p', { class: 'problem', role: 'alert' });
  const go = h('button', { class: 'primary' }, t.home.start);

  ends.addEventListener('change', () => {
    ownField.hidden = ends.value !== OWN;
    if (!ownField.hidden) own.focus();
  });
  const submit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    const minutes = minutesOf(ends.value, own.value);
    setText(failed, '');
    setText(wrong, minutes === null ? t.room.plan.minutesWrong(MOST_MINUTES) : '');
    set(own, 'aria-invalid', minutes === null ? 'true' : null);
    if (minutes === null) return own.focus();
    go.disabled = true;
    try {
      await start({ name: name.value.trim(), minutes, password: password.value, waitingRoom });
      dialog.close();
    } catch (error) {
      setText(failed, problem(error).message);
    } finally {
      go.disabled = false;
    }
  };
  const dialog = openDialog(t.room.plan.title, (close) => [
    h(
      'form',
      { class: 'col plan', onsubmit: submit },
      field(t.room.plan.name, name, h('p', { class: 'hint' }, t.room.plan.nameHint)),
      h('div', { class: 'plan-ends' }, field(t.room.plan.ends, ends), ownField),
      field(t.room.plan.password, password, h('p', { class: 'hint' }, t.room.plan.passwordHint)),
      toggle(t.room.plan.waitingRoom, waitingRoom, (on) => (waitingRoom = on), t.room.plan.waitingRoomHint),
      failed,
      h('div', { class: 'actions' }, h('button', { type: 'button', onclick: close }, t.cancel), go),
    ),
  ]);
}
