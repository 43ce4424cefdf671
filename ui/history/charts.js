/**
 * The charts of a call: painted natively as triangles, or as pixels where there is no graphics card, shown in a canvas; the legend and the tools are HTML.
 *
 * Invariants: at most one request is on its way; nothing is asked for while nothing happens; the native side holds charts
 * exactly while this is open.
 */
import { backend, problem } from '../lib/backend.js';
import { fill, h } from '../lib/dom.js';
import { stateBox } from '../lib/parts.js';
import { icon, lineSample } from '../icons.js';
import { saved } from './detail.js';
import { keyEvent, queued, wheelEvent } from './input.js';
import { ChartPainter } from './painter.js';
import { PixelPainter } from './pixels.js';
import { parseAnswer } from './wire.js';
import { t } from '../strings.js';

/** @typedef {import('./input.js').InputEvent} InputEvent */

/** Until the native side says what all charts need. */
const FIRST_HEIGHT = 900;

/** `--t2` on usual screens, in CSS pixels; it belongs to the sizes that the charts have. */
const USUAL_TYPE = 13;

/**
 * Where charts come from.
 * @typedef {object} ChartSource
 * @property {number} place 0, or 1 for those beside others
 * @property {(look: {dark: boolean, pixels: boolean}, input: import('./input.js').ChartInput) => Promise<ArrayBuffer>} open
 */

/** The charts of a call of the history. @param {import('../generated/ipc.js').CallLine['id']} id @returns {ChartSource} */
export function ofCall(id) {
  return { place: 0, open: (look, input) => backend.chartOpen({ id, look, input }) };
}

export class Charts {
  /** @type {[number, number] | null} what of the time is shown */
  range = null;
  /** The moment under the pointer in charts beside these. @type {number | null} */
  #besideMs = null;
  /** Tells what is shown now: the range, and the moment under the pointer. @type {(range: [number, number], atMs: number | null) => void} */
  onShown = () => {};
  /** @type {InputEvent[]} */
  #events = [];
  /** @type {ChartPainter | PixelPainter | null} */
  #painter = null;
  #state = /** @type {'closed' | 'opening' | 'open'} */ ('closed');
  #busy = false;
  /** Something changed while a request was on its way. */
  #missed = false;
  #frame = 0;
  #wake = 0;
  #legend = '';
  #dark = false;
  #pixels = false;

