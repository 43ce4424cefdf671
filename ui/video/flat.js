/**
 * Draws pictures without a graphics card: RGBA as it comes, I420 converted in one array that is reused.
 *
 * Invariant: memory is asked for only when the size of the picture changes.
 */
import { chromaSide } from './wire.js';

/**
 * @param {HTMLCanvasElement} canvas
 * @returns {import('./painter.js').Painter | null}
 */
export function flatPainter(canvas) {
  const context = canvas.getContext('2d', { alpha: false });
  if (!context) return null;
  /** @type {ImageData | null} */
  let image = null;
  return {
    kind: '2d',
    draw(picture) {
      const { width, height, rgba } = picture;
      if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
      if (rgba) return context.putImageData(new ImageData(rgba, width, height), 0, 0);
      if (image?.width !== width || image.height !== height) image = context.createImageData(width, height);
      toRgba(picture, image.data);
      context.putImageData(image, 0, 0);
    },
    finish() {},
    release() {
      image = null;
      canvas.width = canvas.height = 1;
    },
  };
}

/**
 * ITU-R BT.601, limited range, in integers of 8 binary places.
 * @param {{width: number, height: number, y: Uint8Array, u: Uint8Array, v: Uint8Array}} picture
 * @param {Uint8ClampedArray} to clamps for us
 */
export function toRgba({ width, height, y, u, v }, to) {
  const half = chromaSide(width);
  let at = 0;
  let out = 0;
  for (let row = 0; row < height; row += 1) {
    const chroma = (row >> 1) * half;
    for (let column = 0; column < width; column += 1) {
      const luma = /** @type {number} */ (y[at] - 16) * 298 + 128;
      const blue = /** @type {number} */ (u[chroma + (column >> 1)]) - 128;
      const red = /** @type {number} */ (v[chroma + (column >> 1)]) - 128;
      to[out] = (luma + 409 * red) >> 8;
      to[out + 1] = (luma - 100 * blue - 208 * red) >> 8;
      to[out + 2] = (luma + 516 * blue) >> 8;
      to[out + 3] = 255;
      at += 1;
      out += 4;
    }
  }
}
