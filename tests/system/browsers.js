// Chromium by playwright; Firefox and WebKit without a driver of theirs: the page itself asks this process what to do next,
// and tells what came of it. Each runs with a profile that is new, under no display but its own, and is ended by its pid.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { chromium as playwright } from 'playwright-core';
import { cleanEnv } from './server.js';
import { PATIENCE, eventually } from './wire.js';

// For this file; it is closed afterwards.
export async function chromium(...args) {
  const browser = await playwright.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
      '--disable-background-networking', '--disable-component-update', '--disable-sync', ...args,
    ],
  });
  after(() => browser.close());
  return browser;
}

// What a page runs that is driven. It is of another origin than the page.
const driver = (origin, id) => `(async () => {
  for (;;) {
    const step = await (await fetch('${origin}/next?tab=${id}')).text();
    const answer = {};
    try { answer.value = await (0, eval)(step); } catch (error) { answer.error = error + '\\n' + error.stack; }
    await fetch('${origin}/did?tab=${id}', { method: 'POST', body: JSON.stringify(answer) });
  }
})();`;

class Tab {
  constructor(id) {
    this.id = id;
    this.steps = []; // that the page has not been told yet; the first one may be under way
  }

  // The page asks for a step. When there is none, it waits.
  next(response) {
    this.response = response;
    this.tell();
  }

  tell() {
    if (!this.response || !this.steps.length) return;
    this.response.end(this.steps[0].code);
    this.response = undefined;
  }

  did({ value, error }) {
    const step = this.steps.shift();
    if (error) step.reject(new Error(error));
    else step.resolve(value);
  }

  async evaluate(step, argument) {
    const code = typeof step === 'function' ? `(${step})(${JSON.stringify(argument) ?? ''})` : step;
    let timer;
    return new Promise((resolve, reject) => {
      timer = setTimeout(() => reject(new Error(`no answer from the page within ${PATIENCE} ms: ${code}`)), PATIENCE);
      this.steps.push({ code, resolve, reject });
      this.tell();
    }).finally(() => clearTimeout(timer));
  }

  // A tab that is behind others, or is gone, does not answer.
  close() {
    this.steps.push({ code: 'window.close()', resolve() {}, reject() {} });
    this.tell();
  }
}

// Everything but loopback goes to a proxy that is not there; the rest keeps it from trying, and from pages of its own.
const preferences = {
  'network.proxy.type': 1,
  'network.proxy.http': '127.0.0.1',
  'network.proxy.http_port': 9,
  'network.proxy.ssl': '127.0.0.1',
  'network.proxy.ssl_port': 9,
  'network.proxy.failover_direct': false,
  'network.proxy.allow_bypass': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'network.trr.mode': 5,
  'services.settings.server': 'data:,#remote-settings-dummy/v1',
  'datareporting.policy.dataSubmissionEnabled': false,
  'dom.push.connection.enabled': false,
  'app.normandy.enabled': false,
  'app.update.disabledForTesting': true,
  'browser.aboutwelcome.enabled': false,
  'browser.newtabpage.enabled': false,
  'browser.safebrowsing.malware.enabled': false,
  'browser.safebrowsing.phishing.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'browser.startup.page': 0,
  'termsofuse.bypassNotification': true,
  'dom.disable_open_during_load': false, // window.open() without a click
};

