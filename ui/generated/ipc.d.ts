// Generated from src-tauri/src/ipc by `UPDATE_TYPES=1 cargo test -p sightline types`. Do not edit.

/**
 * What went wrong, for programs.
 */
export type ErrorCode = "bad-code" | "no-room" | "no-server" | "room-full" | "refused" | "media" | "not-now" | "bad-input" | "file" | "not-found" | "internal";

/**
 * What a command answers when it cannot do what it was asked for.
 */
export type IpcError = { 
/**
 * For programs.
 */
code: ErrorCode, 
/**
 * For people: what happened, and what to do.
 */
message: string, };

/**
 * Light or dark.
 */
export type Theme = "system" | "light" | "dark";

/**
 * A language there are strings for.
 */
export type Language = "en";

/**
 * Everything a person can set. An id of '' is the system's default device.
 */
export type Settings = { 
/**
 * Shown to the others; '' until the first start has asked for it.
 */
name: string, 
/**
 * Signaling server, for example `ws://host:7788`; '' is the one inside the app.
 */
server: string, 
/**
 * Camera id.
 */
camera: string, 
/**
 * Microphone id.
 */
microphone: string, 
/**
 * Speaker id.
 */
speaker: string, 
/**
 * Most lines of our picture: 180, 360, 720 or 1080.
 */
maxHeight: number, 
/**
 * Most kbit/s of our picture.
 */
maxKbps: number, 
/**
 * Sends a small picture at a low rate whatever the two above say.
 */
dataSaver: boolean, 
/**
 * Days for which calls stay in the history; 0 is for ever.
 */
keepDays: number, 
/**
 * Shares the record of each call with the server that it goes through.
 */
shareSamples: boolean, 
/**
 * Light or dark.
 */
theme: Theme, 
/**
 * Language of the page.
 */
language: Language, };

/**
 * How sharing stands, and what is sent.
 */
export type Sharing = { 
/**
 * Calls are shared.
 */
on: boolean, 
/**
 * Rows of the record that wait to be sent.
 */
waitingRows: number, 
/**
 * When a server last took something, since sharing was switched on or before; null where none did.
 */
lastSuccessMs: number | null, 
/**
 * The latest trouble that is not over; null where all is well.
 */
lastError: string | null, 
/**
 * Every field that is sent.
 */
fields: Array<SharedField>, 
/**
 * What is sent next, or, where nothing waits, an example of the latest call; null where no call was recorded.
 */
example: string | null, };

/**
 * A field of what is sent.
 */
export type SharedField = { 
/**
 * Where it is; `[]` stands for each of a list.
 */
path: string, 
/**
 * What it says, as a sentence.
 */
says: string, };

/**
 * What the page starts with.
 */
export type Boot = { 
/**
 * The settings.
 */
settings: Settings, 
/**
 * Version of the app.
 */
version: string, 
/**
 * A link that the app was started with and nobody has taken yet.
 */
link: string | null, 
/**
 * The latest calls.
 */
recent: Array<CallLine>, 
/**
 * Where pictures come from.
 */
frames: FramesAddress, 
/**
 * There is a graphics card: WebGL is worth trying.
 */
hasCard: boolean, 
/**
 * The server inside the app.
 */
hosting: Hosting, 
/**
 * Why calls are not recorded; null where they are.
 */
historyProblem: string | null, 
/**
 * What became of a settings file that could not be read; null where it could.
 */
settingsProblem: string | null, 
/**
 * A call that runs, where the page was loaded anew in the middle of it.
 */
call: RunningCall | null, };

/**
 * A call that runs, for a page that knows nothing of it.
 */
export type RunningCall = { 
/**
 * As it is now.
 */
state: CallState, 
/**
 * Where it is, and how others get there.
 */
invitation: Invitation, };

/**
 * The frame socket.
 */
export type FramesAddress = { 
/**
 * `ws://127.0.0.1:PORT/frames`, without the token.
 */
url: string, 
/**
 * Goes into the query as `token`.
 */
token: string, };

/**
 * The signaling server inside the app.
 */
export type Hosting = { 
/**
 * It runs.
 */
running: boolean, 
/**
 * `host:port` that others on the network may type; empty where it does not run.
 */
addresses: Array<string>, 
/**
 * Why it does not run although it should.
 */
problem: string | null, };

/**
 * A room, and how others get there.
 */
