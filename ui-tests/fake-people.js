/**
 * People outside a call of the fake native side. The query chooses what is there: ?accounts=1 there are some, ?me=ada signed in,
 * &contacts=4&missed=2&blocks=2, and ?meet=waiting. What the server would say is done by a test: `window.fake.people.change({...})`.
 */

const NAMES = ['amara', 'jonas.ekstroem', 'li-wei', 'wolfeschlegelsteinhausenbergerd', 'sofia'];
const STRANGERS = ['eve', 'عمر', 'mallory-of-the-long-name-of-32ch'];
const HERE = [true, false, true, null, false];
const HOUR = 3_600_000;

/**
 * @param {URLSearchParams} query
 * @param {{emit: (name: string, payload: unknown) => void, entered: (partner: string | null) => void,
 *   over: (reason: string, sentence: string) => void}} call
 */
export function fakePeople(query, call) {
  const me = query.get('me');
  const state = {
    accounts: null,
    name: me,
    admin: false,
    here: me !== null,
    note: query.get('note'),
    contacts: Array.from({ length: Number(query.get('contacts') ?? 0) }, (_, n) => ({ name: NAMES[n], here: HERE[n] })),
    missed: Array.from({ length: Number(query.get('missed') ?? 0) }, (_, n) => ({
      from: NAMES[n],
      atMs: Date.now() - (n + 1) * 3 * HOUR,
      seen: n > 0,
    })),
    incoming: null,
    outgoing: null,
    meet: { phase: query.get('meet') ?? 'idle', others: 0, partner: '', note: null },
  };
  let blocked = Array.from({ length: Number(query.get('blocks') ?? 0) }, (_, n) => STRANGERS[n]);
  const copy = () => structuredClone(state);
  const change = (what) => (Object.assign(state, what), call.emit('people', copy()), copy());
  const meet = (what) => change({ meet: { ...state.meet, ...what } });
  const ring = (from, more = {}) =>
    change({ incoming: { id: `c-${from}`, from, others: 0, silent: false, accepted: false, ...more } });
  const pair = (partner) => {
    meet({ phase: 'paired', partner, note: null });
    call.entered(partner);
  };
  const signedIn = (name, password) => {
    if (password.length < 8) throw { code: 'refused', message: 'A password has at least 8 characters.' };
    if (password.startsWith('wrong'))
      throw { code: 'refused', message: 'The name or the password is wrong. Check both, and the Caps Lock key.' };
    return change({ accounts: true, name, here: true, note: null });
  };
  return {
    change,
    ring,
    pair,
    meet,
    unanswered: (sentence) => {
      change({ outgoing: null });
      call.over('unanswered', sentence);
    },
    callLeft: () => {
      if (state.outgoing) change({ outgoing: null });
      if (state.meet.phase === 'paired') meet({ phase: 'idle', partner: '' });
    },
    commands: {
      people: () => copy(),
      lookForAccounts: () => change({ accounts: query.has('accounts') || me !== null }),
      register: ({ name, password }) => signedIn(name, password),
      signIn: ({ name, password }) => signedIn(name, password),
      signOut: () => change({ name: null, here: false, contacts: [], missed: [] }),
      changePassword: ({ old }) => {
        if (old.startsWith('wrong')) throw { code: 'refused', message: 'The name or the password is wrong.' };
      },
      blockedNames: () => {
        if (query.has('blocks-broken')) throw { code: 'no-server', message: 'No signaling server answers at ws://192.168.1.23:7788.' };
        return [...blocked];
      },
      setBlocked: ({ name, blocked: is }) => {
        if (is && ![...NAMES, ...STRANGERS].includes(name)) throw { code: 'refused', message: 'No account has this name.' };
        blocked = blocked.filter((one) => one !== name);
        if (is) blocked = [...blocked, name].sort();
        return [...blocked];
      },
      deleteAccount: ({ password }) => {
        if (password.startsWith('wrong')) throw { code: 'refused', message: 'The name or the password is wrong.' };
        return change({ name: null, here: false, contacts: [], missed: [] });
      },
      addContact: ({ name }) => {
        if (name.length > 20) throw { code: 'bad-input', message: 'A name has 1 to 20 characters.' };
        return change({ contacts: [...state.contacts, { name, here: null }] });
      },
      removeContact: ({ name }) => change({ contacts: state.contacts.filter((one) => one.name !== name) }),
      missedSeen: () => void change({ missed: state.missed.map((one) => ({ ...one, seen: true })) }),
      callPerson: ({ name }) => {
        if (name === 'sofia') throw { code: 'refused', message: 'You reach nobody: sofia is not here at the moment.' };
        change({ outgoing: { name, devices: 1 } });
        call.entered(null);
      },
      acceptCall: ({ id }) => {
        change({ incoming: { ...state.incoming, id, accepted: true } });
        setTimeout(() => (change({ incoming: null }), call.entered(null)), 30);
      },
      declineCall: () => void change({ incoming: null }),
      silenceCall: () => void change({ incoming: state.incoming && { ...state.incoming, silent: true } }),
      meetEnter: () => {
        meet({ phase: 'entering', note: null });
        setTimeout(() => meet({ phase: 'waiting', others: 3 }), 30);
      },
      meetNext: () => {
        meet({ phase: 'waiting', others: 0, partner: '' });
        call.over('ended', 'The other one left.');
      },
      meetBlock: () => {
        meet({ phase: 'waiting', others: 0, partner: '' });
        call.over('ended', 'The other one left.');
      },
      meetReport: () => call.emit('said', { sentence: 'Whoever runs this server has your report.', bad: false }),
      meetLeave: () => void meet({ phase: 'idle', others: 0, partner: '' }),
    },
  };
}
