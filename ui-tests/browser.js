/** Chromium through chromedriver, over plain HTTP: as much of WebDriver as the tests need. */
import { spawn } from 'node:child_process';

const ELEMENT = 'element-6066-11e4-a52e-4f735466cecf';
/** A loaded machine starts a browser slowly; nothing waits this long when it works. */
const PATIENCE_MS = 30_000;

export class Browser {
  /** Starts both; `close` ends both. */
  static async start() {
    const driver = spawn('chromedriver', ['--port=0'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const port = await new Promise((resolve, reject) => {
      let text = '';
      driver.once('error', reject);
      driver.once('exit', (code) => reject(new Error(`chromedriver ended with ${code}`)));
      driver.stdout.on('data', (data) => {
        text += data;
        const found = /successfully on port (\d+)/.exec(text);
        if (found) resolve(found[1]);
      });
    });
    const browser = new Browser(driver, `http://127.0.0.1:${port}`);
    const args = [
      '--headless=new',
      '--no-sandbox',
      '--disable-dev-shm-usage',
      '--hide-scrollbars',
      '--force-device-scale-factor=1',
    ];
    const options = { 'goog:chromeOptions': { args }, 'goog:loggingPrefs': { browser: 'ALL' } };
    const { sessionId } = await browser.request('POST', '/session', { capabilities: { alwaysMatch: options } });
    browser.session = `/session/${sessionId}`;
    return browser;
  }

  constructor(driver, base) {
    this.driver = driver;
    this.base = base;
    this.session = '';
  }

  async close() {
    await this.request('DELETE', this.session).catch(() => {});
    this.driver.removeAllListeners('exit');
    this.driver.kill();
  }

  async request(method, path, body) {
    const response = await fetch(this.base + path, { method, ...(body && { body: JSON.stringify(body) }) });
    const { value } = await response.json();
    if (!response.ok) throw new Error(`${value.error}: ${value.message}`);
    return value;
  }

  open(url) {
    return this.request('POST', `${this.session}/url`, { url });
  }

  /** The body of a function; its result comes back as JSON. Promises are awaited. */
  run(script, ...args) {
    return this.request('POST', `${this.session}/execute/sync`, { script, args });
  }

  cdp(cmd, params) {
    return this.request('POST', `${this.session}/goog/cdp/execute`, { cmd, params });
  }

  size(width, height) {
    return this.cdp('Emulation.setDeviceMetricsOverride', { width, height, deviceScaleFactor: 1, mobile: false });
  }

  async find(css) {
    return (await this.request('POST', `${this.session}/element`, { using: 'css selector', value: css }))[ELEMENT];
  }

  async click(css) {
    await this.until(`return !!document.querySelector(${JSON.stringify(css)})`);
    await this.request('POST', `${this.session}/element/${await this.find(css)}/click`, {});
  }

  async type(css, text) {
    await this.request('POST', `${this.session}/element/${await this.find(css)}/value`, { text });
  }

  /** Keys for whatever has the focus, each pressed and released. */
  async keys(...keys) {
    const actions = keys.flatMap((value) => [
      { type: 'keyDown', value },
      { type: 'keyUp', value },
    ]);
    await this.request('POST', `${this.session}/actions`, { actions: [{ type: 'key', id: 'keyboard', actions }] });
  }

  /** Waits until a script gives something true, and gives that. */
  async until(script, ...args) {
    const deadline = Date.now() + PATIENCE_MS;
    for (;;) {
      const value = await this.run(script, ...args);
      if (value) return value;
      if (Date.now() > deadline) throw new Error(`never became true: ${script}`);
      await new Promise((wait) => setTimeout(wait, 25));
    }
  }

  /** Errors and violations of the policy that the console showed since the last time. */
  async complaints() {
    const entries = await this.request('POST', `${this.session}/se/log`, { type: 'browser' });
    return entries.filter((entry) => entry.level === 'SEVERE').map((entry) => entry.message);
  }

  screenshot() {
    return this.request('GET', `${this.session}/screenshot`);
  }
}
