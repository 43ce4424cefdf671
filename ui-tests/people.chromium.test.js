/** People outside a call, as they are seen, pressed and heard: account, contacts, calls by name, random partners. */
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
const hears = (words) => browser.until('return window.said.includes(arguments[0])', words);
const sees = (words, css = '#view') =>
  browser.until('return document.querySelector(arguments[1])?.innerText.includes(arguments[0])', words, css);
const text = (css) => browser.run('return document.querySelector(arguments[0])?.innerText ?? null', css);
const visible = (css) => browser.run('return !!document.querySelector(arguments[0])?.checkVisibility()', css);
const calls = (command) =>
  browser.run('return window.fake.calls.filter(([name]) => name === arguments[0]).map(([, args]) => args)', command);
const called = (command) => browser.until('return window.fake.calls.some(([name]) => name === arguments[0])', command);
const NAMED = `const named = (name, css) => [...document.querySelectorAll(css + ' button')].find((one) => one.checkVisibility() && !one.disabled
  && (one.getAttribute('aria-label') ?? one.innerText.trim()) === name);`;
const press = (name, css = 'body') =>
  browser.until(`${NAMED} const found = named(...arguments); found?.click(); return !!found`, name, css);
const people = (what, ...args) => browser.run('window.fake.people[arguments[0]](...arguments[1])', what, args);
const place = (name) => press(name, '.rail');
const tiles = (count) => browser.until(`return document.querySelectorAll('.tile').length === ${count}`);
const noDialog = () => browser.until("return !document.querySelector('dialog')");
const fits = async (where) =>
  assert.ok(await browser.run('return document.documentElement.scrollWidth <= innerWidth'), where);

const [ENTER, ESCAPE, TAB, SPACE] = ['\uE007', '\uE00C', '\uE004', ' '];

view('a server without accounts shows nothing of them', 'calls=none', async () => {
  await called('lookForAccounts');
  assert.equal(await visible('#contacts-title'), false);
  assert.equal(await visible('.account-hint'), false);
  await place('Settings');
  await sees('Server address');
  assert.equal(await visible('.account'), false);
});

view('an account is made, its password changed, and left, by the keyboard', 'accounts=1', async () => {
  await sees('With an account you can be called by name');
  await press('Account');
  await sees('Sign in');
  await browser.run("document.querySelector('.account input').focus()");
  await browser.keys(...'ada', TAB, ...'short', TAB, TAB, ENTER);
  await sees('A password has at least 8 characters.', '.account');
  assert.deepEqual(await calls('register'), [{ name: 'ada', password: 'short' }]);
  assert.equal(await browser.run("return document.activeElement.type"), 'password');
  await browser.run("document.querySelector('.account [type=password]').value = ''");
  await browser.keys(...'long enough', TAB, TAB, ENTER);
  await hears('Signed in as ada');
  await sees('Others can call you now.', '.account');
  assert.equal(await browser.run("return document.querySelectorAll('.account form').length"), 0, 'the form is gone');
  await press('Your account');
  await sees('Change the password');
  const old = '[aria-label="Change the password"] [autocomplete=current-password]';
  await browser.type(old, 'wrong one');
  await browser.type('[autocomplete=new-password]', 'another one');
  await press('Change');
  await sees('The name or the password is wrong.');
  await browser.run('document.querySelector(arguments[0]).value = ""', old);
  await browser.type(old, 'long enough');
  await press('Change');
  await sees('Password changed.', '.toasts');
  assert.deepEqual((await calls('changePassword')).at(-1), { old: 'long enough', new: 'another one' });
  const kept = await browser.run(
    "return [...document.querySelectorAll('[type=password]')].map((one) => one.value).join('') + JSON.stringify({ ...localStorage, ...sessionStorage })",
  );
  assert.equal(kept, '{}', 'no password is left anywhere');
  await press('Sign out');
  await hears('Signed out');
  await sees('With an account on this server');
  assert.equal(await browser.run("return document.activeElement.tagName"), 'H1', 'back in Settings');
});

view('who is blocked is seen, let go, and blocked again', 'me=ada&blocks=2', async () => {
  await place('Settings');
  await press('Your account');
  await sees('eve');
  const names = () => browser.run("return [...document.querySelectorAll('.own-account .person bdi')].map((one) => one.innerText)");
  assert.deepEqual(await names(), ['eve', 'عمر']);
  await press('Unblock eve');
  await sees('eve is not blocked any more', '.toasts');
  assert.deepEqual(await names(), ['عمر']);
  assert.equal(await browser.run("return document.activeElement.getAttribute('aria-label')"), 'Unblock \u2068عمر\u2069');
  await press('Undo', '.toasts');
  await browser.until("return document.querySelectorAll('.own-account .person').length === 2");
  await browser.type('.add-contact input', 'nobody-has-this');
  await browser.keys(ENTER);
  await sees('No account has this name.');
  await browser.run("document.querySelector('.add-contact input').value = ''");
  await browser.type('.add-contact input', 'sofia');
  await browser.keys(ENTER);
  await hears('sofia is blocked');
  assert.deepEqual(await names(), ['eve', 'sofia', 'عمر']);
  assert.equal(await browser.run("return document.activeElement.closest('.add-contact') !== null"), true);
});

