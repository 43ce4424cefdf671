/** Rooms and hosts, as people see, press and hear them. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Browser } from './browser.js';
import { serve } from './server.js';

let browser;
let server;

before(async () => {
  server = await serve();
  browser = await Browser.start();
});

after(async () => {
  await browser?.close();
  server?.close();
});

/** A step with the page freshly opened; afterwards the console has to be clean. */
function view(name, query, steps) {
  test(name, async () => {
    await browser.size(1280, 760);
    await browser.open(`${server.url}?${query}`);
    await browser.until("return !!document.querySelector('#view h1, .state')");
    await keepSaid();
    await steps();
    assert.deepEqual(await browser.complaints(), []);
  });
}

/** Keeps what the live regions were given, for `hears`. */
const keepSaid = () =>
  browser.run(`
    window.said = [];
    const keep = (changes) => changes.forEach((change) => change.addedNodes.forEach((node) => window.said.push(node.textContent)));
    for (const region of document.querySelectorAll('body > [aria-live]')) new MutationObserver(keep).observe(region, { childList: true });`);
const said = (words) => browser.run('return window.said.filter((line) => line === arguments[0]).length', words);
const hears = (words) => browser.until('return window.said.includes(arguments[0])', words);
const sees = (words, css = '#view') =>
  browser.until('return document.querySelector(arguments[1])?.innerText.includes(arguments[0])', words, css);
const text = (css) => browser.run('return document.querySelector(arguments[0])?.innerText ?? null', css);
const visible = (css) => browser.run('return !!document.querySelector(arguments[0])?.checkVisibility()', css);
const calls = (command) =>
  browser.run('return window.fake.calls.filter(([name]) => name === arguments[0]).map(([, args]) => args)', command);
const acts = async () => (await calls('hostAct')).map(({ act }) => act);
const room = (change) => browser.run('Object.assign(window.fake.room, arguments[0]); window.fake.tell()', change);
/** The button that is named so, as a screen reader names it; with `css` only within. */
const NAMED = `const named = (name, css) => [...document.querySelectorAll(css + ' button')].find((one) => one.checkVisibility() && !one.disabled
  && (one.getAttribute('aria-label') ?? one.innerText.trim()) === name);`;
const press = (name, css = 'body') =>
  browser.until(`${NAMED} const found = named(...arguments); found?.click(); return !!found`, name, css);
const focused = () =>
  browser.run(`const { activeElement: one } = document; return one.getAttribute('aria-label') ?? one.innerText.trim()`);
const focus = (name, css = 'body') => browser.run(`${NAMED} named(...arguments).focus()`, name, css);

const [ENTER, ESCAPE, DOWN, UP, TAB] = ['\uE007', '\uE00C', '\uE015', '\uE013', '\uE004'];
const NADIA = { id: 'n', name: 'Nadia' };
const OMER = { id: 'o', name: 'Ömer' };

async function joinOwn() {
  await press('Start a call');
  await press('Join the call');
  await browser.until("return document.querySelectorAll('.tile').length > 0");
}

async function lobbyByCode() {
  await browser.type('.home form input', 'amber-otter-lake-quiet');
  await press('Join');
  await sees('Ready to join?');
}

view('starting a call stays one press, and is then a plain room', '', async () => {
  await press('Start a call');
  await sees('Your call is ready');
  assert.deepEqual(await calls('startCall'), [{ plan: { name: '', minutes: 0, password: '', waitingRoom: false } }]);
  assert.equal(await visible('.join-form .hint'), false);
});

