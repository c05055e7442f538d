// One Chromium without a screen, and windows of it in which nothing may go wrong.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { chromium } from 'playwright-core';
import { PATIENCE } from './wire.js';

export const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
});
after(() => browser.close());

// The server's windows are closed before it is, and judged.
export function judged(t, server) {
  server.pages = [];
  t.after(async () => {
    await Promise.all(server.pages.map((page) => page.close()));
    await server.stop();
    for (const { wrong, elsewhere } of server.pages) assert.deepEqual({ wrong, elsewhere }, { wrong: [], elsewhere: [] });
  });
  return server;
}

// Opens an address in a new window. Nothing may go wrong in it but what is expected, nor anyone else be asked for anything,
// nor anyone with the secret in the address.
export async function show(server, url, { width = 1280, height = 900, colorScheme, expected = /^$/, secret } = {}) {
  const page = await browser.newPage({ viewport: { width, height }, colorScheme });
  page.wrong = [];
  page.elsewhere = [];
  server.pages.push(page);
  page.setDefaultTimeout(PATIENCE);
  page.on('console', (message) => {
    if (message.type() === 'error' && !expected.test(message.text())) page.wrong.push(message.text());
  });
  page.on('pageerror', (error) => page.wrong.push(String(error)));
  page.on('dialog', (dialog) => page.wrong.push(`dialog: ${dialog.message()}`) && dialog.dismiss());
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== new URL(url).origin || (secret && request.url().includes(secret))) page.elsewhere.push(request.url());
  });
  await page.goto(url);
  return page;
}
