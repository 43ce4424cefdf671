/** One call of the server's record: who was there when, sessions and breaks, what was reported of it; export, deletion. */
import { backend, problem } from '../lib/backend.js';
import { confirm } from '../lib/dialog.js';
import { h } from '../lib/dom.js';
import { date, duration, timeOfDay } from '../lib/format.js';
import { dot, iconButton, notice } from '../lib/parts.js';
import { toast } from '../lib/toast.js';
import { saved } from '../history/detail.js';
import { icon } from '../icons.js';
import { breakWord, lengthWords, pathWord, qualityClass, qualityWords, reasonWord, roomWords, span, worstWords } from './format.js';
import { Figures } from './figures.js';
import { extent, persons, watched } from './persons.js';
import { timeline } from './timeline.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').AdminCallDetails} AdminCallDetails */

const words = t.admin.call;
/** Clocks that differ by less are as good as right, in milliseconds. */
const CLOCK_MS = 2000;

export class Call {
  /**
   * @param {import('./parts.js').Around} around
   * @param {AdminCallDetails} call
   * @param {{back: () => void, gone: () => void}} on
   */
  constructor(around, call, on) {
    this.around = around;
    this.call = call;
    this.on = on;
    const now = Date.now();
    const hasReports = call.coverage.reported > 0;
    this.figures = hasReports ? new Figures(around, call.call, extent(call, now)) : null;
    this.element = h(
      'section',
      { class: 'col admin-call' },
      this.#header(now),
      this.#coverage(),
      timeline(call, now),
      this.figures?.element,
      this.#sessions(),
    );
  }

  /** After the element is on the page. */
  shown() {
    void this.figures?.shown();
  }

  close() {
    this.figures?.close();
  }

