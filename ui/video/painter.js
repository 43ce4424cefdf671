/**
 * A canvas that pictures are drawn on, with WebGL2 or in 2D, whichever is cheaper here.
 *
 * Invariant: a canvas whose graphics context is lost is replaced; a picture then goes on in 2D instead of staying still.
 */
import { cheapest } from './choose.js';
import { flatPainter } from './flat.js';

/**
 * @typedef {object} Painter
 * @property {'webgl2' | '2d'} kind
 * @property {(picture: import('./wire.js').Picture) => void} draw also sizes the canvas
 * @property {() => void} finish returns when what was drawn is there
 * @property {() => void} release
 */

export class Surface {
  /** @param {HTMLElement} host the canvas becomes its first child; with `data-mirrored` pictures are drawn as in a mirror */
  constructor(host) {
    this.host = host;
    this.mirrored = host.dataset.mirrored !== undefined;
    this.canvas = this.#makeCanvas();
    /** @type {Painter | null} */
    this.painter = cheapest()(this.canvas, this.mirrored);
    if (!this.painter) this.#goFlat();
  }

  /** @param {import('./wire.js').Picture} picture */
  draw(picture) {
    this.painter?.draw(picture);
    // Until there is a picture the canvas would be a black box.
    this.canvas.hidden = false;
  }

  release() {
    const painter = this.painter;
    this.painter = null;
    painter?.release();
    this.canvas.remove();
  }

  #makeCanvas() {
    const canvas = document.createElement('canvas');
    canvas.className = 'picture';
    canvas.setAttribute('aria-hidden', 'true');
    canvas.width = canvas.height = 1;
    canvas.hidden = true;
    canvas.addEventListener('webglcontextlost', () => {
      if (this.painter) this.#goFlat();
    });
    this.host.prepend(canvas);
    return canvas;
  }

  #goFlat() {
    // A canvas that ever had a WebGL context never gives a 2D one.
    this.canvas.remove();
    this.canvas = this.#makeCanvas();
    this.painter = flatPainter(this.canvas, this.mirrored);
  }
}
