// Chromium by its debugging protocol alone, over a pipe. Playwright tells every page that it is looked at; here tabs are
// what they are in one window: one in front, the others hidden, and such can be frozen.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from './wire.js';

export class Chromium {
  static async launch(t) {
    const made = new Chromium(t);
    await made.send('Browser.getVersion');
    return made;
  }

  constructor(t) {
    const directory = mkdtempSync(path.join(tmpdir(), 'pushsse-'));
    this.child = spawn('/usr/bin/chromium', [
      '--headless=new', '--no-sandbox', '--disable-gpu', '--no-first-run', '--remote-debugging-pipe', '--disable-quic',
      '--disable-background-networking', '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
      `--user-data-dir=${directory}`, 'about:blank',
    ], { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] });
    const [, , , commands, answers] = this.child.stdio;
    this.commands = commands.on('error', () => {});
    this.waiting = new Map();
    this.id = 0;
    let rest = '';
    answers.setEncoding('utf8').on('data', (text) => {
      const messages = (rest + text).split('\0');
      rest = messages.pop();
      for (const message of messages) {
        const { id, result, error } = JSON.parse(message);
        const settle = this.waiting.get(id);
        this.waiting.delete(id);
        if (error) settle?.reject(new Error(error.message));
        else settle?.resolve(result);
      }
    });
    this.exit = new Promise((resolve) => this.child.on('close', resolve));
    t.after(async () => {
      const timer = setTimeout(() => this.child.kill('SIGKILL'), 5_000);
      void this.send('Browser.close').catch(() => {}); // its helpers write until they have gone too
      await this.exit;
      clearTimeout(timer);
      await eventually(() => {
        try {
          return rmSync(directory, { recursive: true, force: true }) ?? true;
        } catch {
          return false;
        }
      }, `${directory} is removed`);
    });
  }

  send(method, params = {}, sessionId) {
    const id = ++this.id;
    this.commands.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return new Promise((resolve, reject) => this.waiting.set(id, { resolve, reject }));
  }

  async open(url, { background = false } = {}) {
    const { targetId } = await this.send('Target.createTarget', { url, background });
    const { sessionId } = await this.send('Target.attachToTarget', { targetId, flatten: true });
    const tab = {
      send: (method, params) => this.send(method, params, sessionId),
      front: () => this.send('Target.activateTarget', { targetId }),
      close: () => this.send('Target.closeTarget', { targetId }),
      freeze: () => tab.send('Page.setWebLifecycleState', { state: 'frozen' }),
      thaw: () => tab.send('Page.setWebLifecycleState', { state: 'active' }),
      evaluate: async (expression) => {
        const { result, exceptionDetails } = await tab.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
        if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
        return result.value;
      },
    };
    await tab.send('Page.enable');
    await eventually(() => tab.evaluate('document.readyState === "complete" && location.href !== "about:blank"'), `${url} is loaded`);
    return tab;
  }
}
