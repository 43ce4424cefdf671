/** Missed calls among those that were taken. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { withMissed } from '../ui/people/missed.js';

const call = (startedMs) => ({ startedMs });
const missed = (atMs) => ({ from: 'ada', atMs, seen: false });
const order = (lines) => lines.map((line) => ('call' in line ? line.call.startedMs : -line.missed.atMs));

test('calls and missed calls are one list, the latest first', () => {
  assert.deepEqual(order(withMissed([call(50), call(20)], [missed(60), missed(30), missed(10)], false)), [
    -60, 50, -30, 20, -10,
  ]);
  assert.deepEqual(order(withMissed([], [missed(3)], false)), [-3]);
  assert.deepEqual(order(withMissed([], [], true)), []);
});

test('what is older than the calls that are given waits for those that follow', () => {
  assert.deepEqual(order(withMissed([call(50), call(20)], [missed(30), missed(10)], true)), [50, -30, 20]);
});
