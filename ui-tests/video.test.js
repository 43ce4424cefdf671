import assert from 'node:assert/strict';
import { test } from 'node:test';

import { toRgba } from '../ui/video/flat.js';
import { isTooEarly } from '../ui/video/frames.js';
import { fit, wanted } from '../ui/video/size.js';
import { HEADER_BYTES, padded, parsePicture } from '../ui/video/wire.js';

/** As the native side writes it. */
function message({ tile = 'self', width = 5, height = 3, seq = 7, version = 1 } = {}) {
  const id = new TextEncoder().encode(tile);
  const chroma = Math.ceil(width / 2) * Math.ceil(height / 2);
  const start = HEADER_BYTES + padded(id.length);
  const buffer = new ArrayBuffer(start + width * height + 2 * chroma);
  const bytes = new Uint8Array(buffer);
  const head = new DataView(buffer);
  head.setUint8(0, version);
  head.setUint8(1, id.length);
  head.setUint16(2, width, true);
  head.setUint16(4, height, true);
  head.setUint32(8, seq, true);
  head.setBigInt64(12, 1_700_000_000_123_456n, true);
  head.setBigInt64(20, 1_700_000_000_130_000n, true);
  bytes.set(id, HEADER_BYTES);
  bytes
    .fill(1, start)
    .fill(2, start + width * height)
    .fill(3, start + width * height + chroma);
  return buffer;
}

test('a picture with odd sides and an id of any length', () => {
  const picture = parsePicture(message({ tile: 'pé:2', width: 5, height: 3, seq: 4_000_000_000 }));
  assert.equal(picture.tile, 'pé:2');
  assert.equal(picture.seq, 4_000_000_000);
  assert.deepEqual([picture.y.length, picture.u.length, picture.v.length], [15, 6, 6]);
  assert.deepEqual([picture.y.at(-1), picture.u[0], picture.v[0]], [1, 2, 3]);
  assert.equal(picture.capturedMs, 1_700_000_000_123.456);
  assert.equal(picture.sentMs, 1_700_000_000_130);
});

test('what is cut off, longer, of another version or without size is no picture', () => {
  const whole = message();
  for (let length = 0; length < whole.byteLength; length += 1) assert.equal(parsePicture(whole.slice(0, length)), null);
  const longer = new Uint8Array(whole.byteLength + 1);
  longer.set(new Uint8Array(whole));
  assert.equal(parsePicture(longer.buffer), null);
  assert.equal(parsePicture(message({ version: 2 })), null);
  assert.equal(parsePicture(message({ width: 0 })), null);
  assert.equal(parsePicture(new ArrayBuffer(4)), null);
});

test('limited range of BT.601 becomes black, white and the primary colours', () => {
  const pixel = (y, u, v) => {
    const to = new Uint32Array(1);
    toRgba({ width: 1, height: 1, y: Uint8Array.of(y), u: Uint8Array.of(u), v: Uint8Array.of(v) }, to);
    return [...new Uint8Array(to.buffer)];
  };
  const near = (actual, expected) =>
    actual.forEach((value, index) => assert.ok(Math.abs(value - expected[index]) <= 2, `${actual} is not ${expected}`));
  near(pixel(16, 128, 128), [0, 0, 0, 255]);
  near(pixel(235, 128, 128), [255, 255, 255, 255]);
  near(pixel(81, 90, 240), [255, 0, 0, 255]);
  near(pixel(145, 54, 34), [0, 255, 0, 255]);
  near(pixel(41, 240, 110), [0, 0, 255, 255]);
});

test('chroma of odd sides belongs to the right pixels', () => {
  const to = new Uint32Array(3 * 3);
  const y = new Uint8Array(9).fill(128);
  toRgba({ width: 3, height: 3, y, u: new Uint8Array(4).fill(128), v: Uint8Array.of(128, 128, 128, 255) }, to);
  const red = Array.from({ length: 9 }, (_, index) => (to[index] & 255) > 200);
  assert.deepEqual(red, [false, false, false, false, false, false, false, false, true]);
});

test('a mirrored picture begins at its right side', () => {
  const [plain, mirrored] = [new Uint32Array(6), new Uint32Array(6)];
  const picture = { width: 3, height: 2, y: Uint8Array.of(20, 40, 60, 80, 100, 120), u: Uint8Array.of(90, 160), v: Uint8Array.of(200, 30) };
  toRgba(picture, plain);
  toRgba(picture, mirrored, true);
  assert.deepEqual([...mirrored], [2, 1, 0, 5, 4, 3].map((at) => plain[at]));
});

test('a picture that just came waits for those of running tiles, but not twice', () => {
  const screen = (came, drawn, waiting = true) => ({ waiting: waiting ? {} : null, cameMs: came, drawnMs: drawn });
  const other = screen(0, 990, false);
  assert.ok(isTooEarly([screen(995, 970), other], 1000));
  assert.ok(!isTooEarly([screen(995, 970), other], 1000 + 17));
  assert.ok(!isTooEarly([screen(995, 970), screen(0, 700, false)], 1000), 'that one has paused');
  assert.ok(!isTooEarly([screen(995, 970)], 1000), 'there is no other');
  assert.ok(!isTooEarly([screen(995, 970), screen(998, 970)], 1000), 'all are here');
});

test('a picture fills its tile unless nearly half of it would be cut', () => {
  const wide = { width: 1280, height: 720 };
  assert.equal(fit(wide, { width: 640, height: 400 }), 'cover');
  assert.equal(fit(wide, { width: 300, height: 700 }), 'contain');
  assert.equal(fit({ width: 360, height: 640 }, { width: 640, height: 360 }), 'contain');
});

test('asked for is what the tile shows, in even pixels, never more than a large camera', () => {
  assert.deepEqual(wanted({ width: 641, height: 361 }, null), { width: 642, height: 362 });
  assert.deepEqual(wanted({ width: 640, height: 400 }, { width: 1280, height: 720 }), { width: 712, height: 400 });
  assert.deepEqual(wanted({ width: 300, height: 700 }, { width: 1280, height: 720 }), { width: 300, height: 700 });
  assert.deepEqual(wanted({ width: 3840, height: 2160 }, null), { width: 1920, height: 1080 });
  assert.deepEqual(wanted({ width: 0, height: 0 }, null), { width: 16, height: 16 });
});
