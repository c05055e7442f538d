// The demo page in a real browser: what it shows, sends and receives, by both transports.
// SCREENSHOTS=directory leaves pictures of it there.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { judged, show } from './chromium.js';
import { Server, form, query, run, serve } from './server.js';
import { eventually } from './wire.js';

const madeUp = { PUSHSSE_SECRET: undefined, PUSHSSE_API_KEY: undefined };

// A server under --demo, with what it prints for people: the address to open and the line to paste.
async function demo(t) {
  const server = judged(t, new Server({ args: ['--demo'], env: madeUp, logged: false }));
  await server.ready();
  const printed = (pattern) => eventually(() => pattern.exec(server.output), `${pattern} in: ${server.output}`);
  server.url = (await printed(/http:\/\/\S+\/#token=[\w.-]+(?=\s)/))[0];
  server.curl = (await printed(/^.*?(curl .*\/publish\S*.*)\n/m))[1];
  server.key = /Bearer ([^\s'"]+)/.exec(server.curl)[1];
  server.say = async (fields) => {
    const headers = { authorization: `Bearer ${server.key}`, 'content-type': form };
    const answer = await server.call('api', 'POST', '/publish', { headers, body: query(fields) });
    assert.equal(answer.status, 200, answer.body);
    return answer.json;
  };
  return server;
}

const text = (page, selector) => page.locator(selector).textContent();

async function inState(page, state) {
  await eventually(async () => (await text(page, '#state')) === state, `the page is ${state}`).catch(async (error) => {
    throw new Error(`${error.message}; it is ${await text(page, '#state')}: ${await text(page, '#detail')}`);
  });
}

// The messages on the page, the oldest first.
const messages = (page) =>
  page.locator('#messages li[data-id]').evaluateAll((items) =>
    items.reverse().map((item) => ({
      id: item.dataset.id,
      event: item.querySelector('.meta b').textContent,
      data: item.querySelector('.data').textContent,
    })));

// Waits for as many messages as expected, and a little longer for one too many.
async function expectMessages(page, expected) {
  await eventually(async () => (await messages(page)).length >= expected.length, `${expected.length} messages`).catch(() => {});
  await page.waitForTimeout(100);
  assert.deepEqual(await messages(page), expected);
}

async function publishByForm(page, content, { to = 'self', event = '' } = {}) {
  await page.fill('#content', content);
  await page.selectOption('#to', to);
  await page.fill('#event', event);
  const [answer] = await Promise.all([
    page.waitForResponse((response) => response.url().endsWith('/demo/publish')),
    page.click('#form button'),
  ]);
  assert.equal(answer.status(), 200, await answer.text());
  const { id } = await answer.json();
  return { id, event: event || 'message', data: content };
}

async function screenshot(page, name) {
  if (!process.env.SCREENSHOTS) return;
  mkdirSync(process.env.SCREENSHOTS, { recursive: true });
  await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}.png`), fullPage: true, animations: 'disabled' });
}

const hostile = [
  '<img src=x onerror=alert(1)><script>alert(2)</script>',
  '</p></li><svg onload=alert(3)>',
  'javascript:alert(4)',
  '&lt;b&gt; &amp; "quoted" \'too\'',
  'a\nid: 9\n\nevent: forged\ndata: b',
];

test('the printed address opens a stream; form, API and the printed line arrive once each', async (t) => {
  const server = await demo(t);
  const page = await show(server, server.url);
  await inState(page, 'open');
  await eventually(async () => (await text(page, '#online')) === '1 user, 1 stream', 'one is online');
  const uid = await text(page, '#uid');
  assert.match(uid, /./);

  const expected = [];
  const api = async (fields, event = 'message') => {
    const { id, streams } = await server.say(fields);
    assert.equal(streams, 1);
    expected.push({ id, event, data: fields.content });
  };
  expected.push(await publishByForm(page, 'to myself'));
  expected.push(await publishByForm(page, 'to everyone', { to: 'everyone' }));
  expected.push(await publishByForm(page, 'with a name', { event: 'notice' }));
  await api({ to: uid, content: 'from the back end' });
  await api({ content: 'from the back end, to everyone' });
  await api({ to: uid, content: 'in web-msg-sender\'s way', event: 'new_msg' }, 'new_msg');
  await api({ to: uid, content: 'with the name that was entered', event: 'notice' }, 'notice');
  await api({ to: uid, content: 'two\n  lines' });
  await api({ to: uid, content: '' });
  await server.say({ to: `not-${uid}`, content: 'for another' });
  await expectMessages(page, expected);
  assert.equal(await text(page, '#cursor'), expected.at(-1).id);
  await screenshot(page, 'wide-light');

  const pasted = await run('sh', ['-c', server.curl]);
  assert.equal(pasted.code, 0, pasted.stderr);
  const line = JSON.parse(pasted.stdout);
  assert.equal(line.status, 'ok');
  await eventually(async () => (await messages(page)).some(({ id }) => id === line.id), 'the pasted line arrives');

  const shown = await page.inputValue('#curl');
  assert.match(shown, new RegExp(`^curl -H 'Authorization: Bearer KEY' -d 'to=${uid}&content=hello' http://\\S+/publish$`));
  assert.ok(!(await page.content()).includes(server.key), 'the page does not know the key');
});

test('the page can be used by keyboard', async (t) => {
  const server = await demo(t);
  const page = await show(server, server.url);
  await inState(page, 'open');
  await page.keyboard.press('Tab');
  await page.keyboard.press('ArrowRight');
  await inState(page, 'polling');
  await page.keyboard.press('Tab');
  await page.keyboard.type('by keyboard');
  await page.keyboard.press('Control+Enter');
  await eventually(async () => (await messages(page)).length === 1, 'the message arrives');
  assert.equal((await messages(page))[0].data, 'by keyboard');
});

test('from stream to long-poll and back while messages come: none is lost, none comes twice', async (t) => {
  const server = await demo(t);
  const page = await show(server, server.url);
  await inState(page, 'open');
  const uid = await text(page, '#uid');

  const expected = [];
  let published = false, switches = 0;
  const publishing = (async () => {
    for (let n = 1; n <= 50 || switches < 6; n++) {
      const content = `message ${n}`;
      const { id } = await server.say(n % 2 ? { to: uid, content } : { content });
      expected.push({ id, event: 'message', data: content });
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  })().finally(() => (published = true));
  for (; !published; switches++) {
    const toPoll = switches % 2 === 0;
    await page.click(toPoll ? '#transport-poll' : '#transport-stream');
    // Twice let the new transport come up, then twice take it away while it connects.
    if (switches % 4 < 2) await inState(page, toPoll ? 'polling' : 'open');
  }
  await publishing;
  await expectMessages(page, expected);

  await page.click('#transport-poll');
  await inState(page, 'polling');
  await screenshot(page, 'wide-polling');
  expected.push(await publishByForm(page, 'by long-poll', { event: 'any-name' }));
  await page.click('#transport-stream');
  await inState(page, 'open');
  expected.push(await publishByForm(page, 'by stream'));
  await expectMessages(page, expected);
});

for (const colorScheme of ['light', 'dark'])
  test(`what is hostile is shown as text, and fits into 360 px (${colorScheme})`, async (t) => {
    const server = await demo(t);
    const page = await show(server, server.url, { width: 360, height: 740, colorScheme });
    await inState(page, 'open');
    const uid = await text(page, '#uid');
    const expected = [];
    for (const content of [...hostile, 'x'.repeat(500)])
      expected.push({ id: (await server.say({ to: uid, content })).id, event: 'message', data: content });
    expected.push(await publishByForm(page, 'with a long name', { event: '<b>' + 'n'.repeat(100) }));
    await expectMessages(page, expected);
    assert.equal(await page.locator('#messages :is(img, script, svg)').count(), 0);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'no horizontal scrolling');
    await screenshot(page, `phone-${colorScheme}`);
  });

test('the list is bounded', async (t) => {
  const server = await demo(t);
  const page = await show(server, server.url);
  await inState(page, 'open');
  for (let n = 1; n <= 205; n++) await server.say({ content: String(n) });
  await eventually(async () => (await messages(page)).at(-1)?.data === '205', 'the last one');
  assert.deepEqual((await messages(page)).map(({ data }) => data), Array.from({ length: 200 }, (_, n) => String(n + 6)));
});

test('without a good token it says why; with one it goes on', async (t) => {
  const server = await demo(t);
  const bare = await show(server, server.url.split('#')[0]);
  await inState(bare, 'refused');
  assert.match(await text(bare, '#help'), /pushsse --demo/);
  assert.ok(await bare.isVisible('#help') && await bare.isHidden('#form'));
  await screenshot(bare, 'wide-no-token');

  const forged = `${server.url.slice(0, -6)}AAAAAA`;
  const page = await show(server, forged, { expected: /status of 401/ });
  await inState(page, 'refused');
  assert.match(await text(page, '#detail'), /token/);
  await page.click('#transport-poll');
  await eventually(async () => (await text(page, '#state')) === 'refused', 'refused by long-poll too');
  await screenshot(page, 'wide-refused');
  await page.goto(server.url); // only the fragment differs: the page is not loaded anew by itself
  await inState(page, 'open');
});

test('when the user is disconnected the page says why, and that its token is good no more', async (t) => {
  const server = await demo(t);
  const page = await show(server, server.url, { expected: /401/ });
  await inState(page, 'open');
  await eventually(async () => (await text(page, '#online')) === '1 user, 1 stream', 'one is online');
  const headers = { authorization: `Bearer ${server.key}`, 'content-type': form };
  await server.call('api', 'POST', '/disconnect', { headers, body: query({ uid: 'demo', reason: 'a reason' }) });
  await inState(page, 'refused');
  assert.match(await text(page, '#detail'), /a reason/);
  assert.equal(await text(page, '#online'), '–', 'what is not told any more is not shown');
  await page.reload();
  await inState(page, 'refused');
  assert.match(await text(page, '#detail'), /expired, or its user was disconnected/);
});

test('when the server goes the page says so, and waits', async (t) => {
  const server = await demo(t);
  const page = await show(server, server.url, { expected: /net::ERR_/ });
  await inState(page, 'open');
  await server.stop();
  await inState(page, 'waiting');
  await page.click('#transport-poll');
  await inState(page, 'waiting');
  assert.match(await text(page, '#detail'), /No answer from the server\. Next attempt in [\d.]+ s\./);
  await screenshot(page, 'wide-waiting');
});

test('the page may load nothing from elsewhere, and exists under --demo alone', async (t) => {
  const server = await demo(t);
  for (const [target, type] of [['/', 'text/html'], ['/demo.css', 'text/css'], ['/demo.js', 'text/javascript']]) {
    const answer = await server.get(target);
    assert.equal(answer.status, 200, target);
    assert.equal(answer.headers['content-type'], `${type}; charset=utf-8`);
    assert.match(answer.headers['content-security-policy'], /default-src 'self'/);
    assert.doesNotMatch(answer.headers['content-security-policy'], /unsafe/);
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
  }
  const plain = await serve({}, t);
  for (const target of ['/', '/demo.css', '/demo.js']) assert.equal((await plain.get(target)).status, 404, target);
  const publish = await plain.call('public', 'POST', '/demo/publish', { headers: { 'content-type': form }, body: 'to=everyone&content=x' });
  assert.equal(publish.status, 404);
});
