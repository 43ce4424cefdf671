import assert from 'node:assert/strict';
import { test } from 'node:test';

import { news } from '../ui/call/news.js';
import { dueWarning, hostNames, leftWords, roomNews } from '../ui/call/room.js';
import { minutesOf } from '../ui/home/plan.js';

test('each warning of the end is due once, in its order', () => {
  let said = null;
  const told = [];
  for (let left = 305_000; left >= -2000; left -= 1000) {
    const due = dueWarning(said, left);
    if (due === null) continue;
    said = due;
    told.push([due, left]);
  }
  assert.deepEqual(told, [
    [300_000, 300_000],
    [60_000, 60_000],
    [10_000, 10_000],
  ]);
});

test('who comes late or sleeps through one is told the next one at once, and none after the end', () => {
  assert.equal(dueWarning(null, 45_000), 60_000);
  assert.equal(dueWarning(300_000, 8000), 10_000);
  assert.equal(dueWarning(60_000, 290_000), null);
  assert.equal(dueWarning(60_000, 0), null);
});

test('the time that is left is said as it is', () => {
  const said = [300_000, 299_400, 60_000, 59_000, 10_000, 900].map(leftWords);
  assert.deepEqual(said, ['5 minutes', '5 minutes', '1 minute', '59 seconds', '10 seconds', '1 second']);
});

const tile = (peer, name = peer.toUpperCase()) => ({ id: peer || 'self', peer, self: peer === '', name });
const state = (room, tiles = [tile(''), tile('a'), tile('b')]) => ({ room, tiles });
const room = (extra = {}) => ({
  name: 'Amber Otter',
  host: true,
  hosts: [''],
  locked: false,
  waitingRoom: true,
  endsMs: null,
  endsSoon: false,
  waiting: [],
  observers: [],
  notice: null,
  ...extra,
});
const nadia = { id: 'w1', name: 'Nadia' };

test('news of the room tell who waits, who watches, what is locked and what a host did, once', () => {
  const before = state(room());
  const after = state(
    room({ waiting: [nadia], locked: true, observers: [{ id: 'o', name: 'Otto' }], notice: 'You are the host now.' }),
  );
  assert.deepEqual(roomNews(before, after), [
    'Nadia waits to be let in.',
    'You are the host now.',
    'The call is locked: nobody new comes in.',
    'Otto watches this call.',
  ]);
  assert.deepEqual(roomNews(after, after), []);
  assert.deepEqual(roomNews(after, before), ['The call is open again.', 'Otto stopped watching.']);
});

test('many who come at once are counted', () => {
  const waiting = Array.from({ length: 30 }, (_, n) => ({ id: `w${n}`, name: `N ${n}` }));
  assert.deepEqual(roomNews(state(room()), state(room({ waiting }))), ['30 people wait to be let in.']);
});

test('the first look at a room tells who waits and who watches already, but not that it is open', () => {
  const first = state(room({ locked: true, waiting: [nadia] }));
  assert.deepEqual(roomNews(state(null), first), ['Nadia waits to be let in.']);
  assert.deepEqual(roomNews(first, state(null)), []);
});

test('another host is named; of ourselves the notice tells', () => {
  const before = state(room());
  const after = state(room({ hosts: ['', 'b', 'who-is-not-here'] }));
  assert.deepEqual(roomNews(before, after), ['B is a host of this call.']);
});

test('hosts are named once each, whatever pictures they have', () => {
  const tiles = [tile('', 'Mira'), tile('a', 'Ada'), tile('a', 'Ada (2)'), tile('b', 'Ben')];
  assert.deepEqual(hostNames(state(room({ hosts: ['', 'a', 'gone'] }), tiles)), ['Mira (you)', 'Ada']);
  assert.deepEqual(hostNames(state(null)), []);
});

test('news say that one waits to be let in', () => {
  const at = (phase) => ({
    phase,
    note: null,
    me: { microphone: true, camera: true, note: null },
    tiles: [],
    room: null,
  });
  assert.deepEqual(news(at('joining'), at('waiting')), ['Waiting to be let in']);
  assert.deepEqual(news(at('waiting'), at('in')), ['You are in the call.']);
});

test('minutes are whole ones that the server takes', () => {
  assert.deepEqual(
    ['0', '30', 'own', 'own', 'own', 'own', 'own', 'own', 'own'].map((chosen, n) =>
      minutesOf(chosen, ['', '', '90', ' 527040 ', '527041', '0', '1.5', '-3', '9'.repeat(30)][n]),
    ),
    [0, 30, 90, 527_040, null, null, null, null, null],
  );
});
