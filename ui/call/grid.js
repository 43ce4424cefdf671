/** Where tiles go. Invariant: every cell of a square grid has the same size; a row that is not full stands in the middle. */

/**
 * The side of the smallest square grid that holds all: 1, 2, 3.
 * @param {number} count
 */
export function side(count) {
  return Math.max(1, Math.ceil(Math.sqrt(count)));
}

/**
 * Order on the stage: the pinned one first, then the others as they came, oneself last.
 * @template {{id: string, self: boolean}} T
 * @param {readonly T[]} tiles
 * @param {string | null} pinned
 * @returns {T[]}
 */
export function arrange(tiles, pinned) {
  const rank = (/** @type {T} */ tile) => (tile.id === pinned ? 0 : tile.self ? 2 : 1);
  return [...tiles].sort((a, b) => rank(a) - rank(b));
}
