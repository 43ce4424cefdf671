import assert from 'node:assert/strict';
import { test } from 'node:test';

import { arrange, side } from '../ui/call/grid.js';
import { actionOf, pushToTalk } from '../ui/call/keys.js';
import { CHAT_LINES, NO_CHAT, news, received, restored } from '../ui/call/news.js';
import { NOBODY, audible, nextSpeaker } from '../ui/call/speaker.js';

test('the smallest square grid that holds all', () => {
  assert.deepEqual([0, 1, 2, 4, 5, 9, 10].map(side), [1, 1, 2, 2, 3, 3, 4]);
});

test('oneself comes last, the pinned one first, the others stay in their order', () => {
  const tiles = ['self', 'a', 'b', 'c'].map((id) => ({ id, self: id === 'self' }));
  const order = (pinned) =>
    arrange(tiles, pinned)
      .map((tile) => tile.id)
      .join(' ');
  assert.equal(order(null), 'a b c self');
  assert.equal(order('b'), 'b a c self');
  assert.equal(order('self'), 'self a b c');
});

const press = (key, extra = {}) => ({
  key,
  code: '',
  ctrlKey: false,
  altKey: false,
  metaKey: false,
  repeat: false,
  ...extra,
});

test('keys mean something only where nobody types', () => {
  assert.equal(actionOf(press('m'), 'page'), 'microphone');
  assert.equal(actionOf(press('M'), 'page'), 'microphone');
  assert.equal(actionOf(press('m'), 'control'), 'microphone');
  assert.equal(actionOf(press('m'), 'text'), null);
  assert.equal(actionOf(press('c', { ctrlKey: true }), 'page'), null);
  assert.equal(actionOf(press('v', { repeat: true }), 'page'), null);
  assert.equal(actionOf(press('x'), 'page'), null);
});

test('space on a focused control presses that control', () => {
  assert.equal(actionOf(press(' '), 'page'), 'talk');
  assert.equal(actionOf(press(' '), 'control'), null);
});

test('escape closes even from a text field', () => {
  assert.equal(actionOf(press('Escape'), 'text'), 'escape');
});

test('another alphabet uses the place of the key, another Latin layout its letter', () => {
  assert.equal(actionOf(press('ь', { code: 'KeyM' }), 'page'), 'microphone');
  assert.equal(actionOf(press('q', { code: 'KeyA' }), 'page'), 'quality');
  assert.equal(actionOf(press('a', { code: 'KeyQ' }), 'page'), null);
});

test('push-to-talk closes only a microphone that it opened', () => {
  assert.deepEqual(pushToTalk(false, 'down', false), { holding: true, set: true });
  assert.deepEqual(pushToTalk(true, 'down', true), { holding: true, set: null });
  assert.deepEqual(pushToTalk(true, 'up', true), { holding: false, set: false });
  assert.deepEqual(pushToTalk(false, 'down', true), { holding: false, set: null });
  assert.deepEqual(pushToTalk(false, 'up', true), { holding: false, set: null });
});

test('a pause in speech does not move the outline, someone else speaking does', () => {
  let speaker = nextSpeaker(NOBODY, { a: 0.3, b: 0.01 }, 0);
  assert.equal(speaker.id, 'a');
  speaker = nextSpeaker(speaker, { a: 0, b: 0.01 }, 800);
  assert.equal(speaker.id, 'a');
  speaker = nextSpeaker(speaker, { a: 0.2, b: 0.25 }, 1000);
  assert.equal(speaker.id, 'a', 'a little louder is not enough');
  speaker = nextSpeaker(speaker, { a: 0.1, b: 0.25 }, 1200);
  assert.equal(speaker.id, 'b');
  speaker = nextSpeaker(speaker, { a: 0, b: 0 }, 2000);
  speaker = nextSpeaker(speaker, { a: 0, b: 0 }, 3000);
  assert.equal(speaker.id, null);
});

test('the one who left is not outlined for ever', () => {
  const speaker = nextSpeaker({ id: 'gone', heardMs: 0 }, { a: 0.2 }, 5000);
  assert.equal(speaker.id, 'a');
});

test('one who is muted is not outlined, whatever is heard', () => {
  const tiles = [
    { id: 'a', audio: false },
    { id: 'b', audio: true },
    { id: 'c', audio: true },
  ];
  assert.deepEqual(audible({ a: 0.5, b: 0.1, gone: 0.4 }, tiles), { b: 0.1 });
});

const tile = (id, extra = {}) => ({
  id,
  self: id === 'self',
  name: id.toUpperCase(),
  audio: true,
  connection: 'connected',
  ...extra,
});
const state = (tiles, extra = {}) => ({
  phase: 'in',
  note: null,
  me: { microphone: true, camera: true, note: null },
  tiles,
  ...extra,
});

test('news tell who came, went, muted and broke off, once', () => {
  const before = state([tile('self'), tile('a'), tile('b'), tile('c')]);
  const after = state([
    tile('self', { audio: false }),
    tile('a', { audio: false }),
    tile('b', { connection: 'reconnecting' }),
    tile('d'),
  ]);
  assert.deepEqual(news(before, after), [
    'A muted their microphone',
    'The connection to B broke. Looking for another way.',
    'D joined',
    'C left',
  ]);
  assert.deepEqual(news(after, after), []);
  assert.deepEqual(news(null, after), []);
});

test('news tell what the app does about a lost server', () => {
  const lost = state([], { phase: 'reconnecting', note: 'Looking for the server.' });
  assert.deepEqual(news(state([]), lost), ['Connection lost. Reconnecting.', 'Looking for the server.']);
  assert.deepEqual(news(lost, state([])), ['You are in the call.']);
});

const message = (number, own = false) => ({ number, fromId: 'a', from: 'A', text: `line ${number}`, own, atMs: 0 });

test('unread counts what others wrote while the chat was closed', () => {
  let chat = received(NO_CHAT, message(1), false);
  chat = received(chat, message(2, true), false);
  chat = received(chat, message(3), false);
  chat = received(chat, message(4), true);
  assert.equal(chat.unread, 2);
  assert.equal(chat.messages.length, 4);
});

test('a flood of messages stays bounded', () => {
  let chat = NO_CHAT;
  for (let n = 1; n <= CHAT_LINES + 50; n += 1) chat = received(chat, message(n), false);
  assert.equal(chat.messages.length, CHAT_LINES);
  assert.equal(chat.messages[0].text, 'line 51');
});

test('what was written before a reload comes back, each line once and in order', () => {
  // Two came since; one of them is in the answer, and is told once more after it.
  let chat = received(received(NO_CHAT, message(3), false), message(4), false);
  chat = restored(chat, [message(1), message(2), message(3)]);
  assert.equal(received(chat, message(3), false), chat);
  assert.deepEqual(
    chat.messages.map(({ number }) => number),
    [1, 2, 3, 4],
  );
  assert.equal(chat.unread, 2, 'what was there before was read then');
  const lines = Array.from({ length: CHAT_LINES }, (_, n) => message(n + 5));
  assert.equal(restored(chat, lines).messages.length, CHAT_LINES);
});
