/** What goes between the page and the native side, until it is generated from Rust. */

export type QualityClass = 'good' | 'ok' | 'bad' | 'terrible';

export interface Settings {
  name: string;
  server: string;
  camera: string;
  microphone: string;
  speaker: string;
  maxHeight: number;
  maxKbps: number;
  dataSaver: boolean;
  keepDays: number;
  shareSamples: boolean;
  theme: 'system' | 'light' | 'dark';
  language: 'en';
}

export interface Hosting {
  running: boolean;
  addresses: string[];
  problem: string | null;
}

export interface Boot {
  settings: Settings;
  version: string;
  link: string | null;
  recent: CallLine[];
  frames: FramesAddress;
  hosting: Hosting;
  historyProblem: string | null;
  settingsProblem: string | null;
  call: CallState | null;
}

export interface FramesAddress {
  url: string;
  token: string;
}

export type DeviceKind = 'camera' | 'microphone' | 'speaker';

export interface Device {
  kind: DeviceKind;
  id: string;
  name: string;
  isDefault: boolean;
}

export interface Invitation {
  server: string;
  code: string;
  link: string;
  addresses: string[];
  qr: string;
}

export type LobbyDevice = 'off' | 'opening' | 'on' | 'missing' | 'failed';

export interface LobbyState {
  camera: LobbyDevice;
  cameraNote: string | null;
  microphone: LobbyDevice;
  microphoneNote: string | null;
  speaker: LobbyDevice;
  speakerNote: string | null;
}

export interface NetworkCheck {
  reachable: boolean;
  roundTripMs: number | null;
  udp: boolean | null;
  relayNeeded: boolean | null;
  note: string | null;
}

export interface TileStats {
  sentKbps: number | null;
  receivedKbps: number | null;
  sentLoss: number | null;
  receivedLoss: number | null;
  rttMs: number | null;
  jitterMs: number | null;
  fps: number | null;
  width: number | null;
  height: number | null;
  sentFps: number | null;
  sentWidth: number | null;
  sentHeight: number | null;
  bufferMs: number | null;
  concealed: number | null;
  latencyMs: number | null;
  path: string | null;
}

export interface Tile {
  id: string;
  peer: string;
  name: string;
  self: boolean;
  video: boolean;
  audio: boolean;
  speaking: boolean;
  class: QualityClass | null;
  connection: 'connecting' | 'connected' | 'reconnecting' | 'gone';
  note: string | null;
  stats: TileStats | null;
}

export interface CallState {
  phase: 'joining' | 'in' | 'reconnecting' | 'ended';
  code: string;
  link: string;
  note: string | null;
  startedMs: number | null;
  me: { name: string; microphone: boolean; camera: boolean; note: string | null };
  tiles: Tile[];
  limit: { sentence: string; side: string } | null;
  ended: { reason: string; sentence: string } | null;
}

export interface ChatLine {
  fromId: string;
  from: string;
  text: string;
  own: boolean;
  atMs: number;
}

export interface HeadlineLine {
  class: QualityClass | null;
  goodShare: number | null;
  words: string;
}

export interface CallLine {
  id: number;
  code: string;
  startedMs: number;
  durationMs: number;
  peers: string[];
  headline: HeadlineLine;
  underWay: boolean;
}

export interface FindingLine {
  sentence: string;
  fromMs: number;
  toMs: number;
  class: QualityClass;
}

export interface CallDetail {
  line: CallLine;
  sessions: { id: number; startedMs: number; endedMs: number | null; reason: string | null }[];
  breaks: { fromMs: number; toMs: number | null; cause: string; words: string }[];
  peers: { name: string; joinedMs: number; leftMs: number | null; reason: string | null }[];
  events: { atMs: number; who: string | null; words: string }[];
  findings: FindingLine[];
}

export interface HistoryFilter {
  text: string;
  fromMs: number | null;
  toMs: number | null;
  class: QualityClass | null;
}

export interface HistoryTable {
  columns: { key: string; title: string; unit: string }[];
  rows: (number | string | null)[][];
}

export interface IpcError {
  code: string;
  message: string;
}
