/**
 * The frame socket: says which tiles are to be shown and how large, draws what comes, and gives credit back.
 *
 * Invariants: of each tile only the newest picture waits to be drawn; each picture that came is acknowledged exactly once,
 * drawn or not, so that credit is never lost; nothing is drawn, and no credit given, while the window is hidden.
 */
import { parsePicture } from './wire.js';
import { Surface } from './painter.js';
import { fit, wanted } from './size.js';

/** Waits between attempts to get the socket back. */
const RETRY_MS = [250, 500, 1000, 2000, 4000];
/** Sizes change all the time while someone drags a window's edge. */
const RESIZE_MS = 80;
/** A picture that came so lately may wait one frame of the screen for those of other tiles: the page is painted once for all. */
const PATIENCE_MS = 12;
/** A tile whose last picture is older than this has paused; nobody waits for it. */
const RUNNING_MS = 100;
/** Enough for a median over four seconds at 30 pictures a second. */
const LATENCIES = 120;

/**
 * @typedef {object} FrameReport
 * @property {string} tile
 * @property {number} drawn pictures since it was first shown
 * @property {number} seq of the last
 * @property {number} width
 * @property {number} height
 * @property {string} painter 'webgl2' or '2d'
 * @property {number[]} sentToDrawnMs of the last pictures, oldest first
 * @property {number[]} capturedToDrawnMs of the same
 */

/** One tile's place on the page. */
class Screen {
  /** @param {string} tile @param {HTMLElement} host */
  constructor(tile, host) {
    this.tile = tile;
    this.host = host;
    this.surface = new Surface(host);
    /** @type {import('./wire.js').Picture | null} */
    this.waiting = null;
    /** When it came, and when one was drawn last; of `performance.now`. */
    this.cameMs = 0;
    this.drawnMs = -Infinity;
    /** @type {FrameReport} */
    this.report = {
      tile,
      drawn: 0,
      seq: 0,
      width: 0,
      height: 0,
      painter: '',
      sentToDrawnMs: [],
      capturedToDrawnMs: [],
    };
    /** @type {((picture: {width: number, height: number, data: Uint8ClampedArray}) => void)[]} */
    this.grabs = [];
  }

  /**
   * @param {import('./wire.js').Picture} picture
   * @returns {boolean} whether the picture has another size than the last
   */
  draw(picture) {
    this.surface.draw(picture);
    this.drawnMs = performance.now();
    const nowMs = performance.timeOrigin + this.drawnMs;
    const report = this.report;
    const resized = report.width !== picture.width || report.height !== picture.height;
    Object.assign(report, { seq: picture.seq, width: picture.width, height: picture.height });
    report.painter = this.surface.painter?.kind ?? '';
    report.drawn += 1;
    push(report.sentToDrawnMs, nowMs - picture.sentMs);
    push(report.capturedToDrawnMs, nowMs - picture.capturedMs);
    if (this.grabs.length > 0) this.#grab();
    return resized;
  }

  /** As it came, mirrored or not. In the same task as the drawing: afterwards WebGL may have cleared what was drawn. */
  #grab() {
    const { canvas } = this.surface;
    const copy = document.createElement('canvas');
    copy.width = canvas.width;
    copy.height = canvas.height;
    const context = copy.getContext('2d');
    if (this.surface.mirrored) context?.setTransform(-1, 0, 0, 1, copy.width, 0);
    context?.drawImage(canvas, 0, 0);
    const pixels = context?.getImageData(0, 0, copy.width, copy.height);
    for (const give of this.grabs.splice(0)) if (pixels) give(pixels);
  }
}

export class Frames {
  /** @type {Map<string, Screen>} */
  #screens = new Map();
  /** @type {WebSocket | null} */
  #socket = null;
  #failures = 0;
  #retry = 0;
  #resize = 0;
  #tick = 0;
  #shown = '';
  #observer = new ResizeObserver(() => this.#resized());

  /** @param {import('../generated/ipc.js').FramesAddress} endpoint */
  constructor(endpoint) {
    this.url = `${endpoint.url}?token=${encodeURIComponent(endpoint.token)}`;
  }

  /**
   * Shows a tile in `host` until `detach`; `data-fit` of the host says how the picture lies in it.
   * @param {string} tile
   * @param {HTMLElement} host
   */
  attach(tile, host) {
    this.detach(tile);
    this.#screens.set(tile, new Screen(tile, host));
    this.#observer.observe(host);
    this.#connect();
    this.#show();
  }