view('a server that does not say who is blocked can be asked again', 'me=ada&blocks-broken=1', async () => {
  await place('Settings');
  await press('Your account');
  await sees('No signaling server answers');
  await press('Try again');
  await browser.until("return window.fake.calls.filter(([name]) => name === 'blockedNames').length === 2");
});

view('an account is deleted by its password, when one is sure', 'me=ada', async () => {
  await place('Settings');
  await press('Your account');
  await sees('You block nobody.');
  const password = '[aria-label="Delete the account"] [type=password]';
  await press('Delete the account');
  assert.equal(await browser.run('return document.activeElement === document.querySelector(arguments[0])', password), true);
  await browser.type(password, 'wrong one');
  await browser.keys(ENTER);
  await sees('Delete the account ada?', 'dialog');
  await press('Cancel', 'dialog');
  assert.equal((await calls('deleteAccount')).length, 0);
  await press('Delete the account', '#view');
  await press('Delete the account', 'dialog');
  await sees('The name or the password is wrong.');
  await browser.run('document.querySelector(arguments[0]).value = ""', password);
  await browser.type(password, 'long enough');
  await browser.keys(ENTER);
  await press('Delete the account', 'dialog');
  await sees('The account ada is deleted', '.toasts');
  await sees('With an account on this server');
  assert.deepEqual(await calls('deleteAccount'), [{ password: 'wrong one' }, { password: 'long enough' }]);
});

view('a name that is written from right to left leaves its surroundings where they are', 'me=ada&calls=none', async () => {
  await people('change', { contacts: [{ name: 'עמר 1', here: true }] });
  await people('ring', 'עמר 1', {});
  await sees('is calling', 'dialog.incoming');
  const title = await browser.run(`
    const node = document.querySelector('dialog.incoming h2').firstChild;
    const at = (text) => {
      const range = document.createRange();
      range.setStart(node, node.data.indexOf(text));
      range.setEnd(node, node.data.indexOf(text) + text.length);
      return range.getBoundingClientRect();
    };
    return [at('עמר').left, at('1').left, at('is calling').left]`);
  assert.ok(title[1] < title[0] && title[0] < title[2], `the number belongs to the name: ${title}`);
});

view('who was signed out by the server reads why', 'accounts=1', async () => {
  await place('Settings');
  await people('change', { note: 'You were signed out on this computer.' });
  await sees('You were signed out on this computer.', '.account');
});

view('contacts are there or not, come and go, and their lines stay', 'me=ada&contacts=4', async () => {
  await sees('amara');
  const states = () => browser.run("return [...document.querySelectorAll('.presence')].map((one) => one.innerText)");
  assert.deepEqual(await states(), ['here', 'away', 'here', 'not known']);
  await browser.run("document.querySelectorAll('.contacts button')[2].focus()");
  const contacts = [
    { name: 'amara', here: true },
    { name: 'jonas.ekstroem', here: true },
    { name: 'li-wei', here: false },
  ];
  await people('change', { contacts });
  await hears('jonas.ekstroem: here');
  assert.equal(await browser.run("return document.activeElement.getAttribute('aria-label')"), 'Call jonas.ekstroem');
  await browser.type('.add-contact input', 'a name that is much too long');
  await press('Add');
  await sees('A name has 1 to 20 characters.', '.add-contact');
  await browser.run("document.querySelector('.add-contact input').value = ''");
  await browser.type('.add-contact input', `noor${ENTER}`);
  await sees('noor', '.contacts');
  await press('Remove noor from your people');
  await browser.until("return ![...document.querySelectorAll('.contacts .person')].some((one) => one.innerText.includes('noor'))");
  await press('Undo');
  await sees('noor', '.contacts');
  await people('change', { here: false, note: 'The server cannot be reached.' });
  await sees('The server cannot be reached.');
  assert.equal(await browser.run("return document.querySelector('.contacts button').disabled"), true);
});

view('somebody is called, rings, and takes it', 'me=ada&contacts=2', async () => {
  await press('Call amara');
  await sees('Ringing amara');
  await hears('Ringing amara');
  assert.deepEqual(await calls('joinCall'), [], 'the native side enters by itself');
  assert.equal(await visible('.nobody'), false);
  await tiles(2);
  await people('change', { outgoing: null });
  await browser.until("return !document.querySelector('.ringing-banner').checkVisibility()");
});

