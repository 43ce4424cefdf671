/** Each view in a real browser, against an invented native side, under the app's content security policy. */
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
    await steps();
    assert.deepEqual(await browser.complaints(), []);
  });
}

const text = (css) => browser.run('return document.querySelector(arguments[0])?.innerText ?? null', css);
const visible = (css) => browser.run('return !!document.querySelector(arguments[0])?.checkVisibility()', css);
const calls = (command) =>
  browser.run('return window.fake.calls.filter(([name]) => name === arguments[0]).map(([, args]) => args)', command);
const press = (words) =>
  browser.until(
    `const button = [...document.querySelectorAll('button')].find((one) => one.checkVisibility() && one.innerText.trim() === arguments[0]);
     button?.click();
     return !!button`,
    words,
  );
const says = (words) =>
  browser.until(
    "return document.querySelector('[role=status].hidden-text, main')?.innerText.includes(arguments[0]) || document.body.innerText.includes(arguments[0])",
    words,
  );

async function joinCall() {
  await press('Start a call');
  await press('Join the call');
  await browser.until("return document.querySelectorAll('.tile').length > 0");
}

view('the first start asks for a name, then shows home', 'name=', async () => {
  assert.equal(await text('h1'), 'Welcome to Sightline');
  await browser.type('form input', 'Ada');
  await browser.keys('\uE007');
  await says('Start a call');
  assert.equal((await calls('saveSettings'))[0].settings.name, 'Ada');
});

view('a link that waits for a name is opened after it', 'name=&link=sightline://join/host/a-b', async () => {
  await browser.type('form input', 'Ada');
  await browser.keys('\uE007');
  await says('Ready to join?');
  assert.deepEqual(await calls('openInvitation'), [{ text: 'sightline://join/host/a-b' }]);
});

view('a wrong code is said at its field', '', async () => {
  await browser.type('form input', 'wrong');
  await press('Join');
  await says('This is not a room code.');
  assert.equal(await browser.run("return document.querySelector('form input').getAttribute('aria-invalid')"), 'true');
  assert.equal(await browser.run("return document.activeElement === document.querySelector('form input')"), true);
});

view('no calls yet say what will be there', 'calls=none', async () => {
  await says('No calls yet');
  await browser.click('.rail button:nth-child(2)');
  await says('Each call is recorded here');
  await press('Start a call');
  assert.equal(await text('h1'), 'Talk. Then see why it worked.');
});

view('a history of a newer version says what to do', 'state=newer', async () => {
  await says('Update Sightline to read it');
});

view('an app that cannot start says why', 'state=broken', async () => {
  await says('permission denied');
});

view('the lobby opens the devices, shows the camera, and closes them when left', '', async () => {
  await press('Start a call');
  await browser.until("return window.sightline.frames().some((frame) => frame.tile === 'self' && frame.drawn > 3)");
  assert.deepEqual(await calls('lobbyOpen'), [{ camera: '', microphone: '', speaker: '' }]);
  await browser.click('.preview-controls button:nth-child(2)');
  await says('Your camera is off.');
  assert.equal((await calls('lobbyOpen')).at(-1).camera, null);
  await browser.click('[aria-label="Back to home"]');
  await browser.until("return window.fake.calls.some(([name]) => name === 'lobbyClose')");
  assert.equal(await browser.run('return window.fake.sockets'), 0, 'the frame socket is closed');
});

view('without devices the lobby says so and lets one join', 'state=no-camera', async () => {
  await press('Start a call');
  await says('No camera found. You can join without one');
  await says('No microphone found. You can join and listen.');
  await press('Join the call');
  await browser.until("return document.querySelectorAll('.tile').length === 4");
});

