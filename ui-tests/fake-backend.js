/**
 * A native side for tests and for looking at the page without the app: commands, events and frame socket, all invented.
 *
 * The query chooses what is there: ?theme=light&calls=none&people=9&state=no-camera ... ; see `scenario` below.
 */

import './fake-frames.js';
import { fakePeople } from './fake-people.js';
import { fakeAdmin } from './fake-admin.js';
import { fakeRoom } from './fake-room.js';

const query = new URLSearchParams(location.search);
const scenario = {
  theme: query.get('theme') ?? 'dark',
  name: query.get('name') ?? 'Mira',
  calls: query.get('calls') ?? 'some',
  people: Number(query.get('people') ?? '4'),
  state: query.get('state') ?? '',
  charts: query.get('charts') ?? '',
  card: query.get('card') ?? '',
};
const LONG_NAME = 'Wolfeschlegelsteinhausenbergerdorff the Elder of Upper Lower Nowhere <b>& Sons</b>';

/** What was called, for tests: [command, args]. */
export const calls = [];
Object.assign(window.fake, { calls, emit, scenario });

const listeners = new Map();
function emit(name, payload) {
  for (const handler of listeners.get(name) ?? []) handler({ payload });
}

const settings = {
  name: scenario.name,
  server: '',
  camera: '',
  microphone: '',
  speaker: '',
  maxHeight: 720,
  maxKbps: 1500,
  dataSaver: false,
  keepDays: 90,
  shareSamples: false,
  theme: scenario.theme,
  language: 'en',
};

const invitation = {
  server: 'ws://192.168.1.23:7788',
  code: 'amber-otter-lake-quiet',
  link: 'sightline://join/192.168.1.23:7788/amber-otter-lake-quiet',
  addresses: ['192.168.1.23:7788', '10.0.0.4:7788'],
  qr: qrDrawing(),
  name: 'Amber Otter',
  passwordNeeded: false,
  waitingRoom: false,
};

