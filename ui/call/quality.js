/** The quality panel: what limits the call in one sentence, then each peer's figures of the last second. */
import { fill, h, setText } from '../lib/dom.js';
import { megabits, number, size } from '../lib/format.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').Tile} Tile */
/** @typedef {import('../generated/ipc.js').TileStats} TileStats */
/** @typedef {import('../generated/ipc.js').QualityClass} QualityClass */

/**
 * A row: its name, the text of a cell, and how bad its value is.
 * @type {{key: keyof typeof t.figures, cell: (stats: TileStats) => string, judge?: (stats: TileStats) => QualityClass | null}[]}
 */
const ROWS = [
  { key: 'up', cell: (stats) => megabits(stats.sentKbps) },
  { key: 'down', cell: (stats) => megabits(stats.receivedKbps) },
  { key: 'lossUp', cell: (stats) => number(stats.sentLoss, 1), judge: (stats) => lossClass(stats.sentLoss) },
  { key: 'lossDown', cell: (stats) => number(stats.receivedLoss, 1), judge: (stats) => lossClass(stats.receivedLoss) },
  { key: 'roundTrip', cell: (stats) => number(stats.rttMs), judge: (stats) => above(stats.rttMs, 400) },
  { key: 'jitter', cell: (stats) => number(stats.jitterMs), judge: (stats) => above(stats.jitterMs, 30) },
  {
    key: 'fps',
    cell: (stats) => number(stats.fps),
    judge: (stats) => (stats.fps !== null && stats.fps < 7 ? 'bad' : null),
  },
  { key: 'size', cell: (stats) => size(stats.width, stats.height) },
  { key: 'fpsUp', cell: (stats) => number(stats.sentFps) },
  { key: 'sizeUp', cell: (stats) => size(stats.sentWidth, stats.sentHeight) },
  { key: 'buffer', cell: (stats) => number(stats.bufferMs) },
  { key: 'concealed', cell: (stats) => number(stats.concealed, 1), judge: (stats) => above(stats.concealed, 7) },
  { key: 'path', cell: (stats) => stats.path ?? t.unknown },
];

export class QualityPanel {
  title = t.call.qualityNow;

  /** @param {() => void} onMark */
  constructor(onMark) {
    this.sentence = h('p', { class: 'limit' });
    this.table = h('div', {
      class: 'figures scroll grow',
      tabindex: '0',
      role: 'region',
      'aria-label': t.figuresTitle,
    });
    const mark = h(
      'button',
      { type: 'button', class: 'mark', onclick: onMark },
      icon('alert'),
      t.call.controls.mark,
      h('kbd', {}, 'B'),
    );
    this.element = h('div', { class: 'panel-body' }, this.sentence, this.table, mark);
  }

  /** @param {import('../generated/ipc.js').CallState} state */
  update({ limit, tiles }) {
    const peers = tiles.filter(
      (tile, index) => !tile.self && tiles.findIndex((other) => other.peer === tile.peer) === index,
    );
    setText(this.sentence, limit?.sentence ?? (peers.length === 0 ? t.call.nobodyToMeasure : t.call.notMeasuredYet));
    this.sentence.className = limit && limit.side !== 'nothing' ? 'limit limited' : 'limit';
    // Once a second; the table is small, and what is scrolled is the box around it.
    fill(this.table, peers.length > 0 && figures(peers));
  }

  focus() {}
}

/** @param {Tile[]} peers */
function figures(peers) {
  const head = h(
    'tr',
    {},
    h('td', {}),
    ...peers.map((peer) =>
      h('th', { scope: 'col', class: 'num', title: peer.name }, h('span', { class: 'clip peer-name' }, peer.name)),
    ),
  );
  const body = ROWS.map(({ key, cell, judge }) => {
    const [name = '', unit = ''] = t.figures[key];
    const cells = peers.map(({ stats }) => {
      const quality = (stats && judge?.(stats)) ?? null;
      const words =
        quality === null || quality === 'good'
          ? null
          : h('span', { class: 'hidden-text' }, ` ${t.quality.words[quality]}`);
      return h(
        'td',
        { class: `num word ${quality === 'good' ? '' : (quality ?? '')}` },
        stats ? cell(stats) : t.unknown,
        words,
      );
    });
    return h('tr', {}, h('th', { scope: 'row' }, name, unit && h('span', { class: 'unit' }, ` ${unit}`)), ...cells);
  });
  return h('table', { class: 'num' }, h('thead', {}, head), h('tbody', {}, ...body));
}

/** @param {number | null} percent @returns {QualityClass | null} Pexip's classes, as in the history */
function lossClass(percent) {
  if (percent === null) return null;
  return percent < 1 ? 'good' : percent < 3 ? 'ok' : percent < 10 ? 'bad' : 'terrible';
}

/** @param {number | null} value @param {number} bound @returns {QualityClass | null} */
function above(value, bound) {
  return value !== null && value > bound ? 'bad' : null;
}
