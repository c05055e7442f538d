// The client script in Chromium, behind each proxy of deploy/, over TLS and HTTP/2; and behind nginx that holds streams
// back, whatever pushsse says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { chromium } from '../browsers.js';
import { proxyOf, reachable, upstreamFor } from '../proxy.js';
import { serve, token } from '../server.js';
import { got, isOpen, numbers, quick, start, until } from '../site.js';
import { eventually } from '../wire.js';

const browser = await chromium('--ignore-certificate-errors');

// The proxy's own site, with a PushSSE in its page.
async function open(t, { origin }, uid, options) {
  const page = await browser.newPage();
  t.after(() => page.close());
  await page.goto(`${origin}/`);
  await page.evaluate(() => { window.wrong = []; addEventListener('error', (e) => wrong.push(String(e.message))); });
  await page.addScriptTag({ url: '/pushsse.js' });
  return start(page, options, { fixed: token(uid) });
}

// Publishes numbers, one every few ms, until stop() has been called; that answers with how many.
function publishing(t, server, uid) {
  let n = 0;
  let going = true;
  const done = (async () => {
    for (; going; n++) {
      await server.publish({ to: uid, content: String(n) });
      await pause(5);
    }
  })();
  const stop = async () => {
    going = false;
    await done;
    return n;
  };
  t.after(stop);
  return { stop, more: (count, least = n + count) => eventually(() => n >= least, `${count} more messages`) };
}

async function allArrived(page, count) {
  await until(page, (g) => g.messages.length >= count, 'all of them');
  const { messages, resets, wrong } = await got(page);
  assert.deepEqual([messages, resets, wrong], [numbers(count), [], []]);
}

// `cuts`: does it end streams some time after a reload?
for (const [kind, cuts] of [['nginx', true], ['apache', false], ['caddy', false], ['haproxy', true]])
  test(`${kind}: the client stays with streams: after a reload and a restart it comes back to one, with its cursor`, async (t) => {
    // What is heard all the time is not taken for silent, on a busy machine either.
    const server = await serve({ args: ['--first-ping', '50ms', '--heartbeat', '3s', '--retry', '100ms'], listen: upstreamFor(kind) }, t);
    reachable(server.public);
    const proxy = await proxyOf(kind, { upstream: server.public, grace: '400ms' }, t);
    const page = await open(t, proxy, 'stays');
    await isOpen(page, 'sse');
    assert.equal(await page.evaluate(() => performance.getEntriesByType('navigation')[0].nextHopProtocol), 'h2');
    const polls = await open(t, proxy, 'stays', { transports: ['poll'] });
    await isOpen(polls, 'poll');
    const messages = publishing(t, server, 'stays');
    await messages.more(20);
    const streams = (g) => g.states.filter((state) => state === 'open sse').length;
    await proxy.reload();
    await messages.more(50);
    if (cuts) await until(page, (g) => streams(g) === 2, 'on a stream again');
    const before = streams(await got(page));
    assert.equal(before, cuts ? 2 : 1);
    await proxy.restart();
    await until(page, (g) => streams(g) > before, 'on a stream once more');
    await messages.more(20);
    const count = await messages.stop();
    await allArrived(page, count);
    await allArrived(polls, count);
    const { states, errors } = await got(page);
    assert.ok(!states.includes('open poll'), `it stays with streams: ${states} ${JSON.stringify(errors)}`);
    assert.ok((await got(polls)).states.every((state) => !/sse/.test(state)));
    t.diagnostic(`${count} messages; ${states}; ${errors.map(({ reason }) => reason)}`);
  });

test('nginx, where buffering is wrongly on: the client goes over to polls by itself, and loses nothing', async (t) => {
  const server = await serve({ args: quick, listen: upstreamFor('nginx') }, t);
  reachable(server.public);
  const proxy = await proxyOf('nginx', { upstream: server.public, buffering: 'wrong' }, t);
  const page = await open(t, proxy, 'held', { helloTimeout: 300, lastEventId: await server.position('held') });
  const messages = publishing(t, server, 'held');
  await isOpen(page, 'poll');
  await messages.more(50);
  await allArrived(page, await messages.stop());
  const { states, errors } = await got(page);
  assert.ok(!states.includes('open sse'), String(states));
  assert.deepEqual(errors.map(({ reason }) => reason), ['mute', 'mute']);
  assert.equal((await server.apiCall('GET', '/stats')).json.total.streams, 2, 'streams are not tried again at once');
});

// More than nginx's buffers hold, it passes on: such a stream is late, not mute.
test('nginx, where buffering is wrongly on: a stream that comes in bursts is left for polls', async (t) => {
  const server = await serve({ args: quick, listen: upstreamFor('nginx') }, t);
  reachable(server.public);
  const proxy = await proxyOf('nginx', { upstream: server.public, buffering: 'wrong' }, t);
  const at = await server.position('bursts');
  const large = 'x'.repeat(20_000);
  for (let i = 0; i < 10; i++) await server.publish({ to: 'bursts', content: `${i} ${large}` });
  const page = await open(t, proxy, 'bursts', { helloTimeout: 1000, lastEventId: at });
  await isOpen(page, 'poll');
  await until(page, (g) => g.messages.length >= 10, 'all of them');
  await server.publish({ to: 'bursts', content: '10 last' });
  await until(page, (g) => g.messages.length >= 11, 'the last');
  const { messages, errors, states } = await got(page);
  assert.deepEqual(messages.map((data) => data.split(' ')[0]), numbers(11));
  t.diagnostic(`${states}; ${errors.map(({ reason }) => reason)}`);
});
