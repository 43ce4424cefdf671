/**
 * The lobby before each call: camera preview, devices, level, test tone, network check, and what to send to others.
 *
 * Invariant: the devices are open exactly while the lobby is shown; it works, and says so, without any of them.
 */
import { backend, on, problem } from '../lib/backend.js';
import { announce } from '../lib/announce.js';
import { KINDS, fillPicker, showSwitch } from '../lib/devices.js';
import { fill, h, set, setText } from '../lib/dom.js';
import { duration } from '../lib/format.js';
import { dot, field } from '../lib/parts.js';
import { invitePart } from '../call/invite.js';
import { icon } from '../icons.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').DeviceKind} DeviceKind */

/** The tile of one's own camera. */
const SELF = 'self';
/** The longest password that a room can have, in characters; as the server takes it. */
const PASSWORD_LENGTH = 128;
const MINUTE_MS = 60_000;

export class LobbyView {
  title = t.lobby.window;
  alone = true;
  microphoneOn = true;
  cameraOn = true;
  /** Commands to the devices go one after another. @type {Promise<void>} */
  #queue = Promise.resolve();
  /** @type {import('../generated/ipc.js').LobbyState | null} */
  #devices = null;
  #previewing = false;
  #closed = false;

  screen = h('div', { class: 'preview-picture', 'data-mirrored': '' });
  previewState = h('div', { class: 'preview-state' });
  microphoneButton = h('button', { type: 'button', class: 'round', onclick: () => this.#switchMicrophone() });
  cameraButton = h('button', { type: 'button', class: 'round', onclick: () => this.#switchCamera() });
  meter = h('div', { class: 'meter', 'aria-hidden': 'true' }, h('i'));
  microphoneNote = h('p', { class: 'hint', role: 'status' });
  pickers = new Map(KINDS.map((kind) => [kind, h('select', { onchange: () => void this.#picked(kind) })]));
  network = h('div', { class: 'network' });
  joinButton = h('button', { class: 'primary' }, t.lobby.join);
  password = h('input', {
    type: 'password',
    autocomplete: 'off',
    maxlength: PASSWORD_LENGTH,
    'aria-describedby': 'password-problem',
  });
  passwordProblem = h('p', { class: 'problem', id: 'password-problem', role: 'alert' });

  /**
   * @param {import('../main.js').App} app
   * @param {import('../generated/ipc.js').Invitation} invitation
   * @param {boolean} own
   * @param {import('../generated/ipc.js').RoomPlan} [plan]
   */
  constructor(app, invitation, own, plan) {
    this.app = app;
    this.invitation = invitation;
    this.own = own;
    this.hints = own ? ownHints(plan) : invitation.waitingRoom ? [t.room.lobby.waitingRoom] : [];
    this.element = this.#build();
    this.#showSwitches();
    this.stops = [
      on.devices((devices) => this.#showDevices(devices)),
      on.lobby((lobby) => this.#showLobby(lobby)),
      on.level(({ microphone }) => this.meter.style.setProperty('--level', String(Math.min(1, microphone)))),
    ];
    void this.#listDevices();
    this.#open();
    void this.#check();
  }

  close() {
    this.#closed = true;
    for (const stop of this.stops) stop();
    this.app.frames.detach(SELF);
    this.#later(() => backend.lobbyClose());
  }

  #build() {
    return h(
      'div',
      { class: 'page scroll lobby' },
      h(
        'div',
        { class: 'inner' },
        h(
          'header',
          { class: 'row' },
          h(
            'button',
            {
              type: 'button',
              class: 'plain icon-only',
              'aria-label': t.lobby.back,
              title: t.lobby.back,
              onclick: () => this.app.go('home'),
            },
            icon('back'),
          ),
          h(
            'div',
            { class: 'grow' },
            h('h1', {}, this.own ? t.lobby.titleOwn : t.lobby.title),
            h(
              'p',
              { class: 'soft small clip' },
              this.invitation.name !== '' && h('b', { class: 'room-name' }, this.invitation.name),
              h('span', { class: 'mono' }, this.invitation.code),
            ),
          ),
        ),
        h('div', { class: 'lobby-columns' }, this.#left(), this.#right(), this.own && invitePart(this.invitation)),
      ),
    );
  }

  #left() {
    return h(
      'div',
      { class: 'col' },
      h(
        'div',
        { class: 'preview' },
        this.screen,
        this.previewState,
        h('div', { class: 'preview-name' }, this.app.settings.name),
        h('div', { class: 'preview-controls' }, this.microphoneButton, this.cameraButton),
      ),
      h('div', { class: 'row' }, icon('microphone'), h('div', { class: 'grow' }, this.meter)),
      this.microphoneNote,
    );
  }

  #right() {
    const label = (/** @type {DeviceKind} */ kind) =>
      field(t.devices[kind], /** @type {HTMLSelectElement} */ (this.pickers.get(kind)));
    const tone = h(
      'button',
      { type: 'button', onclick: () => void this.#tone(tone) },
      icon('speaker'),
      t.lobby.testTone,
    );
    return h(
      'div',
      { class: 'col card lobby-devices' },
      label('camera'),
      label('microphone'),
      h('div', { class: 'with-button' }, label('speaker'), tone),
      h(
        'section',
        { class: 'col tight', 'aria-labelledby': 'network-title' },
        h('h2', { class: 'minor', id: 'network-title' }, t.lobby.network),
        this.network,
      ),
      this.#form(),
    );
  }

  #form() {
    const submit = (/** @type {Event} */ event) => {
      event.preventDefault();
      void this.#join();
    };
    return h(
      'form',
      { class: 'col join-form', onsubmit: submit },
      this.hints.length > 0 && h('p', { class: 'hint' }, this.hints.join(' ')),
      this.invitation.passwordNeeded && field(t.room.lobby.password, this.password, this.passwordProblem),
      this.joinButton,
    );
  }

  async #listDevices() {
    try {
      this.#showDevices(await backend.devices());
    } catch (error) {
      this.app.report(error);
    }
  }

  /** @param {import('../generated/ipc.js').Device[]} devices */
  #showDevices(devices) {
    for (const [kind, select] of this.pickers) fillPicker(select, kind, devices, this.app.settings[kind]);
  }

  /** @param {DeviceKind} kind */
  async #picked(kind) {
    try {
      await this.app.save({ [kind]: this.pickers.get(kind)?.value ?? '' });
      this.#open();
    } catch (error) {
      this.app.report(error);
    }
  }

  #open() {
    // Devices are with the call that begins; what is switched meanwhile counts if it does not.
    if (this.joinButton.disabled) return;
    const { camera, microphone, speaker } = this.app.settings;
    this.#later(() =>
      backend.lobbyOpen({
        camera: this.cameraOn ? camera : null,
        microphone: this.microphoneOn ? microphone : null,
        speaker,
      }),
    );
  }

  /** @param {() => Promise<void>} command */
  #later(command) {
    this.#queue = this.#queue.then(command).catch((error) => this.app.report(error));
  }

  /** @param {import('../generated/ipc.js').LobbyState} lobby */
  #showLobby(lobby) {
    const before = this.#devices;
    this.#devices = lobby;
    const live = lobby.camera === 'on';
    if (live !== this.#previewing) {
      this.#previewing = live;
      if (live) this.app.frames.attach(SELF, this.screen);
      else this.app.frames.detach(SELF);
    }
    this.previewState.hidden = live;
    fill(this.previewState, ...previewState(lobby));
    const note = lobby.microphone === 'on' ? '' : (lobby.microphoneNote ?? t.lobby.microphoneState[lobby.microphone]);
    setText(this.microphoneNote, note);
    if (lobby.microphone !== 'on') this.meter.style.setProperty('--level', '0');
    if (before && before.camera !== lobby.camera && lobby.camera !== 'opening')
      announce(lobby.cameraNote ?? t.lobby.cameraState[lobby.camera]);
  }

  #switchMicrophone() {
    this.microphoneOn = !this.microphoneOn;
    this.#showSwitches();
    this.#open();
  }

  #switchCamera() {
    this.cameraOn = !this.cameraOn;
    this.#showSwitches();
    this.#open();
  }