view('a call that is not answered says so, and can be made again', 'me=ada&contacts=2', async () => {
  await press('Call amara');
  await tiles(2);
  await people('unanswered', 'Your call was declined by amara.');
  await sees('Your call was declined by amara.');
  assert.equal(await text('.state h2'), 'No answer');
  await press('Call again');
  await sees('Ringing amara');
  assert.equal((await calls('callPerson')).length, 2);
  await press('Cancel the call');
  await called('leaveCall');
  await people('change', { contacts: [{ name: 'sofia', here: false }] });
  await press('Call sofia');
  await sees('You reach nobody: sofia is not here', '.toasts');
});

view('a call that comes in has the focus on no button, and is taken with two keys', 'me=ada', async () => {
  await people('ring', 'Ben');
  await hears('Ben is calling');
  assert.equal(await browser.run("return document.activeElement === document.querySelector('dialog.incoming h2')"), true);
  const roles = await browser.run(
    "const one = document.querySelector('dialog.incoming'); return [one.getAttribute('role'), document.getElementById(one.getAttribute('aria-labelledby')).innerText, document.getElementById(one.getAttribute('aria-describedby')).innerText]",
  );
  assert.deepEqual(roles, ['alertdialog', 'Ben is calling', 'If you accept, you join at once with your microphone on.']);
  await browser.keys(ENTER, SPACE);
  assert.deepEqual([await calls('acceptCall'), await calls('declineCall')], [[], []]);
  await browser.keys(TAB, TAB, TAB, ENTER);
  await called('acceptCall');
  await noDialog();
  await tiles(2);
  assert.deepEqual(await calls('acceptCall'), [{ id: 'c-Ben' }]);
});

view('escape silences what comes in, and it still rings; declining ends it', 'me=ada', async () => {
  await people('ring', 'Ben', { others: 1 });
  await sees('1 other call is waiting.', 'dialog.incoming');
  await browser.keys(ESCAPE);
  await sees('The sound is off. The call still rings.', 'dialog.incoming');
  await browser.keys(ESCAPE, ESCAPE);
  assert.equal((await calls('silenceCall')).length, 1);
  assert.equal(await visible('dialog.incoming'), true);
  await press('Decline', 'dialog.incoming');
  await noDialog();
  assert.deepEqual(await calls('declineCall'), [{ id: 'c-Ben' }]);
  await people('ring', 'Cleo');
  await sees('Cleo is calling', 'dialog.incoming');
  assert.equal(await visible('dialog.incoming [role=status]'), false, 'what was said of the last one is gone');
  await people('change', { incoming: null });
  await noDialog();
});

view('in a call it says what accepting ends; keys go to the dialog, and push-to-talk ends all the same', 'me=ada&people=2', async () => {
  await press('Start a call');
  await press('Join the call');
  await tiles(2);
  await browser.run('document.activeElement.blur()');
  await browser.keys('m');
  await browser.until("return window.fake.calls.some(([name]) => name === 'setMicrophone')");
  await browser.run("document.dispatchEvent(new KeyboardEvent('keydown', { key: ' ', code: 'Space', bubbles: true }))");
  await browser.until("return window.fake.calls.filter(([name]) => name === 'setMicrophone').length === 2");
  await people('ring', 'Ben', { silent: true });
  await sees('the call you are in ends', 'dialog.incoming');
  await browser.run("document.dispatchEvent(new KeyboardEvent('keyup', { key: ' ', code: 'Space', bubbles: true }))");
  await browser.until("return window.fake.calls.filter(([name]) => name === 'setMicrophone').length === 3");
  assert.deepEqual((await calls('setMicrophone')).at(-1), { on: false });
  await browser.keys('c');
  assert.equal(await visible('.call-panel'), false, 'nothing is opened behind the dialog');
  await press('Decline', 'dialog.incoming');
  await noDialog();
  await tiles(2);
});

view('missed calls stand among the others, at home and in the history, and are news once', 'me=ada&missed=2', async () => {
  await sees('missed');
  const home = () => browser.run("return [...document.querySelectorAll('.recent-call')].map((one) => one.innerText.replaceAll('\\n', ' '))");
  const [first] = await home();
  assert.match(first, /^amara .*missed Call back$/);
  assert.equal((await home()).length, 5);
  assert.equal(await browser.run("return document.querySelectorAll('.unseen').length"), 1);
  await place('History');
  await called('missedSeen');
  await browser.until("return document.querySelectorAll('.call-line').length === 7");
  await sees('Missed call');
  await browser.type('.search input', 'amara');
  await browser.until("return document.querySelectorAll('.call-line').length === 2");
  assert.match(await text('.call-line'), /amara[\s\S]*Missed call/);
  await browser.click('.call-line');
  await sees('Ringing amara');
});