export type Invitation = { 
/**
 * The server as `joinCall` wants it.
 */
server: string, 
/**
 * The room's code in its canonical spelling.
 */
code: string, 
/**
 * `sightline://join/HOST/CODE`.
 */
link: string, 
/**
 * `host:port` that others may type.
 */
addresses: Array<string>, 
/**
 * The link as a QR code, an SVG document.
 */
qr: string, 
/**
 * The room's name.
 */
name: string, 
/**
 * The room's password is wanted by `joinCall`.
 */
passwordNeeded: boolean, 
/**
 * A host lets newcomers in.
 */
waitingRoom: boolean, };

/**
 * What a new room is to be like.
 */
export type RoomPlan = { 
/**
 * Its name; '' lets the server make one up.
 */
name: string, 
/**
 * It ends after so many minutes; 0 is never.
 */
minutes: number, 
/**
 * Whoever comes has to know it; '' is none.
 */
password: string, 
/**
 * Newcomers wait until we let them in.
 */
waitingRoom: boolean, };

/**
 * What a device is for.
 */
export type DeviceKind = "camera" | "microphone" | "speaker";

/**
 * A device of this computer.
 */
export type Device = { 
/**
 * What it is for.
 */
kind: DeviceKind, 
/**
 * Opaque; what settings and commands take.
 */
id: string, 
/**
 * For people.
 */
name: string, 
/**
 * Used where none is chosen.
 */
isDefault: boolean, };

/**
 * A link from outside: a deep link, or a second start of the app.
 */
export type WaitingLink = { 
/**
 * As it came.
 */
text: string, };

/**
 * What became of a device that was to be opened.
 */
export type LobbyDevice = "off" | "opening" | "on" | "missing" | "failed";

/**
 * The lobby's devices. A note says in a sentence what is wrong, and what to do.
 */
export type LobbyState = { 
/**
 * The camera; its picture is the tile 'self'.
 */
camera: LobbyDevice, 
/**
 * About the camera.
 */
cameraNote: string | null, 
/**
 * The microphone.
 */
microphone: LobbyDevice, 
/**
 * About the microphone.
 */
microphoneNote: string | null, 
/**
 * The speaker.
 */
speaker: LobbyDevice, 
/**
 * About the speaker.
 */
speakerNote: string | null, };

/**
 * The microphone's level, 10 times a second while a lobby is open.
 */
export type MicrophoneLevel = { 
/**
 * 0 is silence, 1 the loudest.
 */
microphone: number, };

/**
 * What the network check found.
 */
export type NetworkCheck = { 
/**
 * The server answers.
 */
reachable: boolean, 
/**
 * To the server and back, ms.
 */
roundTripMs: number | null, 
/**
 * UDP gets out and back in.
 */
udp: boolean | null, 
/**
 * Calls need a relay.
 */
relayNeeded: boolean | null, 
/**
 * In a sentence, where there is something to say.
 */
note: string | null, };

/**
 * Where a call is.
 */
export type CallPhase = "joining" | "waiting" | "in" | "reconnecting" | "ended";

/**
 * The call as it is now.
 */
export type CallState = { 
/**
 * Where it is.
 */
phase: CallPhase, 
/**
 * The room's code.
 */
code: string, 
/**
 * What others open to come in.
 */
link: string, 
/**
 * What the app is doing about trouble, in a sentence.
 */
note: string | null, 
/**
 * When the room was entered, Unix ms; null before that.
 */
startedMs: number | null, 
/**
 * We.
 */
me: Me, 
/**
 * Our own tile first, then a tile for each picture or silent peer.
 */
tiles: Array<Tile>, 
/**
 * What limits this call.
 */
limit: LimitLine | null, 
/**
 * The room; null before it is entered.
 */
room: RoomShown | null, 
/**
 * Why it is over.
 */
ended: Ended | null, };

/**
 * The room as the page shows it.
 */
export type RoomShown = { 
/**
 * Its name.
 */
name: string, 
/**
 * We decide about it.
 */
host: boolean, 
/**
 * Ids of those who are hosts, '' for us.
 */
hosts: Array<string>, 
/**
 * Nobody new is let in.
 */
locked: boolean, 
/**
 * Newcomers wait for a host.
 */
waitingRoom: boolean, 
/**
 * When it ends for all, Unix ms.
 */
endsMs: number | null, 
/**
 * It ends so soon that everybody should see it.
 */
endsSoon: boolean, 
/**
 * Who wait to be let in; only where we decide.
 */
waiting: Array<Person>, 
/**
 * Who watch without taking part.
 */
observers: Array<Person>, 
/**
 * What a host did, in a sentence; for a moment.
 */
notice: string | null, };

/**
 * Somebody.
 */