const engines = {
  firefox(home, url) {
    const lines = Object.entries(preferences).map(([name, value]) => `user_pref("${name}", ${JSON.stringify(value)});\n`);
    writeFileSync(path.join(home, 'user.js'), lines.join(''));
    return { command: ['firefox-esr', '--headless', '--no-remote', '--profile', home, url] };
  },

  // Debian has its MiniBrowser in a folder of the library's. It needs a display.
  async webkit(home, url, browser) {
    const folders = readdirSync('/usr/lib', { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const program = folders.map(({ name }) => `/usr/lib/${name}/webkit2gtk-4.1/MiniBrowser`).find((file) => existsSync(file));
    assert.ok(program, 'there is no MiniBrowser');
    const screen = browser.spawn(['Xvfb', '-displayfd', '3', '-nolisten', 'tcp', '-screen', '0', '800x600x24']);
    const display = await new Promise((resolve) => screen.stdio[3].once('data', resolve).once('end', resolve));
    assert.ok(display, browser.said);
    return {
      command: [program, '--private', '--javascript-can-open-windows-automatically=true', url],
      env: { DISPLAY: `:${String(display).trim()}`, GDK_BACKEND: 'x11', LIBGL_ALWAYS_SOFTWARE: '1', NO_AT_BRIDGE: '1', GTK_A11Y: 'none' },
    };
  },
};

export class Browser {
  // For this file: it is started now, and ended afterwards.
  static async launch(engine) {
    const browser = new Browser();
    after(() => browser.end());
    await new Promise((resolve) => browser.listener.listen(0, '127.0.0.1', resolve));
    browser.origin = `http://127.0.0.1:${browser.listener.address().port}`;
    const { command, env } = await engines[engine](browser.home, `${browser.origin}/`, browser);
    browser.program = browser.spawn(command, env);
    browser.first = await browser.tab(0);
    return browser;
  }

  constructor() {
    this.home = mkdtempSync(path.join(tmpdir(), 'pushsse-'));
    this.said = '';
    this.children = [];
    this.tabs = [];
    this.kill = () => this.children.forEach((child) => child.kill('SIGKILL'));
    process.once('exit', this.kill);
    this.listener = http.createServer((request, response) => this.serve(request, response));
  }

  // A child with its output kept; its descriptor 3 is a pipe.
  spawn(command, env = {}) {
    const folders = { HOME: this.home, XDG_RUNTIME_DIR: this.home, XDG_CONFIG_HOME: this.home, XDG_CACHE_HOME: this.home, XDG_DATA_HOME: this.home };
    const child = spawn(command[0], command.slice(1), {
      env: { ...cleanEnv, ...folders, ...env }, cwd: this.home, stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    });
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (this.said = (this.said + text).slice(-10_000)));
    child.on('error', (error) => (this.said += error));
    child.gone = new Promise((resolve) => child.on('exit', resolve).on('error', resolve));
    this.children.push(child);
    return child;
  }

  async serve(request, response) {
    const { pathname, searchParams } = new URL(request.url, this.origin);
    const id = Number(searchParams.get('tab'));
    response.setHeader('access-control-allow-origin', '*').setHeader('cache-control', 'no-store');
    if (pathname === '/next') return (this.tabs[id] ??= new Tab(id)).next(response);
    if (pathname === '/driver.js') return response.setHeader('content-type', 'text/javascript').end(driver(this.origin, id));
    if (pathname === '/did') {
      let body = '';
      for await (const text of request.setEncoding('utf8')) body += text;
      response.end();
      return this.tabs[id].did(JSON.parse(body));
    }
    response.setHeader('content-type', 'text/html');
    response.end('<!doctype html><link rel="icon" href="data:,"><script src="/driver.js?tab=0"></script>');
  }

  tab(id) {
    return eventually(() => this.tabs[id], `tab ${id} asks what to do; the browser said: ${this.said}`, 2 * PATIENCE);
  }

  // A tab in front of the others, with a page that loads the driver it is told of. It is closed after the test.
  async open(t, url, opener = this.first) {
    const id = (this.opened = (this.opened ?? 0) + 1);
    const address = `${url}?driver=${encodeURIComponent(`${this.origin}/driver.js?tab=${id}`)}`;
    await opener.evaluate((url) => void window.open(url), address);
    const tab = await this.tab(id);
    t.after(() => tab.close());
    return tab;
  }

  // Its helpers end by themselves when it has; until then they write to its folder.
  async end() {
    for (const child of [this.program, ...this.children]) {
      child?.kill();
      const timer = setTimeout(() => child?.kill('SIGKILL'), 5_000);
      await child?.gone;
      clearTimeout(timer);
    }
    process.off('exit', this.kill);
    this.listener.closeAllConnections();
    this.listener.close();
    await eventually(() => {
      try {
        return rmSync(this.home, { recursive: true, force: true }) ?? true;
      } catch {
        return false;
      }
    }, `${this.home} is removed`);
  }
}
