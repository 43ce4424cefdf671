// Generated from src-tauri/src/ipc by `UPDATE_TYPES=1 cargo test -p sightline types`. Do not edit.

/**
 * What went wrong, for programs.
 */
export type ErrorCode = "bad-code" | "no-room" | "no-server" | "room-full" | "refused" | "media" | "not-now" | "bad-input" | "file" | "not-found" | "unauthorized" | "forbidden" | "gone" | "internal";

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

/**
 * What one signs in with.
 */
export type AdminKey = { "token": { 
/**
 * It.
 */
token: string, } } | { "account": { 
/**
 * Its name.
 */
name: string, 
/**
 * Its password.
 */
password: string, } };

/**
 * Who is signed in, and where.
 */
export type AdminSession = { 
/**
 * The server.
 */
server: string, 
/**
 * The account; null with the admin token.
 */
name: string | null, };

/**
 * A room that is open.
 */
export type AdminRoom = { 
/**
 * Its id.
 */
roomId: string, 
/**
 * Its name.
 */
name: string, 
/**
 * Its code; null where the server did not tell.
 */
code: string | null, 
/**
 * When it was made, Unix ms; null where the server's time cannot be read.
 */
createdMs: number | null, 
/**
 * When it ends, Unix ms; null where it has no end.
 */
expiresMs: number | null, 
/**
 * Nobody new is let in.
 */
locked: boolean, 
/**
 * Most members at a time; null where the server did not tell.
 */
maxParticipants: number | null, 
/**
 * Members in the order in which they came.
 */
people: Array<AdminMember>, 
/**
 * How many wait to be let in.
 */
waiting: number, 
/**
 * How many watch.
 */
observers: number, };

/**
 * A member of an open room.
 */
export type AdminMember = { 
/**
 * Participant id.
 */
id: string, 
/**
 * Shown name.
 */
name: string, 
/**
 * Decides about the room.
 */
host: boolean, 
/**
 * The microphone is on.
 */
microphone: boolean, 
/**
 * The camera is on.
 */
camera: boolean, 
/**
 * Lost its connection, and may come back.
 */
away: boolean, };

/**
 * Somebody in the reports of a call; its place in the list names it.
 */
export type AdminPerson = { 
/**
 * Shown name; '' where it was never told.
 */
name: string, 
/**
 * Reported itself; the others are known from those who did.
 */
reported: boolean, 
/**
 * Its participant ids.
 */
ids: Array<string>, };

/**
 * Charts of the reports of a call; persons by their place in the list.
 */
export type AdminCharts = { "person": number } | { "end": { 
/**
 * Who sends.
 */
from: number, 
/**
 * Who receives.
 */
to: number, 
/**
 * The receiver's end.
 */
received: boolean, } };

/**
 * Order of a list of calls.
 */
export type CallSort = "newest" | "oldest" | "longest" | "worst" | "people";

/**
 * How a call was, in one word (docs/metrics.md: Headline).
 */
export type CallQuality = "unknown" | "good" | "ok" | "bad" | "terrible";

/**
 * Which calls are wanted; the default is the newest of all. Serves as a query string as well.
 */
export type AdminFilter = { 
/**
 * The call went on at or after this time.
 */
fromMs?: number, 
/**
 * It began before this time.
 */
toMs?: number, 
/**
 * Words, each of which is in the code, the room's name or somebody's name, in any case.
 */
text: string, 
/**
 * How it was.
 */
quality?: CallQuality, 
/**
 * Why somebody left, a session ended or the room ended, for example `crash`.
 */
reason?: string, 
/**
 * What comes first.
 */
sort: CallSort, 
/**
 * Calls on a page; 0 is as many as the server gives by default.
 */
limit: number, 
/**
 * Calls to skip.
 */
offset: number, };

/**
 * A page of the list of calls.
 */
export type AdminCallPage = { 
/**
 * The page.
 */
calls: Array<AdminCall>, 
/**
 * Calls that the filter asks for, on all pages.
 */
total: number, };

/**
 * A call in a list.
 */
