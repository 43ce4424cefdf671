/**
 * The native side as functions with types.
 *
 * Invariants: no other file names a command or an event; whatever fails here fails as a `Problem`; a command goes out
 * after the listeners that were asked for before it are in place, so none of its events is missed.
 */

/** `IpcError`, or what else went wrong: then the code is 'unknown'. @typedef {{code: string, message: string}} Problem */

/** @typedef {import('../generated/ipc.js').PeopleState} PeopleState */

/** @param {string} command @param {Record<string, unknown>} [args] @returns {Promise<any>} */
async function call(command, args) {
  try {
    await listening;
    return await window.__TAURI__.core.invoke(command, args);
  } catch (error) {
    throw problem(error);
  }
}

/**
 * What went wrong, as code and sentence, whatever shape it came in.
 * @param {unknown} error
 * @returns {Problem}
 */
export function problem(error) {
  if (typeof error === 'object' && error !== null && 'message' in error) {
    const code = 'code' in error ? String(error.code) : 'unknown';
    return { code, message: String(error.message) };
  }
  return { code: 'unknown', message: String(error) };
}

/** That all listeners are in place. @type {Promise<unknown>} */
let listening = Promise.resolve();

/**
 * Listens until the returned function is called; also if that happens before the native side has answered.
 * @param {string} name
 * @param {(payload: any) => void} handler
 * @returns {() => void}
 */
function listen(name, handler) {
  let wanted = true;
  const registered = window.__TAURI__.event.listen(name, (event) => {
    if (wanted) handler(event.payload);
  });
  // Without its values: they would keep each listener that ever was, and with it the view it belonged to.
  listening = Promise.all([listening, registered]).then(() => undefined);
  return () => {
    wanted = false;
    void registered.then((stop) => stop());
  };
}

