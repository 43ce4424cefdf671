/** The admin mode in a real browser, against an invented server with a fleet of calls. */
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

const text = (css) => browser.run('return document.querySelector(arguments[0])?.innerText ?? null', css);
const count = (css) => browser.run('return document.querySelectorAll(arguments[0]).length', css);
const until = (css, number) =>
  browser.until('return document.querySelectorAll(arguments[0]).length === arguments[1]', css, number);
const calls = (command) =>
  browser.run('return window.fake.calls.filter(([name]) => name === arguments[0]).map(([, args]) => args)', command);
const press = (words) =>
  browser.until(
    `const button = [...document.querySelectorAll('button')].find((one) => one.checkVisibility() && one.innerText.trim() === arguments[0]);
     button?.click();
     return !!button`,
    words,
  );
const says = (words) => browser.until('return document.body.innerText.includes(arguments[0])', words);
const choose = (label, value) =>
  browser.until(
    `const label = [...document.querySelectorAll('label')].find((one) => one.checkVisibility() && one.innerText === arguments[0]);
     const field = label && document.getElementById(label.htmlFor);
     if (!field) return false;
     field.value = arguments[1];
     field.dispatchEvent(new Event(field.type === 'search' ? 'input' : 'change', { bubbles: true }));
     return true`,
    label,
    value,
  );

/** A step in the admin mode, freshly opened from Settings; afterwards the console has to be clean. */
function admin(name, query, steps, width = 1280) {
  test(name, async () => {
    await browser.size(width, 800);
    await browser.open(`${server.url}?${query}`);
    await browser.click('.rail .last');
    await press('Admin mode');
    await steps();
    assert.deepEqual(await browser.complaints(), []);
  });
}

async function openCall(number) {
  await press('Calls');
  await browser.click(`.call-rows li:nth-child(${number}) button`);
  await browser.until("return !!document.querySelector('.admin-call')");
}

test('nothing of it is seen by ordinary people but one word in Settings', async () => {
  await browser.size(1280, 800);
  await browser.open(server.url);
  await browser.until("return !!document.querySelector('.rail button')");
  assert.equal(await count('.rail [aria-label=Admin]'), 0);
  await browser.click('.rail .last');
  await says('Admin mode');
  assert.equal((await calls('adminStanding')).length, 0, 'and nothing is asked');
});

admin('the admin token is handed over once and kept nowhere in the page', 'theme=light', async () => {
  await press('Sign in');
  await says('Type the admin token.');
  await browser.type('.sign-in input[type=password]', 'wrong');
  await browser.keys('\uE007');
  await says('This token is not the admin token of this server.');
  assert.equal(await browser.run("return document.activeElement.type"), 'password');
  await browser.run("document.activeElement.value = ''");
  await browser.type('.sign-in input[type=password]', 'open-sesame');
  await browser.keys('\uE007');
  await says('3 open rooms, 8 people inside');
  assert.deepEqual((await calls('adminSignIn')).at(-1), { server: '', key: { token: { token: 'open-sesame' } } });
  assert.equal(await browser.run("return document.documentElement.outerHTML.includes('open-sesame')"), false);
  assert.equal(await browser.run('return document.activeElement.tagName'), 'H1', 'the form that had the focus is gone');
  assert.equal(await browser.run("return document.querySelector('.rail [aria-current]').getAttribute('aria-label')"), 'Admin');

  await press('Sign out');
  await browser.until("return !!document.querySelector('.sign-in')");
  assert.equal(await count('.rail [aria-label=Admin]'), 0);
  assert.equal((await calls('adminSignOut')).length, 1);
});

