/**
 * Names in sentences.
 *
 * Invariant: whichever way a name is written, and whatever marks of direction somebody put into it, what stands around it
 * stays where it is (Unicode, UAX #9: isolates). A name in an element of its own is in a `bdi`.
 */

/** First strong isolate, and its end. */
const [FSI, PDI] = ['\u2068', '\u2069'];
/** Letters that are written from right to left, and marks of direction. */
const TURNS =
  /[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const EMBEDDINGS = /[\u202a-\u202e]/gu;
const ISOLATES = /[\u2066-\u2069]/gu;

/** @param {string} name as it can stand in a sentence */
export function isolated(name) {
  if (!TURNS.test(name)) return name;
  const plain = name.replace(EMBEDDINGS, '');
  return FSI + (isBalanced(plain) ? plain : plain.replace(ISOLATES, '')) + PDI;
}

/** Whether each isolate ends, and nothing else does. @param {string} text */
function isBalanced(text) {
  let open = 0;
  for (const [mark] of text.matchAll(ISOLATES)) {
    open += mark === PDI ? -1 : 1;
    if (open < 0) return false;
  }
  return open === 0;
}

/** @param {readonly string[]} names */
export function listed(names) {
  return names.map(isolated).join(', ');
}

/**
 * A template whose texts are names, or other words of people: say`${name} joined`.
 * @param {TemplateStringsArray} words
 * @param {...(string | number)} names
 */
export function say(words, ...names) {
  return String.raw({ raw: words }, ...names.map((name) => (typeof name === 'string' ? isolated(name) : name)));
}