view('a call with options is made as they say, by the keyboard alone', '', async () => {
  await focus('Options for a new call');
  await browser.keys(ENTER);
  assert.equal(await text('dialog h2'), 'A call with options');
  await browser.keys(...'Plan', TAB, DOWN, DOWN, TAB, ...'otter', TAB, ' ');
  assert.equal(await browser.run('return document.activeElement.getAttribute("role")'), 'switch');
  await browser.keys(TAB, TAB, ENTER);
  await sees('Your call is ready');
  assert.deepEqual(await calls('startCall'), [
    { plan: { name: 'Plan', minutes: 60, password: 'otter', waitingRoom: true } },
  ]);
  await sees('The others need the password that you chose');
  await sees('It ends for everybody 1 h from now.');
  assert.equal(await visible('dialog'), false);
  const kept = await browser.run(
    'return JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])',
  );
  assert.equal(kept, '[{},{},""]', 'nothing is remembered');
});

view('minutes of one’s own are checked at their field', '', async () => {
  await press('Options for a new call');
  assert.equal(await visible('.plan [inputmode=numeric]'), false);
  await browser.run(
    "const select = document.querySelector('.plan select'); select.value = 'own'; select.dispatchEvent(new Event('change'))",
  );
  await browser.keys('0', ENTER);
  await sees('A whole number of minutes from 1 to 527040 (a year).', 'dialog');
  assert.deepEqual(await calls('startCall'), []);
  assert.equal(await browser.run("return document.activeElement.getAttribute('aria-invalid')"), 'true');
  await browser.keys('\uE003', '9', '5', ENTER);
  await browser.until("return window.fake.calls.some(([name]) => name === 'startCall')");
  assert.equal((await calls('startCall'))[0].plan.minutes, 95);
});

view(
  'a server that makes no room says so in the dialog, and nothing that was written is lost',
  'state=no-server',
  async () => {
    await press('Options for a new call');
    await browser.type('.plan .mono', 'otter');
    await browser.keys(ENTER);
    await sees('The server on this computer could not start', 'dialog');
    assert.equal(await browser.run("return document.querySelector('.plan .mono').value"), 'otter');
    await browser.keys(ESCAPE);
    await browser.until("return !document.querySelector('dialog')");
    await press('Options for a new call');
    assert.equal(
      await browser.run("return document.querySelector('.plan .mono').value"),
      '',
      'a closed dialog is forgotten',
    );
  },
);

view('a wrong password is said at its field, and the lobby stays until the right one', 'state=password', async () => {
  await lobbyByCode();
  await sees('Amber Otter', '.lobby header');
  assert.equal(
    await browser.run("return document.querySelector('.join-form label').innerText"),
    'Password of this call',
  );
  await press('Join the call');
  await sees('This call has a password. Ask who invited you.');
  assert.deepEqual(await calls('joinCall'), []);
  await browser.click('.preview-controls button:nth-child(1)');
  await browser.type('.join-form input', `nope${ENTER}`);
  await sees("This is not the room's password. Try again.");
  assert.equal(await text('h1'), 'Ready to join?');
  assert.equal(await browser.run("return document.activeElement === document.querySelector('.join-form input')"), true);
  await browser.until("return window.sightline.frames().some((frame) => frame.tile === 'self')");
  // What was wrong is selected: typing replaces it.
  await browser.keys(...'open sesame', ENTER);
  await browser.until("return document.querySelectorAll('.tile').length === 4");
  const passwords = (await calls('joinCall')).map(({ password, microphoneOn }) => [password, microphoneOn]);
  assert.deepEqual(passwords, [
    ['nope', false],
    ['open sesame', false],
  ]);
  await browser.until("return window.sightline.frames().some((frame) => frame.tile === 'self' && frame.drawn > 3)");
});

view('who goes home while the password is looked at is in no call afterwards', 'state=password', async () => {
  await lobbyByCode();
  await browser.run(`
    const { invoke } = window.__TAURI__.core;
    window.__TAURI__.core.invoke = async (command, args) => {
      if (command === 'joinCall') await new Promise((go) => (window.go = go));
      return invoke(command, args);
    }`);
  await browser.type('.join-form input', `open sesame${ENTER}`);
  await browser.until('return !!window.go');
  await press('Back to home');
  await browser.run('window.go()');
  await browser.until("return window.fake.calls.some(([name]) => name === 'leaveCall')");
  assert.equal(await visible('.home'), true);
  assert.equal(await visible('.call'), false);
});

