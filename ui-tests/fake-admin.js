/**
 * The admin mode of the fake native side: a server with a believable fleet. The query chooses what is there: ?admin=in is signed
 * in already, admin=none has no calls and no rooms, admin=broken does not answer, admin=over takes the key no more; the admin
 * token is 'open-sesame', the account 'ada' with 'correct horse'.
 */

const HOUR = 3_600_000;
const NAMES = [
  'Mira Halvorsen', 'Jonas Ekström', 'Amara Okafor', 'Li Wei', 'Sofia Marino', 'Tomás Rivera', 'Priya Nair', 'Noor',
  'Kenji Watanabe', 'عمر', 'Žofie Nováková', 'Bořek 🌊', 'Guest', 'Wolfeschlegelsteinhausenbergerdorff <b>the Elder</b>',
];
const ROOMS = ['Stand-up', 'Design review', 'Interview: platform', 'Blaze Buffalo', 'Customer: Ørsted', 'One to one', 'All hands'];
const WORDS = ['amber', 'otter', 'lake', 'quiet', 'maple', 'ferry', 'stone', 'violet', 'canoe', 'magnet', 'hollow', 'birch', 'comet'];
const WORST = ['loss video inbound', 'loss video outbound', 'jitter audio inbound', 'round-trip audio outbound', 'concealment audio inbound'];
const VERSIONS = ['0.1.0', '0.2.0', '0.2.1'];

/** Numbers that only look random. */
function dice(seed) {
  let state = seed * 2654435761 + 1;
  return (count) => {
    state = (state * 16807 + 11) % 2147483647;
    return Math.abs(state) % count;
  };
}

function call(number, now) {
  const roll = dice(number + 3);
  roll(9);
  const people = [2, 2, 3, 2, 4, 6, 1][roll(7)];
  const first = roll(NAMES.length);
  const names = Array.from({ length: people }, (_, n) => NAMES[(first + n) % NAMES.length]);
  const startedMs = now - number * 5.4 * HOUR - 40 * 60_000;
  const minutes = [31, 12, 58, 44, 7, 93][roll(6)];
  const going = number === 0;
  const reporters = people === 1 ? 0 : Math.max(0, people - roll(2));
  const windows = reporters * minutes * 4;
  const share = [99, 97, 96, 88, 71, 99, 34, 92][roll(8)];
  const quality = windows < 2 ? 'unknown' : share >= 95 ? 'good' : share >= 80 ? 'ok' : share >= 50 ? 'bad' : 'terrible';
  return {
    roomId: `r${String(number).padStart(16, '0')}`,
    code: [0, 3, 5, 8].map((n) => WORDS[(number + n * 3) % WORDS.length]).join('-'),
    ...(number % 3 !== 2 && { name: ROOMS[number % ROOMS.length] }),
    startedMs,
    ...(!going && { endedMs: startedMs + minutes * 60_000, roomEndedMs: startedMs + minutes * 60_000 + 5000, endReason: number % 5 ? 'empty' : 'host' }),
    people,
    names,
    talkMs: people * minutes * 60_000,
    reporters,
    windows,
    goodWindows: Math.round((windows * share) / 100),
    quality,
    ...(quality !== 'good' && quality !== 'unknown' && { worst: WORST[number % WORST.length] }),
    reasons: going ? [] : number % 7 === 3 ? ['left', 'lost', 'crash'] : ['left'],
  };
}

