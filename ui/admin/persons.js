/**
 * Who is who among the stays of a call.
 *
 * Invariant: a person has one row, however often it came: by its account, by its participant id, or by its name where that was
 * never there twice at a time. Charts and the history go by the same rule. Who only watched has another row than who took part.
 */

/** @typedef {import('../generated/ipc.js').AdminCallDetails} AdminCallDetails */

/**
 * @typedef {object} Person
 * @property {string} name
 * @property {string} role of the first stay
 * @property {string | undefined} account
 * @property {Set<string>} ids
 * @property {AdminCallDetails['stays']} stays
 * @property {AdminCallDetails['sessions']} sessions what it reported
 * @property {AdminCallDetails['breaks']} breaks
 */

/** @param {AdminCallDetails} call @returns {Person[]} in the order of coming */
export function persons(call) {
  /** @type {Person[]} */
  const all = [];
  for (const stay of call.stays) {
    let person = all.find((one) => isSame(one, stay));
    if (!person) {
      const { name, role, account } = stay;
      person = { name, role, account, ids: new Set(), stays: [], sessions: [], breaks: [] };
      all.push(person);
    }
    person.ids.add(stay.userId);
    person.stays.push(stay);
  }
  const of = (/** @type {string} */ id) => all.find((person) => person.ids.has(id));
  for (const session of call.sessions) of(session.session.userId)?.sessions.push(session);
  for (const gap of call.breaks) of(gap.userId)?.breaks.push(gap);
  return all;
}

/** Whether somebody only watched. @param {{role: string}} one */
export function watched(one) {
  return one.role === 'observer';
}

/** @param {Person} person @param {AdminCallDetails['stays'][number]} stay */
function isSame(person, stay) {
  if (watched(person) !== watched(stay)) return false;
  if (person.ids.has(stay.userId)) return true;
  if (person.account !== undefined || stay.account !== undefined) return person.account === stay.account;
  const end = (/** @type {{leftMs?: number}} */ of) => of.leftMs ?? Infinity;
  const apart = person.stays.every((one) => end(one) <= stay.joinedMs || end(stay) <= one.joinedMs);
  return stay.name !== '' && person.name === stay.name && apart;
}

/** From the first coming to the last going. @param {AdminCallDetails} call @param {number} now @returns {[number, number]} */
export function extent(call, now) {
  const starts = [call.call.startedMs, ...call.stays.map((stay) => stay.joinedMs)];
  const ends = call.stays.map((stay) => stay.leftMs ?? call.call.endedMs ?? now);
  const first = Math.min(...starts);
  return [first, Math.max(first + 1000, call.call.endedMs ?? 0, ...ends)];
}

/** Distances between two marks of time, in milliseconds. */
const STEPS = [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 43_200, 86_400].map((s) => s * 1000);

/** Round moments within a stretch, at most so many. @param {number} fromMs @param {number} toMs @param {number} most */
export function marks(fromMs, toMs, most) {
  const step = STEPS.find((one) => (toMs - fromMs) / one <= most) ?? Math.ceil((toMs - fromMs) / most);
  // On the clock here, not on that of Greenwich.
  const zone = new Date(fromMs).getTimezoneOffset() * 60_000;
  const all = [];
  for (let at = Math.ceil((fromMs - zone) / step) * step + zone; at <= toMs && all.length < most; at += step) all.push(at);
  return all;
}