export type AdminCall = { 
/**
 * The room.
 */
roomId: string, 
/**
 * Its code.
 */
code: string, 
/**
 * Its name, if it had one.
 */
name?: string, 
/**
 * When somebody first came.
 */
startedMs: number, 
/**
 * When the last one went; absent while somebody is in it.
 */
endedMs?: number, 
/**
 * When the room ended; absent while it can be joined.
 */
roomEndedMs?: number, 
/**
 * Why it ended.
 */
endReason?: string, 
/**
 * Participants, by participant id.
 */
people: number, 
/**
 * Their names, each once, in the order of coming; not more than the list shows.
 */
names: Array<string>, 
/**
 * Time in the call of all together, of stays that have ended, in milliseconds.
 */
talkMs: number, 
/**
 * Participants who uploaded their record.
 */
reporters: number, 
/**
 * 15 s windows with a verdict, of all who reported.
 */
windows: number, 
/**
 * Those of them that were good or OK.
 */
goodWindows: number, 
/**
 * How it was.
 */
quality: CallQuality, 
/**
 * What spoilt most, as in `LogSession::worst`.
 */
worst?: string, 
/**
 * Why stays, sessions and the room ended, each reason once.
 */
reasons: Array<string>, };

/**
 * One call.
 */
export type AdminCallDetails = { 
/**
 * As in the list.
 */
call: AdminCall, 
/**
 * When the room was made.
 */
createdMs: number, 
/**
 * By whom, if that is known.
 */
createdBy?: string, 
/**
 * In the order of coming.
 */
stays: Array<AdminStay>, 
/**
 * Uploaded sessions in the order of their start.
 */
sessions: Array<AdminCallSession>, 
/**
 * Breaks in the order of their start.
 */
breaks: Array<AdminBreak>, 
/**
 * Of how many participants there is a record.
 */
coverage: Coverage, 
/**
 * Stays, sessions and breaks that are left out because there are more than the server gives.
 */
leftOut: number, };

/**
 * A stay of a participant.
 */
export type AdminStay = { 
/**
 * Participant id.
 */
userId: string, 
/**
 * Account, if the participant was signed in.
 */
account?: string, 
/**
 * Shown name.
 */
name: string, 
/**
 * `host`, `guest`, `observer`, ...
 */
role: string, 
/**
 * Came.
 */
joinedMs: number, 
/**
 * Went; absent while the stay lasts.
 */
leftMs?: number, 
/**
 * Why.
 */
reason?: string, };

/**
 * An uploaded session.
 */
export type AdminCallSession = { 
/**
 * What the reporter said of it, its times corrected.
 */
session: LogSession, 
/**
 * How it was.
 */
quality: CallQuality, 
/**
 * What was added to the reporter's times, milliseconds.
 */
clockMs: number, 
/**
 * Kind of path to the first peer.
 */
path: PathType, };

/**
 * One unbroken presence of the client in a call, as far as it is known when the batch is sent. The latest batch counts.
 */
export type LogSession = { 
/**
 * Made by the client at random: 8 to 64 letters, digits and hyphens.
 */
id: string, 
/**
 * The client's participant id in this session.
 */
userId: string, 
/**
 * Its name there.
 */
name: string, 
/**
 * For example `0.1.0`.
 */
clientVersion: string, 
/**
 * `linux`, `macos`, `windows`.
 */
platform: string, 
/**
 * Milliseconds since the Unix epoch, by the client's clock.
 */
startedMs: number, 
/**
 * Absent while it lasts.
 */
endedMs?: number, 
/**
 * `left`, `crash`, ...
 */
endReason?: string, 
/**
 * Join pressed to first picture, by step.
 */
setup: LogSetup, 
/**
 * 15 s windows with a verdict so far.
 */
windows: number, 
/**
 * Those of them that were good or OK.
 */
goodWindows: number, 
/**
 * What spoilt most, as `cause kind direction`, for example `loss audio inbound`.
 */
worst?: string, };

/**
 * How long each step of set-up took, in milliseconds from 'join pressed' on.
 */
export type LogSetup = { 
/**
 * Room entered over signaling.
 */
signalingMs?: number, 
/**
 * ICE connected.
 */
iceMs?: number, 
/**
 * DTLS done.
 */
dtlsMs?: number, 
/**
 * First remote frame decoded.
 */
firstFrameMs?: number, };

/**
 * A stretch in which a participant was away, or nothing could be measured.
 */
export type AdminBreak = { 
/**
 * Participant id of whom it concerns; of the one who came back, where the id changed.
 */
userId: string, 
/**
 * Shown name.
 */
name: string, 
/**
 * To whom the connection was lost, where it was lost to one peer only.
 */
peer?: string, 
/**
 * Began.
 */
startMs: number, 
/**
 * Ended; absent while it lasts.
 */
endMs?: number, 
/**
 * Why, as it was reported, or why the stay before it ended.
 */
cause: string, 
/**
 * It lies between two stays, by the server's own record.
 */
betweenStays: boolean, };

/**
 * Of how many participants there is a record: '3 of 4 reported'.
 */
export type Coverage = { 
/**
 * Participants who uploaded.
 */
reported: number, 
/**
 * Participants who were there.
 */
of: number, };

