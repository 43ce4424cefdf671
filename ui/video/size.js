/** How a picture fits its tile, and the size to ask the native side for. Invariant: pictures keep their shape. */

/** More than this of a picture is not cut away; then it is shown whole, with bars. */
const MAX_CROP = 0.45;
/** A tile never needs more than the largest camera, nor less than something visible. */
const MAX_SIDE = 1920;
const MIN_SIDE = 16;

/** @typedef {{width: number, height: number}} Size */

/**
 * Whether a picture should fill its tile (some of it is cut) or be shown whole.
 * @param {Size} picture
 * @param {Size} tile
 * @returns {'cover' | 'contain'}
 */
export function fit(picture, tile) {
  const shapes = [picture.width / picture.height, tile.width / tile.height];
  const kept = Math.min(...shapes) / Math.max(...shapes);
  return kept >= 1 - MAX_CROP ? 'cover' : 'contain';
}

/**
 * What to ask for, to be fitted inside natively. A picture that is cropped has to be larger than its tile on one side.
 * @param {Size} tile in the screen's own pixels
 * @param {Size | null} picture the last that came
 * @returns {Size} even sides
 */
export function wanted(tile, picture) {
  let { width, height } = { width: Math.max(tile.width, MIN_SIDE), height: Math.max(tile.height, MIN_SIDE) };
  if (picture && fit(picture, tile) === 'cover') {
    const shape = picture.width / picture.height;
    width = Math.max(width, height * shape);
    height = width / shape;
  }
  const scale = Math.min(1, MAX_SIDE / Math.max(width, height));
  const even = (/** @type {number} */ side) => Math.max(MIN_SIDE, Math.round((side * scale) / 2) * 2);
  return { width: even(width), height: even(height) };
}