export const backend = {
  /** @returns {Promise<import('../generated/ipc.js').Boot>} */
  boot: () => call('boot'),
  /** @param {import('../generated/ipc.js').Settings} settings @returns {Promise<import('../generated/ipc.js').Settings>} */
  saveSettings: (settings) => call('saveSettings', { settings }),
  /** The server inside the app; starts it where it is to be used. @returns {Promise<import('../generated/ipc.js').Hosting>} */
  hosting: () => call('hosting'),
  /** How sharing stands, and what is sent. @returns {Promise<import('../generated/ipc.js').Sharing>} */
  sharing: () => call('sharing'),
  /** @returns {Promise<import('../generated/ipc.js').Device[]>} */
  devices: () => call('devices'),

  /**
   * @param {import('../generated/ipc.js').RoomPlan} plan
   * @returns {Promise<import('../generated/ipc.js').Invitation>}
   */
  startCall: (plan) => call('startCall', { plan }),
  /** @param {string} text @returns {Promise<import('../generated/ipc.js').Invitation>} */
  openInvitation: (text) => call('openInvitation', { text }),

  /**
   * Opens what is given; `null` keeps it off.
   * @param {{camera: string | null, microphone: string | null, speaker: string}} devices
   * @returns {Promise<void>}
   */
  lobbyOpen: (devices) => call('lobbyOpen', devices),
  /** @returns {Promise<void>} */
  lobbyClose: () => call('lobbyClose'),
  /** @returns {Promise<void>} */
  testTone: () => call('testTone'),
  /** @param {string} server @returns {Promise<import('../generated/ipc.js').NetworkCheck>} */
  checkNetwork: (server) => call('checkNetwork', { server }),

  /**
   * @param {{code: string, server: string, password: string, microphoneOn: boolean, cameraOn: boolean}} how
   * @returns {Promise<import('../generated/ipc.js').CallState>}
   */
  joinCall: (how) => call('joinCall', how),
  /** @param {boolean} on @returns {Promise<void>} */
  setMicrophone: (on) => call('setMicrophone', { on }),
  /** @param {boolean} on @returns {Promise<void>} */
  setCamera: (on) => call('setCamera', { on }),
  /** @param {import('../generated/ipc.js').DeviceKind} kind @param {string} id @returns {Promise<void>} */
  setDevice: (kind, id) => call('setDevice', { kind, id }),
  /** @param {string} text @returns {Promise<void>} */
  sendChat: (text) => call('sendChat', { text }),
  /** What was written so far, the oldest first. @returns {Promise<import('../generated/ipc.js').ChatLine[]>} */
  chatLines: () => call('chatLines'),
  /** What we decide as the host. @param {import('../generated/ipc.js').HostAct} act @returns {Promise<void>} */
  hostAct: (act) => call('hostAct', { act }),
  /** @returns {Promise<void>} */
  mark: () => call('mark'),
  /** @returns {Promise<void>} */
  leaveCall: () => call('leaveCall'),

  /**
   * @param {import('../generated/ipc.js').HistoryFilter} filter
   * @param {number} limit
   * @param {number} skip
   * @returns {Promise<import('../generated/ipc.js').CallLine[]>}
   */
  historyCalls: (filter, limit, skip) => call('historyCalls', { filter, limit, skip }),
  /** @param {import('../generated/ipc.js').CallLine['id']} id @returns {Promise<import('../generated/ipc.js').CallDetail>} */
  historyCall: (id) => call('historyCall', { id }),
  /**
   * @param {import('../generated/ipc.js').CallLine['id']} id
   * @param {number} fromMs
   * @param {number} toMs
   * @returns {Promise<import('../generated/ipc.js').HistoryTable>}
   */
  historyTable: (id, fromMs, toMs) => call('historyTable', { id, fromMs, toMs }),
  /** @param {import('../generated/ipc.js').CallLine['id']} id @param {'csv' | 'json'} format @returns {Promise<{path: string}>} */
  historyExport: (id, format) => call('historyExport', { id, format }),
  /** @param {import('../generated/ipc.js').CallLine['id']} id @returns {Promise<void>} */
  historyDelete: (id) => call('historyDelete', { id }),

  /**
   * @param {{id: import('../generated/ipc.js').CallLine['id'], look: {dark: boolean, pixels: boolean},
   *   input: import('../history/input.js').ChartInput}} what
   * @returns {Promise<ArrayBuffer>}
   */
  chartOpen: (what) => call('chartOpen', what),
  /**
   * Of the charts in a place: two can stand side by side.
   * @param {number} place
   * @param {import('../history/input.js').ChartInput} input
   * @returns {Promise<ArrayBuffer>}
   */
  chartInput: (place, input) => call('chartInput', { place, input }),
  /** @param {number} place @returns {Promise<void>} */
  chartClose: (place) => call('chartClose', { place }),
  /** @param {number} place @returns {Promise<{path: string}>} */
  chartPng: (place) => call('chartPng', { place }),
  /** @param {string} path @returns {Promise<void>} */
  openPath: (path) => call('openPath', { path }),

  /** People outside a call, as they are now. @returns {Promise<PeopleState>} */
  people: () => call('people'),
  /** Asks the server whether it has accounts. @returns {Promise<PeopleState>} */
  lookForAccounts: () => call('lookForAccounts'),
  /** @param {string} name @param {string} password @returns {Promise<PeopleState>} */
  register: (name, password) => call('register', { name, password }),
  /** @param {string} name @param {string} password @returns {Promise<PeopleState>} */
  signIn: (name, password) => call('signIn', { name, password }),
  /** @returns {Promise<PeopleState>} */
  signOut: () => call('signOut'),
  /** @param {string} old @param {string} next @returns {Promise<void>} */
  changePassword: (old, next) => call('changePassword', { old, new: next }),
  /** Whom the account blocks. @returns {Promise<string[]>} */
  blockedNames: () => call('blockedNames'),
  /** Gives whom the account blocks from now on. @param {string} name @param {boolean} blocked @returns {Promise<string[]>} */
  setBlocked: (name, blocked) => call('setBlocked', { name, blocked }),
  /** @param {string} password @returns {Promise<PeopleState>} */
  deleteAccount: (password) => call('deleteAccount', { password }),
  /** @param {string} name @returns {Promise<PeopleState>} */
  addContact: (name) => call('addContact', { name }),
  /** @param {string} name @returns {Promise<PeopleState>} */
  removeContact: (name) => call('removeContact', { name }),
  /** All missed calls were looked at. @returns {Promise<void>} */
  missedSeen: () => call('missedSeen'),
  /** Resolves when it rings; the call is entered by itself. @param {string} name @returns {Promise<void>} */
  callPerson: (name) => call('callPerson', { name }),
  /** @param {string} id @returns {Promise<void>} */
  acceptCall: (id) => call('acceptCall', { id }),
  /** @param {string} id @returns {Promise<void>} */
  declineCall: (id) => call('declineCall', { id }),
  /** No sound any more of what comes in. @returns {Promise<void>} */
  silenceCall: () => call('silenceCall'),
  /** @returns {Promise<void>} */
  meetEnter: () => call('meetEnter'),
  /** @returns {Promise<void>} */
  meetNext: () => call('meetNext'),
  /** @returns {Promise<void>} */
  meetBlock: () => call('meetBlock'),
  /** @param {string} reason @returns {Promise<void>} */
  meetReport: (reason) => call('meetReport', { reason }),
  /** @returns {Promise<void>} */
  meetLeave: () => call('meetLeave'),
  /** Who is signed in as an admin. @returns {Promise<import('../generated/ipc.js').AdminSession | null>} */
  adminStanding: () => call('adminStanding'),
  /**
   * @param {string} server '' is the one that is set
   * @param {import('../generated/ipc.js').AdminKey} key
   * @returns {Promise<import('../generated/ipc.js').AdminSession>}
   */
  adminSignIn: (server, key) => call('adminSignIn', { server, key }),
  /** @returns {Promise<void>} */
  adminSignOut: () => call('adminSignOut'),
  /** @returns {Promise<import('../generated/ipc.js').AdminRoom[]>} */
  adminRooms: () => call('adminRooms'),
  /** @param {string} room @returns {Promise<void>} */
  adminEndRoom: (room) => call('adminEndRoom', { room }),
  /**
   * @param {import('../generated/ipc.js').AdminFilter} filter
   * @returns {Promise<import('../generated/ipc.js').AdminCallPage>}
   */
  adminCalls: (filter) => call('adminCalls', { filter }),
  /** @param {string} room @returns {Promise<import('../generated/ipc.js').AdminCallDetails>} */
  adminCall: (room) => call('adminCall', { room }),
  /** @param {string} room @returns {Promise<void>} */
  adminDeleteCall: (room) => call('adminDeleteCall', { room }),
  /**
   * @param {{room: string, code: string, startedMs: number, format: 'csv' | 'json'}} what
   * @returns {Promise<{path: string}>}
   */
  adminExport: (what) => call('adminExport', what),
  /**
   * @param {number | null} fromMs
   * @param {number | null} toMs
   * @returns {Promise<import('../generated/ipc.js').Totals>}
   */
  adminTotals: (fromMs, toMs) => call('adminTotals', { fromMs, toMs }),
  /** @param {number} limit @param {number} offset @returns {Promise<import('../generated/ipc.js').AuditPage>} */
  adminAudit: (limit, offset) => call('adminAudit', { limit, offset }),
  /** @param {number} limit @param {number} offset @returns {Promise<import('../generated/ipc.js').ReportLine[]>} */
  adminComplaints: (limit, offset) => call('adminComplaints', { limit, offset }),
  /** @param {number} report @returns {Promise<void>} */
  adminPutAway: (report) => call('adminPutAway', { report }),
  /**
   * @param {import('../generated/ipc.js').AdminAccountFilter} filter
   * @returns {Promise<import('../generated/ipc.js').AdminAccountPage>}
   */
  adminAccounts: (filter) => call('adminAccounts', { filter }),
  /** @param {string} name @param {boolean} admin @returns {Promise<void>} */
  adminSetAdmin: (name, admin) => call('adminSetAdmin', { name, admin }),
  /** @param {string} name @returns {Promise<void>} */
  adminDeleteAccount: (name) => call('adminDeleteAccount', { name }),
  /**
   * Reads what was reported of a call: for the two below.
   * @param {string} room
   * @param {string} code
   * @returns {Promise<import('../generated/ipc.js').AdminPerson[]>}
   */
  adminReports: (room, code) => call('adminReports', { room, code }),
  /**
   * @param {{room: string, person: number, fromMs: number, toMs: number}} what
   * @returns {Promise<import('../generated/ipc.js').HistoryTable>}
   */
  adminTable: (what) => call('adminTable', what),
  /**
   * @param {{room: string, which: import('../generated/ipc.js').AdminCharts, place: number,
   *   look: {dark: boolean, pixels: boolean}, input: import('../history/input.js').ChartInput}} what
   * @returns {Promise<ArrayBuffer>}
   */
  adminChartOpen: (what) => call('adminChartOpen', what),
};

export const on = {
  /** @param {(devices: import('../generated/ipc.js').Device[]) => void} handler */
  devices: (handler) => listen('devices', handler),
  /** @param {(lobby: import('../generated/ipc.js').LobbyState) => void} handler */
  lobby: (handler) => listen('lobby', handler),
  /** @param {(level: {microphone: number}) => void} handler */
  level: (handler) => listen('level', handler),
  /** @param {(state: import('../generated/ipc.js').CallState) => void} handler */
  call: (handler) => listen('call', handler),
  /** @param {(speaking: {levels: Record<string, number>}) => void} handler */
  speaking: (handler) => listen('speaking', handler),
  /** @param {(chat: import('../generated/ipc.js').ChatLine) => void} handler */
  chat: (handler) => listen('chat', handler),
  /** @param {(link: {text: string}) => void} handler */
  link: (handler) => listen('link', handler),
  /** @param {(state: PeopleState) => void} handler */
  people: (handler) => listen('people', handler),
  /** The native side enters a call by itself. @param {(call: import('../generated/ipc.js').EnteredCall) => void} handler */
  enter: (handler) => listen('enter', handler),
  /** @param {(said: import('../generated/ipc.js').Said) => void} handler */
  said: (handler) => listen('said', handler),
};