view('pictures move in every tile, at the size of the tile, and credit goes back', 'people=4', async () => {
  await joinCall();
  await browser.until(
    'return window.sightline.frames().length === 4 && window.sightline.frames().every((frame) => frame.drawn > 10)',
  );
  const grab =
    "const { width, height, data } = await window.sightline.pixels('peer-1'); return { width, height, sum: data.reduce((sum, value) => sum + value, 0) }";
  const first = await browser.run(grab);
  assert.ok(first.sum > 0);
  await browser.until(`return (await (async () => { ${grab} })()).sum !== arguments[0]`, first.sum);
  const tile = await browser.run(
    "const { width, height } = document.querySelector('.tile').getBoundingClientRect(); return { width, height }",
  );
  const [frame] = await browser.run('return window.sightline.frames()');
  assert.ok(Math.abs(frame.width - tile.width) < 30, `${frame.width} for a tile of ${tile.width}`);
});

view('WebGL and 2D draw the same colours', '', async () => {
  const [shader, flat] = await browser.run(`
    const { shaderPainter } = await import('/video/shader.js');
    const { flatPainter } = await import('/video/flat.js');
    const [width, height] = [7, 5];
    const even = (length, value) => new Uint8Array(length).fill(value);
    const colours = [];
    for (const [y, u, v] of [[81, 90, 240], [145, 54, 34], [41, 240, 110], [235, 128, 128], [16, 128, 128]]) {
      for (const make of [shaderPainter, flatPainter]) {
        const canvas = document.createElement('canvas');
        const painter = make(canvas);
        painter.draw({ width, height, y: even(35, y), u: even(12, u), v: even(12, v) });
        const copy = document.createElement('canvas').getContext('2d');
        copy.drawImage(canvas, 0, 0);
        colours.push([...copy.getImageData(6, 4, 1, 1).data]);
        painter.release();
      }
    }
    return [colours.filter((_, at) => at % 2 === 0), colours.filter((_, at) => at % 2 === 1)]`);
  assert.equal(shader.length, 5);
  shader.flat().forEach((value, at) => {
    assert.ok(Math.abs(value - flat.flat()[at]) <= 3, `${JSON.stringify(shader)} is not ${JSON.stringify(flat)}`);
  });
});

view('names and messages of others are text, never markup', 'people=2&state=long-names&chat=1', async () => {
  await joinCall();
  await browser.keys('c');
  await says('<script>alert(1)</script>');
  assert.equal(await browser.run("return document.querySelectorAll('.tile b, .chat-text script').length"), 0);
});

view('keys switch, open panels, and leave', 'people=3', async () => {
  await joinCall();
  await browser.keys('m');
  await browser.until("return document.querySelector('.bar-controls button').getAttribute('aria-pressed') === 'false'");
  assert.deepEqual(await calls('setMicrophone'), [{ on: false }]);
  for (const [key, title] of [
    ['q', 'Quality now'],
    ['p', 'People'],
    ['c', 'Chat'],
  ]) {
    await browser.keys(key);
    assert.equal(await text('.call-panel h2'), title);
  }
  await browser.type('.chat-form input', 'mmm');
  assert.equal((await calls('setMicrophone')).length, 1, 'what is typed is no key');
  await browser.keys('\uE007');
  await browser.until("return [...document.querySelectorAll('.chat-text')].some((line) => line.textContent === 'mmm')");
  await browser.keys('\uE00C');
  assert.equal(await visible('.call-panel'), false);
  await browser.run('document.activeElement.blur()');
  await browser.keys('?');
  assert.equal(await text('dialog h2'), 'Keys in a call');
  await browser.keys('\uE00C');
  await browser.until("return !document.querySelector('dialog')");
  await browser.run('document.activeElement.blur()');
  await browser.keys('l');
  await says('Back to call');
  assert.equal((await calls('leaveCall')).length, 1);
  await press('Back to call');
  await browser.until("return document.querySelectorAll('.tile').length === 3");
});

view('space talks while it is held', 'people=2', async () => {
  await joinCall();
  await browser.run('document.activeElement.blur()');
  await browser.keys('m', ' ');
  await browser.until("return window.fake.calls.filter(([name]) => name === 'setMicrophone').length === 3");
  assert.deepEqual(await calls('setMicrophone'), [{ on: false }, { on: true }, { on: false }]);
});

