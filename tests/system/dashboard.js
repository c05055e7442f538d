// The dashboard in a real browser, for the tests of it. SCREENSHOTS=directory leaves pictures of it there.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { judged, show } from './chromium.js';
import { KEY, Server } from './server.js';
import { eventually } from './wire.js';

export const quiet = ['--first-ping', '30s', '--heartbeat', '30s'];
const unauthorized = /status of 401/;

// A server whose windows are closed before it is, and judged.
export const host = (t, { args = [], ...options } = {}) => judged(t, new Server({ args: [...quiet, ...args], ...options })).ready();

// Opens the dashboard.
export const visit = (server, options) =>
  show(server, `http://${server.api}/dashboard`, { expected: unauthorized, secret: KEY, ...options });

export const text = (page, selector) => page.locator(selector).first().textContent();
export const shows = (page, selector, pattern) =>
  eventually(async () => pattern.test(await text(page, selector)), `${selector} shows ${pattern}`).catch(async (error) => {
    throw new Error(`${error.message}; it shows ${await text(page, selector)}, and is ${await text(page, '#state')}: ${await text(page, '#detail')}`);
  });
export const inState = (page, state) => shows(page, '#state', new RegExp(`^${state}$`));
export const value = (page, chart) => text(page, `#chart-${chart} .now b`);

export async function enter(page, key = KEY) {
  await page.locator('#login').waitFor();
  await page.fill('#key', key);
  await page.click('#login button');
}

export async function open(server, options) {
  const page = await visit(server, options);
  await enter(page);
  await inState(page, 'live');
  return page;
}

// [[uid, streams]...] as they stand in the table.
export const people = (page) => page.locator('#online tr').evaluateAll((rows) => rows.map(({ children }) => [children[0].firstChild.textContent, children[1].textContent]));
export const expectPeople = (page, expected) =>
  eventually(async () => JSON.stringify(await people(page)) === JSON.stringify(expected), `${expected.length} people`).catch(async () =>
    assert.deepEqual(await people(page), expected));

export async function screenshot(page, name) {
  if (!process.env.SCREENSHOTS) return;
  mkdirSync(process.env.SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `dashboard-${name}.png`), fullPage: true, animations: 'disabled' });
}
