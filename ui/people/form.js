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
 * @param {() => Promise<void>} work
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