view(
  'a link that comes in a call is asked about, and ends the call only if it leads somewhere',
  'people=2',
  async () => {
    await joinCall();
    await browser.run("window.fake.emit('link', { text: 'wrong' })");
    await press('Join it');
    await says('This is not a room code.');
    assert.deepEqual(await calls('leaveCall'), []);
    await browser.run("window.fake.emit('link', { text: 'sightline://join/host/c-d' })");
    await press('Join it');
    await says('Ready to join?');
    assert.equal((await calls('leaveCall')).length, 1);
  },
);

view('unread messages are counted until the chat is opened', 'people=4&chat=1', async () => {
  await joinCall();
  await browser.until("return document.querySelector('.badge').textContent === '3'");
  assert.equal(
    await browser.run("return document.querySelector('.bar-controls button:nth-child(3)').getAttribute('aria-label')"),
    'Chat, 3 unread messages',
  );
  await browser.keys('c');
  await browser.until("return !document.querySelector('.badge').checkVisibility()");
});

view('a page that is loaded anew in a call has its chat, its invitation and its server again', 'state=reloaded&people=2&chat=1', async () => {
  await browser.until("return document.querySelectorAll('.tile').length === 2");
  await browser.keys('c');
  await browser.until("return document.querySelectorAll('.chat-text').length === 4");
  await browser.keys('\uE00C');
  await browser.run('document.activeElement.blur()');
  await browser.keys('p');
  await says('192.168.1.23:7788');
  assert.equal(await visible('.call-panel .qr'), true);
  await browser.keys('\uE00C');
  await browser.run('document.activeElement.blur()');
  await browser.keys('l');
  await press('Back to call');
  await browser.until("return window.fake.calls.some(([name]) => name === 'joinCall')");
  assert.equal((await calls('joinCall'))[0].server, 'ws://192.168.1.23:7788', 'not the one of the settings');
});

view('a lost server and a lost peer say what is done about it', 'people=3&state=peer-lost', async () => {
  await joinCall();
  await says('Trying another way through the network.');
  await browser.run("window.fake.scenario.state = 'lost'");
  await browser.until("return document.querySelector('.banner').innerText.includes('looking for the server again')");
});

view('a pinned tile is large until it is pinned no more', 'people=5', async () => {
  await joinCall();
  const area =
    "const { width, height } = document.querySelector('[data-tile=peer-2]').getBoundingClientRect(); return width * height";
  const small = await browser.run(area);
  await browser.run("document.querySelector('[data-tile=peer-2] .tile-pin').click()");
  assert.ok((await browser.run(area)) > 3 * small);
  await browser.run("document.querySelector('[data-tile=peer-2] .tile-pin').click()");
  assert.equal(await browser.run(area), small);
});

view('the history searches, opens, shows charts and the same figures as a table', '', async () => {
  await browser.click('.rail button:nth-child(2)');
  await browser.until("return document.querySelectorAll('.call-line').length === 5");
  await browser.type('.search input', 'li wei');
  await browser.until("return document.querySelectorAll('.call-line').length === 1");
  await browser.click('.call-line');
  await says('Your uplink lost 6 % from 18:33 to 18:35.');
  assert.equal(await visible('.findings .notice:nth-of-type(5)'), false, 'the charts are near');
  await press('Show all 5 findings');
  assert.equal(await visible('.findings .notice:nth-of-type(6)'), true);
  await press('Show only the gravest');
  assert.match(await text('.findings .notice'), /^A bad call: only 71 %/, 'the whole comes first');
  await browser.until("return document.querySelectorAll('.legend button').length === 2");
  assert.equal(await visible('.legend button'), true, 'the legend is for everybody');
  const blue = `const canvas = document.querySelector('canvas.charts-canvas');
    const copy = Object.assign(document.createElement('canvas'), { width: canvas.width, height: canvas.height }).getContext('2d');
    copy.drawImage(canvas, 0, 0);
    const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let at = 0; at < data.length; at += 4) if (data[at] === 122 && data[at + 1] === 167 && data[at + 2] === 255) count += 1;
    return count`;
  await browser.until(`return (() => { ${blue} })() > 100`);
  await browser.run("document.querySelector('.legend button').click()");
  await browser.until(`return (() => { ${blue} })() === 0`);
  await press('Show');
  await browser.until(
    "return window.fake.calls.some(([name, args]) => name === 'chartInput' && args.input.events.some((event) => event.range))",
  );
  await press('Table');
  await browser.until("return document.querySelectorAll('.table-box tbody tr').length === 120");
  await browser.click('.rail button:nth-child(1)');
  assert.equal((await calls('chartClose')).length, 1);
});