  /** @param {number} now */
  #header(now) {
    const { call, createdMs, createdBy } = this.call;
    const time = `${timeOfDay(call.startedMs)}–${call.endedMs === undefined ? words.now : timeOfDay(call.endedMs)}`;
    const worst = worstWords(call.worst);
    const facts = [
      call.name !== undefined && call.code,
      `${date(call.startedMs, now)}, ${time}`,
      lengthWords(call, now),
      t.admin.people(call.people),
      words.made(`${date(createdMs, now)} ${timeOfDay(createdMs)}`, createdBy ?? null),
      call.endReason !== undefined && words.roomEnded(reasonWord(call.endReason)),
    ];
    return h(
      'header',
      { class: 'detail-head' },
      iconButton(words.back, 'back', this.on.back),
      h(
        'div',
        { class: 'grow' },
        h(
          'h2',
          { class: 'row wrap', tabindex: '-1' },
          h('span', { class: call.name === undefined ? 'mono' : '' }, roomWords(call)),
          h('span', { class: 'chip' }, dot(qualityClass(call.quality)), qualityWords(call)),
          call.endedMs === undefined && h('span', { class: 'chip' }, t.admin.list.underWay),
        ),
        h('p', { class: 'soft small num' }, [...facts.filter(Boolean), worst].filter(Boolean).join(' · ')),
      ),
      h(
        'div',
        { class: 'row wrap tools' },
        h('button', { type: 'button', onclick: () => void this.#export('csv') }, icon('save'), t.history.exportCsv),
        h('button', { type: 'button', onclick: () => void this.#export('json') }, icon('save'), t.history.exportJson),
        h('button', { type: 'button', class: 'warn', onclick: () => void this.#delete() }, icon('trash'), words.delete),
      ),
    );
  }

  #coverage() {
    const { coverage, leftOut } = this.call;
    const silent = persons(this.call).filter((person) => person.sessions.length === 0 && !watched(person));
    const all = coverage.of > 0 && coverage.reported >= coverage.of;
    return h(
      'div',
      { class: 'col notices' },
      notice(
        all ? 'good' : 'plain',
        h('p', { class: 'grow' }, h('b', {}, words.coverage(coverage.reported, coverage.of)), '. ', this.#missing(silent)),
      ),
      leftOut > 0 && notice('plain', h('p', {}, words.leftOut(leftOut))),
    );
  }

  /** @param {import('./persons.js').Person[]} silent */
  #missing(silent) {
    if (this.call.coverage.reported === 0) return words.nobodyReported;
    return silent.length > 0 && words.silent(silent.map((person) => person.name || words.somebody));
  }

  #sessions() {
    const { sessions, breaks } = this.call;
    const lines = [
      ...sessions.map((one) => ({ atMs: one.session.startedMs, line: sessionLine(one) })),
      ...breaks.map((one) => ({ atMs: one.startMs, line: breakLine(one, this.call) })),
    ].sort((a, b) => a.atMs - b.atMs);
    const all = lines.map(({ line }) => line);
    return h(
      'section',
      { class: 'card' },
      h('h3', {}, words.sessions),
      h(
        'ol',
        { class: 'entries scroll', tabindex: '0', 'aria-label': words.sessions },
        ...(all.length > 0 ? all : [h('li', { class: 'soft' }, words.noSessions)]),
      ),
    );
  }

  /** @param {'csv' | 'json'} format */
  async #export(format) {
    const { roomId, code, startedMs } = this.call.call;
    try {
      saved((await backend.adminExport({ room: roomId, code, startedMs, format })).path, this.around.app);
    } catch (error) {
      if (!this.around.ended(error)) this.around.app.report(error);
    }
  }

  async #delete() {
    const { roomId, code } = this.call.call;
    if (!(await confirm({ title: words.deleteTitle, text: words.deleteText(code), yes: words.delete }))) return;
    try {
      await backend.adminDeleteCall(roomId);
      toast(words.deleted);
      this.on.gone();
    } catch (error) {
      if (this.around.ended(error)) return;
      this.around.app.report(error);
      // Another admin was faster: what is shown here is no more.
      if (problem(error).code === 'gone') this.on.gone();
    }
  }
}

/** @param {AdminCallDetails['sessions'][number]} one */
function sessionLine({ session, quality, clockMs, path }) {
  const { name, startedMs, endedMs, endReason, clientVersion, platform, setup, windows, goodWindows, worst } = session;
  const first = setup.firstFrameMs ?? setup.dtlsMs;
  const facts = [
    duration((endedMs ?? Date.now()) - startedMs),
    qualityWords({ quality, windows, goodWindows }),
    worstWords(worst),
    endReason !== undefined && reasonWord(endReason),
    words.client(clientVersion, platform),
    pathWord(path),
    first !== undefined && words.setup(t.lobby.milliseconds(first)),
    Math.abs(clockMs) >= CLOCK_MS && words.clock(duration(Math.abs(clockMs))),
  ];
  return entry(
    span(startedMs, endedMs),
    h('b', {}, dot(qualityClass(quality)), ' ', words.session(name || words.somebody)),
    h('span', { class: 'soft' }, facts.filter(Boolean).join(' · ')),
  );
}

/** @param {AdminCallDetails['breaks'][number]} gap @param {AdminCallDetails} call */
function breakLine({ name, peer, startMs, endMs, cause }, call) {
  const other = peer === undefined ? undefined : call.stays.find((stay) => stay.userId === peer);
  const who = name || words.somebody;
  const text = other ? words.gapTo(who, other.name, breakWord(cause)) : words.gap(who, breakWord(cause));
  const length = endMs === undefined ? words.now : duration(endMs - startMs);
  return entry(span(startMs, endMs), h('span', {}, text), h('span', { class: 'soft num' }, length));
}

/** @param {string} time @param {...Node} texts */
function entry(time, ...texts) {
  return h('li', { class: 'entry' }, h('span', { class: 'soft num' }, time), h('span', { class: 'lines' }, ...texts));
}
