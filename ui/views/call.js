/**
 * The call: stage, bar, one panel at a time, keys, and what is said when something breaks.
 *
 * Invariant: what is shown follows the native side's state; a press asks for a change and never pretends it has happened.
 */
import { announce } from '../lib/announce.js';
import { backend, on, problem } from '../lib/backend.js';
import { confirm } from '../lib/dialog.js';
import { fill, h, setText } from '../lib/dom.js';
import { iconButton, stateBox } from '../lib/parts.js';
import { toast } from '../lib/toast.js';
import { Bar } from '../call/bar.js';
import { ChatPanel } from '../call/chat.js';
import { Head } from '../call/head.js';
import { MeetingBar } from '../call/meeting.js';
import { openHelp } from '../call/help.js';
import { actionOf, focusKind, pushToTalk } from '../call/keys.js';
import { NO_CHAT, news, received, restored } from '../call/news.js';
import { nobodyHere } from '../call/nobody.js';
import { overBox } from '../call/over.js';
import { PeoplePanel } from '../call/people.js';
import { QualityPanel } from '../call/quality.js';
import { ringingBanner } from '../call/ringing.js';
import { Stage } from '../call/stage.js';
import { WaitingNote } from '../call/waiting.js';
import { t } from '../strings.js';

/** @typedef {import('../generated/ipc.js').CallState} CallState */
/** @typedef {import('../call/bar.js').Panel} Panel */

/**
 * @typedef {object} Joining
 * @property {{code: string, link: string, server: string, name?: string, addresses?: string[], qr?: string}} invitation
 * @property {string} [password] kept nowhere but here, to come back with
 * @property {boolean} microphoneOn
 * @property {boolean} cameraOn
 * @property {CallState} [running] a call that the native side is already in
 * @property {boolean} [entered] the native side enters it by itself
 * @property {string | null} [partner] shown name, where it is a call with a random partner
 * @property {Attempt} [attempt] where the view is shown only once the server lets us try
 */

/**
 * @typedef {object} Attempt
 * @property {(view: CallView) => void} begun before anything of the call is shown
 * @property {(problem: import('../lib/backend.js').Problem) => void} refused nothing has begun
 */

/** How long 'back to call' is offered after leaving. */
const BACK_MS = 5000;

export class CallView {
  title = t.call.window;
  alone = true;
  /** @type {CallState | null} */
  #state = null;
  /** @type {Panel | null} */
  #open = null;
  #chat = NO_CHAT;
  #talking = false;
  /** Nothing of the call is shown any more: it ended, or the view did. */
  #closed = false;
  /** Takes away the toast of the latest message. */
  #dismiss = () => {};
  /** Whom we call, until they answer. */
  #called = '';