view('a call is deleted only after a question', '', async () => {
  await browser.click('.rail button:nth-child(2)');
  await browser.click('[data-call="1"]');
  await browser.click('.detail-head .warn');
  await press('Cancel');
  assert.deepEqual(await calls('historyDelete'), []);
  await browser.click('.detail-head .warn');
  await browser.until(
    "document.querySelector('dialog .stop')?.click(); return window.fake.calls.some(([name]) => name === 'historyDelete')",
  );
  await browser.until("return document.querySelectorAll('.call-line').length === 4");
});

view('a history that cannot be read says so', 'calls=broken', async () => {
  await browser.click('.rail button:nth-child(2)');
  await says('The history file is damaged');
});

view('settings are stored when they change, and refused at their field', '', async () => {
  await browser.click('.rail .last');
  await browser.run(
    "const select = [...document.querySelectorAll('select')].find((one) => one.innerText.includes('Dark')); select.value = 'light'; select.dispatchEvent(new Event('change'))",
  );
  await browser.until("return document.documentElement.dataset.theme === 'light'");
  await says('192.168.1.23:7788');
  const set = (css, value) =>
    browser.run(
      "const input = document.querySelector(arguments[0]); input.value = arguments[1]; input.dispatchEvent(new Event('change'))",
      css,
      value,
    );
  await set('input.mono', 'two words');
  await says("'two words' is not the address of a signaling server.");
  assert.equal(await browser.run("return document.querySelector('input.mono').getAttribute('aria-invalid')"), 'true');
  await set('input.mono', 'calls.example:7788');
  await browser.until("return window.fake.calls.filter(([name]) => name === 'hosting').length === 2");
  await browser.run(
    "const input = document.querySelector('input[inputmode=numeric]'); input.value = '7'; input.dispatchEvent(new Event('change'))",
  );
  await says('A number from 50 to 20000.');
  assert.equal((await calls('saveSettings')).length, 3, 'what is no number is not even asked for');
});

view('sharing says who can read what, and is off until it is switched on', 'sharing=off', async () => {
  await browser.click('.rail .last');
  await says('Nothing is sent.');
  await says('Addresses are never included');
  await browser.click('.sharing input[role=switch]');
  await browser.until("return document.querySelector('.sharing').innerText.includes('Nothing waits. Last sent: Today')");
  assert.equal((await calls('saveSettings'))[0].settings.shareSamples, true);
  await browser.click('.sharing input[role=switch]');
  await browser.until("return document.querySelector('.sharing').innerText.includes('Nothing is sent.')");
});

view('all that is sent can be read, scrolled by keys, copied, and closed', 'sharing=on', async () => {
  await browser.click('.rail .last');
  await browser.click('.sharing button');
  await browser.until("return document.querySelectorAll('.sent-fields li').length === 44");
  assert.match(await text('.sent-fields li:nth-child(3)'), /^session\.name\s+Your name in the call/);
  assert.match(await text('pre.sent-box'), /"name": "Mira"/);
  await browser.run("document.querySelector('pre.sent-box').focus()");
  await browser.keys('\uE00F');
  await browser.until("return document.querySelector('pre.sent-box').scrollTop > 0");
  await browser.run("window.copied = ''; navigator.clipboard.writeText = async (text) => { window.copied = text; }");
  await press('Copy');
  await browser.until("return window.copied === document.querySelector('pre.sent-box').textContent");
  await browser.keys('\uE00C');
  await browser.until("return !document.querySelector('dialog')");
  assert.equal(await browser.run('return document.activeElement.innerText'), 'What is sent');
});

view('a server that is away says that nothing is lost', 'sharing=away', async () => {
  await browser.click('.rail .last');
  await browser.until("return document.querySelector('.sharing').innerText.includes('1284 rows wait.')");
  await says('What is to be sent waits until it can.');
});