export type Person = { 
/**
 * Participant id.
 */
id: string, 
/**
 * Shown name.
 */
name: string, };

/**
 * What a host decides.
 */
export type HostAct = { "what": "admit", 
/**
 * Participant id.
 */
id: string, } | { "what": "deny", 
/**
 * Participant id.
 */
id: string, } | { "what": "mute", 
/**
 * Participant id.
 */
id: string, } | { "what": "remove", 
/**
 * Participant id.
 */
id: string, } | { "what": "handOver", 
/**
 * Participant id.
 */
id: string, } | { "what": "lock", 
/**
 * Which of the two.
 */
locked: boolean, } | { "what": "end" };

/**
 * We in the call.
 */
export type Me = { 
/**
 * Our name.
 */
name: string, 
/**
 * The microphone is on and works.
 */
microphone: boolean, 
/**
 * The camera is on and works.
 */
camera: boolean, 
/**
 * About our devices, in a sentence.
 */
note: string | null, };

/**
 * How the connection to a peer is.
 */
export type Connection = "connecting" | "connected" | "reconnecting" | "gone";

/**
 * How good something was.
 */
export type QualityClass = "good" | "ok" | "bad" | "terrible";

/**
 * One picture on the screen.
 */
export type Tile = { 
/**
 * 'self', the peer's id, or `id:2` and so on for a peer's further pictures.
 */
id: string, 
/**
 * The peer's id; '' for our own.
 */
peer: string, 
/**
 * The name to show.
 */
name: string, 
/**
 * Our own.
 */
self: boolean, 
/**
 * The camera is on and gives pictures.
 */
video: boolean, 
/**
 * The microphone is on.
 */
audio: boolean, 
/**
 * Is speaking.
 */
speaking: boolean, 
/**
 * How it is at the moment.
 */
class: QualityClass | null, 
/**
 * The connection; our own is always connected.
 */
connection: Connection, 
/**
 * What is wrong and what is being done, in a sentence.
 */
note: string | null, 
/**
 * The last second.
 */
stats: TileStats | null, };

/**
 * The last second with a peer; null is not known. 'Sent' is from us to the peer.
 */
export type TileStats = { 
/**
 * Sound and pictures together, kbit/s.
 */
sentKbps: number | null, 
/**
 * Sound and pictures together, kbit/s.
 */
receivedKbps: number | null, 
/**
 * Packets the peer says it did not get, percent; the worse of sound and pictures.
 */
sentLoss: number | null, 
/**
 * Packets we did not get, percent; the worse of sound and pictures.
 */
receivedLoss: number | null, 
/**
 * To the peer and back, ms.
 */
rttMs: number | null, 
/**
 * How unevenly packets come, ms; the worse of sound and pictures.
 */
jitterMs: number | null, 
/**
 * Pictures a second that we decode.
 */
fps: number | null, 
/**
 * Width in pixels of the pictures that we get.
 */
width: number | null, 
/**
 * Height in pixels.
 */
height: number | null, 
/**
 * Pictures a second that we send.
 */
sentFps: number | null, 
/**
 * Width in pixels of the pictures that we send.
 */
sentWidth: number | null, 
/**
 * Height in pixels.
 */
sentHeight: number | null, 
/**
 * Time that sound waits in our buffer, ms.
 */
bufferMs: number | null, 
/**
 * Sound that had to be made up, percent.
 */
concealed: number | null, 
/**
 * From the peer's camera to our decoder, ms.
 */
latencyMs: number | null, 
/**
 * Candidate types and protocol, for example `host - host, udp`.
 */
path: string | null, };

/**
 * What limits the call.
 */
export type LimitLine = { 
/**
 * In a sentence.
 */
sentence: string, 
/**
 * On whose side: `our-uplink`, `their-computer`, `path`, `nobody`, ...
 */
side: string, };

/**
 * How a call ended.
 */
export type Ended = { 
/**
 * `left`, `replaced`, `connection-lost`, `media-failed`, or `unanswered` where nobody took our call.
 */
reason: string, 
/**
 * For people.
 */
sentence: string, };

/**
 * How loud each tile is, 5 times a second.
 */
export type SpeakingLevels = { 
/**
 * By tile id; 0 is silence, 1 the loudest.
 */
levels: { [key in string]: number }, };

/**
 * A line of the chat.
 */
export type ChatLine = { 
/**
 * Counted from 1 within a call: a line that comes twice is told by it.
 */
number: number, 
/**
 * Id of who wrote it.
 */
fromId: string, 
/**
 * Name of who wrote it.
 */
from: string, 
/**
 * The text, as it was written.
 */
text: string, 
/**
 * We wrote it: the server has taken it.
 */
own: boolean, 
/**
 * When it came, Unix ms.
 */
atMs: number, };

