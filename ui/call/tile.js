/**
 * One tile: picture or initials, name, microphone, quality, and what is wrong with the connection.
 *
 * Invariant: a tile shows a picture only while its camera gives one, so an old picture is never taken for a live one.
 */
import { fill, h, set, setText } from '../lib/dom.js';
import { initials, number } from '../lib/format.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').Tile} Tile */

export class TileView {
  #attached = false;
  #key = '';

  /**
   * @param {import('../video/frames.js').Frames} frames
   * @param {Tile} tile
   * @param {() => void} onPin
   */
  constructor(frames, tile, onPin) {
    this.frames = frames;
    this.id = tile.id;
    this.screen = h('div', tile.self ? { class: 'screen', 'data-mirrored': '' } : { class: 'screen' });
    this.avatar = h('div', { class: 'avatar', 'aria-hidden': 'true' });
    this.trouble = h('div', { class: 'trouble' });
    this.quality = h('div', { class: 'tile-quality' });
    this.name = h('div', { class: 'tile-name' });
    this.pin = h('button', { type: 'button', class: 'tile-pin', onclick: onPin }, icon('pin'));
    this.element = h(
      'li',
      { class: 'tile', 'data-tile': tile.id },
      this.screen,
      this.avatar,
      this.trouble,
      this.quality,
      this.name,
      this.pin,
    );
    this.element.addEventListener('dblclick', onPin);
  }

  /**
   * @param {Tile} tile
   * @param {boolean} pinned
   */
  update(tile, pinned) {
    this.#showPicture(tile.video && tile.connection !== 'gone');
    set(this.pin, 'aria-pressed', String(pinned));
    const label = pinned ? t.call.unpin(tile.name) : t.call.pin(tile.name);
    set(this.pin, 'aria-label', label);
    set(this.pin, 'title', label);
    this.element.classList.toggle('pinned', pinned);
    // Most seconds nothing of this changes; then nothing is touched.
    const key = JSON.stringify([
      tile.name,
      tile.audio,
      tile.video,
      tile.class,
      tile.connection,
      tile.note,
      statsWords(tile),
    ]);
    if (key === this.#key) return;
    this.#key = key;
    setText(this.avatar, initials(tile.name));
    fill(
      this.name,
      !tile.audio && icon('microphoneOff', 'small'),
      h('span', { class: 'clip' }, tile.self ? t.call.you(tile.name) : h('bdi', {}, tile.name)),
    );
    if (!tile.audio) this.name.append(h('span', { class: 'hidden-text' }, t.call.isMuted));
    this.#showQuality(tile);
    this.#showTrouble(tile);
  }

  /** @param {boolean} speaking */
  speaking(speaking) {
    this.element.classList.toggle('speaking', speaking);
  }

  close() {
    this.#showPicture(false);
    this.element.remove();
  }

  /** @param {boolean} shown */
  #showPicture(shown) {
    if (shown === this.#attached) return;
    this.#attached = shown;
    if (shown) this.frames.attach(this.id, this.screen);
    else this.frames.detach(this.id);
  }

  /** @param {Tile} tile */
  #showQuality(tile) {
    const words = statsWords(tile);
    this.quality.hidden = words === '';
    const word = tile.class === null ? '' : t.quality.words[tile.class];
    fill(
      this.quality,
      tile.class !== null && h('span', { class: `dot ${tile.class}`, 'aria-hidden': 'true' }),
      word && h('span', { class: 'hidden-text' }, `${word}: `),
      h('span', { class: words === tile.note ? 'tile-note' : 'clip', title: words }, words),
    );
  }

  /** @param {Tile} tile */
  #showTrouble(tile) {
    const fine = tile.connection === 'connected';
    this.trouble.hidden = fine;
    this.element.classList.toggle('troubled', !fine);
    if (fine) return;
    const sentence = tile.note ?? t.call.connectionOf[tile.connection](tile.name);
    fill(this.trouble, tile.connection !== 'gone' && h('span', { class: 'spinner' }), h('p', {}, sentence));
  }
}

/**
 * What stands in the corner: what is wrong, else the picture's size and rate.
 * @param {Tile} tile
 */
function statsWords(tile) {
  if (tile.connection !== 'connected') return '';
  if (tile.note) return tile.note;
  const stats = tile.stats;
  if (!stats) return '';
  const height = tile.self ? stats.sentHeight : stats.height;
  const fps = tile.self ? stats.sentFps : stats.fps;
  if (tile.video && height !== null && fps !== null) return `${height}p ${number(fps)}`;
  return tile.class === null ? '' : t.quality.words[tile.class];
}
