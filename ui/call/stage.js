/** All tiles of a call in a square grid, or one large and the others in a strip. Invariant: one `TileView` a tile id. */
import { h } from '../lib/dom.js';
import { arrange, side } from './grid.js';
import { NOBODY, audible, nextSpeaker } from './speaker.js';
import { TileView } from './tile.js';
import { t } from '../strings.js';

export class Stage {
  /** @type {Map<string, TileView>} */
  #views = new Map();
  /** @type {string | null} */
  #pinned = null;
  #speaker = NOBODY;
  /** @type {readonly import('../generated/ipc.js').Tile[]} */
  #tiles = [];

  /** @param {import('../video/frames.js').Frames} frames */
  constructor(frames) {
    this.frames = frames;
    this.element = h('ul', { class: 'stage', 'aria-label': t.call.stage });
  }

  /** @param {readonly import('../generated/ipc.js').Tile[]} tiles */
  update(tiles) {
    this.#tiles = tiles;
    const wanted = new Set(tiles.map((tile) => tile.id));
    for (const [id, view] of this.#views) {
      if (wanted.has(id)) continue;
      view.close();
      this.#views.delete(id);
    }
    if (this.#pinned !== null && !wanted.has(this.#pinned)) this.#pinned = null;
    this.#place();
  }

  /**
   * @param {Record<string, number>} levels
   * @param {number} nowMs
   */
  hear(levels, nowMs) {
    this.#speaker = nextSpeaker(this.#speaker, audible(levels, this.#tiles), nowMs);
    for (const [id, view] of this.#views) view.speaking(id === this.#speaker.id);
  }

  close() {
    for (const view of this.#views.values()) view.close();
    this.#views.clear();
  }

  #place() {
    const order = arrange(this.#tiles, this.#pinned);
    this.element.style.setProperty('--side', String(side(order.length)));
    this.element.style.setProperty('--others', String(Math.max(1, order.length - 1)));
    this.element.classList.toggle('has-pinned', this.#pinned !== null);
    order.forEach((tile, index) => {
      const view = this.#views.get(tile.id) ?? this.#make(tile);
      view.update(tile, tile.id === this.#pinned);
      // Moving an element that is already there would take the focus from the button within.
      if (this.element.children[index] !== view.element)
        this.element.insertBefore(view.element, this.element.children[index] ?? null);
    });
  }

  /** @param {import('../generated/ipc.js').Tile} tile */
  #make(tile) {
    const view = new TileView(this.frames, tile, () => {
      this.#pinned = this.#pinned === tile.id ? null : tile.id;
      this.#place();
    });
    this.#views.set(tile.id, view);
    return view;
  }
}
