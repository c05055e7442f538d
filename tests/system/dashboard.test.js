// The dashboard: its key, its charts, and what it does when the server goes and comes.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { enter, expectPeople, host, inState, open, people, quiet, screenshot, shows, text, value, visit } from './dashboard.js';
import { KEY, serve, temporary } from './server.js';
import { eventually, request } from './wire.js';

test('the key is asked for once, checked, kept for the tab, and forgotten by logging out', async (t) => {
  const server = await host(t);
  const page = await visit(server);
  await inState(page, 'locked');
  assert.equal(await text(page, '#wrong'), '');
  for (const wrong of ['not-the-key', 'ключ', `${KEY}x`]) {
    await enter(page, wrong);
    await shows(page, '#wrong', /not a key of this server/);
    assert.ok(await page.isHidden('#main'));
    assert.equal(await page.evaluate(() => sessionStorage.length), 0);
  }
  await screenshot(page, 'wrong-key');
  await enter(page);
  await inState(page, 'live');
  assert.ok(await page.isVisible('#main') && await page.isHidden('#login'));

  await page.reload();
  await inState(page, 'live');
  assert.ok(await page.isHidden('#login'), 'it was kept');
  const other = await visit(server);
  await inState(other, 'locked');
  await other.close();

  await page.click('#logout');
  await inState(page, 'locked');
  assert.ok(await page.isHidden('#main'));
  assert.deepEqual(await people(page), [], 'nothing is left of what was shown');
  await page.reload();
  await inState(page, 'locked');
  assert.equal(await page.evaluate(() => sessionStorage.length + localStorage.length + document.cookie.length), 0);
});

test('with --api-open no key is asked for, and nothing goes wrong', async (t) => {
  const server = await host(t, { args: ['--api-open'], env: { PUSHSSE_API_KEY: undefined } });
  const page = await visit(server, { expected: /^$/ });
  await inState(page, 'live');
  assert.ok(await page.isHidden('#login') && await page.isHidden('#logout'));
});

test('the charts show what happens', async (t) => {
  const server = await host(t);
  const page = await open(server);
  await eventually(async () => (await value(page, 'streams')) === '0', 'no streams');
  const readers = [];
  for (const uid of ['ann', 'ann', 'bob']) readers.push(await server.stream(uid, { claims: { channels: ['room'] } }));
  await eventually(async () => (await value(page, 'streams')) === '3', 'three streams');
  await shows(page, '#chart-streams .lines', /users 2/);
  await shows(page, '#present', /^2 users, 3 streams$/);

  // What a second brings is seen for a second, so it goes on until it was seen.
  const seen = new Set();
  const moving = { publishes: /^[1-9]/, deliveries: /^[1-9]/, bytes: /^[1-9]/, fanout: /µs|ms/ };
  await eventually(async () => {
    await server.publish(seen.size % 2 ? { channel: 'room', content: 'x' } : { content: 'x'.repeat(500) });
    for (const [chart, pattern] of Object.entries(moving)) if (pattern.test(await value(page, chart))) seen.add(chart);
    return seen.size === Object.keys(moving).length;
  }, 'publishes, deliveries, bytes and fan-out times');
  const line = (chart) => page.locator(`#chart-${chart} .plot .l0`).getAttribute('d');
  const before = await line('publishes');
  await eventually(async () => (await line('publishes')) !== before && /M[\d.]+ [\d.]+.*L[\d.]+ [\d.]+/.test(await line('publishes')), 'the line moves');
  assert.notEqual(await value(page, 'log'), '0 B');

  readers.pop().close();
  await shows(page, '#reasons tr[data-reason=client] td:last-child', /^1$/);
  await shows(page, '#chart-closes .range:not(:empty)', /streams and polls/);
  await shows(page, '#journal-state', /in memory/);
  await shows(page, '#server-figures', /Up for/);

  // The same for those who see no lines.
  const svg = page.getByRole('img', { name: /^Publishes/ });
  assert.equal(await svg.count(), 1);
  await shows(page, '#desc-publishes', /a second; 5 min: [\d.]+ to [\d.]+/);
  await page.click('#chart-publishes summary');
  await eventually(async () => (await page.locator('#chart-publishes details tbody tr').count()) >= 1, 'a table');
  await screenshot(page, 'wide');
});

test('a journal, and that it fails', async (t) => {
  const server = await host(t, { args: ['--data-dir', path.join(temporary(), 'data')] });
  const page = await open(server);
  await server.publish({ content: 'x' });
  await shows(page, '#journal-state', /^good$/);
  await shows(page, '#journal-figures', /1 segment/);
  await shows(page, '#chart-log .lines', /journal/);
  assert.ok(await page.isHidden('#alarm'));
  // What the server would say then is put into its place.
  await page.route('**/stats?stream=1', async (route) => {
    const report = (await server.apiCall('GET', '/stats')).json;
    report.journal.failing = true;
    await route.fulfill({ contentType: 'text/event-stream', body: `event: stats\ndata: ${JSON.stringify(report)}\n\n` });
  });
  await page.reload();
  await shows(page, '#alarm', /Storage is failing/);
  await shows(page, '#journal-state', /^failing$/);
});