admin('an account signs in at a server that is typed', '', async () => {
  await browser.type('.sign-in input.mono', 'wss://calls.example.org');
  await press('Account');
  await press('Sign in');
  await says('Type the name and the password.');
  await browser.type('.sign-in .field:nth-child(1) input:not(.mono)', 'ada');
  await browser.type('.sign-in input[type=password]', 'guess');
  await press('Sign in');
  await says('Name and password do not fit together.');
  await browser.run("document.querySelector('.sign-in input[type=password]').value = 'correct horse'");
  await press('Sign in');
  await says('at wss://calls.example.org as Ada');
  const { server: at, key } = (await calls('adminSignIn')).at(-1);
  assert.deepEqual([at, key], ['wss://calls.example.org', { account: { name: 'ada', password: 'correct horse' } }]);
});

admin('a key that is not taken any more leads back to signing in', 'admin=over', async () => {
  await says('This token is not good any more. Sign in again.');
  await browser.until("return !!document.querySelector('.sign-in')");
});

admin('open rooms are asked for again and again, and only while they are shown', 'admin=in', async () => {
  await until('.room', 3);
  assert.equal(await text('.room:nth-child(2) .room-name'), 'Design review');
  assert.match(await text('.room:nth-child(2)'), /open for 2 h 18 min · 5 of 8 places · locked · ends/);
  assert.equal(await count('.room:nth-child(2) li'), 5);
  await browser.run("document.querySelector('.room:nth-child(2) button').focus()");
  const asked = (await calls('adminRooms')).length;
  await browser.until(`return window.fake.calls.filter(([name]) => name === 'adminRooms').length > ${asked}`);
  assert.equal(await browser.run('return document.activeElement.innerText'), 'End for all', 'the focus stays');

  await browser.run("document.activeElement.click()");
  await says('End Design review?');
  await says('All 5 who are in it are put out at once');
  await press('Cancel');
  assert.equal((await calls('adminEndRoom')).length, 0);
  await browser.run("document.querySelector('.room:nth-child(2) button').click()");
  await browser.click('dialog .stop');
  await until('.room', 2);
  assert.deepEqual(await calls('adminEndRoom'), [{ room: 'r-live-1' }]);
  await says('Design review has ended');

  // Whatever runs from now on is counted.
  await browser.run(`const [set, clear] = [window.setInterval, window.clearInterval];
    window.fake.running = new Map();
    window.setInterval = (work, ms) => { const id = set(work, ms); window.fake.running.set(id, ms); return id; };
    window.clearInterval = (id) => (clear(id), window.fake.running.delete(id));`);
  const running = () => browser.run('return [...window.fake.running.values()]');
  await press('Calls');
  await press('Live');
  await until('.room', 2);
  assert.deepEqual(await running(), [5000]);
  await press('Audit log');
  await until('.audit', 1);
  assert.deepEqual(await running(), [], 'nothing asks for rooms that are not shown');
});

admin('calls are filtered, sorted and paged', 'admin=in', async () => {
  await press('Calls');
  await until('.call-rows li', 50);
  assert.equal(await text('.admin h2'), '134 calls');
  assert.match(await text('.pager'), /1 to 50 of 134/);
  await press('Next');
  await browser.until("return document.querySelector('.pager').innerText.includes('51 to 100 of 134')");
  assert.equal((await calls('adminCalls')).at(-1).filter.offset, 50);
  assert.equal(await browser.run("return document.activeElement.classList.contains('call-row')"), true);

  await choose('Order', 'worst');
  await browser.until("return document.querySelector('.pager').innerText.includes('1 to 50')");
  await choose('Quality', 'terrible');
  await choose('Reason', 'crash');
  await choose('From', '2026-01-02');
  await choose('Until', '2036-01-02');
  await choose('Code, room or name', 'MIRA jonas');
  await browser.until("return window.fake.calls.at(-1)[1]?.filter?.text === 'MIRA jonas'");
  const { filter } = (await calls('adminCalls')).at(-1);
  assert.deepEqual(
    [filter.sort, filter.quality, filter.reason, filter.offset, filter.limit],
    ['worst', 'terrible', 'crash', 0, 50],
  );
  const day = (date, later) => browser.run('return new Date(...arguments[0], 0, 2 + arguments[1]).getTime()', [date], later);
  assert.equal(filter.fromMs, await day(2026, 0));
  assert.equal(filter.toMs, await day(2036, 1), 'the last day is within');
  await choose('Code, room or name', 'nobody of this name');
  await says('No call matches');
  await press('Clear filters');
  await until('.call-rows li', 50);
});