view('missed calls are there without the server, and cannot be called back then', 'me=ada&missed=1&calls=none', async () => {
  await people('change', { here: false });
  await browser.until("return document.querySelectorAll('div.recent-call').length === 1");
  await place('History');
  await browser.until("return document.querySelectorAll('div.call-line').length === 1");
});

view('meeting someone says what it is, waits, and stops', '', async () => {
  await place('Meet someone');
  assert.equal(await text('h1'), 'Meet someone');
  await sees('They see and hear you from the first moment.');
  assert.equal((await calls('meetEnter')).length, 0, 'nobody is in the queue before the button');
  await browser.run("document.querySelector('.meet button').focus()");
  await browser.keys(ENTER);
  await hears('Looking for somebody');
  await sees('3 others are waiting.');
  assert.equal(await browser.run('return document.activeElement.innerText'), 'Stop');
  await place('Meet someone');
  assert.equal((await calls('meetLeave')).length, 0, 'one is there already');
  await press('Stop', '.meet');
  await sees('They see and hear you');
  await press('Meet someone', '.meet');
  await sees('3 others are waiting.');
  await place('Home');
  await browser.until("return window.fake.calls.filter(([name]) => name === 'meetLeave').length === 2");
});

view('a stranger comes, is blocked, reported and left', '', async () => {
  await place('Meet someone');
  await press('Meet someone', '.meet');
  await sees('3 others are waiting.');
  await people('pair', 'Zoe <b>');
  await tiles(2);
  await sees('With Zoe <b>', '.meeting-bar');
  assert.equal((await calls('meetLeave')).length, 0);
  assert.deepEqual([await visible('.bar-code'), await visible('.bar-controls .leave'), await visible('.nobody')], [false, false, false]);
  await press('Report', '.meeting-bar');
  await press('Send report');
  await sees('Say in a few words', 'dialog');
  await browser.keys(...'rude', ENTER);
  await sees('has your report', '.toasts');
  assert.deepEqual(await calls('meetReport'), [{ reason: 'rude' }]);
  await noDialog();
  await press('Block', '.meeting-bar');
  await press('Cancel', 'dialog');
  assert.deepEqual(await calls('meetBlock'), []);
  await noDialog();
  await press('Next', '.meeting-bar');
  await sees('Looking for somebody', '.meet');
  await people('pair', 'Kim');
  await sees('With Kim', '.meeting-bar');
  await press('Block', '.meeting-bar');
  await press('Block', 'dialog');
  await sees('Looking for somebody', '.meet');
  await people('pair', 'Lou');
  await sees('With Lou', '.meeting-bar');
  await people('meet', { phase: 'waiting', others: 0, partner: '', note: 'You are alone again: Lou went on.' });
  await sees('Lou went on', '.meet');
  await hears('You are alone again: Lou went on.');
  await people('pair', 'Max');
  await sees('With Max', '.meeting-bar');
  await press('Stop', '.meeting-bar');
  await called('leaveCall');
  await sees('They see and hear you', '.meet');
  assert.doesNotMatch((await text('.toasts')) ?? '', /Back to call/, 'there is no way back to a stranger');
});

view('a partner who went on before the call began is not shown', 'meet=waiting', async () => {
  assert.equal(await text('h1'), 'Meet someone', 'a page that is loaded anew shows the queue');
  await browser.run(
    "window.fake.emit('enter', { invitation: { server: 's', code: 'a-b', link: 'l', addresses: [], qr: '' }, partner: 'Gone', microphoneOn: true, cameraOn: true })",
  );
  await people('meet', { others: 4 });
  await sees('4 others are waiting.');
  assert.equal(await visible('.call'), false);
});

view('all of it fits into a small window', 'me=ada&contacts=4&missed=3&blocks=3', async () => {
  await browser.size(480, 800);
  await sees('amara');
  await fits('home');
  await place('History');
  await sees('Missed call');
  await fits('history');
  await place('Settings');
  await fits('settings');
  await press('Your account');
  await sees('mallory');
  await fits('account');
  await people('ring', 'wolfeschlegelsteinhausenbergerd', { others: 2 });
  await fits('a call that comes in');
  await press('Decline', 'dialog.incoming');
  await place('Meet someone');
  await fits('meet');
  await press('Meet someone', '.meet');
  await sees('3 others are waiting.');
  await people('pair', 'Wolfeschlegelsteinhausenbergerdorff the Elder of Nowhere');
  await tiles(2);
  await fits('with a stranger');
});
