/** The figures of a call as a table. Invariant: shows exactly what the record holds; what was not measured stays empty. */
import { problem } from '../lib/backend.js';
import { fill, h } from '../lib/dom.js';
import { timeOfDay } from '../lib/format.js';
import { stateBox } from '../lib/parts.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').HistoryTable} HistoryTable */

/** More would take seconds to lay out. */
const ROWS = 500;

export class Table {
  #asked = 0;

  /** @param {(fromMs: number, toMs: number) => Promise<HistoryTable>} read */
  constructor(read) {
    this.read = read;
    this.element = h('div', {
      class: 'table-box scroll',
      tabindex: '0',
      role: 'region',
      'aria-label': t.history.table,
    });
  }

  /** @param {number} fromMs @param {number} toMs */
  async load(fromMs, toMs) {
    const asked = (this.#asked += 1);
    fill(this.element, stateBox({ busy: true, title: t.history.loading }));
    try {
      const table = await this.read(Math.floor(fromMs), Math.ceil(toMs));
      if (asked === this.#asked) this.#show(table);
    } catch (error) {
      if (asked === this.#asked)
        fill(this.element, stateBox({ icon: 'alert', title: t.history.problem, text: problem(error).message }));
    }
  }

  /** @param {HistoryTable} table */
  #show({ columns, rows }) {
    if (rows.length === 0) return fill(this.element, stateBox({ icon: 'pulse', title: t.history.noFigures }));
    const numeric = columns.map((_, index) => rows.every((row) => typeof row[index] !== 'string'));
    const kind = (/** @type {number} */ index) => (numeric[index] ? 'num' : '');
    const head = columns.map((column, index) =>
      h(
        'th',
        { scope: 'col', class: kind(index), 'data-key': column.key },
        column.title,
        column.unit !== '' && column.unit !== MOMENT && h('span', { class: 'unit' }, ` ${column.unit}`),
      ),
    );
    const body = rows
      .slice(0, ROWS)
      .map((row) => h('tr', {}, ...row.map((cell, index) => tableCell(cell, columns[index]?.unit ?? '', kind(index)))));
    const caption = rows.length > ROWS ? t.history.rowsOf(ROWS, rows.length) : t.history.rows(rows.length);
    fill(
      this.element,
      h(
        'table',
        { class: 'num' },
        h('caption', {}, caption),
        h('thead', {}, h('tr', {}, ...head)),
        h('tbody', {}, ...body),
      ),
    );
  }
}

/**
 * A cell that shows what can be read and keeps what was stored.
 * @param {number | string | null} cell
 * @param {string} unit
 * @param {string} kind
 */
function tableCell(cell, unit, kind) {
  return h('td', { class: kind, 'data-value': cell }, cellText(cell, unit));
}

/** The unit of columns that hold a moment. */
const MOMENT = 'Unix ms';

/**
 * @param {number | string | null} cell
 * @param {string} unit
 */
export function cellText(cell, unit) {
  if (cell === null) return '';
  if (typeof cell === 'string') return cell;
  if (unit === MOMENT) return timeOfDay(cell, undefined, true);
  return Number.isInteger(cell) ? String(cell) : String(Math.round(cell * 1000) / 1000);
}
