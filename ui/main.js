/**
 * Starts the page: reads where things stand, then shows one view at a time.
 *
 * Invariant: exactly one view is shown; it is closed, and with it its listeners and pictures, before the next one opens.
 */
import { backend, on, problem } from './lib/backend.js';
import { announce, mountAnnouncer } from './lib/announce.js';
import { fill, h } from './lib/dom.js';
import { stateBox } from './lib/parts.js';
import { mountToasts, toast } from './lib/toast.js';
import { IncomingDialog } from './people/incoming.js';
import { Rail } from './views/rail.js';
import { AccountView } from './views/account.js';
import { AdminView } from './views/admin.js';
import { CallView } from './views/call.js';
import { HistoryView } from './views/history.js';
import { HomeView } from './views/home.js';
import { LobbyView } from './views/lobby.js';
import { MeetView } from './views/meet.js';
import { SettingsView } from './views/settings.js';
import { chooseFlat } from './video/choose.js';
import { Frames } from './video/frames.js';
import { t } from './strings.js';

/**
 * @typedef {object} View
 * @property {HTMLElement} element
 * @property {string} title of the window and for screen readers
 * @property {boolean} alone whether it takes the whole window, without the rail
 * @property {() => void} close
 * @property {(people: PeopleState) => void} [update] people outside a call are other than they were
 */

/** @typedef {import('./generated/ipc.js').PeopleState} PeopleState */

/** @typedef {'home' | 'history' | 'meet' | 'admin' | 'settings'} Place a view that the rail leads to */
/** @typedef {Place | 'account'} Goal */

export class App {
  /** @type {View | null} */
  #view = null;
  #rail = new Rail((place) => this.go(place));
  #main = h('main', { id: 'view' });
  #incoming = new IncomingDialog((error) => this.report(error));
  /** All settings go each time: a change waits for the one before, or it would take that back. @type {Promise<void>} */
  #saving = Promise.resolve();