/** Everybody's stays; the second one lost the connection and came back under another id. */
function details(line, now) {
  const end = line.endedMs ?? now;
  const length = end - line.startedMs;
  const at = (share) => Math.round(line.startedMs + share * length);
  const stays = line.names.flatMap((name, n) => {
    const stay = (userId, from, to, reason) => ({
      userId,
      name,
      role: n === 0 ? 'host' : 'guest',
      ...(n === 0 && { account: 'mira' }),
      joinedMs: at(from),
      ...(to !== null && { leftMs: at(to), reason }),
    });
    const last = line.endedMs === undefined ? null : 1 - 0.01 * n;
    if (n !== 1) return [stay(`u${n}`, 0.03 * n, last, 'left')];
    return [stay('u1', 0.03, 0.52, 'lost'), stay('u1b', 0.6, last, 'left')];
  });
  const reporting = line.names.slice(0, line.reporters);
  const session = (n, userId, from, to) => ({
    session: {
      id: `session-${userId}`,
      userId,
      name: line.names[n],
      clientVersion: VERSIONS[n % 3],
      platform: ['linux', 'macos', 'windows'][n % 3],
      startedMs: at(from),
      ...(to !== null && { endedMs: at(to), endReason: n === 1 && from < 0.1 ? 'crash' : 'left' }),
      setup: { signalingMs: 40, iceMs: 180, dtlsMs: 240, firstFrameMs: 612 + 90 * n },
      windows: 60,
      goodWindows: [59, 41, 58, 52][n % 4],
      ...(n === 1 && line.worst && { worst: line.worst }),
    },
    quality: ['good', 'bad', 'good', 'ok'][n % 4],
    clockMs: n === 2 ? -81_000 : 12,
    path: ['host-udp', 'relay-tcp', 'reflexive-udp', 'relay-udp'][n % 4],
  });
  const last = line.endedMs === undefined ? null : 0.99;
  const sessions = reporting.flatMap((_, n) =>
    n === 1 ? [session(1, 'u1', 0.03, 0.52), session(1, 'u1b', 0.6, last)] : [session(n, `u${n}`, 0.03 * n, last)],
  );
  const breaks =
    line.people < 2
      ? []
      : [
          { userId: 'u1b', name: line.names[1], startMs: at(0.52), endMs: at(0.6), cause: 'lost', betweenStays: true },
          { userId: 'u0', name: line.names[0], peer: 'u1', startMs: at(0.3), endMs: at(0.31), cause: 'path', betweenStays: false },
        ];
  return {
    call: line,
    createdMs: line.startedMs - 90_000,
    ...(line.people % 2 === 0 && { createdBy: 'mira' }),
    stays,
    sessions,
    breaks,
    coverage: { reported: line.reporters, of: line.people },
    leftOut: 0,
  };
}

function rooms(now) {
  const member = (n, extra = {}) => ({
    id: `u${n}`, name: NAMES[n], host: false, microphone: true, camera: true, away: false, ...extra,
  });
  const room = (n, ago, people, extra = {}) => ({
    roomId: `r-live-${n}`,
    name: ROOMS[n],
    code: ['amber-otter-lake-quiet', 'violet-canoe-magnet-amber', 'hollow-birch-comet-stone'][n],
    createdMs: now - ago,
    expiresMs: null,
    locked: false,
    maxParticipants: 8,
    people,
    waiting: 0,
    observers: 0,
    ...extra,
  });
  return [
    room(0, 12 * 60_000, [member(0, { host: true }), member(1), member(2, { microphone: false })], { waiting: 2, observers: 1 }),
    room(1, 2.3 * HOUR, [member(3, { host: true, camera: false }), member(13, { away: true }), member(9), member(6), member(8)], {
      locked: true,
      expiresMs: now + 25 * 60_000,
    }),
    room(2, 50_000, []),
  ];
}

function figures(scale, n) {
  const spread = (p50, p95, count) => ({ p50: p50 * scale, p95: p95 * scale, count });
  return {
    connectedMinutes: 9130 / n,
    lossPercent: spread(0.2, 3.4, Math.round(148_213 / n)),
    rttMs: spread(38, 171, Math.round(52_120 / n)),
    setupMs: spread(702, 2130, Math.round(1404 / n)),
    goodPercent: 100 - 6.4 * scale,
  };
}

