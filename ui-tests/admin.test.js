/** The admin mode's own reckoning, without a browser. */
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  actionWord,
  breakWord,
  dayMs,
  dayText,
  figure,
  pathWord,
  qualityWords,
  reasonWord,
  worstWords,
} from '../ui/admin/format.js';
import { extent, marks, persons, watched } from '../ui/admin/persons.js';
import { queued } from '../ui/history/input.js';

const stay = (userId, name, joinedMs, leftMs, account) => ({
  userId,
  name,
  role: 'guest',
  joinedMs,
  ...(leftMs !== undefined && { leftMs }),
  ...(account !== undefined && { account }),
});
const session = (userId) => ({ session: { userId } });
const gap = (userId) => ({ userId });
const call = (stays, sessions = [], breaks = [], line = { startedMs: 0 }) => ({ call: line, stays, sessions, breaks });

test('who came back has one row: by account, by id, or by a name that was there once at a time', () => {
  const all = persons(
    call(
      [
        stay('u1', 'Ada', 0, 100),
        stay('u2', 'Ada', 50, 90),
        stay('u3', 'Ada', 120, 200),
        stay('u4', 'Ben', 0, 50, 'ben'),
        stay('u5', 'Benjamin', 20, undefined, 'ben'),
        stay('u6', 'Ben', 300),
        stay('u1', 'Ada', 400),
        stay('u7', '', 0, 10),
        stay('u8', '', 20, 30),
      ],
      [session('u3'), session('u2'), session('nobody')],
      [gap('u5')],
    ),
  );
  assert.deepEqual(
    all.map(({ name, ids }) => [name, [...ids]]),
    [
      ['Ada', ['u1', 'u3']],
      ['Ada', ['u2']],
      ['Ben', ['u4', 'u5']],
      ['Ben', ['u6']],
      ['', ['u7']],
      ['', ['u8']],
    ],
  );
  assert.deepEqual(
    all.map((person) => [person.stays.length, person.sessions.length, person.breaks.length]),
    [
      [3, 1, 0],
      [1, 1, 0],
      [2, 0, 1],
      [1, 0, 0],
      [1, 0, 0],
      [1, 0, 0],
    ],
  );
});

test('who watched and who took part are two, also under one account or name', () => {
  const observer = (userId, name, joinedMs, account) => ({ ...stay(userId, name, joinedMs, joinedMs + 10, account), role: 'observer' });
  const all = persons(
    call([stay('u1', 'Ada', 0, 5, 'ada'), observer('o1', 'Ada', 10, 'ada'), stay('u2', 'Ben', 0, 5), observer('o2', 'Ben', 10), observer('o3', 'Ben', 30)]),
  );
  assert.deepEqual(
    all.map((person) => [person.name, watched(person), person.stays.length]),
    [
      ['Ada', false, 1],
      ['Ada', true, 1],
      ['Ben', false, 1],
      ['Ben', true, 2],
    ],
  );
});

test('the axis of a call ends when the last one went, or now', () => {
  assert.deepEqual(extent(call([stay('a', 'A', 5000, 9000)], [], [], { startedMs: 5000, endedMs: 8000 }), 50_000), [5000, 9000]);
  assert.deepEqual(extent(call([stay('a', 'A', 5000)], [], [], { startedMs: 5000 }), 50_000), [5000, 50_000]);
  assert.deepEqual(extent(call([], [], [], { startedMs: 5000, endedMs: 5000 }), 50_000), [5000, 6000], 'never empty');
});

test('marks of time are round, within, and few', () => {
  for (const length of [1000, 45_000, 740_000, 7_200_000, 90 * 86_400_000]) {
    const [from, to] = [1_795_113_007_123, 1_795_113_007_123 + length];
    const all = marks(from, to, 5);
    assert.ok(all.length >= 1 && all.length <= 5, `${length}: ${all}`);
    assert.ok(all.every((at) => at >= from && at <= to && Math.round(at) === at), `${length}: ${all}`);
  }
  assert.deepEqual(
    marks(1_795_113_007_000, 1_795_113_747_000, 5).map((at) => new Date(at).getSeconds()),
    [0, 0],
    'full minutes',
  );
});

test('words of a newer server are shown as they came', () => {
  assert.equal(reasonWord('too-slow'), 'too slow');
  assert.equal(reasonWord('moon-rise'), 'moon rise');
  assert.equal(reasonWord('constructor'), 'constructor', 'nothing that every object has');
  assert.equal(pathWord('relay-tcp'), 'relay, TCP');
  assert.equal(breakWord('sleep'), 'the computer slept');
  assert.equal(actionWord('recount-moons'), 'recount moons');
  assert.equal(worstWords('loss audio inbound'), 'mostly packet loss, incoming sound');
  assert.equal(worstWords('moon video inbound'), 'mostly moon, incoming video');
  assert.equal(worstWords(undefined), null);
  assert.equal(worstWords('loss'), null);
});

test('what is not known is no number', () => {
  assert.equal(qualityWords({ quality: 'unknown', windows: 0, goodWindows: 0 }), 'nobody reported');
  assert.equal(qualityWords({ quality: 'bad', windows: 3, goodWindows: 2 }), '67 % good');
  assert.equal(figure(undefined, 1), '–');
  assert.equal(figure(0.04, 1), '0.0');
  assert.equal(figure(58_432.5), '58,433');
});

test('days are those of the calendar here', () => {
  assert.equal(dayMs(''), null);
  assert.equal(dayMs('2026-11-28'), new Date(2026, 10, 28).getTime());
  assert.equal(dayMs('2026-03-29', 1), new Date(2026, 2, 30).getTime(), 'also where a day has 23 hours');
  assert.equal(dayText(dayMs('2026-03-09')), '2026-03-09');
});

test('of what charts beside these show, the last counts', () => {
  const range = (fromMs) => ({ window: { fromMs, toMs: 9 } });
  const beside = (atMs) => ({ beside: { atMs } });
  const press = { key: { name: '0', pressed: true } };
  assert.deepEqual([range(1), beside(1), press, range(2), beside(null)].reduce(queued, []), [press, range(2), beside(null)]);
});
