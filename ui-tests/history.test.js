import assert from 'node:assert/strict';
import { test } from 'node:test';

import { keyEvent, queued, wheelEvent } from '../ui/history/input.js';
import { apply } from '../ui/history/pixels.js';
import { cellText } from '../ui/history/table.js';
import { parseAnswer, parseScene } from '../ui/history/wire.js';

/** The scene that the charts crate tests its layout with: two textures, two freed, one triangle. */
function scene() {
  const buffer = new ArrayBuffer(32 + 28 + 24 + 8 + 28 + 3 * 20 + 3 * 4);
  const view = new DataView(buffer);
  let at = 0;
  const u32 = (...values) => values.forEach((value) => (view.setUint32(at, value >>> 0, true), (at += 4)));
  const f32 = (...values) => values.forEach((value) => (view.setFloat32(at, value, true), (at += 4)));
  u32(0x31434c53);
  f32(800, 600.5, 1.25);
  u32(0xff030201, 2, 2, 1);
  u32(7, -1, -1, 2, 1, 0xffffffff, 0xff0000ff);
  u32(7, 1, 0, 1, 1, 0);
  u32(3, 9);
  f32(1, 2, 30, 40);
  u32(7, 3, 3);
  for (let vertex = 0; vertex < 3; vertex += 1) {
    f32(vertex, 3.5, 0.25, 0);
    u32(0xff0000ff);
  }
  u32(0, 1, 2);
  assert.equal(at, buffer.byteLength);
  return buffer;
}

test('a scene is read as the charts crate writes it', () => {
  const { width, height, scale, background, textures, freed, meshes } = parseScene(scene());
  assert.deepEqual([width, height, scale], [800, 600.5, 1.25]);
  assert.deepEqual(background, [1, 2, 3, 255]);
  assert.deepEqual(
    textures.map(({ id, x, y, texels }) => [id, x, y, texels.length]),
    [
      [7, -1, -1, 8],
      [7, 1, 0, 4],
    ],
  );
  assert.deepEqual(freed, [3, 9]);
  assert.deepEqual(meshes[0].clip, [1, 2, 30, 40]);
  assert.deepEqual([meshes[0].texture, meshes[0].vertices.length, meshes[0].count], [7, 60, 3]);
});

test('a mesh of the scene before is taken from there', () => {
  const before = parseScene(scene());
  const buffer = new ArrayBuffer(32 + 28);
  const view = new DataView(buffer);
  [0x31434c53, 0, 0, 0, 0, 0, 0, 1].forEach((value, index) => view.setUint32(index * 4, value, true));
  view.setFloat32(40, 31, true);
  view.setUint32(32 + 20, 0xffffffff, true);
  const [mesh] = parseScene(buffer, before).meshes;
  assert.deepEqual(mesh, { ...before.meshes[0], clip: [0, 0, 31, 0] });
  assert.throws(() => parseScene(buffer), RangeError);
});

test('a scene that is cut off or lies is refused', () => {
  const whole = scene();
  for (let length = 0; length < whole.byteLength; length += 1) {
    assert.throws(() => parseScene(whole.slice(0, length)), RangeError, String(length));
  }
  for (let at = 20; at < 32; at += 4) {
    const liar = scene();
    new DataView(liar).setUint32(at, 0xffffffff, true);
    assert.throws(() => parseScene(liar), RangeError);
  }
  assert.throws(() => parseScene(new ArrayBuffer(64)), /no charts/);
});

test('an answer without a frame means that nothing changed', () => {
  const head = new TextEncoder().encode('{"rangeMs":[1,2],"series":[],"repaintAfterMs":null} ');
  const answer = new Uint8Array(4 + head.length + scene().byteLength);
  new DataView(answer.buffer).setUint32(0, head.length, true);
  answer.set(head, 4);
  answer.set(new Uint8Array(scene()), 4 + head.length);
  assert.deepEqual(parseAnswer(answer.buffer).head.rangeMs, [1, 2]);
  const { frame } = parseAnswer(answer.buffer);
  assert.equal(frame && parseScene(frame).width, 800);
  assert.equal(parseAnswer(answer.buffer.slice(0, 4 + head.length)).frame, null);
});

/** Two pixels kept, three of one colour, two copied. */
const RUNS = [2, (1 << 30) | 3, 0xff0000ff, (2 << 30) | 2, 7, 8];

test('runs of pixels change what they name, and nothing else', () => {
  const picture = new Uint32Array(10).fill(1);
  assert.deepEqual(apply(Uint32Array.from([0x31504c53, 5, 2, ...RUNS]), picture), [2, 7]);
  assert.deepEqual([...picture], [1, 1, 0xff0000ff, 0xff0000ff, 0xff0000ff, 7, 8, 1, 1, 1]);
});

test('runs that are cut off, run over the end or are of no kind are refused', () => {
  const frame = (...runs) => Uint32Array.from([0x31504c53, 5, 2, ...runs]);
  for (const length of [1 + 1, 1 + 3, 1 + 4]) {
    assert.throws(() => apply(frame(...RUNS.slice(0, length)), new Uint32Array(10)), RangeError, String(length));
  }
  for (const run of [11, (1 << 30) | 11, (3 << 30) | 1, 0x3fffffff]) {
    assert.throws(() => apply(frame(run, 5), new Uint32Array(10)), RangeError, String(run));
  }
});

test('of moves only the last is kept, presses all and in order', () => {
  const move = (x) => ({ pointerMoved: { x, y: 0 } });
  const press = (pressed) => ({ button: { x: 0, y: 0, pressed, primary: true } });
  const events = [move(1), move(2), press(true), move(3), move(4), press(false)].reduce(queued, []);
  assert.deepEqual(events, [move(2), press(true), move(4), press(false)]);
  assert.ok(Array.from({ length: 10_000 }, () => 'pointerLeft').reduce(queued, []).length <= 500);
});

test('the wheel scrolls the page, zooms with Ctrl, pans sideways', () => {
  const wheel = (extra) => ({
    deltaX: 0,
    deltaY: 3,
    deltaMode: 0,
    ctrlKey: false,
    metaKey: false,
    shiftKey: false,
    ...extra,
  });
  assert.equal(wheelEvent(wheel({})), null);
  assert.deepEqual(wheelEvent(wheel({ ctrlKey: true, deltaMode: 1 })), { wheel: { dx: 0, dy: 48, ctrl: true } });
  assert.deepEqual(wheelEvent(wheel({ deltaX: 9 })), { wheel: { dx: 9, dy: 0, ctrl: false } });
  assert.deepEqual(wheelEvent(wheel({ shiftKey: true })), { wheel: { dx: 3, dy: 0, ctrl: false } });
});

test("the keyboard can do what the pointer can; Tab stays the page's", () => {
  assert.deepEqual(keyEvent('ArrowLeft'), { key: { name: 'ArrowLeft', pressed: true } });
  assert.deepEqual(keyEvent('='), { key: { name: '+', pressed: true } });
  assert.equal(keyEvent('Tab'), null);
});

test('a cell that was not measured is empty, not zero', () => {
  assert.deepEqual(
    [null, 0, 0.1 + 0.2, 1400, 'audio'].map((cell) => cellText(cell, 'ms')),
    ['', '0', '0.3', '1400', 'audio'],
  );
});