admin('a call shows who was there, the breaks, who reported, and the charts of each', 'admin=in', async () => {
  await openCall(6);
  assert.match(await text('.admin-call'), /3 of 4 reported\. No figures from Guest\./);
  assert.equal(await count('.lane'), 4);
  assert.equal(await count('.lane:nth-child(2) .stay'), 2, 'two stays of one who came back');
  const lane = await browser.run("return document.querySelector('.lane:nth-child(2)').textContent");
  assert.match(lane, /away .*: the connection was lost/);
  assert.match(await text('.admin-call .entries'), /break, the connection was lost/);
  assert.match(await text('.admin-call .entries'), /Sightline 0\.2\.0 on macos · relay, TCP · first picture after 702 ms/);
  await until('.charts-canvas', 1);
  const opened = await calls('adminChartOpen');
  assert.deepEqual([opened[0].which, opened[0].place], [{ person: 0 }, 0]);
  assert.equal(await browser.run("return document.querySelector('.choosers select').options.length"), 3, 'those who reported');
  await choose('As recorded by', '2');
  await browser.until("return window.fake.calls.filter(([name]) => name === 'adminChartOpen').length === 2");
  assert.deepEqual((await calls('adminChartOpen'))[1].which, { person: 2 });
  assert.deepEqual(await calls('chartClose'), [{ place: 0 }]);
  await press('Table');
  await says('120 rows');
  assert.equal((await calls('adminTable'))[0].person, 2);
  await browser.click('[aria-label="Back"]');
  await until('.call-rows li', 50);
  assert.equal(
    await browser.run("return document.activeElement === document.querySelector('.call-rows li:nth-child(6) button')"),
    true,
  );
});

admin('both ends of a stream stand side by side and move together', 'admin=in', async () => {
  await openCall(6);
  await until('.charts-canvas', 1);
  await press('Both ends');
  await until('.charts-canvas', 2);
  const ends = (await calls('adminChartOpen')).slice(-2);
  assert.deepEqual(
    ends.map(({ which, place }) => [which.end, place]),
    [
      [{ from: 0, to: 1, received: false }, 0],
      [{ from: 0, to: 1, received: true }, 1],
    ],
  );
  const [left, right] = await browser.run(
    "return [...document.querySelectorAll('.charts-canvas')].map((one) => { const { left, top, width } = one.getBoundingClientRect(); return { left, top, width } })",
  );
  assert.ok(right.left > left.left + left.width && right.top === left.top && right.width === left.width);

  // What is done at the right one the left one follows, and not the other way round.
  await browser.run(`const canvas = document.querySelectorAll('.charts-canvas')[1];
    canvas.dispatchEvent(new PointerEvent('pointerover', { bubbles: true }));
    window.fake.range = [1000, 61_000];
    window.fake.hoverMs = 31_000;
    canvas.dispatchEvent(new PointerEvent('pointermove', { bubbles: true, clientX: 9, clientY: 9 }));`);
  const sent = "window.fake.calls.filter(([name, args]) => name === 'chartInput' && args.place === 0).flatMap(([, args]) => args.input.events)";
  await browser.until(`return ${sent}.some((event) => event.window?.fromMs === 1000 && event.window.toMs === 61_000)`);
  await browser.until(`return ${sent}.some((event) => event.beside?.atMs === 31_000)`);
  const back = await browser.run(
    "return window.fake.calls.filter(([name, args]) => name === 'chartInput' && args.place === 1).flatMap(([, args]) => args.input.events).filter((event) => event.window).length",
  );
  assert.equal(back, 0);

  await press('Other way');
  await browser.until("return document.querySelector('.end h3').innerText.includes('Žofie')");
  await choose('Received by', '3');
  await says('Guest did not share figures');
  assert.equal(await count('.charts-canvas'), 1, 'the other end is shown all the same');
  const closed = (await calls('chartClose')).map(({ place }) => place);
  assert.ok(closed.includes(0) && closed.includes(1), `${closed}`);
});

