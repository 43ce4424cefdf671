/**
 * Draws pictures without a graphics card: converts them in one array that is reused.
 *
 * Invariant: memory is asked for only when the size of the picture changes.
 */
import { chromaSide } from './wire.js';

/**
 * @param {HTMLCanvasElement} canvas
 * @param {boolean} [mirrored] written so: a page that turns it round would take as long again as the converting
 * @returns {import('./painter.js').Painter | null}
 */
export function flatPainter(canvas, mirrored = false) {
  const context = canvas.getContext('2d', { alpha: false });
  if (!context) return null;
  let image = context.createImageData(1, 1);
  let words = new Uint32Array(image.data.buffer);
  return {
    kind: '2d',
    draw(picture) {
      const { width, height } = picture;
      if (image.width !== width || image.height !== height) {
        [canvas.width, canvas.height] = [width, height];
        image = context.createImageData(width, height);
        words = new Uint32Array(image.data.buffer);
      }
      toRgba(picture, words, mirrored);
      context.putImageData(image, 0, 0);
    },
    finish() {},
    release() {
      canvas.width = canvas.height = 1;
      // The collector would let those of many calls come together before it takes them.
      if ('transfer' in words.buffer) words.buffer.transfer(0);
    },
  };
}

/** Colours come out between -277 and 534; so many below 0 the table begins, which says what of that a byte holds. */
const BELOW = 280;
const BYTES = Uint8ClampedArray.from({ length: 832 }, (_, at) => at - BELOW);
const OPAQUE = 0xff000000;

const byte = (/** @type {number} */ sum) => /** @type {number} */ (BYTES[sum >> 8]);

/**
 * ITU-R BT.601, limited range, in integers of 8 binary places. What two pixels have in common is worked out once, and a
 * pixel is written at once: 0.5 ms for 640x360, a quarter of what byte after byte takes.
 * @param {{width: number, height: number, y: Uint8Array, u: Uint8Array, v: Uint8Array}} picture
 * @param {Uint32Array} to a pixel a word: all that Sightline runs on is little endian
 * @param {boolean} [mirrored] each row from right to left
 */
export function toRgba({ width, height, y, u, v }, to, mirrored = false) {
  const half = chromaSide(width);
  const step = mirrored ? -1 : 1;
  for (let row = 0; row < height; row += 1) {
    const end = (row + 1) * width;
    let chroma = (row >> 1) * half;
    let out = mirrored ? end - 1 : row * width;
    for (let at = row * width; at < end; chroma += 1) {
      const blue = /** @type {number} */ (u[chroma]) - 128;
      const red = /** @type {number} */ (v[chroma]) - 128;
      const toRed = 409 * red;
      const toGreen = -100 * blue - 208 * red;
      const toBlue = 516 * blue;
      for (const next = Math.min(at + 2, end); at < next; at += 1, out += step) {
        const luma = (/** @type {number} */ (y[at]) - 16) * 298 + 128 + (BELOW << 8);
        to[out] = OPAQUE | (byte(luma + toBlue) << 16) | (byte(luma + toGreen) << 8) | byte(luma + toRed);
      }
    }
  }
}