view('the door: said, calm, with nothing to switch; being let in opens the call', 'state=waiting', async () => {
  await lobbyByCode();
  await sees('A host lets you in: after you join, you wait until they do.');
  await press('Join the call');
  await hears('Waiting to be let in');
  await sees('Nobody sees or hears you yet.');
  assert.equal(await text('.call h1'), 'Amber Otter');
  const names = await browser.run(
    "return [...document.querySelectorAll('.bar-controls button')].filter((one) => one.checkVisibility()).map((one) => one.ariaLabel)",
  );
  assert.deepEqual(names, ['Leave']);
  await browser.keys('m', 'c', 'b');
  assert.deepEqual(await calls('setMicrophone'), []);
  assert.deepEqual(await calls('mark'), []);
  assert.equal(await visible('.call-panel'), false);
  assert.equal(await browser.run('return window.sightline.frames().length'), 0, 'no preview');
  await browser.run('window.fake.letIn()');
  await browser.until("return document.querySelectorAll('.tile').length === 4");
  await browser.run('window.fake.tell()');
  assert.equal(await visible('[aria-label=Microphone]'), true);
});

view('leaving the door ends the attempt; being sent away says why', 'state=waiting', async () => {
  await lobbyByCode();
  await press('Join the call');
  await sees('Waiting to be let in');
  await browser.keys('l');
  await hears('You stopped waiting. Wait again');
  assert.equal((await calls('leaveCall')).length, 1);
  assert.equal(await visible('.home'), true);
  await press('Wait again');
  await sees('Waiting to be let in');
  await browser.run("window.fake.turnAway('The server refused: The host did not let you in. Ask who invited you.')");
  await sees('The host did not let you in.');
  assert.equal(await focused(), 'Join again');
  assert.equal(await visible('.bar'), false);
});

view('a host is told who waits, and lets them in from the note with one press', 'host=1&people=2', async () => {
  await joinOwn();
  assert.equal(await visible('.waiting-note'), false);
  await room({ waiting: [NADIA] });
  await hears('Nadia waits to be let in.');
  await sees('Nadia waits to be let in.', '.waiting-note');
  assert.equal(await text('[aria-label="People, 1 waiting to be let in"] .badge'), '1');
  await press('Let in Nadia', '.waiting-note');
  await browser.until("return document.querySelectorAll('.tile').length === 3");
  assert.deepEqual(await acts(), [{ what: 'admit', id: 'n' }]);
  assert.equal(await visible('.waiting-note'), false);
  assert.equal(await visible('[aria-label=People] .badge'), false);
  assert.equal(await said('Nadia waits to be let in.'), 1, 'told once, though the state came again');
  await room({ waiting: [OMER] });
  await press('Send away Ömer', '.waiting-note');
  await browser.until("return !document.querySelector('.waiting-note').checkVisibility()");
  assert.deepEqual((await acts()).at(-1), { what: 'deny', id: 'o' });
});

view('a key that is held on the note lets in one person only', 'host=1&people=2', async () => {
  await joinOwn();
  await room({ waiting: [NADIA, OMER] });
  await sees('Nadia and 1 other wait to be let in.', '.waiting-note');
  await focus('Let in Nadia', '.waiting-note');
  await browser.keys(ENTER, ENTER, ENTER);
  await sees('Ömer waits to be let in.', '.waiting-note');
  assert.deepEqual(await acts(), [{ what: 'admit', id: 'n' }]);
  assert.equal(await focused(), 'Ömer waits to be let in.');
});

