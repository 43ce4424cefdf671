/**
 * Puts charts that were painted natively on a canvas, where there is no graphics card.
 *
 * Invariant: the picture is all frames so far, applied in order; nothing is believed: what is cut off or runs over the
 * picture's end is no frame. The frame's layout stands in the charts crate, module `pixels`.
 */

const MAGIC = 0x31504c53;
const HEADER_WORDS = 3;
/** As the charts crate: 8192 x 6144 pixels. */
const MOST_PIXELS = 50_331_648;
const [KEPT, FILLED, COPIED] = [0, 1, 2];

export class PixelPainter {
  /** The native side is to give pixels. */
  pixels = true;
  /** @type {ImageData | null} */
  #image = null;
  /** The same memory, a pixel a word: all that Sightline runs on is little endian. */
  #words = new Uint32Array(0);

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {CanvasRenderingContext2D} context
   */
  constructor(canvas, context) {
    this.canvas = canvas;
    this.context = context;
  }

  /**
   * @param {HTMLCanvasElement} canvas
   * @returns {PixelPainter | null}
   */
  static on(canvas) {
    const context = canvas.getContext('2d', { alpha: false });
    return context && new PixelPainter(canvas, context);
  }

  /** @param {ArrayBuffer} frame */
  paint(frame) {
    const words = new Uint32Array(frame, 0, frame.byteLength >> 2);
    const [magic, width = 0, height = 0] = words;
    if (magic !== MAGIC) throw new Error('these are no charts');
    if (words.length < HEADER_WORDS || width * height > MOST_PIXELS) throw new RangeError('the charts are cut off');
    if (this.#image?.width !== width || this.#image?.height !== height) this.#resize(width, height);
    const [first, end] = apply(words, this.#words);
    const [top, bottom] = [Math.floor(first / width), Math.ceil(end / width)];
    if (this.#image && bottom > top) this.context.putImageData(this.#image, 0, 0, 0, top, width, bottom - top);
  }

  release() {
    this.#image = null;
    this.#words = new Uint32Array(0);
    this.canvas.width = this.canvas.height = 1;
  }

  /** @param {number} width @param {number} height */
  #resize(width, height) {
    [this.canvas.width, this.canvas.height] = [width, height];
    this.#image = this.context.createImageData(width, height);
    this.#words = new Uint32Array(this.#image.data.buffer);
  }
}

/**
 * Applies the runs of a frame.
 * @param {Uint32Array} frame
 * @param {Uint32Array} to
 * @returns {[number, number]} the first pixel that may have changed, and the one after the last
 */
export function apply(frame, to) {
  let [first, at] = [to.length, 0];
  for (let next = HEADER_WORDS; next < frame.length; ) {
    const word = /** @type {number} */ (frame[next]);
    const [kind, count] = [word >>> 30, word & 0x3fffffff];
    next += 1;
    const used = kind === KEPT ? 0 : kind === FILLED ? 1 : count;
    if (kind > COPIED || at + count > to.length || next + used > frame.length)
      throw new RangeError('the charts are cut off');
    if (kind !== KEPT) first = Math.min(first, at);
    if (kind === FILLED) to.fill(/** @type {number} */ (frame[next]), at, at + count);
    if (kind === COPIED) for (let n = 0; n < count; n += 1) to[at + n] = /** @type {number} */ (frame[next + n]);
    at += count;
    next += used;
  }
  return [Math.min(first, at), at];
}
