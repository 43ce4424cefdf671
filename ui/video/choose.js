/**
 * Which painter is the cheaper one on this computer.
 *
 * Invariant: measured once, at the first picture, and only where the app saw a graphics card. Asking does not help: engines hide the renderer's name, and give WebGL
 * without a graphics card although told not to; it then costs twice as much as converting here.
 */
import { flatPainter } from './flat.js';
import { shaderPainter } from './shader.js';
import { chromaSide } from './wire.js';

/** Of a usual tile. */
const WIDTH = 640;
const HEIGHT = 360;
/** Until code is compiled and memory is there. */
const WARM_UP = 2;
/** Enough to tell them apart with clocks of 1 ms: a card takes 1 to 2 ms for all, converting about 6, WebGL without a card 20. */
const DRAWN = 6;

/** @typedef {(canvas: HTMLCanvasElement, mirrored: boolean) => import('./painter.js').Painter | null} MakePainter */

/** @type {MakePainter | null} */
let chosen = null;

/** To be called before the first picture, where there is no graphics card: trying WebGL would load 50 MiB of compilers. */
export function chooseFlat() {
  chosen = flatPainter;
}

/** @returns {MakePainter} */
export function cheapest() {
  chosen ??= cost(shaderPainter) < cost(flatPainter) ? shaderPainter : flatPainter;
  return chosen;
}

/** @param {MakePainter} make @returns {number} milliseconds; infinite where it cannot be used */
function cost(make) {
  const painter = make(document.createElement('canvas'), false);
  if (!painter) return Infinity;
  const picture = grey();
  const draw = (/** @type {number} */ times) => {
    for (let n = 0; n < times; n += 1) painter.draw(picture);
    painter.finish();
  };
  draw(WARM_UP);
  const start = performance.now();
  draw(DRAWN);
  const took = performance.now() - start;
  painter.release();
  return took;
}

/** @returns {import('./wire.js').Picture} */
function grey() {
  const chroma = new Uint8Array(chromaSide(WIDTH) * chromaSide(HEIGHT)).fill(128);
  const y = new Uint8Array(WIDTH * HEIGHT).fill(128);
  return { tile: '', seq: 0, width: WIDTH, height: HEIGHT, capturedMs: 0, sentMs: 0, buffer: y.buffer, y, u: chroma, v: chroma };
}
