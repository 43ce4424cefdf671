import assert from 'node:assert/strict';
import { test } from 'node:test';

import { clock, date, duration, initials, megabits, number, size, when } from '../ui/lib/format.js';

const NOON = Date.UTC(2026, 10, 20, 12, 0);
const HOUR = 3_600_000;

test('unknown is a dash, never zero', () => {
  for (const text of [number(null), number(undefined), number(NaN), megabits(null), size(null, 720)]) {
    assert.equal(text, '–');
  }
  assert.equal(number(0), '0');
  assert.equal(megabits(0), '0.0');
});

test('rates keep two figures that count', () => {
  assert.deepEqual([32, 99, 100, 1512, 24_000].map(megabits), ['0.03', '0.10', '0.1', '1.5', '24.0']);
});

test('lengths of time', () => {
  assert.deepEqual([0, 59_999, 161_000, 3_761_000].map(clock), ['0:00', '0:59', '2:41', '1:02:41']);
  assert.equal(clock(-5), '0:00');
  assert.deepEqual([41_000, 720_000, HOUR, 65 * 60_000].map(duration), ['41 s', '12 min', '1 h', '1 h 5 min']);
});

test('moments are told by the calendar of the zone, not by hours passed', () => {
  assert.equal(when(NOON - HOUR, NOON, 'UTC'), 'Today 11:00');
  assert.equal(when(NOON - 13 * HOUR, NOON, 'UTC'), 'Yesterday 23:00');
  assert.equal(when(NOON - 13 * HOUR, NOON, 'Asia/Tokyo'), 'Today 08:00');
  assert.equal(when(NOON - 6 * 24 * HOUR, NOON, 'UTC'), 'Sat 12:00');
  assert.equal(when(NOON - 7 * 24 * HOUR, NOON, 'UTC'), '13 Nov 12:00');
  assert.equal(when(Date.UTC(2025, 10, 20, 0, 5), NOON, 'UTC'), '20 Nov 2025 00:05');
  assert.equal(date(NOON, NOON, 'UTC'), '20 Nov');
});

test('a clock that was set back makes no nonsense', () => {
  assert.equal(when(NOON + 48 * HOUR, NOON, 'UTC'), '22 Nov 12:00');
});

test('initials of any name', () => {
  const names = ['Mira', 'jonas ekström', 'Li  van der Wei', '', '   ', '👩‍🚀 Ada', '李 伟'];
  assert.deepEqual(names.map(initials), ['M', 'JE', 'LW', '?', '?', '👩A', '李伟']);
});