  /**
   * @param {import('../main.js').App} app
   * @param {Joining} how
   */
  constructor(app, how) {
    this.app = app;
    this.how = how;
    this.stage = new Stage(app.frames);
    this.bar = new Bar(how.invitation, (action) => this.#act(action));
    this.panels = {
      chat: new ChatPanel((error) => app.report(error)),
      people: new PeoplePanel(app, how.invitation, this.#decide, () => void this.#end()),
      quality: new QualityPanel(() => this.#act('mark')),
    };
    this.bar.update({ microphone: how.microphoneOn, camera: how.cameraOn });
    this.bannerText = h('p', { class: 'grow' });
    this.banner = h('div', { class: 'banner', hidden: true }, h('span', { class: 'spinner' }), this.bannerText);
    this.nobody = nobodyHere(how.invitation);
    this.ringing = ringingBanner(() => this.#act('leave'));
    this.meeting = this.meets ? new MeetingBar(how.partner ?? '', (error) => app.report(error), () => this.#act('leave')) : null;
    this.head = new Head(this.meets ? { ...how.invitation, name: t.meet.title } : how.invitation);
    this.waiting = new WaitingNote(this.#decide, () => this.#show('people'));
    this.middle = h(
      'div',
      { class: 'call-middle' },
      stateBox({
        busy: true,
        title: this.meets ? t.meet.connecting(how.partner ?? '') : t.call.phase.joining,
        text: this.meets ? '' : how.invitation.code,
      }),
    );
    this.door = stateBox({
      busy: true,
      title: t.call.phase.waiting,
      text: t.room.waiting.text(how.invitation.name || how.invitation.code),
    });
    this.aside = h('aside', { class: 'call-panel', id: 'call-panel', hidden: true });
    this.element = h(
      'div',
      { class: this.meets ? 'call meeting' : 'call' },
      h(
        'div',
        { class: 'call-main' },
        this.head.element,
        this.banner,
        this.waiting.element,
        this.nobody,
        this.ringing.element,
        this.middle,
        this.meeting?.element,
        this.bar.element,
      ),
      this.aside,
    );
    this.stops = [...this.#listen(), this.#tickTime()];
    this.update(app.people);
    void this.#join();
    void this.#listDevices();
  }

  /** Whether leaving this view would end a call. */
  get underWay() {
    return this.#state !== null && this.#state.phase !== 'ended';
  }

  /** Whether it is a call with a random partner. */
  get meets() {
    return typeof this.how.partner === 'string';
  }

  /** @param {import('../generated/ipc.js').PeopleState} people */
  update({ outgoing }) {
    if (this.#closed) return;
    if (outgoing) this.#called = outgoing.name;
    const words = outgoing ? t.ring.ringing(outgoing.name, outgoing.devices ?? 1) : '';
    if (words !== '' && this.ringing.element.hidden) announce(words);
    setText(this.ringing.words, words);
    this.ringing.element.hidden = !outgoing;
    if (this.#state) this.#showBanner(this.#state);
  }

  close() {
    this.#closed = true;
    this.#dismiss();
    for (const stop of this.stops) stop();
    this.stage.close();
    this.panels.people.close();
    this.bar.ways.close();
  }

  #listen() {
    const down = (/** @type {KeyboardEvent} */ event) => this.#key(event, 'down');
    const up = (/** @type {KeyboardEvent} */ event) => this.#key(event, 'up');
    const blur = () => this.#talk('up');
    document.addEventListener('keydown', down);
    document.addEventListener('keyup', up);
    window.addEventListener('blur', blur);
    return [
      on.call((state) => this.#update(state)),
      on.chat((message) => this.#received(message)),
      on.speaking(({ levels }) => this.stage.hear(levels, Date.now())),
      on.devices((devices) => this.panels.people.showDevices(devices)),
      () => {
        document.removeEventListener('keydown', down);
        document.removeEventListener('keyup', up);
        window.removeEventListener('blur', blur);
      },
    ];
  }

  #tickTime() {
    const timer = setInterval(() => this.#tick(Date.now()), 1000);
    return () => clearInterval(timer);
  }

  /** @param {number} nowMs Unix ms */
  #tick(nowMs) {
    if (this.#closed) return;
    this.bar.tick(this.#state?.startedMs ?? null, nowMs);
    this.head.tick(nowMs);
  }

  async #listDevices() {
    try {
      this.panels.people.showDevices(await backend.devices());
    } catch (error) {
      this.app.report(error);
    }
  }

  async #join() {
    const { invitation, microphoneOn, cameraOn, running } = this.how;
    if (running) void this.#restoreChat();
    // How it goes is told as of any other call.
    if (this.how.entered) return;
    try {
      const state =
        running ??
        (await backend.joinCall({
          code: invitation.code,
          server: invitation.server,
          password: this.how.password ?? '',
          microphoneOn,
          cameraOn,
        }));
      // Events that came in between are newer than the answer.
      if (!this.#state) this.#update(state);
    } catch (error) {
      const { attempt } = this.how;
      if (attempt && !this.#state) {
        this.close();
        attempt.refused(problem(error));
      } else if (!this.#closed) this.#over({ reason: 'refused', sentence: problem(error).message });
    }
  }

  async #restoreChat() {
    try {
      this.#chat = restored(this.#chat, await backend.chatLines());
      if (this.#open === 'chat') this.panels.chat.update(this.#chat.messages);
    } catch (error) {
      this.app.report(error);
    }
  }

  /** @param {CallState} state */
  #update(state) {
    if (this.#closed) return;
    if (!this.#state) this.how.attempt?.begun(this);
    // Whoever waited for this one may have gone elsewhere meanwhile.
    if (this.#closed) return;
    const lines = news(this.#state, state);
    if (lines.length > 0) announce(lines, state.phase === 'reconnecting');
    this.#state = state;
    if (state.phase === 'ended') return this.#over(state.ended ?? { reason: '', sentence: t.call.over });
    this.bar.update(state.me);
    this.bar.onlyLeave(state.phase === 'waiting');
    this.bar.showRoom(state.room);
    this.head.update(state);
    this.#tick(Date.now());
    this.#showBanner(state);
    this.#showWaiting(state.room);
    if (state.phase === 'waiting') return this.#showDoor();
    if (state.phase !== 'joining' || state.tiles.length > 1) this.#showStage();
    this.stage.update(state.tiles);
    this.panels.people.update(state);
    if (this.#open === 'quality') this.panels.quality.update(state);
  }

  /** A host has to let us in. */
  #showDoor() {
    if (this.door.isConnected) return;
    this.#show(null);
    fill(this.middle, this.door);
  }

  /** Who waits for us as the host. @param {CallState['room']} room */
  #showWaiting(room) {
    this.waiting.update(room?.host ? room.waiting : [], this.#open === 'people');
  }

  #showStage() {
    if (this.stage.element.isConnected) return;
    fill(this.middle, this.stage.element);
  }

  /** @param {CallState} state */
  #showBanner(state) {
    const note =
      state.phase === 'reconnecting'
        ? (state.note ?? t.call.phase.reconnecting)
        : (state.room?.notice ?? state.me.note ?? state.note);
    this.banner.hidden = note === null;
    this.banner.classList.toggle('busy', state.phase === 'reconnecting');
    setText(this.bannerText, note ?? '');
    const alone = state.phase === 'in' && !state.tiles.some((tile) => !tile.self);
    this.nobody.hidden = !alone || this.meets || !this.ringing.element.hidden;
  }

  /** @param {import('../generated/ipc.js').ChatLine} message */
  #received(message) {
    const seen = this.#open === 'chat';
    const before = this.#chat;
    this.#chat = received(before, message, seen);
    if (this.#chat === before) return;
    if (seen) this.panels.chat.update(this.#chat.messages);
    if (!message.own) {
      const words = t.chat.toast(message.from, message.text);
      this.#dismiss();
      if (seen) announce(words);
      else this.#dismiss = toast(words, { action: { label: t.chat.open, run: () => this.#show('chat') } });
    }
    this.bar.showUnread(this.#chat.unread);
  }

  /** @param {KeyboardEvent} event @param {'down' | 'up'} direction */
  #key(event, direction) {
    if (!this.element.isConnected || this.#closed) return;
    // Whatever came up meanwhile: who lets go of the key is muted again.
    if (direction === 'up') {
      if (event.key === ' ') this.#talk('up');
      return;
    }
    if (document.querySelector('dialog[open]')) return;
    const action = actionOf(event, focusKind(event.target));
    if (action === null) return;
    event.preventDefault();
    this.#act(action);
  }

  /** @param {import('../call/keys.js').Action} action */
  #act(action) {
    const me = this.#state?.me;
    // There is nothing to switch, to read or to mark at the door.
    if (this.#state?.phase === 'waiting' && !['leave', 'help', 'escape'].includes(action)) return;
    if (action === 'microphone' && me) this.#command(backend.setMicrophone(!me.microphone));
    else if (action === 'camera' && me) this.#command(backend.setCamera(!me.camera));
    else if (action === 'talk') this.#talk('down');
    else if (action === 'chat' || action === 'people' || action === 'quality')
      this.#show(this.#open === action ? null : action);
    else if (action === 'mark') this.#mark();
    else if (action === 'help') openHelp();
    else if (action === 'escape') this.#show(null);
    else if (action === 'leave') void this.#leave();
    else if (action === 'end') void this.#end();
  }

  /** @param {'down' | 'up'} key */
  #talk(key) {
    const { holding, set } = pushToTalk(this.#talking, key, this.#state?.me.microphone ?? false);
    this.#talking = holding;
    this.element.classList.toggle('talking', holding);
    if (set !== null) this.#command(backend.setMicrophone(set));
  }

  /** @param {Promise<void>} command */
  #command(command) {
    command.catch((error) => this.app.report(error));
  }

  /** @type {import('../call/waiting.js').Decide} */
  #decide = async (act) => {
    try {
      await backend.hostAct(act);
      return true;
    } catch (error) {
      if (!this.#closed) this.app.report(error);
      return false;
    }
  };

  /** Ends the call for everybody, after a question. */
  async #end() {
    const sure = await confirm({ title: t.room.endTitle, text: t.room.endText, yes: t.room.end });
    if (sure && !this.#closed) await this.#decide({ what: 'end' });
  }

  #mark() {
    this.#command(backend.mark().then(() => void toast(t.call.marked)));
  }

  /** @param {Panel | null} panel */
  #show(panel) {
    const before = this.#open;
    if (panel === before) return;
    this.#open = panel;
    this.bar.mark(panel);
    this.aside.hidden = panel === null;
    this.#showWaiting(this.#state?.room ?? null);
    if (panel === null) {
      // The focus goes back to what opened the panel, if it was inside.
      if (before && (this.aside.contains(document.activeElement) || document.activeElement === document.body))
        this.bar.panels.get(before)?.focus();
      return;
    }
    const { element, title } = this.panels[panel];
    const id = 'call-panel-title';
    fill(
      this.aside,
      h(
        'header',
        { class: 'row' },
        h('h2', { class: 'grow', id }, title),
        iconButton(t.call.closePanel, 'close', () => this.#show(null)),
      ),
      element,
    );
    this.aside.setAttribute('aria-labelledby', id);
    this.#fillPanel(panel);
    this.panels[panel].focus();
    announce(title);
  }

  /** @param {Panel} panel */
  #fillPanel(panel) {
    if (panel === 'chat') {
      this.#dismiss();
      this.#chat = { ...this.#chat, unread: 0 };
      this.panels.chat.update(this.#chat.messages);
      this.bar.showUnread(0);
    } else if (this.#state) this.panels[panel].update(this.#state);
  }

  async #leave() {
    const back = {
      ...this.how,
      microphoneOn: this.#state?.me.microphone ?? false,
      cameraOn: this.#state?.me.camera ?? false,
    };
    delete back.running;
    delete back.attempt;
    delete back.entered;
    const waited = this.#state?.phase === 'waiting';
    this.#closed = true;
    if (this.meets) {
      // The partner is somebody else's from now on; there is no way back.
      this.app.go('meet');
      return this.#command(backend.leaveCall());
    }
    this.app.go('home');
    const left = backend.leaveCall();
    const label = waited ? t.room.waiting.again : t.call.back;
    const again = { label, run: () => void left.catch(() => {}).then(() => this.app.call(back)) };
    toast(waited ? t.room.waiting.stopped : t.call.leftCall, { action: again, ms: BACK_MS });
    this.#command(left.finally(() => this.app.refresh()));
  }

  /** The call ended by itself. @param {import('../generated/ipc.js').Ended} ended */
  #over(ended) {
    this.#closed = true;
    this.stage.close();
    this.panels.people.close();
    this.bar.ways.close();
    this.head.element.hidden = true;
    this.waiting.element.hidden = true;
    this.banner.hidden = true;
    this.nobody.hidden = true;
    this.bar.element.hidden = true;
    this.ringing.element.hidden = true;
    this.#show(null);
    // What comes now, the queue or the start, is told as news of people.
    if (this.meets) {
      this.meeting?.element.remove();
      return fill(this.middle, stateBox({ busy: true, title: t.meet.waiting }));
    }
    const { invitation, microphoneOn, cameraOn, password = '' } = this.how;
    const box = overBox(ended, {
      again: () =>
        ended.reason === 'unanswered'
          ? void this.app.callPerson(this.#called)
          : this.app.call({ invitation, microphoneOn, cameraOn, password }),
      history: () => this.app.go('history'),
      home: () => this.app.go('home'),
    });
    fill(this.middle, box);
    announce(ended.sentence, true);
    box.querySelector('button')?.focus();
  }
}
