/**
 * The room of the fake native side, and what a host can do in it. The query chooses what is there: ?host=1&waiting=2&ends=299
 * &observers=1&locked=1; state=waiting stays at the door, state=password wants one.
 */

export const PASSWORD = 'open sesame';
const WAITERS = ['Nadia Petrova', 'Ömer', 'Wolfeschlegelsteinhausenbergerdorff the Elder of Nowhere'];

/**
 * @param {URLSearchParams} query
 * @param {{tell: (phase?: string) => void, emit: (name: string, payload: unknown) => void, state: (phase: string) => object,
 *   add: () => void, remove: (id: string) => void}} call what the room changes of the call
 */
export function fakeRoom(query, call) {
  const host = query.has('host');
  const some = (key, prefix) =>
    Array.from({ length: Number(query.get(key) ?? 0) }, (_, n) => ({ id: `${prefix}-${n}`, name: WAITERS[n % 3] }));
  const ends = query.get('ends');
  const room = {
    name: 'Amber Otter',
    host,
    hosts: [host ? '' : 'peer-1'],
    locked: query.has('locked'),
    waitingRoom: host,
    endsMs: ends === null ? null : Date.now() + Number(ends) * 1000,
    endsSoon: ends !== null && Number(ends) <= 300,
    waiting: host ? some('waiting', 'waiter') : [],
    observers: some('observers', 'observer'),
    notice: null,
  };
  let door = null;

  const without = (id) => (room.waiting = room.waiting.filter((one) => one.id !== id));
  const acts = {
    admit: ({ id }) => (without(id), call.add()),
    deny: ({ id }) => without(id),
    mute: () => {},
    remove: ({ id }) => call.remove(id),
    handOver: ({ id }) =>
      Object.assign(room, { host: false, hosts: [id], waiting: [], notice: 'You are not the host any more.' }),
    lock: ({ locked }) => Object.assign(room, { locked }),
    end: () => over({ reason: 'ended', sentence: 'The host has ended the call for everybody.' }),
  };
  const over = (ended) => call.emit('call', { ...call.state('ended'), ended });

  return {
    room,
    /** The call is over for a reason. */
    over,
    hostAct({ act }) {
      if (query.get('state') === 'host-broken') throw { code: 'not-now', message: 'The call is over.' };
      acts[act.what](act);
      if (act.what !== 'end') call.tell();
    },
    /** What comes before the call; resolves when we are in. */
    async enter(password) {
      const state = query.get('state');
      if (state === 'password' && password !== PASSWORD) {
        const message = "The server refused: This is not the room's password. Try again.";
        throw { code: 'refused', message };
      }
      call.tell('joining');
      if (state !== 'waiting') return;
      call.tell('waiting');
      await new Promise((letIn, refuse) => (door = { letIn, refuse }));
    },
    letIn: () => door?.letIn(),
    /** The host says no, or we go. */
    turnAway(sentence) {
      if (!door) return;
      over({ reason: 'refused', sentence });
      door.refuse({ code: 'refused', message: sentence });
      door = null;
    },
  };
}