admin('a call is exported, and deleted only when one is sure', 'admin=in', async () => {
  await openCall(2);
  await press('Export CSV');
  await says('Saved as /home/mira/Downloads/sightline-');
  await press('Export JSON');
  const exports = await calls('adminExport');
  assert.deepEqual(exports.map(({ format }) => format), ['csv', 'json']);
  await press('Delete call');
  await says('stands in the audit log');
  await press('Cancel');
  assert.equal((await calls('adminDeleteCall')).length, 0);
  await press('Delete call');
  await browser.click('dialog .stop');
  await says('133 calls');
  assert.deepEqual(await calls('adminDeleteCall'), [{ room: exports[0].room }]);
});

admin('a call that another admin deleted meanwhile goes from the list, with its sentence', 'admin=in&faster=1', async () => {
  await openCall(2);
  await press('Delete call');
  await browser.click('dialog .stop');
  await says('This call was deleted already.');
  await says('133 calls');
});

admin('accounts are found, made admins and deleted, when one is sure', 'admin=in', async () => {
  await press('Accounts');
  await says('75 accounts');
  assert.equal(await count('.account-row'), 50);
  const chips = (number) =>
    browser.run("return [...document.querySelectorAll(arguments[0] + ' .chip')].map((one) => one.innerText)", `.account-row:nth-child(${number})`);
  assert.deepEqual([await chips(1), await chips(2)], [['here now', 'admin'], []]);
  await press('Next');
  await says('51 to 75 of 75');
  await choose('Part of a name', 'AMA');
  await says('1 account');
  await browser.click('[aria-label="What to do about amara"]');
  await press('Make an admin');
  await says('Make amara an admin?');
  await press('Cancel');
  assert.equal((await calls('adminSetAdmin')).length, 0);
  await browser.click('[aria-label="What to do about amara"]');
  await press('Make an admin');
  await browser.click('dialog .stop');
  await says('amara is an admin');
  assert.deepEqual(await chips(1), ['admin']);
  assert.equal(await browser.run("return document.activeElement.getAttribute('aria-label')"), 'What to do about amara');
  await browser.click('[aria-label="What to do about amara"]');
  await press('Delete the account');
  await says('anybody can take the name');
  await browser.click('dialog .stop');
  await says('No account matches');
  assert.deepEqual(await calls('adminDeleteAccount'), [{ name: 'amara' }]);
  await choose('Part of a name', 'ada');
  await says('1 account');
  await browser.click('[aria-label="What to do about Ada"]');
  await press('Take the admin rights');
  await browser.click('dialog .stop');
  await says('This is the last admin; make another one first.');
  assert.deepEqual(await chips(1), ['here now', 'admin'], 'and is one still');
});

admin('totals over a range, by version and path, the worst calls first', 'admin=in', async () => {
  await press('Totals');
  await until('.sum', 7);
  const sums = await browser.run("return [...document.querySelectorAll('.sum')].map((one) => one.innerText.replaceAll('\\n', ' '))");
  assert.match(sums[3], /Good windows 93\.6 %/);
  assert.match(sums[4], /Packet loss 0\.2 % median 3\.4 % 95th percentile of 148,213 values/);
  assert.equal(await count('.groups'), 2);
  assert.match(await text('.groups:nth-of-type(2)'), /relay, TCP/);
  const [week] = await calls('adminTotals');
  assert.equal(week.toMs - week.fromMs, 7 * 86_400_000);
  await press('30 days');
  await browser.until("return window.fake.calls.filter(([name]) => name === 'adminTotals').length === 2");
  await choose('From', '2026-01-02');
  await browser.until("return window.fake.calls.filter(([name]) => name === 'adminTotals').length === 3");
  assert.equal(await count('.range .chip[aria-pressed=true]'), 0, 'no preset any more');
  await browser.click('.call-rows li:nth-child(1) button');
  await browser.until("return !!document.querySelector('.admin-call')");
  await browser.click('[aria-label="Back"]');
  await until('.sum', 7);
});