function qrDrawing() {
  let seed = 7;
  let d = '';
  for (let y = 0; y < 25; y += 1) {
    for (let x = 0; x < 25; x += 1) {
      seed = (seed * 16807) % 2147483647;
      const eye = (x < 7 && y < 7) || (x > 17 && y < 7) || (x < 7 && y > 17);
      const ring = Math.max(Math.abs(x > 12 ? x - 21 : x - 3), Math.abs(y > 12 ? y - 21 : y - 3));
      if (eye ? ring !== 2 : seed % 2 === 0) d += `M${x} ${y}h1v1h-1z`;
    }
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 25 25"><path d="${d}"/></svg>`;
}

const noDevices = scenario.state === 'no-camera';
const devices = [
  ...(noDevices
    ? []
    : [
        { kind: 'camera', id: 'cam0', name: 'Integrated Camera', isDefault: true },
        { kind: 'camera', id: 'cam1', name: 'HD Pro Webcam C920', isDefault: false },
      ]),
  ...(noDevices ? [] : [{ kind: 'microphone', id: 'mic0', name: 'Built-in Audio Analog Stereo', isDefault: true }]),
  { kind: 'speaker', id: 'spk0', name: 'Built-in Audio Analog Stereo', isDefault: true },
  { kind: 'speaker', id: 'spk1', name: 'USB Headset', isDefault: false },
];

const NAMES = [
  'Mira',
  'Jonas Ekström',
  'Amara Okafor',
  'Li Wei',
  'Sofia',
  'Tomás Rivera',
  'Priya',
  'Noor',
  'Kenji Watanabe',
];
const CLASSES = ['good', 'good', 'bad', 'ok', 'good', 'terrible', 'good', null, 'good'];

function stats(index) {
  const lost =
    CLASSES[index] === 'bad' ? 6.2 : CLASSES[index] === 'terrible' ? 14.8 : CLASSES[index] === 'ok' ? 1.9 : 0.1;
  return {
    sentKbps: 1420 - 90 * index,
    receivedKbps: CLASSES[index] === null ? null : 1510 - 120 * index,
    sentLoss: 0.1,
    receivedLoss: lost,
    rttMs: 24 + 13 * index,
    jitterMs: lost > 5 ? 34 : 4 + index,
    fps: lost > 5 ? 22 : 30,
    width: lost > 5 ? 640 : 1280,
    height: lost > 5 ? 360 : 720,
    sentFps: 30,
    sentWidth: 1280,
    sentHeight: 720,
    bufferMs: 42,
    concealed: lost > 5 ? 2.4 : 0,
    latencyMs: 88,
    path: index === 2 ? 'relay, udp' : 'direct, udp',
  };
}

const me = { microphone: true, camera: !noDevices };

function tile(index) {
  const own = index === 0;
  const broken = scenario.state === 'peer-lost' && index === 1;
  const quality = own ? null : CLASSES[index % CLASSES.length];
  return {
    id: own ? 'self' : `peer-${index}`,
    peer: own ? '' : `peer-${index}`,
    name: scenario.state === 'long-names' ? `${index} ${LONG_NAME}` : own ? settings.name : NAMES[index % NAMES.length],
    self: own,
    video: own ? me.camera : index !== 4,
    audio: own ? me.microphone : index !== 3,
    speaking: index === 1,
    class: quality,
    connection: broken ? 'reconnecting' : scenario.state === 'connecting' && index === 2 ? 'connecting' : 'connected',
    note: broken
      ? 'The connection to Jonas broke 4 s ago. Trying another way through the network.'
      : quality === 'bad'
        ? 'their uplink: 6 % lost'
        : null,
    stats: own ? stats(0) : stats(index),
  };
}

const started = Date.now() - 761_000;
/** Lines of the chat so far, as the native side keeps them. */
const written = [];
function say(line) {
  const message = { number: written.length + 1, ...line };
  written.push(message);
  emit('chat', message);
}

function callState(phase = 'in') {
  return {
    phase: scenario.state === 'lost' && phase === 'in' ? 'reconnecting' : phase,
    code: invitation.code,
    link: invitation.link,
    note:
      scenario.state === 'lost'
        ? 'The server does not answer. Sound and pictures go on; looking for the server again in 3 s.'
        : null,
    startedMs: ['joining', 'waiting'].includes(phase) ? null : started,
    me: {
      name: settings.name,
      ...me,
      note: noDevices ? 'No camera and no microphone: the others see your name, and you hear them.' : null,
    },
    tiles: ['joining', 'waiting'].includes(phase)
      ? []
      : Array.from({ length: scenario.people }, (_, index) => tile(index)).filter(({ peer }) => !putOut.has(peer)),
    limit:
      scenario.people < 2
        ? null
        : {
            sentence: 'Amara Okafor’s uplink is losing 6 % of what they send. Your side and the others are fine.',
            side: 'peer',
          },
    room: ['joining', 'waiting'].includes(phase) ? null : { ...fake.room },
    ended:
      phase === 'ended'
        ? {
            reason: 'connection-lost',
            sentence: 'The connection was lost and could not be found again within a minute.',
          }
        : null,
  };
}

/** Peers that a host has put out. */
const putOut = new Set();
const fake = fakeRoom(query, {
  emit,
  state: callState,
  tell: (phase) => emit('call', callState(phase)),
  add: () => (scenario.people += 1),
  remove: (id) => putOut.add(id),
});
Object.assign(window.fake, {
  ...fake,
  tell: () => emit('call', callState()),
  mute: () => (me.microphone = false),
  /** The native side says nothing by itself any more. */
  hush: () => callTimers.forEach(clearInterval),
});

const HOUR = 3_600_000;
const WORDS = {
  good: 'no findings',
  ok: 'this computer was too slow: 12 fps at worst',
  bad: 'your uplink lost 6 % for two minutes',
  terrible: 'the connection broke three times',
};
function line(id, ago, minutes, quality, share, peers, code) {
  return {
    id,
    code,
    startedMs: Date.now() - ago,
    durationMs: minutes * 60_000,
    peers,
    headline: { class: quality, goodShare: share, words: quality === null ? 'too short to say' : WORDS[quality] },
    underWay: false,
  };
}

const someCalls = [
  line(1, 5 * HOUR, 42, 'good', 98, ['Jonas Ekström', 'Amara Okafor'], 'amber-otter-lake-quiet'),
  line(2, 26 * HOUR, 13, 'bad', 61, ['Li Wei'], 'quiet-maple-ferry-stone'),
  line(3, 51 * HOUR, 15, 'ok', 87, ['Sofia', 'Tomás Rivera', 'Priya', 'Noor'], 'violet-canoe-magnet-amber'),
  line(4, 80 * HOUR, 1, null, null, [], 'hollow-birch-comet-seven'),
  line(5, 300 * HOUR, 124, 'terrible', 22, ['Kenji Watanabe'], 'silver-gate-morning-fox'),
];
const history =
  scenario.calls === 'none'
    ? []
    : scenario.calls === 'many'
      ? Array.from({ length: 1000 }, (_, n) => ({
          ...someCalls[n % 5],
          id: n + 1,
          startedMs: Date.now() - n * 7 * HOUR,
        }))
      : someCalls;

function detail(id) {
  const call = history.find((entry) => entry.id === id);
  if (!call) throw { code: 'not-found', message: 'This call is not in the history any more.' };
  const at = call.startedMs;
  const end = at + call.durationMs;
  const gap = at + call.durationMs * 0.6;
  const peers = call.peers.map((name, index) => ({
    name,
    joinedMs: at + 9000 * (index + 1),
    leftMs: end - 3000 * index,
    reason: index === 0 ? null : 'left',
  }));
  if (call.headline.class !== 'bad') {
    return {
      line: call,
      sessions: [{ id: 1, startedMs: at, endedMs: end, reason: 'left' }],
      breaks: [],
      peers,
      events: [],
      findings: [],
      summary: { sentence: 'A good call: all of it was good or OK.', class: call.headline.class },
    };
  }
  return {
    line: call,
    sessions: [
      { id: 1, startedMs: at, endedMs: gap, reason: 'connection lost' },
      { id: 2, startedMs: gap + 41_000, endedMs: end, reason: 'left' },
    ],
    breaks: [{ fromMs: gap, toMs: gap + 41_000, cause: 'connection-lost', words: 'the connection was lost' }],
    peers,
    events: Array.from({ length: 14 }, (_, n) => ({
      atMs: at + n * 31_000,
      who: n % 3 === 0 ? null : 'Li Wei',
      words: ['joined', 'muted the microphone', 'path changed to relay', 'marked: it is bad now'][n % 4],
    })),
    summary: { sentence: 'A bad call: only 71 % of it was good or OK; most of the trouble was with your uplink.', class: 'bad' },
    findings: [
      { sentence: 'Your uplink lost 6 % from 18:33 to 18:35.', fromMs: at + 120_000, toMs: at + 240_000, class: 'bad' },
      {
        sentence: 'This computer could not encode fast enough from 18:38 to 18:39: 12 pictures a second.',
        fromMs: at + 420_000,
        toMs: at + 480_000,
        class: 'ok',
      },
      ...[1, 2, 3].map((n) => ({
        sentence: `Li Wei's downlink passed on packets unevenly (${30 + n} ms of jitter) at 18:4${n}.`,
        fromMs: at + 500_000 + n * 60_000,
        toMs: at + 510_000 + n * 60_000,
        class: 'ok',
      })),
    ],
  };
}

function table(id, fromMs) {
  const columns = [
    { key: 'start_ms', title: 'From', unit: 'Unix ms' },
    { key: 'peer', title: 'Peer', unit: '' },
    { key: 'kind', title: 'Track', unit: '' },
    { key: 'rate', title: 'Bit rate', unit: 'kbit/s' },
    { key: 'loss', title: 'Loss', unit: '%' },
    { key: 'rtt', title: 'Round trip', unit: 'ms' },
    { key: 'jitter', title: 'Jitter', unit: 'ms' },
    { key: 'fps', title: 'Pictures', unit: '1/s' },
  ];
  const rows = Array.from({ length: 120 }, (_, n) => [
    fromMs + n * 15_000,
    'Li Wei',
    n % 2 ? 'audio in' : 'video out',
    1400.25 - n,
    n % 7 === 0 ? null : 0.4,
    48,
    7.125,
    n % 2 ? null : 30,
  ]);
  return { columns, rows };
}

/** What the uploader tells; `?sharing=off|on|away`, until the switch is pressed. */
if (query.has('sharing')) settings.shareSamples = query.get('sharing') !== 'off';
function sharing() {
  const on = settings.shareSamples;
  const away = on && query.get('sharing') === 'away';
  const sample = { seq: 0, stay: 0, kind: 'audio', direction: 'inbound', startMs: 1764327000000, endMs: 1764327015000 };
  return {
    on,
    waitingRows: away ? 1284 : 0,
    lastSuccessMs: on ? Date.now() - 90_000 : null,
    lastError: away
      ? 'The server cannot be reached (connection refused). What is to be sent waits until it can.'
      : null,
    fields: [
      { path: 'schema', says: 'The version of this format.' },
      { path: 'session', says: 'About your stay in the call:' },
      { path: 'session.name', says: 'Your name in the call, as the others see it.' },
      { path: 'samples', says: 'How sound and pictures were, for each person and direction and each 15 seconds:' },
      ...Array.from({ length: 40 }, (_, n) => ({
        path: `samples[].values.limitedByBandwidthPercent${n || ''}`,
        says: 'The share of the time for which the connection held quality down.',
      })),
    ],
    example:
      scenario.calls === 'none'
        ? null
        : JSON.stringify({ schema: 1, session: { name: settings.name }, samples: Array(9).fill(sample) }, null, 2),
  };
}

/** A frame's head, with its length before it and room for `size` bytes behind it. */
function chartHead(size) {
  const head = {
    rangeMs: [Date.now() - 26 * HOUR, Date.now() - 26 * HOUR + 780_000],
    hover: null,
    series: chartSeries,
    repaintAfterMs: null,
    heightPoints: 420,
  };
  const json = new TextEncoder().encode(JSON.stringify(head));
  const buffer = new ArrayBuffer(4 + json.length + size);
  new DataView(buffer).setUint32(0, json.length, true);
  new Uint8Array(buffer, 4, json.length).set(json);
  return { buffer, at: 4 + json.length };
}

/** A frame as pixels: a bar in the colour of the first series. */
function chartPixels(width) {
  const [ground, blue] = [0xff16110e, 0xffffa77a];
  const run = (rows, color) => [((1 << 30) | (rows * width)) >>> 0, color];
  const bar = chartSeries[0].hidden ? ground : blue;
  const words = [0x31504c53, width, 420, ...run(100, ground), ...run(20, bar), ...run(300, ground)];
  const { buffer, at } = chartHead(4 * words.length);
  words.forEach((word, index) => new DataView(buffer).setUint32(at + 4 * index, word, true));
  return buffer;
}

/** A frame as the charts crate encodes it: a panel, and a line that follows the range. */
function chartTriangles({ dark, width }) {
  const triangles = [];
  const quad = (x0, y0, x1, y1, color) =>
    triangles.push(
      [x0, y0, color],
      [x1, y0, color],
      [x1, y1, color],
      [x0, y0, color],
      [x1, y1, color],
      [x0, y1, color],
    );
  for (let chart = 0; chart < 3; chart += 1) {
    const top = 10 + chart * 135;
    quad(40, top, width - 10, top + 120, dark ? [21, 26, 33, 255] : [255, 255, 255, 255]);
    for (let n = 0; n < 80; n += 1) {
      const x = 44 + ((width - 60) * n) / 80;
      const y = top + 60 + 40 * Math.sin(n / 5 + chart);
      if (!chartSeries[0].hidden) quad(x, y, x + 6, y + 3, [122, 167, 255, 255]);
      if (!chartSeries[1].hidden) quad(x, y + 14, x + 6, y + 17, [79, 195, 179, 255]);
    }
  }
  let { buffer, at } = chartHead(32 + 24 + 28 + triangles.length * 24);
  const view = new DataView(buffer);
  const u32 = (value) => (view.setUint32(at, value >>> 0, true), (at += 4));
  const f32 = (value) => (view.setFloat32(at, value, true), (at += 4));
  const rgba = (color) => color.forEach((value) => view.setUint8(at++, value));
  (u32(0x31434c53), f32(width), f32(420), f32(1));
  rgba(dark ? [14, 17, 22, 255] : [246, 247, 249, 255]);
  (u32(1), u32(0), u32(1));
  (u32(0), u32(-1), u32(-1), u32(1), u32(1), rgba([255, 255, 255, 255]));
  (f32(0), f32(0), f32(width), f32(420), u32(0), u32(triangles.length), u32(triangles.length));
  for (const [x, y, color] of triangles) (f32(x), f32(y), f32(0), f32(0), rgba(color));
  triangles.forEach((_, index) => u32(index));
  return buffer;
}
const chartSeries = [
  { id: 'sent', name: 'sent', color: '#7aa7ff', dash: '', hidden: false },
  { id: 'received', name: 'received', color: '#4fc3b3', dash: '7 4.2', hidden: false },
];
let chartLook = { dark: true, pixels: false };

function chartAnswer({ widthPoints: width }) {
  return chartLook.pixels ? chartPixels(width) : chartTriangles({ dark: chartLook.dark, width });
}

const people = fakePeople(query, {
  emit,
  entered: (partner) => {
    emit('enter', { invitation, partner, microphoneOn: true, cameraOn: true });
    scenario.people = 2;
    void commands.joinCall().then((state) => emit('call', state));
  },
  over: (reason, sentence) => {
    callTimers.forEach(clearInterval);
    emit('call', { ...callState('ended'), ended: { reason, sentence } });
  },
});
Object.assign(window.fake, { people });

let levelTimer = 0;
let callTimers = [];

const commands = {
  boot: () => ({
    settings,
    version: '0.1.0',
    link: query.get('link'),
    recent: history.slice(0, 5),
    frames: { url: 'ws://127.0.0.1:1/frames', token: 'none' },
    hasCard: scenario.card !== 'none',
    hosting: { running: true, addresses: invitation.addresses, problem: null },
    historyProblem:
      scenario.state === 'newer'
        ? 'The history was written by a newer Sightline (version 9). Update Sightline to read it; until then calls are not recorded.'
        : null,
    settingsProblem: null,
    call: scenario.state === 'reloaded' ? { state: (commands.joinCall(), callState()), invitation } : null,
  }),
  hosting: () => ({ running: true, addresses: invitation.addresses, problem: null }),
  saveSettings: (args) => {
    if (args.settings.server.includes(' '))
      throw { code: 'no-server', message: `'${args.settings.server}' is not the address of a signaling server.` };
    return Object.assign(settings, args.settings);
  },
  sharing: () => sharing(),
  devices: () => devices,
  startCall: () => {
    if (scenario.state === 'no-server')
      throw {
        code: 'no-server',
        message:
          'The server on this computer could not start: port 7788 is in use. Close what uses it, or set a server in Settings.',
      };
    return invitation;
  },
  openInvitation: ({ text }) => {
    if (text.includes('wrong'))
      throw {
        code: 'bad-code',
        message: 'This is not a room code. A code is a few words, for example amber-canoe-violet-magnet.',
      };
    const [passwordNeeded, waitingRoom] = ['password', 'waiting'].map((state) => scenario.state === state);
    return { ...invitation, addresses: [], passwordNeeded, waitingRoom };
  },
  lobbyOpen: ({ camera, microphone }) => {
    const found = noDevices ? 'missing' : 'on';
    clearInterval(levelTimer);
    if (scenario.state === 'opening')
      emit('lobby', {
        camera: 'opening',
        cameraNote: null,
        microphone: 'opening',
        microphoneNote: null,
        speaker: 'opening',
        speakerNote: null,
      });
    else {
      const standing = {
        camera: camera === null ? 'off' : found,
        cameraNote: null,
        microphone: microphone === null ? 'off' : found,
        microphoneNote: null,
        speaker: 'on',
        speakerNote: null,
      };
      setTimeout(() => emit('lobby', standing), 20);
      if (standing.microphone === 'on')
        levelTimer = setInterval(() => emit('level', { microphone: 0.35 + 0.25 * Math.sin(Date.now() / 150) }), 100);
    }
  },
  lobbyClose: () => clearInterval(levelTimer),
  testTone: () => new Promise((done) => setTimeout(done, 100)),
  checkNetwork: () =>
    scenario.state === 'opening'
      ? new Promise(() => {})
      : scenario.state === 'no-server'
        ? {
            reachable: false,
            roundTripMs: null,
            udp: null,
            relayNeeded: null,
            note: 'Nobody answers at 192.168.1.23:7788. Is the other computer on, and on the same network?',
          }
        : { reachable: true, roundTripMs: 23.4, udp: true, relayNeeded: false, note: null },
  joinCall: async ({ password } = {}) => {
    if (scenario.state === 'joining') return callState('joining');
    await fake.enter(password);
    const send = () => emit('call', callState());
    callTimers = [
      setInterval(send, 1000),
      setInterval(
        () => emit('speaking', { levels: { self: 0.01, 'peer-1': 0.3 + 0.2 * Math.random(), 'peer-2': 0.02 } }),
        200,
      ),
    ];
    if (query.has('chat')) {
      for (const [n, text] of [
        'Hi! Can everybody hear me?',
        'Yes, loud and clear',
        'The slides are here: https://example.org/slides <script>alert(1)</script>',
        'Thanks',
      ].entries()) {
        setTimeout(
          () =>
            say({
              fromId: n === 1 ? 'self' : `peer-${n === 3 ? 1 : n + 1}`,
              from: NAMES[n === 3 ? 1 : n + 1],
              text,
              own: n === 1,
              atMs: Date.now() - 60_000 + n * 7000,
            }),
          50 + n,
        );
      }
    }
    return callState();
  },
  setMicrophone: ({ on }) => ((me.microphone = on), emit('call', callState())),
  setCamera: ({ on }) => ((me.camera = on), emit('call', callState())),
  setDevice: () => {},
  chatLines: () => written,
  sendChat: ({ text }) => say({ fromId: 'self', from: settings.name, text, own: true, atMs: Date.now() }),
  mark: () => {},
  hostAct: (args) => fake.hostAct(args),
  leaveCall: () => (people.callLeft(), fake.turnAway('You left before the call began.'), callTimers.forEach(clearInterval)),
  historyCalls: ({ filter, limit, skip }) => {
    if (scenario.calls === 'broken')
      throw {
        code: 'file',
        message: 'The history file is damaged: database disk image is malformed. Move it away to begin a new one.',
      };
    if (scenario.calls === 'loading') return new Promise(() => {});
    const text = filter.text.toLowerCase();
    const found = history.filter(
      (call) =>
        (!filter.class || call.headline.class === filter.class) &&
        (!filter.fromMs || call.startedMs >= filter.fromMs) &&
        [call.code, ...call.peers].some((word) => word.toLowerCase().includes(text)),
    );
    return found.slice(skip, skip + limit);
  },
  historyCall: ({ id }) => detail(id),
  historyTable: ({ id, fromMs }) => table(id, fromMs),
  historyExport: ({ format }) => ({ path: `/home/mira/Downloads/quiet-maple-ferry-stone.${format}` }),
  historyDelete: ({ id }) =>
    void history.splice(
      history.findIndex((call) => call.id === id),
      1,
    ),
  chartOpen: ({ look, input }) => ((chartLook = look), chartAnswer(input)),
  chartInput: ({ input }) => {
    for (const event of input.events) {
      if (event.hide) chartSeries.find((series) => series.id === event.hide.series).hidden = event.hide.hidden;
      if (event.theme) chartLook.dark = event.theme === 'dark';
    }
    return chartAnswer(input);
  },
  chartClose: () => {},
  chartPng: () => ({ path: '/home/mira/Downloads/quiet-maple-ferry-stone.png' }),
  openPath: () => {},
  ...people.commands,
  ...fakeAdmin(query, (input, look) => ((chartLook = look), chartAnswer(input)), table),
};

window.__TAURI__ = {
  core: {
    async invoke(command, args) {
      calls.push([command, args]);
      if (scenario.state === 'broken' && command === 'boot')
        throw { code: 'internal', message: 'The settings could not be read: permission denied.' };
      return commands[command](args ?? {});
    },
  },
  event: {
    async listen(name, handler) {
      if (!listeners.has(name)) listeners.set(name, new Set());
      listeners.get(name).add(handler);
      return () => listeners.get(name).delete(handler);
    },
  },
};
