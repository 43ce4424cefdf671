/** Names that are written from right to left, in sentences that are not. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { isolated, listed, say } from '../ui/lib/bidi.js';
import { t } from '../ui/strings.js';

const [FSI, PDI, OVERRIDE] = ['\u2068', '\u2069', '\u202e'];
const OMAR = 'عمر';

test('a name that is written from right to left is isolated, and others are as they were', () => {
  for (const name of ['Ada', 'Žofie Nováková', '李伟', 'Bořek 🌊', '']) assert.equal(isolated(name), name);
  for (const name of [OMAR, 'דנה 2', `Ada ${OMAR}`, '\u{1e900}']) assert.equal(isolated(name), FSI + name + PDI);
  assert.equal(say`${OMAR} joined`, `${FSI}${OMAR}${PDI} joined`);
  assert.equal(say`${'Ada'} and ${2} others`, 'Ada and 2 others');
  assert.equal(listed(['Ada', OMAR]), `Ada, ${FSI}${OMAR}${PDI}`);
});

test('marks in a name turn nothing outside of it, whatever they are', () => {
  assert.equal(isolated(`${OVERRIDE}moor`), `${FSI}moor${PDI}`);
  assert.equal(isolated(`${PDI}${OMAR}${FSI}`), FSI + OMAR + PDI);
  const own = t.call.you(OMAR);
  assert.equal(isolated(own), FSI + own + PDI, 'what is isolated already stays so');
});

/** Of these the arguments are no names of people. */
const OTHERS = new Set(['usual', 'span', 'hours']);

test('every sentence of the page isolates its names', () => {
  let looked = 0;
  const look = (/** @type {object} */ words, /** @type {string} */ path) => {
    for (const [key, value] of Object.entries(words)) {
      if (typeof value === 'object' && value !== null) look(value, `${path}.${key}`);
      if (typeof value !== 'function' || OTHERS.has(key)) continue;
      const [, list = ''] = /^\(([^)]*)\) =>/u.exec(String(value).replaceAll(/\/\*.*?\*\//gu, '')) ?? [];
      const names = list.split(',').map((one) => one.trim());
      if (!names.some((one) => /^(names?|who|whom|peer)$/u.test(one))) continue;
      const said = value(...names.map((one) => (one === 'names' ? [OMAR] : one.startsWith('n') && one !== 'name' ? 2 : OMAR)));
      assert.ok(said.includes(FSI + OMAR + PDI), `${path}.${key}: ${said}`);
      assert.ok(!said.replaceAll(FSI + OMAR + PDI, '').includes(OMAR) || names.length > 1, `${path}.${key}: ${said}`);
      looked += 1;
    }
  };
  look(t, 't');
  assert.ok(looked >= 40, `${looked} sentences with names`);
});
