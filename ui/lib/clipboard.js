/** Copying text, and saying so. */
import { toast } from './toast.js';
import { t } from '../strings.js';

/**
 * @param {string} text
 * @param {string} done what to say when it is copied
 */
export async function copy(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    toast(done);
  } catch {
    // Some web views refuse the clipboard; then people can select the text that is shown.
    toast(t.copyRefused(text), { bad: true, ms: 15_000 });
  }
}
