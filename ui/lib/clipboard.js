/** Copying text, and saying so. */
import { toast } from './toast.js';
import { t } from '../strings.js';

/**
 * @param {string} text
 * @param {string} done what to say when it is copied
 * @param {string} [refused] what to say when it cannot be; without it, the text itself is shown, to be copied by hand
 */
export async function copy(text, done, refused = t.copyRefused(text)) {
  try {
    await navigator.clipboard.writeText(text);
    toast(done);
  } catch {
    // Some web views refuse the clipboard; then people can select the text that is shown.
    toast(refused, { bad: true, ms: 15_000 });
  }
}