/**
 * What to look for; null is 'any'.
 */
export type HistoryFilter = { 
/**
 * In the code and the names, in any case; '' is any.
 */
text: string, 
/**
 * Not before, Unix ms.
 */
fromMs: number | null, 
/**
 * Before, Unix ms.
 */
toMs: number | null, 
/**
 * Of this quality.
 */
class: QualityClass | null, };

/**
 * A call in a list.
 */
export type CallLine = { 
/**
 * Its id in the history.
 */
id: number, 
/**
 * The room's code.
 */
code: string, 
/**
 * When it began, Unix ms.
 */
startedMs: number, 
/**
 * Time in the call, ms.
 */
durationMs: number, 
/**
 * Who was there.
 */
peers: Array<string>, 
/**
 * How it was.
 */
headline: HeadlineLine, 
/**
 * Still being recorded.
 */
underWay: boolean, };

/**
 * How a call was.
 */
export type HeadlineLine = { 
/**
 * In a word; null where too little is known.
 */
class: QualityClass | null, 
/**
 * Percent of its windows that were good or OK.
 */
goodShare: number | null, 
/**
 * In a few words.
 */
words: string, };

/**
 * A call in whole.
 */
export type CallDetail = { 
/**
 * As in the list.
 */
line: CallLine, 
/**
 * The whole in one sentence.
 */
summary: SummaryLine, 
/**
 * Our stays.
 */
sessions: Array<SessionLine>, 
/**
 * The gaps.
 */
breaks: Array<BreakLine>, 
/**
 * The others' stays.
 */
peers: Array<StayLine>, 
/**
 * What happened, the first first.
 */
events: Array<EventLine>, 
/**
 * What was wrong and on whose side.
 */
findings: Array<FindingLine>, };

/**
 * One unbroken stay of ours.
 */
export type SessionLine = { 
/**
 * Its id in the history.
 */
id: number, 
/**
 * Unix ms.
 */
startedMs: number, 
/**
 * Unix ms; null while it is being recorded.
 */
endedMs: number | null, 
/**
 * Why it ended.
 */
reason: string | null, };

/**
 * A gap in the record.
 */
export type BreakLine = { 
/**
 * Unix ms.
 */
fromMs: number, 
/**
 * Unix ms; now, where it has not ended.
 */
toMs: number, 
/**
 * As recorded.
 */
cause: string, 
/**
 * For people.
 */
words: string, };

/**
 * A stay of somebody else.
 */
export type StayLine = { 
/**
 * The name.
 */
name: string, 
/**
 * Unix ms.
 */
joinedMs: number, 
/**
 * Unix ms; null while it lasts.
 */
leftMs: number | null, 
/**
 * Why it ended.
 */
reason: string | null, };

/**
 * Something that happened.
 */
export type EventLine = { 
/**
 * Unix ms.
 */
atMs: number, 
/**
 * Whom it concerns; null for us or the whole call.
 */
who: string | null, 
/**
 * For people.
 */
words: string, };

/**
 * What a call was, taken as a whole.
 */
export type SummaryLine = { 
/**
 * For people.
 */
sentence: string, 
/**
 * How good; null where too little is known.
 */
class: QualityClass | null, };

/**
 * Something that was wrong.
 */
export type FindingLine = { 
/**
 * For people.
 */
sentence: string, 
/**
 * Unix ms.
 */
fromMs: number, 
/**
 * Unix ms.
 */
toMs: number, 
/**
 * How bad.
 */
class: QualityClass, };

/**
 * The numbers of a call, a row for each sample of a track.
 */
export type HistoryTable = { 
/**
 * What stands in each column.
 */
columns: Array<TableColumn>, 
/**
 * Cells; null is not measured.
 */
rows: Array<Array<Cell>>, };

/**
 * A column of the table.
 */
export type TableColumn = { 
/**
 * Stable name, as in the history's file.
 */
key: string, 
/**
 * For people.
 */
title: string, 
/**
 * Of its numbers; '' where there is none.
 */
unit: string, };

/**
 * A cell of the table.
 */
export type Cell = number | string | null;

/**
 * The head of a frame of charts.
 */
export type ChartHead = { 
/**
 * The range of time that is shown, Unix ms.
 */
rangeMs: [number, number], 
/**
 * What is under the crosshair.
 */
hover: ChartHover | null, 
/**
 * The legend.
 */
series: Array<ChartSeries>, 
/**
 * Ask again after so many ms, also without input; null need not be asked for.
 */
repaintAfterMs: number | null, 
/**
 * Height at which nothing has to be scrolled, CSS pixels.
 */
heightPoints: number, };