admin('the audit log in pages, also with what is new to this page', 'admin=in', async () => {
  await press('Audit log');
  await until('.audit tbody tr', 50);
  assert.match(await text('.audit'), /deleted a call[\s\S]*recount moons/);
  await press('Next');
  await until('.audit tbody tr', 14);
});

admin('a report leads to its call, and is put away', 'admin=in', async () => {
  await press('Reports');
  await until('.report', 2);
  assert.match(await text('.report:nth-child(1)'), /Priya Nair about Guest/);
  await browser.run("document.querySelector('.report:nth-child(2) button').click()");
  await says('There is no such call.');
  await press('Back');
  await browser.run("document.querySelector('.report:nth-child(1) button:nth-of-type(2)').click()");
  await until('.report', 1);
  assert.deepEqual(await calls('adminPutAway'), [{ report: 2 }]);
});

admin('a server without calls says what will be there', 'admin=none', async () => {
  await says('No room is open');
  for (const [tab, words] of [
    ['Calls', 'No calls yet'],
    ['Totals', 'Nobody reported any figures in this range.'],
    ['Accounts', 'No accounts yet'],
    ['Audit log', 'Nothing was done yet'],
    ['Reports', 'No reports'],
  ]) {
    await press(tab);
    await says(words);
  }
});

admin('a server that does not answer is said in every piece, with a way to try again', 'admin=broken', async () => {
  for (const tab of ['Live', 'Calls', 'Totals', 'Accounts', 'Audit log', 'Reports']) {
    await press(tab);
    await says('is sightline-server running?');
    await press('Try again');
  }
});

for (const [width, query] of [
  [480, 'admin=in&theme=dark'],
  [900, 'admin=in&theme=light'],
  [2560, 'admin=in&theme=dark'],
])
  admin(
    `nothing is wider than a window of ${width}`,
    query,
    async () => {
      const fits = async (what) => {
        const [needs, has] = await browser.run("const page = document.querySelector('.admin'); return [page.scrollWidth, page.clientWidth]");
        assert.ok(needs <= has, `${what}: ${needs} in ${has}`);
      };
      await until('.room', 3);
      await fits('Live');
      for (const tab of ['Calls', 'Totals', 'Accounts', 'Audit log', 'Reports']) {
        await press(tab);
        await browser.until("return !!document.querySelector('.call-rows li, .sum, .account-row, .audit, .report')");
        await fits(tab);
      }
      await openCall(6);
      await until('.charts-canvas', 1);
      await fits('a call');
      await press('Both ends');
      await until('.charts-canvas', 2);
      await fits('both ends');
    },
    width,
  );

admin('every control has a name and can be reached by keyboard', 'admin=in', async () => {
  const nameless = `return [...document.querySelectorAll('.admin button, .admin input, .admin select')].filter((one) => one.checkVisibility())
    .filter((one) => !(one.getAttribute('aria-label') || one.innerText?.trim() || one.labels?.length)).map((one) => one.outerHTML)`;
  const unreachable = `return [...document.querySelectorAll('.admin button, .admin input, .admin select')].filter((one) => one.tabIndex < 0).length`;
  for (const tab of ['Live', 'Calls', 'Totals', 'Accounts', 'Audit log', 'Reports']) {
    await press(tab);
    await browser.until("return !document.querySelector('.admin .spinner')");
    assert.deepEqual(await browser.run(nameless), [], tab);
    assert.equal(await browser.run(unreachable), 0, tab);
  }
  await openCall(6);
  await until('.charts-canvas', 1);
  assert.deepEqual(await browser.run(nameless), []);
});