  /**
   * @param {import('../main.js').App} app
   * @param {ChartSource} source
   */
  constructor(app, source) {
    this.app = app;
    this.source = source;
    this.canvas = h('canvas', {
      class: 'charts-canvas',
      tabindex: '0',
      role: 'img',
      'aria-label': t.history.chartHelp,
    });
    this.legend = h('div', { class: 'legend', role: 'group', 'aria-label': t.history.legend });
    this.box = h('div', { class: 'charts-box' }, stateBox({ busy: true, title: t.history.chartLoading }));
    this.element = h('div', { class: 'col charts' }, this.legend, this.box);
    this.tools = h(
      'div',
      { class: 'row' },
      h(
        'button',
        { type: 'button', class: 'plain', onclick: () => this.#send({ key: { name: '0', pressed: true } }) },
        t.history.wholeCall,
      ),
      h(
        'button',
        { type: 'button', class: 'plain', onclick: () => void this.#png() },
        icon('image'),
        t.history.savePicture,
      ),
    );
    this.observer = new ResizeObserver(() => this.#schedule());
    this.scheme = matchMedia('(prefers-color-scheme: dark)');
    this.themeChanged = () => this.#schedule();
    this.scrolled = () => this.#schedule();
    this.#listen();
  }

  /** Once the element is on the page; again is harmless. */
  open() {
    if (this.#state !== 'closed') return this.#schedule();
    // A canvas that gave no WebGL still gives a 2D context.
    this.#painter = (this.app.boot.hasCard && ChartPainter.on(this.canvas)) || PixelPainter.on(this.canvas);
    if (!this.#painter)
      return fill(this.box, stateBox({ icon: 'alert', title: t.history.noCanvas, text: t.history.noCanvasText }));
    this.#pixels = this.#painter.pixels;
    this.#state = 'opening';
    this.observer.observe(this.box);
    this.scheme.addEventListener('change', this.themeChanged);
    // Of pixels only those come that are seen.
    if (this.#pixels) document.addEventListener('scroll', this.scrolled, { capture: true, passive: true });
    void this.#open();
  }

  /** @returns {Promise<void>} when the native side has closed them, and others may be opened in their place */
  async close() {
    cancelAnimationFrame(this.#frame);
    clearTimeout(this.#wake);
    this.observer.disconnect();
    this.scheme.removeEventListener('change', this.themeChanged);
    document.removeEventListener('scroll', this.scrolled, { capture: true });
    this.#painter?.release();
    this.#painter = null;
    const wasOpen = this.#state !== 'closed';
    this.#state = 'closed';
    if (wasOpen) await backend.chartClose(this.source.place).catch((error) => this.app.report(error));
  }

  focus() {
    this.canvas.focus();
  }

  /** @param {number} fromMs @param {number} toMs */
  showRange(fromMs, toMs) {
    this.#send({ range: { fromMs: Math.round(fromMs), toMs: Math.round(toMs) } });
  }

  /**
   * Shows what charts beside these show.
   * @param {[number, number]} range
   * @param {number | null} atMs the moment under the pointer there
   */
  follow([fromMs, toMs], atMs) {
    // Those that are still to open show the whole call, as the others did.
    if (this.range === null) return;
    // Moments are whole milliseconds on both sides, and each rounds on its own.
    const differs = Math.abs(this.range[0] - fromMs) > 2 || Math.abs(this.range[1] - toMs) > 2;
    if (differs) this.#send({ window: { fromMs, toMs } });
    if (atMs !== this.#besideMs) this.#send({ beside: { atMs: (this.#besideMs = atMs) } });
  }

  async #open() {
    this.#dark = this.app.dark;
    try {
      const look = { dark: this.#dark, pixels: this.#pixels };
      const answer = await this.source.open(look, this.#input([]));
      if (this.#state !== 'opening') return;
      this.#state = 'open';
      fill(this.box, this.canvas);
      this.#take(answer);
      this.#schedule();
    } catch (error) {
      if (this.#state === 'opening')
        fill(this.box, stateBox({ icon: 'alert', title: t.history.problem, text: problem(error).message }));
    }
  }

  /** How much larger than usual the page's type is (large screens): the charts' is that, too. */
  #zoom() {
    const size = parseFloat(getComputedStyle(this.box).getPropertyValue('--t2'));
    return size > 0 ? size / USUAL_TYPE : 1;
  }

  /**
   * In points, of which the page's pixels are `#zoom` each.
   * @param {InputEvent[]} events
   * @returns {import('./input.js').ChartInput}
   */
  #input(events) {
    const zoom = this.#zoom();
    return {
      widthPoints: Math.max(1, Math.floor(this.box.clientWidth / zoom)),
      heightPoints: this.canvas.clientHeight / zoom || FIRST_HEIGHT,
      pixelsPerPoint: (window.devicePixelRatio || 1) * zoom,
      visiblePoints: this.#visible(),
      timeS: performance.now() / 1000,
      events,
    };
  }

  /** @returns {[number, number] | null} top and bottom of what is seen, in points; null where all is to be painted */
  #visible() {
    if (!this.#pixels) return null;
    const [top, zoom] = [this.box.getBoundingClientRect().top, this.#zoom()];
    return [Math.max(0, -top / zoom), Math.max(0, (window.innerHeight - top) / zoom)];
  }

  /** @param {InputEvent} event */
  #send(event) {
    this.#events = queued(this.#events, event);
    this.#schedule();
  }

  #schedule() {
    if (this.#busy) this.#missed = true;
    if (this.#state !== 'open' || this.#frame || this.#busy) return;
    this.#frame = requestAnimationFrame(() => {
      this.#frame = 0;
      void this.#ask();
    });
  }

  async #ask() {
    // A view that is not on the page has no size; the next `open` asks again.
    if (!this.box.isConnected || this.#state !== 'open') return;
    clearTimeout(this.#wake);
    if (this.app.dark !== this.#dark) {
      this.#dark = this.app.dark;
      this.#events = queued(this.#events, { theme: this.#dark ? 'dark' : 'light' });
    }
    const events = this.#events;
    this.#events = [];
    [this.#busy, this.#missed] = [true, false];
    let answer = null;
    try {
      answer = await backend.chartInput(this.source.place, this.#input(events));
    } catch (error) {
      this.app.report(error);
    }
    this.#busy = false;
    // While this frame is put on the canvas the next one is painted.
    if (answer && this.#missed) void this.#ask();
    else if (this.#missed) this.#schedule();
    if (answer && this.#state === 'open') this.#take(answer);
  }

  /** @param {ArrayBuffer} answer */
  #take(answer) {
    const { head, frame } = parseAnswer(answer);
    this.range = head.rangeMs;
    if (frame) this.#painter?.paint(frame);
    const height = `${Math.round(head.heightPoints * this.#zoom())}px`;
    if (this.canvas.style.height !== height) {
      this.canvas.style.height = height;
      this.#schedule();
    }
    this.#showLegend(head.series);
    this.onShown(head.rangeMs, head.hover?.atMs ?? null);
    if (head.repaintAfterMs !== null) this.#wake = setTimeout(() => this.#schedule(), head.repaintAfterMs);
  }

  /** @param {import('./wire.js').ChartHead['series']} series */
  #showLegend(series) {
    const key = JSON.stringify(series);
    if (key === this.#legend) return;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.series : undefined;
    this.#legend = key;
    fill(
      this.legend,
      ...series.map(({ id, name, color, dash, hidden }) =>
        h(
          'button',
          {
            type: 'button',
            class: 'chip',
            'data-series': id,
            'aria-pressed': String(!hidden),
            onclick: () => this.#send({ hide: { series: id, hidden: !hidden } }),
          },
          lineSample(color, dash),
          name,
        ),
      ),
    );
    for (const button of this.legend.querySelectorAll('button'))
      if (focused !== undefined && button.dataset.series === focused) button.focus();
  }

  async #png() {
    try {
      saved((await backend.chartPng(this.source.place)).path, this.app);
    } catch (error) {
      this.app.report(error);
    }
  }

  #listen() {
    const { canvas } = this;
    const place = (/** @type {MouseEvent} */ event) => {
      const [box, zoom] = [canvas.getBoundingClientRect(), this.#zoom()];
      return { x: (event.clientX - box.left) / zoom, y: (event.clientY - box.top) / zoom };
    };
    const button = (/** @type {PointerEvent} */ event, /** @type {boolean} */ pressed) =>
      this.#send({ button: { ...place(event), pressed, primary: event.button === 0 } });
    canvas.addEventListener('pointermove', (event) => this.#send({ pointerMoved: place(event) }));
    canvas.addEventListener('pointerdown', (event) => {
      canvas.setPointerCapture(event.pointerId);
      button(event, true);
    });
    canvas.addEventListener('pointerup', (event) => button(event, false));
    canvas.addEventListener('pointerleave', () => this.#send('pointerLeft'));
    canvas.addEventListener('contextmenu', (event) => event.preventDefault());
    canvas.addEventListener(
      'wheel',
      (event) => {
        const sent = wheelEvent(event);
        if (!sent) return;
        event.preventDefault();
        this.#send(sent);
      },
      { passive: false },
    );
    canvas.addEventListener('keydown', (event) => {
      const sent = event.ctrlKey || event.altKey || event.metaKey ? null : keyEvent(event.key);
      if (!sent) return;
      event.preventDefault();
      this.#send(sent);
    });
  }
}
