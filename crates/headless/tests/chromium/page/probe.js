// What the tests call, as `window.probe`: join, change things in mid-call, read what arrives. All of it is async, and gives
// back plain JSON.

import { Client } from "./client.js";

const THUMB = { width: 64, height: 36 };
/** At 48 kHz a bin of 5.9 Hz: enough to tell the tones of the tests apart. */
const FFT_SIZE = 8192;
/** Kinds of getStats entries that the tests read. */
const TOLD = ["inbound-rtp", "outbound-rtp", "remote-inbound-rtp", "transport", "candidate-pair"];

const clients = [];
const screens = new Map();
let sound = null;

/** Shows a remote track, so that the browser decodes and plays it, and makes it readable. */
function show(peer, { track, transceiver }) {
  const screen = { peer: peer.id, kind: track.kind, mid: transceiver.mid };
  const stream = new MediaStream([track]);
  screen.element = document.createElement(track.kind === "video" ? "video" : "audio");
  screen.element.autoplay = true;
  screen.element.srcObject = stream;
  document.getElementById("remote").append(screen.element);
  if (track.kind === "audio") {
    sound ??= new AudioContext({ sampleRate: 48000 });
    screen.analyser = new AnalyserNode(sound, { fftSize: FFT_SIZE, smoothingTimeConstant: 0 });
    sound.createMediaStreamSource(stream).connect(screen.analyser);
  }
  screens.set(track.id, screen);
}

function screen(peer, kind, index) {
  const found = [...screens.values()].filter((s) => s.peer === peer && s.kind === kind)[index];
  if (!found) throw new Error(`no ${kind} ${index} from ${peer}`);
  return found;
}

/** A moving picture that no fake camera makes: blue, with a white bar that goes round. */
function drawnTrack(fps) {
  const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 180 });
  const context = canvas.getContext("2d");
  let x = 0;
  setInterval(() => {
    context.fillStyle = "#0000e0";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = "#ffffff";
    context.fillRect(x, 0, 32, canvas.height);
    x = (x + 8) % canvas.width;
  }, 1000 / fps);
  return canvas.captureStream(fps).getVideoTracks()[0];
}

function linkTo(client, peer) {
  const link = clients[client].peers.get(peer);
  if (!link) throw new Error(`no link to ${peer}`);
  return link;
}

window.probe = {
  /** A new room's code. */
  async createRoom({ server }) {
    const answer = await fetch(`${server}/rooms`, { method: "POST" });
    if (answer.status !== 201) throw new Error(`POST /rooms: ${answer.status}`);
    return (await answer.json()).code;
  },

  /** How many are in a room. */
  async members({ server, code }) {
    const answer = await fetch(`${server}/rooms/${code}`);
    if (answer.status !== 200) throw new Error(`GET /rooms/${code}: ${answer.status}`);
    return (await answer.json()).participantCount;
  },

  /** Joins a room and gives the number of the new client in this page. */
  async join({ server, code, name, width, height, fps, relayed }) {
    const stream = await navigator.mediaDevices.getUserMedia({
      video: { width, height, frameRate: fps },
      // The tests compare tones: nothing may be cancelled or suppressed.
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false, channelCount: 1 },
    });
    const rewrite = relayed ? async (address) => (await fetch(`relay/${address}`)).text() : null;
    const client = new Client({ stream, rewrite, onTrack: show });
    await client.join(server, code, name);
    clients.push(client);
    return clients.length - 1;
  },

  /** Where everything stands. */
  async state({ client }) {
    const { errors, peers, pongs } = clients[client];
    const links = [...peers.values()].map(({ id, name, left, connection }) => ({
      id,
      name,
      left,
      connection: connection.connectionState,
      signaling: connection.signalingState,
      ufrag: /^a=ice-ufrag:(.*)\r$/m.exec(connection.currentLocalDescription?.sdp)?.[1] ?? null,
    }));
    return { errors, pongs, links };
  },

  /** The entries of getStats that say what passed. */
  async stats({ client, peer }) {
    const stats = await linkTo(client, peer).connection.getStats();
    return [...stats.values()].filter(({ type }) => TOLD.includes(type));
  },

  /** A small copy of what a remote video shows now, as RGB triples. */
  async picture({ peer, index }) {
    const { element } = screen(peer, "video", index);
    const canvas = new OffscreenCanvas(THUMB.width, THUMB.height);
    const context = canvas.getContext("2d");
    context.drawImage(element, 0, 0, THUMB.width, THUMB.height);
    const { data } = context.getImageData(0, 0, THUMB.width, THUMB.height);
    const pixels = [];
    for (let i = 0; i < data.length; i += 4) pixels.push([data[i], data[i + 1], data[i + 2]]);
    return { width: element.videoWidth, height: element.videoHeight, pixels };
  },

  /** What is heard now: the strongest frequency in Hz and its level in dB. */
  async heard({ peer }) {
    const { analyser } = screen(peer, "audio", 0);
    await sound.resume();
    const levels = new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(levels);
    const top = levels.reduce((best, level, bin) => (level > levels[best] ? bin : best), 1);
    return { hz: (top * sound.sampleRate) / FFT_SIZE, db: Math.max(levels[top], -200) };
  },

  /** Sends a second picture to a peer. */
  async addTrack({ client, peer, fps }) {
    const track = drawnTrack(fps);
    linkTo(client, peer).connection.addTrack(track, new MediaStream([track]));
  },

  /** New ICE credentials and a new path, in mid-call. */
  async restartIce({ client, peer }) {
    linkTo(client, peer).connection.restartIce();
  },

  async leave({ client }) {
    await clients[client].leave();
  },
};
