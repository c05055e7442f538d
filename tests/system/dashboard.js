// The dashboard in a real browser, for the tests of it. SCREENSHOTS=directory leaves pictures of it there.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { after } from 'node:test';
import { chromium } from 'playwright-core';
import { KEY, Server } from './server.js';
import { PATIENCE, eventually } from './wire.js';

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
});
after(() => browser.close());

export const quiet = ['--first-ping', '30s', '--heartbeat', '30s'];
const unauthorized = /status of 401/;

// A server whose windows are closed before it is, and judged.
export async function host(t, { args = [], ...options } = {}) {
  const server = new Server({ args: [...quiet, ...args], ...options });
  server.pages = [];
  t.after(async () => {
    await Promise.all(server.pages.map((page) => page.close()));
    await server.stop();
    for (const { wrong, elsewhere } of server.pages) assert.deepEqual({ wrong, elsewhere }, { wrong: [], elsewhere: [] });
  });
  return server.ready();
}

// Opens the dashboard. Nothing may go wrong in it but what is expected, nor anyone else be asked for anything.
export async function visit(server, { width = 1280, height = 900, colorScheme, expected = unauthorized } = {}) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme });
  const url = `http://${server.api}/dashboard`;
  page.wrong = [];
  page.elsewhere = [];
  server.pages.push(page);
  page.setDefaultTimeout(PATIENCE);
  page.on('console', (message) => {
    if (message.type() === 'error' && !expected.test(message.text())) page.wrong.push(message.text());
  });
  page.on('pageerror', (error) => page.wrong.push(String(error)));
  page.on('dialog', (dialog) => page.wrong.push(`dialog: ${dialog.message()}`) && dialog.dismiss());
  page.on('request', (asked) => {
    if (new URL(asked.url()).origin !== new URL(url).origin || asked.url().includes(KEY)) page.elsewhere.push(asked.url());
  });
  await page.goto(url);
  return page;
}

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