/**
 * An entry of the legend.
 */
export type ChartSeries = { 
/**
 * For `hide`.
 */
id: string, 
/**
 * For people.
 */
name: string, 
/**
 * `#rrggbb`.
 */
color: string, 
/**
 * SVG's `stroke-dasharray` of its lines; '' for a line without pauses.
 */
dash: string, 
/**
 * Not drawn.
 */
hidden: boolean, };

/**
 * The moment under the crosshair.
 */
export type ChartHover = { 
/**
 * Unix ms.
 */
atMs: number, 
/**
 * What was measured then.
 */
values: Array<ChartReading>, };

/**
 * A value under the crosshair.
 */
export type ChartReading = { 
/**
 * Title of the chart.
 */
chart: string, 
/**
 * Which line of it.
 */
line: string, 
/**
 * Of the numbers.
 */
unit: string, 
/**
 * Mean of the sample.
 */
mean: number, 
/**
 * Its least second.
 */
min: number, 
/**
 * Its greatest second.
 */
max: number, };

/**
 * A file that the app wrote.
 */
export type WrittenFile = { 
/**
 * Where.
 */
path: string, };

/**
 * What an export is made of.
 */
export type ExportFormat = "csv" | "json";

/**
 * Everything about people outside a call, as it is now.
 */
export type PeopleState = { 
/**
 * The server has accounts; null where that is not known (yet).
 */
accounts: boolean | null, 
/**
 * The account that is signed in to; null where none is.
 */
name: string | null, 
/**
 * It may look into everything on the server.
 */
admin: boolean, 
/**
 * It can be called now: the server knows that this computer is there.
 */
here: boolean, 
/**
 * What is to be said about the account, in a sentence.
 */
note: string | null, 
/**
 * Whom the user knows, in the order of the alphabet.
 */
contacts: Array<Contact>, 
/**
 * Calls that nobody took, the latest first.
 */
missed: Array<MissedCall>, 
/**
 * A call that comes in.
 */
incoming: IncomingCall | null, 
/**
 * A call to somebody who has not answered yet.
 */
outgoing: OutgoingCall | null, 
/**
 * A random partner.
 */
meet: MeetState, };

/**
 * Somebody the user knows.
 */
export type Contact = { 
/**
 * Account name.
 */
name: string, 
/**
 * Is there to be called; null where that is not known.
 */
here: boolean | null, };

/**
 * A call that nobody took.
 */
export type MissedCall = { 
/**
 * Who called: account name.
 */
from: string, 
/**
 * When, Unix ms.
 */
atMs: number, 
/**
 * The user was shown it before.
 */
seen: boolean, };

/**
 * A call that comes in.
 */
export type IncomingCall = { 
/**
 * For `acceptCall` and `declineCall`.
 */
id: string, 
/**
 * Who calls: account name.
 */
from: string, 
/**
 * How many more call at the same time.
 */
others: number, 
/**
 * It makes no sound (any more).
 */
silent: boolean, 
/**
 * It was accepted, and the server has not said yet that we have it.
 */
accepted: boolean, };

/**
 * A call to somebody who has not answered yet.
 */
export type OutgoingCall = { 
/**
 * Account name.
 */
name: string, 
/**
 * It rings on so many devices; null while that is not known.
 */
devices: number | null, };

/**
 * Where one is with random partners.
 */
export type MeetPhase = "idle" | "entering" | "waiting" | "paired";

/**
 * A random partner.
 */
export type MeetState = { 
/**
 * Where one is.
 */
phase: MeetPhase, 
/**
 * How many others wait.
 */
others: number, 
/**
 * Shown name of the partner; '' without one.
 */
partner: string, 
/**
 * What happened, in a sentence.
 */
note: string | null, };

/**
 * A call that the app enters by itself; how it goes is told as of any other.
 */
export type EnteredCall = { 
/**
 * Where it is.
 */
invitation: Invitation, 
/**
 * Shown name of the random partner in it; null where it is a call by name.
 */
partner: string | null, 
/**
 * Microphone is on from the start.
 */
microphoneOn: boolean, 
/**
 * Camera is on from the start.
 */
cameraOn: boolean, };

/**
 * Something to be said once.
 */
export type Said = { 
/**
 * In a sentence.
 */
sentence: string, 
/**
 * It went wrong.
 */
bad: boolean, };
