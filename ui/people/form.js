/** What the forms about an account share. Invariant: a password is in its field only, and leaves it empty. */
import { problem } from '../lib/backend.js';
import { h, set, setText } from '../lib/dom.js';

/** As the server has them. */
export const NAME_LENGTH = 32;
const PASSWORD_LENGTH = 128;

/** @param {'current-password' | 'new-password'} autocomplete */
export function passwordField(autocomplete) {
  return h('input', { type: 'password', maxlength: PASSWORD_LENGTH, autocomplete, required: true });
}

/** Where it is said what went wrong. */
export function problemLine() {
  return h('p', { class: 'problem', role: 'alert' });
}

/**
 * Does what a form is for, once its fields are filled.
 * @param {HTMLButtonElement[]} buttons
 * @param {HTMLElement} wrong
 * @param {HTMLInputElement[]} inputs
 * @param {() => Promise<unknown>} work
 */
export async function submit(buttons, wrong, inputs, work) {
  setText(wrong, '');
  const empty = inputs.find((input) => input.value === '');
  if (empty) return empty.focus();
  buttons.forEach((button) => (button.disabled = true));
  try {
    await work();
    inputs.forEach((input) => {
      input.value = '';
      set(input, 'aria-invalid', null);
    });
  } catch (error) {
    setText(wrong, problem(error).message);
    inputs.forEach((input) => set(input, 'aria-invalid', 'true'));
    inputs.at(-1)?.focus();
  } finally {
    buttons.forEach((button) => (button.disabled = false));
  }
}

/**
 * A form of one line that takes the name of an account.
 * @param {{ title: string, label: string, button: string, work: (name: string) => Promise<unknown> }} form
 */
export function nameForm({ title, label, button, work }) {
  const input = h('input', {
    maxlength: NAME_LENGTH,
    autocomplete: 'off',
    autocapitalize: 'off',
    spellcheck: 'false',
    'aria-label': label,
    'aria-describedby': 'name-problem',
    placeholder: label,
  });
  const wrong = problemLine();
  wrong.id = 'name-problem';
  const go = h('button', {}, button);
  const onsubmit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    input.value = input.value.trim();
    await submit([go], wrong, [input], () => work(input.value));
    input.focus();
  };
  return h(
    'form',
    { class: 'add-contact', 'aria-label': title, onsubmit },
    h('div', { class: 'row' }, input, go),
    wrong,
  );
}