  #showSwitches() {
    showSwitch(this.microphoneButton, this.microphoneOn, t.call.controls.microphone, ['microphone', 'microphoneOff']);
    showSwitch(this.cameraButton, this.cameraOn, t.call.controls.camera, ['camera', 'cameraOff']);
  }

  /** @param {HTMLButtonElement} button */
  async #tone(button) {
    button.disabled = true;
    try {
      await backend.testTone();
    } catch (error) {
      this.app.report(error);
    } finally {
      button.disabled = false;
    }
  }

  async #check() {
    fill(this.network, h('p', { class: 'row soft small' }, h('span', { class: 'spinner' }), t.lobby.checking));
    const again = h('button', { type: 'button', class: 'chip', onclick: () => void this.#check() }, t.lobby.checkAgain);
    try {
      const check = await backend.checkNetwork(this.invitation.server);
      fill(this.network, networkList(check), again);
      announce(check.reachable ? t.lobby.checked : t.lobby.notReachable);
    } catch (error) {
      fill(this.network, h('p', { class: 'problem' }, problem(error).message), again);
    }
  }

  async #join() {
    const { microphoneOn, cameraOn, invitation } = this;
    const password = this.password.value;
    if (invitation.passwordNeeded && password === '') return this.#refuse(t.room.lobby.passwordMissing);
    this.joinButton.disabled = true;
    this.app.frames.detach(SELF);
    this.#previewing = false;
    this.#later(() => backend.lobbyClose());
    await this.#queue;
    if (this.#closed) return;
    if (!invitation.passwordNeeded) return this.app.call({ invitation, microphoneOn, cameraOn });
    this.#refuse('');
    const refused = await this.app.tryCall({ invitation, password, microphoneOn, cameraOn });
    if (!refused || this.#closed) return;
    this.joinButton.disabled = false;
    this.#refuse(refused.message);
    this.#open();
  }

  /** Says at its field what is wrong with the password; '' is nothing. @param {string} sentence */
  #refuse(sentence) {
    setText(this.passwordProblem, sentence);
    set(this.password, 'aria-invalid', sentence === '' ? null : 'true');
    if (sentence === '') return;
    this.password.focus();
    this.password.select();
  }
}

