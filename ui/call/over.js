/** What stands where the call was, once it is over: why, in the native side's sentence, and what can be done now. */
import { h } from '../lib/dom.js';
import { stateBox } from '../lib/parts.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

/** Ends after which the same room is not to be entered again: it is gone, or a host said so. */
const FOR_GOOD = ['removed', 'ended'];
/** Nobody took our call; then it is not the room that one wants again. */
const UNANSWERED = 'unanswered';

/**
 * @param {import('../generated/ipc.js').Ended} ended
 * @param {{again: () => void, history: () => void, home: () => void}} ways
 */
export function overBox({ reason, sentence }, { again, history, home }) {
  const back = !FOR_GOOD.includes(reason);
  const titles = /** @type {Record<string, string>} */ ({ ...t.room.over, [UNANSWERED]: t.ring.noAnswer });
  const word = reason === UNANSWERED ? t.ring.again : t.room.joinAgain;
  return stateBox({
    icon: 'end',
    title: titles[reason] ?? t.call.over,
    text: sentence,
    actions: [
      ...(back ? [h('button', { type: 'button', class: 'primary', onclick: again }, word)] : []),
      // What never began has left nothing to see.
      ...(reason === 'refused' || reason === UNANSWERED
        ? []
        : [h('button', { type: 'button', onclick: history }, icon('pulse'), t.call.seeHistory)]),
      h('button', { type: 'button', class: back ? '' : 'primary', onclick: home }, t.shell.places.home),
    ],
  });
}