/**
 * Kind of a path between two peers: the less direct of both ends, and the transport.
 */
export type PathType = "unknown" | "host-udp" | "host-tcp" | "reflexive-udp" | "reflexive-tcp" | "relay-udp" | "relay-tcp";

/**
 * Totals over a range.
 */
export type Totals = { 
/**
 * The range that was asked for, its ends moved outwards to full hours of UTC.
 */
fromMs: number, 
/**
 * Not included.
 */
toMs: number, 
/**
 * Calls that went on in it.
 */
calls: number, 
/**
 * Participants' minutes in calls, as far as they are in the range.
 */
minutes: number, 
/**
 * Participants: by account, and those without one by participant id.
 */
people: number, 
/**
 * Of all that was uploaded.
 */
quality: Figures, 
/**
 * The same by client version: those with most sessions, the rest together as `other`.
 */
byVersion: Array<TotalsGroup>, 
/**
 * The same by kind of path ([`PathType`]).
 */
byPath: Array<TotalsGroup>, 
/**
 * The worst calls, the worst first.
 */
worst: Array<AdminCall>, };

/**
 * A part of the totals.
 */
export type TotalsGroup = { 
/**
 * Client version or kind of path.
 */
name: string, 
/**
 * Calls in which such a client reported, or such a path was used.
 */
calls: number, 
/**
 * Participants who reported them.
 */
people: number, 
/**
 * The figures.
 */
quality: Figures, };

/**
 * What uploads say about quality. Percentiles are by nearest rank; those of loss and round trip within 1 % of the exact
 * value.
 */
export type Figures = { 
/**
 * Minutes for which connections were measured, of all reporters and each of their peers.
 */
connectedMinutes: number, 
/**
 * Loss over windows of tracks in both directions, percent.
 */
lossPercent: Percentiles, 
/**
 * Round trip over windows of connections (STUN), milliseconds.
 */
rttMs: Percentiles, 
/**
 * 'Join pressed' to first picture, or to DTLS done where none came, over sessions, milliseconds. By path: sessions
 * whose first path it was.
 */
setupMs: Percentiles, 
/**
 * Share of the windows of tracks that were good or OK, percent.
 */
goodPercent?: number, };

/**
 * Median and 95th percentile.
 */
export type Percentiles = { 
/**
 * Median.
 */
p50?: number, 
/**
 * 95th percentile.
 */
p95?: number, 
/**
 * Of so many values.
 */
count: number, };

/**
 * A page of the audit log, the latest first.
 */
export type AuditPage = { 
/**
 * The page.
 */
entries: Array<AuditLine>, 
/**
 * Entries on all pages.
 */
total: number, };

/**
 * Something an admin, or the server on its own, did.
 */
export type AuditLine = { 
/**
 * When.
 */
unixMs: number, 
/**
 * Who.
 */
who: string, 
/**
 * For example `delete-call`.
 */
action: string, 
/**
 * To what, for example a room id.
 */
what?: string, 
/**
 * More in words.
 */
detail?: string, };

/**
 * What somebody reported about a random partner.
 */
export type ReportLine = { 
/**
 * Names the report.
 */
id: number, 
/**
 * Who reported: name, and id of the account or the visit.
 */
who: string, 
/**
 * Of the same kind.
 */
whoId: string, 
/**
 * Whom.
 */
whom: string, 
/**
 * Of the same kind.
 */
whomId: string, 
/**
 * Id of their room.
 */
roomId: string, 
/**
 * In the words of the one who reported.
 */
reason: string, 
/**
 * Milliseconds since the Unix epoch.
 */
unixMs: number, };

/**
 * Which accounts are wanted: a query string. The default is the first page of all.
 */
export type AdminAccountFilter = { 
/**
 * Part of the name, in any case.
 */
text: string, 
/**
 * Accounts on a page; 0 is as many as the server gives by default.
 */
limit: number, 
/**
 * Accounts to skip.
 */
offset: number, };

/**
 * A page of the list of accounts, by name.
 */
export type AdminAccountPage = { 
/**
 * The page.
 */
accounts: Array<AdminAccount>, 
/**
 * Accounts that the filter asks for, on all pages.
 */
total: number, };

/**
 * An account in a list.
 */
export type AdminAccount = { 
/**
 * As it is shown.
 */
name: string, 
/**
 * May do what admins may.
 */
admin: boolean, 
/**
 * When it was made.
 */
createdMs: number, 
/**
 * When it was last used, by the sessions that it has, to a day; absent when none is left.
 */
lastSeenMs?: number, 
/**
 * Has a device connected.
 */
online: boolean, };