  /** @param {import('./generated/ipc.js').Boot} boot @param {PeopleState} people */
  constructor(boot, people) {
    this.boot = boot;
    this.people = people;
    this.settings = boot.settings;
    if (!boot.hasCard) chooseFlat();
    this.frames = new Frames(boot.frames);
    fill(/** @type {HTMLElement} */ (document.getElementById('app')), this.#rail.element, this.#main);
    this.#applyTheme();
    on.link(({ text }) => this.#linkArrived(text));
    on.people((state) => this.#peopleChanged(state));
    on.enter(({ invitation, partner, microphoneOn, cameraOn }) => {
      // A partner who went on before the call began is nobody's partner any more.
      if (partner !== null && this.people.meet.phase !== 'paired') return;
      this.call({ invitation, microphoneOn, cameraOn, entered: true, partner });
    });
    on.said(({ sentence, bad }) => void toast(sentence, bad ? { bad, ms: 10_000 } : {}));
  }

  start() {
    const { call } = this.boot;
    if (call && call.state.phase !== 'ended') this.#resume(call);
    else this.go(this.people.meet.phase === 'idle' || this.settings.name === '' ? 'home' : 'meet');
    this.#showIncoming();
    backend.lookForAccounts().catch(() => {
      // Where the server cannot be reached nothing is known of its accounts, and Home says what else there is to say.
    });
    if (this.boot.link) this.#linkArrived(this.boot.link);
  }

  /** The page was loaded anew in the middle of a call. @param {import('./generated/ipc.js').RunningCall} call */
  #resume({ state, invitation }) {
    const { microphone, camera } = state.me;
    const { meet } = this.people;
    const partner = meet.phase === 'paired' ? meet.partner : null;
    this.call({ invitation, microphoneOn: microphone, cameraOn: camera, running: state, partner });
  }

  /** @param {Goal} place @param {import('./generated/ipc.js').CallLine['id']} [call] to open in the history */
  go(place, call) {
    if (place === 'home') this.#show(new HomeView(this));
    else if (place === 'history') this.#show(new HistoryView(this, call));
    // Showing it anew would leave the queue.
    else if (place === 'meet') this.#view instanceof MeetView || this.#show(new MeetView(this));
    else if (place === 'admin') this.#show(new AdminView(this));
    else if (place === 'account' && this.people.name !== null) this.#show(new AccountView(this));
    else this.#show(new SettingsView(this));
    this.#rail.mark(place === 'account' ? 'settings' : place);
  }

  /** The rail leads to the admin mode while somebody is signed in there. @param {boolean} is */
  adminSignedIn(is) {
    this.#rail.offerAdmin(is);
  }

  /** A call ended: what the home screen lists has changed. */
  refresh() {
    if (this.#view instanceof HomeView) void this.#view.refresh();
  }

  /**
   * @param {import('./generated/ipc.js').Invitation} invitation
   * @param {boolean} own whether it was made here, to be sent to others
   * @param {import('./generated/ipc.js').RoomPlan} [plan] how it was made, where there is something to tell the others
   */
  lobby(invitation, own, plan) {
    this.#show(new LobbyView(this, invitation, own, plan));
  }

  /** @param {import('./views/call.js').Joining} how */
  call(how) {
    this.#show(new CallView(this, how));
  }

  /**
   * Joins where the server may refuse at once: the view before stays until it does not.
   * @param {import('./views/call.js').Joining} how
   * @returns {Promise<import('./lib/backend.js').Problem | null>} what was refused; null where the call is shown
   */
  tryCall(how) {
    const before = this.#view;
    return new Promise((resolve) => {
      const begun = (/** @type {CallView} */ view) => {
        if (this.#view === before) this.#show(view);
        else {
          // One who went elsewhere meanwhile does not want it any more.
          view.close();
          void backend.leaveCall().catch((error) => this.report(error));
        }
        resolve(null);
      };
      new CallView(this, { ...how, attempt: { begun, refused: resolve } });
    });
  }

  /**
   * Stores settings; what the native side made of them counts.
   * @param {Partial<import('./generated/ipc.js').Settings>} change
   */
  save(change) {
    const saved = this.#saving.then(async () => {
      this.settings = await backend.saveSettings({ ...this.settings, ...change });
      this.#applyTheme();
    });
    this.#saving = saved.catch(() => {});
    return saved;
  }

  /** Calls somebody by name; says itself what went wrong. @param {string} name */
  async callPerson(name) {
    try {
      await backend.callPerson(name);
    } catch (error) {
      this.report(error);
    }
  }

  /** Says what went wrong where no field is to blame. @param {unknown} error */
  report(error) {
    toast(problem(error).message, { bad: true, ms: 10_000 });
  }

  /** @returns {boolean} whether dark colours are shown now */
  get dark() {
    const { theme } = this.settings;
    return theme === 'dark' || (theme === 'system' && matchMedia('(prefers-color-scheme: dark)').matches);
  }

  /** @param {View} view */
  #show(view) {
    this.#view?.close();
    this.#view = view;
    this.#rail.element.hidden = view.alone;
    fill(this.#main, view.element);
    document.title = `${view.title} · ${t.product}`;
    const heading = view.element.querySelector('h1');
    heading?.setAttribute('tabindex', '-1');
    if (!view.element.contains(document.activeElement)) heading?.focus();
    announce(view.title);
  }

  /** @param {PeopleState} state */
  #peopleChanged(state) {
    const before = this.people;
    this.people = state;
    this.#view?.update?.(state);
    this.#showIncoming();
    // The call with a partner is over: on to the queue, or to where one began.
    if (this.#view instanceof CallView && this.#view.meets && before.meet.phase === 'paired' && state.meet.phase !== 'paired')
      this.go('meet');
  }

  #showIncoming() {
    const view = this.#view;
    const busy = view instanceof CallView && view.underWay ? (view.meets ? 'meeting' : 'call') : 'none';
    this.#incoming.update(this.people.incoming, this.people.meet.phase === 'idle' ? busy : 'meeting');
  }

  /** @param {string} text */
  async #linkArrived(text) {
    if (this.settings.name === '') {
      if (this.#view instanceof HomeView) this.#view.keepLink(text);
      return;
    }
    if (this.#view instanceof CallView && this.#view.underWay) {
      toast(t.call.linkWhileInCall, {
        action: { label: t.call.switchCall, run: () => void this.#open(text) },
        ms: 20_000,
      });
      return;
    }
    await this.#open(text);
  }

  /** @param {string} text */
  async #open(text) {
    try {
      const invitation = await backend.openInvitation(text);
      // Only now: a link that leads nowhere costs nobody their call.
      if (this.#view instanceof CallView && this.#view.underWay) await backend.leaveCall();
      this.lobby(invitation, false);
    } catch (error) {
      this.report(error);
    }
  }

  #applyTheme() {
    const { theme, language } = this.settings;
    document.documentElement.lang = language;
    if (theme === 'system') document.documentElement.removeAttribute('data-theme');
    else document.documentElement.dataset.theme = theme;
  }
}

async function start() {
  mountAnnouncer();
  mountToasts();
  try {
    const app = new App(await backend.boot(), await backend.people());
    window.sightline = { frames: () => app.frames.reports(), pixels: (tile) => app.frames.pixels(tile) };
    app.start();
  } catch (error) {
    const again = h('button', { type: 'button', class: 'primary', onclick: () => location.reload() }, t.tryAgain);
    const broken = stateBox({
      icon: 'alert',
      title: t.shell.broken,
      text: problem(error).message,
      actions: [again],
      page: true,
    });
    fill(document.body, h('main', { id: 'app' }, broken));
  }
}

void start();
