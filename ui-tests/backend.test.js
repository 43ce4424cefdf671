/** The native side's functions, without one. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = /** @type {() => void} */ (runInNewContext('gc'));

test('a listener that was taken away is kept by nothing, and commands wait for those that are to come', async () => {
  /** @type {(() => void)[]} */
  const answers = [];
  /** @type {string[]} */
  const invoked = [];
  // As Tauri's own does, what takes a listener away holds on to it.
  const listen = (/** @type {string} */ _, /** @type {unknown} */ handler) =>
    new Promise((resolve) => answers.push(() => resolve(() => void handler)));
  const core = { invoke: async (/** @type {string} */ name) => void invoked.push(name) };
  Object.assign(globalThis, { window: { __TAURI__: { event: { listen }, core } } });
  const { backend, on } = await import('../ui/lib/backend.js');

  let view = /** @type {{ seen: number } | null} */ ({ seen: 0 });
  const gone = new WeakRef(/** @type {object} */ (view));
  let stop = /** @type {(() => void) | null} */ (
    ((/** @type {{ seen: number }} */ of) => on.chat(() => void (of.seen += 1)))(/** @type {any} */ (view))
  );
  const asked = backend.devices();
  await new Promise((resolve) => setImmediate(resolve));
  assert.deepEqual(invoked, [], 'the listener is not in place yet');
  answers.splice(0).forEach((answer) => answer());
  await asked;
  assert.equal(invoked.length, 1);

  stop?.();
  [view, stop] = [null, null];
  await new Promise((resolve) => setImmediate(resolve));
  collect();
  assert.equal(gone.deref(), undefined);
});
