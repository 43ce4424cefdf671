/** One call: findings, charts or table, sessions with their breaks, people, events. */
import { backend } from '../lib/backend.js';
import { fill, h, set, setText } from '../lib/dom.js';
import { date, duration, timeOfDay } from '../lib/format.js';
import { headlineChip, iconButton, notice } from '../lib/parts.js';
import { toast } from '../lib/toast.js';
import { icon } from '../icons.js';
import { Charts, ofCall } from './charts.js';
import { Table } from './table.js';
import { say } from '../lib/bidi.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').CallDetail} CallDetail */

/** Shown before and after a finding, so that one sees what it differs from. */
const AROUND_MS = 60_000;
/** More of them at once would push the charts out of sight. */
const FINDINGS = 3;
/** All of them stand in the export. */
const EVENTS = 200;

export class Detail {
  /** @type {'charts' | 'table'} */
  #shown = 'charts';

  /**
   * @param {import('../main.js').App} app
   * @param {CallDetail} call
   * @param {{back: () => void, remove: () => void}} on
   */
  constructor(app, call, on) {
    this.app = app;
    this.call = call;
    this.on = on;
    this.charts = new Charts(app, ofCall(call.line.id));
    this.table = new Table((fromMs, toMs) => backend.historyTable(call.line.id, fromMs, toMs));
    this.tabs = {
      charts: h('button', { type: 'button', onclick: () => this.#choose('charts') }, t.history.charts),
      table: h('button', { type: 'button', onclick: () => this.#choose('table') }, t.history.table),
    };
    this.figures = h('div', { class: 'figures-box' });
    this.element = h(
      'div',
      { class: 'detail' },
      this.#header(),
      this.#findings(),
      h(
        'section',
        { class: 'col', 'aria-label': t.history.views },
        h(
          'div',
          { class: 'row wrap' },
          h('div', { class: 'tabs', role: 'group', 'aria-label': t.history.views }, this.tabs.charts, this.tabs.table),
          h('span', { class: 'grow' }),
          this.charts.tools,
        ),
        this.figures,
      ),
      h('div', { class: 'detail-columns' }, this.#sessions(), this.#people(), this.#events()),
    );
  }

  /** After the element is on the page: charts need their size. */
  shown() {
    this.#choose(this.#shown);
  }

  close() {
    void this.charts.close();
  }

  #header() {
    const { line, sessions, breaks, peers } = this.call;
    const end = line.startedMs + line.durationMs;
    const names = [...new Set(peers.map((peer) => peer.name))];
    const time = line.underWay
      ? timeOfDay(line.startedMs)
      : `${timeOfDay(line.startedMs)}–${timeOfDay(lastMs(this.call) ?? end)}`;
    const facts = [
      `${date(line.startedMs, Date.now())}, ${time}`,
      line.underWay ? t.history.underWay : duration(line.durationMs),
      t.history.summary(sessions.length, breaks.length),
      t.history.with(names),
    ];
    return h(
      'header',
      { class: 'detail-head' },
      iconButton(t.history.backToList, 'back', this.on.back),
      h(
        'div',
        { class: 'grow' },
        h('h2', { class: 'row wrap' }, h('span', { class: 'mono' }, line.code), headlineChip(line.headline)),
        h('p', { class: 'soft small num' }, facts.join(' · ')),
      ),
      h(
        'div',
        { class: 'row wrap tools' },
        h('button', { type: 'button', onclick: () => void this.#export('csv') }, icon('save'), t.history.exportCsv),
        h('button', { type: 'button', onclick: () => void this.#export('json') }, icon('save'), t.history.exportJson),
        !line.underWay &&
          h(
            'button',
            {
              type: 'button',
              class: 'warn icon-only',
              'aria-label': t.history.delete,
              title: t.history.delete,
              onclick: this.on.remove,
            },
            icon('trash'),
          ),
      ),
    );
  }

  #findings() {
    const { findings, summary } = this.call;
    const lines = findings.map((finding) => {
      const evidence = h(
        'button',
        {
          type: 'button',
          class: 'chip',
          onclick: () => this.#showRange(finding.fromMs - AROUND_MS, finding.toMs + AROUND_MS),
        },
        t.history.show,
      );
      return notice(finding.class, h('p', { class: 'grow' }, finding.sentence), evidence);
    });
    // To hide a single one would save nothing.
    const rest = lines.length > FINDINGS + 1 ? lines.slice(FINDINGS) : [];
    const more = h('button', { type: 'button', class: 'plain', 'aria-expanded': 'false' });
    const show = (/** @type {boolean} */ all) => {
      for (const line of rest) line.hidden = !all;
      set(more, 'aria-expanded', String(all));
      setText(more, all ? t.history.fewerFindings : t.history.allFindings(lines.length));
    };
    more.addEventListener('click', () => show(more.getAttribute('aria-expanded') === 'false'));
    show(false);
    return h(
      'section',
      { class: 'col findings', 'aria-label': t.history.findings },
      notice(summary.class ?? 'plain', h('p', { class: 'grow summary' }, summary.sentence)),
      ...lines,
      rest.length > 0 && more,
    );
  }

  /** @param {number} fromMs @param {number} toMs */
  #showRange(fromMs, toMs) {
    this.#choose('charts');
    this.charts.showRange(fromMs, toMs);
    this.figures.scrollIntoView({ block: 'nearest' });
    this.charts.focus();
  }

  /** @param {'charts' | 'table'} what */
  #choose(what) {
    this.#shown = what;
    for (const name of /** @type {const} */ (['charts', 'table']))
      set(this.tabs[name], 'aria-pressed', String(name === what));
    this.charts.tools.hidden = what !== 'charts';
    fill(this.figures, what === 'charts' ? this.charts.element : this.table.element);
    if (what === 'charts') this.charts.open();
    else {
      const [fromMs, toMs] = this.charts.range ?? [this.call.line.startedMs, lastMs(this.call) ?? Date.now()];
      void this.table.load(fromMs, toMs);
    }
  }

  /** @param {'csv' | 'json'} format */
  async #export(format) {
    try {
      saved((await backend.historyExport(this.call.line.id, format)).path, this.app);
    } catch (error) {
      this.app.report(error);
    }
  }

  #sessions() {
    const { sessions, breaks } = this.call;
    const lines = [
      ...sessions.map((session, index) => ({
        atMs: session.startedMs,
        name: t.history.session(index + 1),
        endMs: session.endedMs,
        reason: session.reason,
        gap: false,
      })),
      ...breaks.map((gap) => ({
        atMs: gap.fromMs,
        name: t.history.break(gap.words),
        endMs: gap.toMs,
        reason: null,
        gap: true,
      })),
    ].sort((a, b) => a.atMs - b.atMs);
    return part(
      t.history.sessions,
      ...lines.map(({ atMs, name, endMs, reason, gap }) =>
        entry(
          span(atMs, endMs),
          h(
            'span',
            { class: gap ? 'soft' : '' },
            name,
            endMs === null ? null : h('span', { class: 'soft' }, ` ${duration(endMs - atMs)}`),
            reason && h('span', { class: 'soft' }, `, ${reason}`),
          ),
        ),
      ),
    );
  }

  #people() {
    return part(
      t.history.people,
      ...this.call.peers.map((peer) =>
        entry(
          span(peer.joinedMs, peer.leftMs),
          h('span', {}, h('bdi', {}, peer.name), peer.reason && h('span', { class: 'soft' }, `, ${peer.reason}`)),
        ),
      ),
    );
  }

  #events() {
    const { events } = this.call;
    const lines = events
      .slice(0, EVENTS)
      .map((event) =>
        entry(
          timeOfDay(event.atMs, undefined, true),
          h('span', {}, event.who && h('b', {}, say`${event.who}: `), event.words),
        ),
      );
    return part(t.history.events, ...(lines.length > 0 ? lines : [h('li', { class: 'soft' }, t.history.noEvents)]));
  }
}

/** @param {string} path @param {import('../main.js').App} app */
export function saved(path, app) {
  toast(t.history.saved(path), {
    action: { label: t.history.openFile, run: () => void backend.openPath(path).catch((error) => app.report(error)) },
    ms: 12_000,
  });
}

/** @param {CallDetail} call when the last session ended; null while one lasts */
function lastMs({ sessions }) {
  return sessions.at(-1)?.endedMs ?? null;
}

/** @param {string} title @param {...Node} lines */
function part(title, ...lines) {
  return h(
    'section',
    { class: 'card' },
    h('h3', {}, title),
    h('ol', { class: 'entries scroll', tabindex: '0', 'aria-label': title }, ...lines),
  );
}

/** @param {string} time @param {Node} text */
function entry(time, text) {
  return h('li', { class: 'entry' }, h('span', { class: 'soft num' }, time), text);
}

/** @param {number} fromMs @param {number | null} toMs */
function span(fromMs, toMs) {
  return `${timeOfDay(fromMs)}–${toMs === null ? t.history.stillOpen : timeOfDay(toMs)}`;
}
