/**
 * One picture as it comes through the frame socket.
 *
 * Invariant: nothing is believed: a message that is not exactly as long as its own header says is no picture.
 *
 * Little endian: u8 version, u8 length of the tile's id, u16 width, u16 height, u16 zero, u32 sequence, i64 captured,
 * i64 sent (microseconds since 1970), the id in UTF-8 padded to 4 bytes, then Y, U, V without gaps between rows.
 */

export const VERSION = 1;
export const HEADER_BYTES = 28;

/** Larger than any camera; a side beyond it is a broken message. */
const MAX_SIDE = 8192;

/**
 * @typedef {object} Picture
 * @property {string} tile
 * @property {number} seq gives the credit back
 * @property {number} width
 * @property {number} height
 * @property {number} capturedMs since 1970
 * @property {number} sentMs since 1970
 * @property {ArrayBuffer} buffer that all of it lies in
 * @property {Uint8Array} y
 * @property {Uint8Array} u
 * @property {Uint8Array} v
 */

const utf8 = new TextDecoder();

/**
 * @param {ArrayBuffer} buffer
 * @returns {Picture | null} views into the buffer, nothing is copied
 */
export function parsePicture(buffer) {
  if (buffer.byteLength < HEADER_BYTES) return null;
  const head = new DataView(buffer);
  if (head.getUint8(0) !== VERSION) return null;
  const idLength = head.getUint8(1);
  const width = head.getUint16(2, true);
  const height = head.getUint16(4, true);
  if (width === 0 || height === 0 || width > MAX_SIDE || height > MAX_SIDE) return null;

  const planes = HEADER_BYTES + padded(idLength);
  const luma = width * height;
  const chroma = chromaSide(width) * chromaSide(height);
  if (buffer.byteLength !== planes + luma + 2 * chroma) return null;
  return {
    tile: utf8.decode(new Uint8Array(buffer, HEADER_BYTES, idLength)),
    seq: head.getUint32(8, true),
    width,
    height,
    capturedMs: Number(head.getBigInt64(12, true)) / 1000,
    sentMs: Number(head.getBigInt64(20, true)) / 1000,
    buffer,
    y: new Uint8Array(buffer, planes, luma),
    u: new Uint8Array(buffer, planes + luma, chroma),
    v: new Uint8Array(buffer, planes + luma + chroma, chroma),
  };
}

/** @param {number} side of the luma plane */
export function chromaSide(side) {
  return (side + 1) >> 1;
}

/** @param {number} length */
export function padded(length) {
  return (length + 3) & ~3;
}