view('a change that is stored slowly is not taken back by the next one', 'sharing=on', async () => {
  await browser.click('.rail .last');
  await browser.run(`
    const { invoke } = window.__TAURI__.core;
    let slow = true;
    window.__TAURI__.core.invoke = async (command, args) => {
      if (command === 'saveSettings' && slow) {
        slow = false;
        await new Promise((done) => setTimeout(done, 200));
      }
      return invoke(command, args);
    };
    document.querySelector('.sharing input').click();
    const theme = [...document.querySelectorAll('select')].find((one) => one.innerText.includes('Dark'));
    theme.value = 'light';
    theme.dispatchEvent(new Event('change'));`);
  await browser.until("return window.fake.calls.filter(([name]) => name === 'saveSettings').length === 2");
  const [, { settings }] = await calls('saveSettings');
  assert.deepEqual([settings.shareSamples, settings.theme], [false, 'light']);
});

view('without a graphics card charts and pictures come as pixels', 'card=none', async () => {
  await browser.click('.rail button:nth-child(2)');
  await browser.click('[data-call="2"]');
  const blue = `const canvas = document.querySelector('canvas.charts-canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
    let count = 0;
    for (let at = 0; at < data.length; at += 4) if (data[at] === 122 && data[at + 1] === 167 && data[at + 2] === 255) count += 1;
    return count`;
  await browser.until(`return (() => { ${blue} })() > 1000`);
  await browser.run("document.querySelector('.legend button').click()");
  await browser.until(`return (() => { ${blue} })() === 0`);
  const [{ look, input }] = await calls('chartOpen');
  const [top, bottom] = input.visiblePoints;
  assert.ok(look.pixels && top === 0 && bottom > 100, JSON.stringify([look, input]));
  const asked = (await calls('chartInput')).length;
  await browser.run("document.querySelector('.charts-box').dispatchEvent(new Event('scroll'))");
  await browser.until(`return window.fake.calls.filter(([name]) => name === 'chartInput').length > ${asked}`);
  await browser.click('.rail button:nth-child(1)');
  await joinCall();
  await browser.until("return window.sightline.frames().some((frame) => frame.drawn > 2 && frame.painter === '2d')");
});

view('charts grow with the type of large screens, and are pointed at where they are', '', async () => {
  await browser.size(3840, 2160);
  await browser.click('.rail button:nth-child(2)');
  await browser.click('[data-call="2"]');
  await browser.until("return window.fake.calls.some(([name]) => name === 'chartInput')");
  const [{ input }] = await calls('chartOpen');
  const { pixelsPerPoint: scale, widthPoints: width } = input;
  const box = await browser.run("return document.querySelector('.charts-box').clientWidth");
  assert.ok(scale > 1.5 && Math.abs(width * scale - box) < 2, `${width} points of ${scale} in ${box} pixels`);
  const sent = await browser.until(`
    const canvas = document.querySelector('.charts-canvas');
    const { left, top } = canvas.getBoundingClientRect();
    canvas.dispatchEvent(new PointerEvent('pointermove', { clientX: left + 400, clientY: top + 40 }));
    const moves = window.fake.calls.flatMap(([name, args]) => (name === 'chartInput' ? args.input.events : []));
    return moves.find((event) => event.pointerMoved)?.pointerMoved`);
  assert.ok(Math.abs(sent.x * scale - 400) < 1, JSON.stringify(sent));
});

view('nothing is wider than a small window', 'people=9&chat=1', async () => {
  await browser.size(480, 800);
  const fits = async (where) =>
    assert.ok(await browser.run('return document.documentElement.scrollWidth <= innerWidth'), where);
  await fits('home');
  await joinCall();
  await fits('call');
  for (const key of ['q', 'p', 'c']) {
    await browser.keys(key);
    await fits(key);
    if (key === 'c') await browser.keys('\uE00C');
  }
  await browser.run('document.activeElement.blur()');
  await browser.keys('l');
  await browser.click('.rail button:nth-child(2)');
  await fits('history');
  await browser.click('[data-call="2"]');
  await says('Your uplink lost');
  await fits('a call of the history');
});