view('the people panel lists who waits; the keyboard decides', 'host=1&people=3&waiting=2', async () => {
  await joinOwn();
  await browser.run('document.activeElement.blur()');
  await browser.keys('p');
  assert.equal(await text('.waiting-list h2'), 'Waiting to be let in (2)');
  assert.equal(await focused(), 'Let in Nadia Petrova');
  assert.equal(await visible('.waiting-note'), false, 'the list says it already');
  await browser.keys(ENTER, ENTER);
  await sees('Waiting to be let in (1)', '.waiting-list');
  assert.equal(await focused(), 'Waiting to be let in (1)', 'words, and not the next button');
  await browser.keys(TAB, TAB, ENTER);
  await browser.until("return !document.querySelector('.waiting-list').checkVisibility()");
  assert.deepEqual(await acts(), [
    { what: 'admit', id: 'waiter-0' },
    { what: 'deny', id: 'waiter-1' },
  ]);
});

view('each guest has a menu: ask to mute, make host, put out', 'host=1&people=4', async () => {
  await joinOwn();
  await press('People');
  assert.equal(await visible('.person:first-child > button'), false, 'there is nothing to do about oneself');
  const menu = 'What to do about Jonas Ekström';
  await focus(menu);
  await browser.keys(DOWN);
  const items = await browser.run(
    "return [...document.querySelectorAll('[role=menuitem]')].map((one) => one.innerText)",
  );
  assert.deepEqual(items, ['Ask to mute', 'Make host', 'Put out']);
  assert.equal(await focused(), 'Ask to mute');
  await browser.keys(UP);
  assert.equal(await focused(), 'Put out', 'the arrows go round');
  await browser.keys(ESCAPE);
  assert.equal(await focused(), menu);
  assert.equal(await visible('.call-panel'), true, 'Escape closed the menu only');
  await browser.keys(ENTER, ENTER);
  await hears('Jonas Ekström was asked to mute.');
  assert.deepEqual(await acts(), [{ what: 'mute', id: 'peer-1' }]);

  await press(menu);
  await press('Put out');
  assert.equal(await text('dialog h2'), 'Put Jonas Ekström out of the call?');
  assert.equal(await focused(), 'Cancel');
  await browser.keys(ENTER);
  assert.equal((await acts()).length, 1, 'only after a yes');
  await press(menu);
  await press('Put out');
  await press('Put out', 'dialog');
  await browser.until("return document.querySelectorAll('.tile').length === 3");
  assert.deepEqual((await acts()).at(-1), { what: 'remove', id: 'peer-1' });
  await hears('Jonas Ekström left');

  await press('What to do about Amara Okafor');
  await press('Make host');
  await press('Make host', 'dialog');
  await sees('Host: Amara Okafor', '.call-head');
  assert.deepEqual((await acts()).at(-1), { what: 'handOver', id: 'peer-2' });
  await hears('You are not the host any more.');
  await hears('Amara Okafor is a host of this call.');
  assert.equal(await visible('.person > button'), false, 'and can do nothing any more');
  assert.equal(await visible('[aria-label="Ways to leave"]'), false);
  assert.equal(await visible('.room-facts'), true);
});

view('a menu stays open while figures change, and goes with its person', 'host=1&people=3', async () => {
  await joinOwn();
  await press('People');
  await press('What to do about Amara Okafor');
  await browser.run("window.fake.scenario.state = 'connecting'; window.fake.tell()");
  await sees('connecting', '.call-panel');
  assert.equal(await visible('[role=menu]'), true);
  await browser.run('window.fake.scenario.people = 2; window.fake.tell()');
  await browser.until("return !document.querySelector('[role=menu]')");
});

view(
  'a menu closes when its button is scrolled away, when the window changes, and by a press elsewhere',
  'host=1&people=9',
  async () => {
    await browser.size(1280, 400);
    await joinOwn();
    await press('People');
    const gone = () => browser.until("return !document.querySelector('[role=menu]')");
    const menu = 'What to do about Jonas Ekström';
    await press(menu);
    await browser.run("document.querySelector('.panel-body').scrollTop = 60");
    await gone();
    await press(menu);
    await browser.size(1280, 500);
    await gone();
    await press(menu);
    await browser.click('.call-panel h2');
    await gone();
    await press('Ways to leave');
    await browser.run("document.querySelector('.panel-body').scrollTop = 0");
    await browser.run('return new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))');
    assert.equal(await visible('[role=menu]'), true, 'its button is not in what was scrolled');
  },
);