/**
 * What the others have to be told besides code and link.
 * @param {import('../generated/ipc.js').RoomPlan} [plan]
 */
function ownHints(plan) {
  if (!plan) return [];
  return [
    plan.password !== '' && t.room.lobby.ownPassword,
    plan.waitingRoom && t.room.lobby.ownWaitingRoom,
    plan.minutes > 0 && t.room.lobby.ownMinutes(duration(plan.minutes * MINUTE_MS)),
  ].filter((words) => words !== false);
}

/** @param {import('../generated/ipc.js').LobbyState} lobby */
function previewState(lobby) {
  if (lobby.camera === 'opening') return [h('span', { class: 'spinner' }), h('p', {}, t.lobby.cameraState.opening)];
  return [icon('cameraOff'), h('p', {}, lobby.cameraNote ?? t.lobby.cameraState[lobby.camera])];
}

/** @param {import('../generated/ipc.js').NetworkCheck} check */
function networkList(check) {
  const line = (
    /** @type {import('../generated/ipc.js').QualityClass | null} */ quality,
    /** @type {string} */ name,
    /** @type {string} */ value,
  ) => h('div', { class: 'network-line' }, dot(quality), h('dt', {}, name), h('dd', { class: 'num' }, value));
  const yes = (/** @type {boolean | null} */ value) => (value === null ? t.notKnown : value ? t.yes : t.no);
  const slow = check.roundTripMs !== null && check.roundTripMs > 200;
  return h(
    'div',
    {},
    h(
      'dl',
      {},
      line(
        check.reachable ? 'good' : 'terrible',
        t.lobby.server,
        check.reachable ? t.lobby.reachable : t.lobby.notReachable,
      ),
      line(
        check.roundTripMs === null ? null : slow ? 'ok' : 'good',
        t.lobby.roundTrip,
        check.roundTripMs === null ? t.notKnown : t.lobby.milliseconds(check.roundTripMs),
      ),
      line(check.udp === null ? null : check.udp ? 'good' : 'bad', t.lobby.udp, yes(check.udp)),
      line(
        check.relayNeeded === null ? null : check.relayNeeded ? 'ok' : 'good',
        t.lobby.relay,
        yes(check.relayNeeded),
      ),
    ),
    check.note && h('p', { class: 'hint' }, check.note),
  );
}
