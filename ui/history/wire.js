/**
 * A painted frame of charts, as it comes from the native side.
 *
 * Invariant: nothing is believed: what is cut off or lies about a length is no frame.
 *
 * u32 length of a head in JSON, the head, then the frame (nothing, where nothing changed). The frame's layout stands in the
 * charts crate, module `wire`: header, textures, freed textures, meshes; little endian, all parts a multiple of 4 bytes.
 */

const MAGIC = 0x31434c53;
export const VERTEX_BYTES = 20;
/** Instead of a number of vertices: the mesh is that of the frame before. */
const KNOWN = 0xffffffff;

/** @typedef {import('../generated/ipc.js').ChartHead} ChartHead */
/** @typedef {{id: number, x: number, y: number, width: number, height: number, texels: Uint8Array}} Texture */
/** @typedef {{clip: [number, number, number, number], texture: number, vertices: Uint8Array, indices: Uint8Array, count: number}} Mesh */

/**
 * @typedef {object} Scene
 * @property {number} width points
 * @property {number} height points
 * @property {number} scale pixels for each point
 * @property {[number, number, number, number]} background 0 to 255
 * @property {Texture[]} textures
 * @property {number[]} freed
 * @property {Mesh[]} meshes
 */

/**
 * @param {ArrayBuffer} buffer
 * @returns {{head: ChartHead, frame: ArrayBuffer | null}} null where nothing changed
 */
export function parseAnswer(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const head = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const rest = buffer.slice(4 + length);
  return { head, frame: rest.byteLength === 0 ? null : rest };
}

/**
 * @param {ArrayBuffer} buffer
 * @param {Scene | null} [before]
 * @returns {Scene} views into the buffer, and into those of the scenes before
 */
export function parseScene(buffer, before = null) {
  const read = new Reader(buffer);
  if (read.u32() !== MAGIC) throw new Error('these are no charts');
  const [width, height, scale] = [read.f32(), read.f32(), read.f32()];
  const background = /** @type {[number, number, number, number]} */ ([...read.bytes(4)]);
  const counts = [read.u32(), read.u32(), read.u32()];
  const list = (/** @type {number} */ which) => Array.from({ length: read.few(counts[which] ?? 0) });
  const textures = list(0).map(() => texture(read));
  const freed = list(1).map(() => read.u32());
  const meshes = list(2).map(() => mesh(read, before));
  return { width, height, scale, background, textures, freed, meshes };
}

/** @param {Reader} read @returns {Texture} */
function texture(read) {
  const [id, x, y, width, height] = [read.u32(), read.i32(), read.i32(), read.u32(), read.u32()];
  return { id, x, y, width, height, texels: read.bytes(width * height * 4) };
}

/** @param {Reader} read @param {Scene | null} before @returns {Mesh} */
function mesh(read, before) {
  const clip = /** @type {[number, number, number, number]} */ ([read.f32(), read.f32(), read.f32(), read.f32()]);
  const [id, vertices, count] = [read.u32(), read.u32(), read.u32()];
  if (vertices === KNOWN) {
    const known = before?.meshes[id];
    if (!known) throw new RangeError('the charts before these are missing');
    return { ...known, clip };
  }
  return { clip, texture: id, vertices: read.bytes(vertices * VERTEX_BYTES), indices: read.bytes(count * 4), count };
}

/** Reads on from the start; a `RangeError` where nothing is left. */
class Reader {
  #at = 0;

  /** @param {ArrayBuffer} buffer */
  constructor(buffer) {
    this.buffer = buffer;
    this.view = new DataView(buffer);
  }

  u32() {
    return this.view.getUint32(this.#skip(4), true);
  }

  i32() {
    return this.view.getInt32(this.#skip(4), true);
  }

  f32() {
    return this.view.getFloat32(this.#skip(4), true);
  }

  /** @param {number} length */
  bytes(length) {
    return new Uint8Array(this.buffer, this.#skip(length), length);
  }

  /** A count that can be true: each thing takes at least four bytes. @param {number} count */
  few(count) {
    if (count * 4 > this.buffer.byteLength - this.#at) throw new RangeError('the charts are cut off');
    return count;
  }

  /** @param {number} length */
  #skip(length) {
    const at = this.#at;
    if (length > this.buffer.byteLength - at) throw new RangeError('the charts are cut off');
    this.#at = at + length;
    return at;
  }
}