view('a host locks and unlocks, and everybody is told', 'host=1&people=2', async () => {
  await joinOwn();
  await press('People');
  await focus('Lock the call');
  await browser.keys(ENTER);
  await hears('The call is locked: nobody new comes in.');
  await sees('Locked', '.call-head');
  assert.equal(await focused(), 'Unlock the call');
  await browser.keys(ENTER);
  await hears('The call is open again.');
  assert.deepEqual(await acts(), [
    { what: 'lock', locked: true },
    { what: 'lock', locked: false },
  ]);
  assert.equal((await text('.call-head')).includes('Locked'), false);
});

view('what a host decides and cannot be done is said', 'host=1&people=2&state=host-broken', async () => {
  await joinOwn();
  await press('People');
  await press('Lock the call');
  await sees('The call is over.', '.toasts');
});

view('leaving stays one press for a host; ending for everybody asks first', 'host=1&people=2', async () => {
  await joinOwn();
  await press('Ways to leave');
  await press('End for everybody', '[role=menu]');
  assert.equal(await text('dialog h2'), 'End the call for everybody?');
  await press('Cancel');
  assert.deepEqual(await acts(), []);
  await press('Ways to leave');
  await press('End for everybody', '[role=menu]');
  await press('End for everybody', 'dialog');
  await sees('The host has ended the call for everybody.');
  assert.deepEqual(await acts(), [{ what: 'end' }]);
  assert.equal(await text('.state h2'), 'The call is over');
  assert.equal((await text('.state')).includes('Join again'), false, 'there is nothing to come back to');
  await press('Home', '.state');
  await press('Start a call');
  await press('Join the call');
  await press('Leave');
  await sees('Your calls go straight');
  assert.equal((await acts()).length, 1);
});

view('the menu of the bar leaves too', 'host=1&people=2', async () => {
  await joinOwn();
  await press('Ways to leave');
  await press('Leave', '[role=menu]');
  await hears('You left the call. Back to call');
});

view(
  'guests see who decides, who watches and that it is locked, and can decide nothing',
  'people=3&observers=1&locked=1',
  async () => {
    await joinOwn();
    await hears('Nadia Petrova watches this call.');
    assert.deepEqual(
      (await text('.room-facts')).split('\n').filter((line) => !line.startsWith(':')),
      ['Locked', 'Nadia Petrova watches', 'Host: Jonas Ekström'],
    );
    await press('People');
    await sees('Watching, without taking part', '.call-panel');
    await sees('Locked: nobody new comes in.', '.call-panel');
    await sees('Host', '.person:nth-child(2)');
    const forbidden = ['Lock the call', 'Unlock the call', 'End for everybody', 'What to do about Jonas Ekström'];
    for (const name of forbidden)
      assert.equal(await browser.run(`${NAMED} return named(arguments[0], 'body') === undefined`, name), true, name);
    await room({ observers: [] });
    await hears('Nadia Petrova stopped watching.');
  },
);