  /** @param {string} tile */
  detach(tile) {
    const screen = this.#screens.get(tile);
    if (!screen) return;
    this.#screens.delete(tile);
    this.#observer.unobserve(screen.host);
    if (screen.waiting) this.#done(screen.waiting);
    screen.surface.release();
    this.#show();
    if (this.#screens.size === 0) this.#disconnect();
  }

  /** @returns {FrameReport[]} */
  reports() {
    return [...this.#screens.values()].map((screen) => screen.report);
  }

  /**
   * The pixels of the next picture of a tile.
   * @param {string} tile
   * @returns {Promise<{width: number, height: number, data: Uint8ClampedArray}>}
   */
  pixels(tile) {
    return new Promise((resolve, reject) => {
      const screen = this.#screens.get(tile);
      if (screen) screen.grabs.push(resolve);
      else reject(new Error(`no tile ${tile} is shown`));
    });
  }

  #connect() {
    if (this.#socket || this.#retry) return;
    const socket = new WebSocket(this.url);
    socket.binaryType = 'arraybuffer';
    this.#socket = socket;
    socket.onopen = () => {
      this.#failures = 0;
      this.#shown = '';
      this.#show();
    };
    socket.onmessage = (event) => this.#received(event.data);
    socket.onclose = () => {
      if (this.#socket === socket) this.#lost();
    };
  }

  #disconnect() {
    clearTimeout(this.#retry);
    this.#retry = 0;
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #lost() {
    this.#socket = null;
    for (const screen of this.#screens.values()) screen.waiting = null;
    const wait = RETRY_MS[Math.min(this.#failures, RETRY_MS.length - 1)];
    this.#failures += 1;
    this.#retry = setTimeout(() => {
      this.#retry = 0;
      if (this.#screens.size > 0) this.#connect();
    }, wait);
  }

  /** @param {unknown} data */
  #received(data) {
    const picture = data instanceof ArrayBuffer ? parsePicture(data) : null;
    if (!picture) return;
    const screen = this.#screens.get(picture.tile);
    if (!screen) return this.#done(picture);
    if (screen.waiting) this.#done(screen.waiting);
    screen.waiting = picture;
    screen.cameMs = performance.now();
    if (!this.#tick) this.#tick = requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#tick = 0;
    if (isTooEarly([...this.#screens.values()], performance.now())) {
      this.#tick = requestAnimationFrame(() => this.#draw());
      return;
    }
    for (const screen of this.#screens.values()) {
      const picture = screen.waiting;
      if (!picture) continue;
      screen.waiting = null;
      if (screen.draw(picture)) this.#resized();
      this.#done(picture);
    }
  }

  /**
   * Gives credit back, and memory: two tiles are 20 MB of pictures a second, and the collector would let hundreds of MB come
   * together before it takes them.
   * @param {import('./wire.js').Picture} picture
   */
  #done(picture) {
    this.#send({ ack: picture.seq });
    if ('transfer' in picture.buffer) picture.buffer.transfer(0);
  }

  #resized() {
    clearTimeout(this.#resize);
    this.#resize = setTimeout(() => this.#show(), RESIZE_MS);
  }

  #show() {
    const scale = window.devicePixelRatio || 1;
    const show = [...this.#screens.values()].map(({ tile, host, report }) => {
      const place = { width: host.clientWidth * scale, height: host.clientHeight * scale };
      const last = report.drawn > 0 ? report : null;
      host.dataset.fit = last ? fit(last, place) : 'cover';
      return { tile, ...wanted(place, last) };
    });
    const text = JSON.stringify({ show });
    if (text === this.#shown || this.#socket?.readyState !== WebSocket.OPEN) return;
    this.#shown = text;
    this.#socket.send(text);
  }

  /** @param {object} message */
  #send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}

/** @param {number[]} list @param {number} value */
function push(list, value) {
  list.push(value);
  if (list.length > LATENCIES) list.shift();
}

/**
 * Whether another running tile will have its next picture soon, and none that is here has waited long.
 * @param {readonly {waiting: object | null, cameMs: number, drawnMs: number}[]} screens
 * @param {number} nowMs
 */
export function isTooEarly(screens, nowMs) {
  const areFresh = screens.every(({ waiting, cameMs }) => !waiting || nowMs - cameMs < PATIENCE_MS);
  return areFresh && screens.some(({ waiting, drawnMs }) => !waiting && nowMs - drawnMs < RUNNING_MS);
}