/** @param {URLSearchParams} query @param {(input: object, look?: object) => ArrayBuffer} charts @param {(id: number, fromMs: number) => object} table */
export function fakeAdmin(query, charts, table) {
  const wanted = query.get('admin') ?? '';
  const now = Date.now();
  const none = wanted === 'none';
  let session = wanted === '' ? null : { server: 'wss://calls.example.org', name: 'Ada' };
  let calls = none ? [] : Array.from({ length: 134 }, (_, n) => call(n, now));
  let open = none ? [] : rooms(now);
  let reports = none
    ? []
    : [
        { id: 2, who: 'Priya Nair', whoId: 'a7', whom: 'Guest', whomId: 'v12', roomId: calls[4].roomId, reason: 'Was rude from the first second on, and would not stop.', unixMs: now - 3 * HOUR },
        { id: 1, who: 'Guest', whoId: 'v3', whom: 'Bořek 🌊', whomId: 'a11', roomId: 'r-gone', reason: '', unixMs: now - 40 * HOUR },
      ];
  let accounts = none
    ? []
    : ['Ada', 'amara', 'bořek', 'jonas.ekstroem', 'li-wei', 'wolfeschlegelsteinhausenbergerd', 'عمر', ...Array.from({ length: 68 }, (_, n) => `person-${n + 1}`)].map(
        (name, n) => ({
          name,
          admin: n === 0 || n === 4,
          createdMs: now - (400 - n) * 20 * HOUR,
          ...(n % 5 !== 3 && { lastSeenMs: now - n * 11 * HOUR }),
          online: n % 4 === 0,
        }),
      );
  const audit = none
    ? []
    : Array.from({ length: 64 }, (_, n) => ({
        unixMs: now - n * 9 * HOUR,
        who: ['Ada', 'admin token', 'server'][n % 3],
        action: ['delete-call', 'end-room', 'keep-days', 'recount-moons'][n % 4],
        ...(n % 3 !== 2 && { what: `r${String(n).padStart(16, '0')}` }),
        ...(n % 4 === 2 && { detail: '41 sessions of before 29 October' }),
      }));

  const answers = (work) => (args) => {
    if (session === null) throw { code: 'unauthorized', message: 'Nobody is signed in; sign in first.' };
    if (wanted === 'over') {
      session = null;
      throw { code: 'unauthorized', message: 'This token is not good any more. Sign in again.' };
    }
    if (wanted === 'broken')
      throw { code: 'no-server', message: 'No signaling server answers at wss://calls.example.org (timed out); is sightline-server running?' };
    return work(args);
  };
  const find = (room) => {
    const line = calls.find((one) => one.roomId === room);
    if (!line) throw { code: 'not-found', message: 'There is no such call.' };
    return line;
  };
  const worstFirst = (a, b) => a.goodWindows / a.windows - b.goodWindows / b.windows;
  const sorts = {
    newest: (a, b) => b.startedMs - a.startedMs,
    oldest: (a, b) => a.startedMs - b.startedMs,
    longest: (a, b) => b.talkMs / b.people - a.talkMs / a.people,
    people: (a, b) => b.people - a.people,
    worst: (a, b) => (a.windows === 0) - (b.windows === 0) || worstFirst(a, b),
  };

  return {
    adminStanding: () => session,
    adminSignIn: ({ server, key }) => {
      const fits = key.token ? key.token.token === 'open-sesame' : key.account.name === 'ada' && key.account.password === 'correct horse';
      if (!fits)
        throw key.token
          ? { code: 'unauthorized', message: 'This token is not the admin token of this server.' }
          : { code: 'unauthorized', message: 'Name and password do not fit together.' };
      session = { server: server || 'ws://192.168.1.23:7788', name: key.token ? null : 'Ada' };
      return session;
    },
    adminSignOut: () => void (session = null),
    adminRooms: answers(() => open),
    adminEndRoom: answers(({ room }) => void (open = open.filter((one) => one.roomId !== room))),
    adminCalls: answers(({ filter }) => {
      const words = filter.text.toLowerCase().split(/\s+/u).filter(Boolean);
      const found = calls
        .filter(
          (one) =>
            words.every((word) => [one.code, one.name ?? '', ...one.names].join('\n').toLowerCase().includes(word)) &&
            (filter.fromMs === undefined || (one.endedMs ?? now) >= filter.fromMs) &&
            (filter.toMs === undefined || one.startedMs < filter.toMs) &&
            (filter.quality === undefined || one.quality === filter.quality) &&
            (filter.reason === undefined || [...one.reasons, one.endReason].includes(filter.reason)),
        )
        .sort(sorts[filter.sort]);
      return { calls: found.slice(filter.offset, filter.offset + filter.limit), total: found.length };
    }),
    adminCall: answers(({ room }) => details(find(room), now)),
    adminDeleteCall: answers(({ room }) => {
      if (query.has('faster')) {
        calls = calls.filter((one) => one.roomId !== room);
        throw { code: 'gone', message: 'This call was deleted already.' };
      }
      find(room);
      calls = calls.filter((one) => one.roomId !== room);
    }),
    adminExport: answers(({ code, format }) => ({ path: `/home/mira/Downloads/sightline-${code}.${format}` })),
    adminTotals: answers(({ fromMs, toMs }) => ({
      fromMs: Math.floor((fromMs ?? 0) / HOUR) * HOUR,
      toMs: Math.ceil((toMs ?? now) / HOUR) * HOUR,
      calls: none ? 0 : 1204,
      minutes: none ? 0 : 58_432.5,
      people: none ? 0 : 213,
      quality: none ? { connectedMinutes: 0, lossPercent: { count: 0 }, rttMs: { count: 0 }, setupMs: { count: 0 } } : figures(1, 1),
      byVersion: none ? [] : ['0.2.1', '0.2.0', '0.1.0', 'other'].map((name, n) => ({ name, calls: 810 >> n, people: 140 >> n, quality: figures(0.8 + n * 0.3, n + 2) })),
      byPath: none ? [] : ['host-udp', 'reflexive-udp', 'relay-udp', 'relay-tcp', 'unknown'].map((name, n) => ({ name, calls: 610 >> n, people: 120 >> n, quality: figures(0.5 + n * 0.6, n + 2) })),
      worst: calls.filter((one) => one.windows > 0 && one.quality !== 'good').sort(worstFirst).slice(0, 10),
    })),
    adminAudit: answers(({ limit, offset }) => ({ entries: audit.slice(offset, offset + limit), total: audit.length })),
    adminComplaints: answers(({ limit, offset }) => reports.slice(offset, offset + limit)),
    adminPutAway: answers(({ report }) => void (reports = reports.filter((one) => one.id !== report))),
    adminAccounts: answers(({ filter }) => {
      const found = accounts.filter((one) => one.name.toLowerCase().includes(filter.text.toLowerCase()));
      return { accounts: found.slice(filter.offset, filter.offset + filter.limit), total: found.length };
    }),
    adminSetAdmin: answers(({ name, admin }) => {
      if (name === 'Ada' && !admin) throw { code: 'refused', message: 'This is the last admin; make another one first.' };
      accounts = accounts.map((one) => (one.name === name ? { ...one, admin } : one));
    }),
    adminDeleteAccount: answers(({ name }) => void (accounts = accounts.filter((one) => one.name !== name))),
    adminReports: answers(({ room }) => {
      const { names, reporters } = find(room);
      return names.map((name, n) => ({ name, reported: n < reporters, ids: n === 1 ? ['u1', 'u1b'] : [`u${n}`] }));
    }),
    adminTable: answers(({ person, fromMs }) => table(person, fromMs)),
    adminChartOpen: answers(({ look, input }) => charts(input, look)),
  };
}