view(
  'the end is counted down by the page’s clock, and said at five minutes, one, and ten seconds',
  'people=2&ends=1000',
  async () => {
    await joinOwn();
    assert.equal(await visible('[role=timer].chip'), false, 'not before the first warning');
    // A clock that goes only when told; the native side is silent from here on.
    await browser.run('window.fake.hush(); window.at = Date.now(); Date.now = () => window.at');
    const timer = (words) =>
      browser.until("return document.querySelector('.call-head [role=timer]').innerText === arguments[0]", words);
    const later = (ms) => browser.run('window.at += arguments[0]', ms);
    await browser.run(
      'Object.assign(window.fake.room, { endsMs: window.at + 299_900, endsSoon: true }); window.fake.tell()',
    );
    await hears('This call ends for everybody in 5 minutes.');
    await timer('Ends in 5:00');
    await later(1900);
    await timer('Ends in 4:58');
    await later(237_500);
    await timer('Ends in 1:01');
    assert.equal(await visible('.urgent'), false);
    await later(1000);
    await timer('Ends in 1:00');
    await hears('This call ends for everybody in 1 minute.');
    assert.equal(await visible('.urgent'), true);
    await later(49_500);
    await timer('Ends in 0:10');
    await hears('This call ends for everybody in 10 seconds.');
    await later(60_000);
    await timer('Ends in 0:00');
    assert.equal(await browser.run("return window.said.filter((line) => line.startsWith('This call ends')).length"), 3);
  },
);

view('what a host did is a note for a moment, and is announced', 'people=2', async () => {
  await joinOwn();
  const notice = 'Ada asked you to mute: your microphone is off. Switch it on again when you want to speak.';
  await browser.run('window.fake.mute()');
  await room({ notice });
  await sees(notice, '.banner');
  await hears(notice);
  await room({ notice: null });
  await browser.until("return !document.querySelector('.banner').checkVisibility()");
  assert.equal(await said(notice), 1);
});

for (const [reason, title, sentence, again] of [
  ['removed', 'You are not in the call any more', 'The host has put you out of the call.', false],
  ['ended', 'The call is over', 'The time of this call is up.', false],
  ['replaced', 'The call goes on elsewhere', 'The call goes on in another window or on another computer.', true],
  ['connection-lost', 'The call is over', 'The room is gone.', true],
])
  view(`a call that is over says why: ${reason}`, 'people=2&host=1&waiting=1&ends=100', async () => {
    await joinOwn();
    await press('Ways to leave');
    await browser.run('window.fake.over(arguments[0])', { reason, sentence });
    await hears(sentence);
    assert.equal(await text('.state h2'), title);
    await sees(sentence, '.state');
    for (const css of ['[role=menu]', '.call-head', '.waiting-note', '.bar'])
      assert.equal(await visible(css), false, css);
    assert.equal(await focused(), again ? 'Join again' : 'See how it was');
    if (!again) return;
    await press('Join again');
    await browser.until("return document.querySelectorAll('.tile').length === 2");
    assert.equal((await calls('joinCall')).length, 2);
  });

view('coming back to a call with a password needs it not again', 'state=password', async () => {
  await lobbyByCode();
  await browser.type('.join-form input', `open sesame${ENTER}`);
  await browser.until("return document.querySelectorAll('.tile').length === 4");
  await press('Leave');
  await press('Back to call');
  await browser.until("return document.querySelectorAll('.tile').length === 4");
  assert.deepEqual(
    (await calls('joinCall')).map(({ password }) => password),
    ['open sesame', 'open sesame'],
  );
});

view('all of it fits into a small window', 'host=1&people=9&waiting=3&observers=2&locked=1&ends=45', async () => {
  await browser.size(480, 800);
  const fits = async (where) =>
    assert.ok(await browser.run('return document.documentElement.scrollWidth <= innerWidth'), where);
  await press('Options for a new call');
  await fits('options');
  await browser.keys(ESCAPE);
  await joinOwn();
  await fits('call');
  const within = (css) =>
    browser.run(
      'const { left, right, top, bottom } = document.querySelector(arguments[0]).getBoundingClientRect(); return left >= 0 && top >= 0 && right <= innerWidth && bottom <= innerHeight',
      css,
    );
  assert.ok(await within('.bar-time'), 'the bar');
  await press('Ways to leave');
  assert.ok(await within('[role=menu]'), 'the menu');
  await browser.keys(ESCAPE);
  await browser.keys('p');
  await fits('people');
});