test('when the server goes the page says so; when it is back the page is too, with new figures', async (t) => {
  const server = await host(t, { args: ['--drain', '60s'] });
  const reader = await server.stream('holds-the-drain');
  const page = await open(server, { expected: /net::ERR_|status of (401|503)/ });
  await eventually(async () => (await value(page, 'streams')) === '1', 'one stream');
  server.terminate();
  await inState(page, 'waiting');
  await shows(page, '#alarm', /The server is stopping/);
  assert.ok(await page.evaluate(() => document.body.hasAttribute('data-stale')), 'old figures look old');
  reader.close();
  await server.exit;
  await shows(page, '#detail', /No answer from the server\. Next attempt in [\d.]+ s\./);
  await shows(page, '#alarm', /^The server cannot be reached\. This page tries again by itself\.$/);
  await screenshot(page, 'gone');
  await page.setViewportSize({ width: 390, height: 844 });
  await page.evaluate(() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))));
  await shows(page, '#alarm', /cannot be reached/);
  await screenshot(page, 'gone-phone');
  const again = await serve({ args: quiet, apiListen: server.api }, t);
  await again.stream('one');
  await again.stream('two');
  await inState(page, 'live');
  await eventually(async () => (await value(page, 'streams')) === '2', 'two streams');
  await expectPeople(page, [['one', '1'], ['two', '1']]);
  assert.ok(await page.isHidden('#alarm') && await page.isHidden('#login'));
  await page.close(); // before its server stops
});

test('on a phone each reason has one line, also beside large numbers', async (t) => {
  const page = await open(await host(t), { width: 390, height: 844 });
  await eventually(async () => (await page.locator('#reasons tr').count()) > 9, 'the reasons');
  const lines = await page.locator('#reasons tr').evaluateAll((rows) => rows.map(({ children: [reason, , ...numbers] }) => {
    numbers.forEach((number) => (number.textContent = '12,345'));
    const range = document.createRange();
    range.selectNodeContents(reason);
    return `${range.getClientRects().length} ${reason.textContent}`;
  }));
  for (const line of lines) assert.match(line, /^1 /);
});

test('a key that is taken away locks the page', async (t) => {
  const file = path.join(temporary(), 'keys');
  writeFileSync(file, `${KEY}\n`, { mode: 0o600 });
  const server = await host(t, { args: ['--api-key-file', file], env: { PUSHSSE_API_KEY: undefined } });
  const page = await open(server);
  writeFileSync(file, 'a-newer-api-key-0123456789abcdef\n');
  server.child.kill('SIGHUP');
  await inState(page, 'locked');
  await shows(page, '#wrong', /not a key of this server/);
  assert.ok(await page.isHidden('#main'));
  await enter(page, 'a-newer-api-key-0123456789abcdef');
  await inState(page, 'live');
});

test('when too many look it says so, and gets its turn', async (t) => {
  const server = await host(t);
  const wires = [];
  for (let i = 0; i < 16; i++) {
    wires.push(await server.connect('api'));
    wires[i].send(request('GET', '/stats?stream=1', { headers: { authorization: `Bearer ${KEY}` } }));
    await wires[i].head();
  }
  const page = await visit(server, { expected: /status of (401|503)/ });
  await enter(page);
  await shows(page, '#detail', /Too many dashboards are open/);
  wires.forEach((wire) => wire.close());
  await inState(page, 'live');
});

test('the page is served without a key, on the API listener alone, and may load nothing from elsewhere', async (t) => {
  const server = await serve({ args: quiet }, t);
  for (const [target, type] of [['/dashboard', 'text/html'], ['/dashboard.css', 'text/css'], ['/dashboard.js', 'text/javascript']]) {
    const answer = await server.get(target, {}, 'api');
    assert.equal(answer.status, 200, target);
    assert.equal(answer.headers['content-type'], `${type}; charset=utf-8`);
    assert.match(answer.headers['content-security-policy'], /default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'/);
    assert.doesNotMatch(answer.headers['content-security-policy'], /unsafe/);
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    assert.doesNotMatch(answer.body, /(src|href)="?(https?:)?\/\//, 'no address of another server');
    assert.equal((await server.get(target)).status, 404, `${target} on the public listener`);
    assert.equal((await server.call('api', 'HEAD', target)).status, 200);
  }
  for (const target of ['/demo.js', '/dashboard.html', '/dashboard/']) assert.equal((await server.get(target, {}, 'api')).status, 404, target);
});
