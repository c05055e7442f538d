// What must hold behind every proxy of deploy/: readers over TLS and HTTP/2, as browsers have it, and Chromium.
import assert from 'node:assert/strict';
import http from 'node:http';
import http2 from 'node:http2';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import { chromium } from 'playwright-core';
import { SITE, proxyOf, reachable, upstreamFor } from './proxy.js';
import { KEY, form, query, serve, token } from './server.js';
import { PATIENCE, eventually } from './wire.js';

// One HTTP/2 request on a connection of its own, to its end: {status, headers, text, json}.
export async function ask(origin, method, target, { headers = {}, body } = {}) {
  const session = http2.connect(origin, { rejectUnauthorized: false });
  try {
    return await new Promise((resolve, reject) => {
      const got = { text: '' };
      session.on('error', reject);
      const stream = session.request({ ':method': method, ':path': target, ...headers }).setEncoding('utf8');
      stream.on('response', (all) => Object.assign(got, { status: all[':status'], headers: all }));
      stream.on('data', (text) => (got.text += text)).on('error', reject).on('end', () => resolve(got)).end(body);
    });
  } finally {
    session.destroy();
  }
}

// A reader of one stream over HTTP/2. Like an EventSource it comes back when the stream ends, with its position.
export class Reader {
  constructor(t, origin, uid, { back = true } = {}) {
    Object.assign(this, { origin, back, token: token(uid), events: [], answers: [], failures: [], cursor: undefined, closed: false });
    t.after(() => this.close());
    this.connect();
  }

  connect() {
    const session = (this.session = http2.connect(this.origin, { rejectUnauthorized: false }));
    const answer = { status: undefined, headers: undefined, position: this.cursor };
    const target = `/events?${query({ token: this.token, lastEventId: this.cursor })}`;
    const stream = session.request({ ':path': target, accept: 'text/event-stream', 'accept-encoding': 'gzip, deflate, br' });
    const parser = createParser({ onEvent: ({ id, event = 'message', data }) => {
      this.cursor = id ?? this.cursor;
      this.events.push({ id, event, data, at: performance.now() });
    } });
    session.on('error', (error) => this.failures.push(error.message));
    stream.on('error', (error) => this.failures.push(error.message));
    stream.on('response', (headers) => this.answers.push(Object.assign(answer, { status: headers[':status'], headers })));
    stream.setEncoding('utf8').on('data', (text) => parser.feed(text));
    stream.on('close', () => {
      answer.ended = performance.now();
      session.destroy();
      if (this.back && !this.closed) setTimeout(() => this.closed || this.connect(), 20);
    });
  }

  close() {
    this.closed = true;
    this.session.destroy();
  }

  get messages() {
    return this.events.filter(({ event }) => !event.startsWith('pushsse.')).map(({ data }) => data);
  }

  count(name) {
    return this.events.filter(({ event }) => event === name).length;
  }

  until(found, what) {
    return eventually(() => found(this), `${what}: ${JSON.stringify([this.answers, this.failures, this.events]).slice(0, 2000)}`);
  }

  ready() {
    return this.until(() => this.count('pushsse.hello'), 'hello');
  }
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];

// Publishes, one after the other has arrived, and answers how long each was on its way, in ms.
export async function delays(server, reader, uid, count = 11) {
  const all = [];
  for (let i = 0; i < count; i++) {
    const content = `delay ${i}`;
    const sent = performance.now();
    await server.publish({ to: uid, content });
    await reader.until(() => reader.events.at(-1)?.data === content || reader.messages.includes(content), content);
    all.push(reader.events.find(({ data }) => data === content).at - sent);
  }
  return all;
}

export async function openChromium(t, url) {
  const chrome = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--ignore-certificate-errors',
      '--disable-background-networking', '--disable-component-update', '--disable-sync',
    ],
  });
  t.after(() => chrome.close());
  const page = await chrome.newPage();
  await page.goto(url);
  return page;
}

// The tests of one proxy. `cuts`: does it end streams some time after a reload? `idles`: after a silence?
export async function behaves(kind, { cuts = true, idles = true } = {}) {
  const server = await serve({ args: ['--first-ping', '100ms', '--heartbeat', '300ms', '--retry', '60ms'], listen: upstreamFor(kind) });
  reachable(server.public);
  const proxy = await proxyOf(kind, { upstream: server.public, grace: '400ms' });
  const { origin } = proxy;

  test(`${kind}: a stream brings hello, messages and pings at once, each by itself`, async (t) => {
    const reader = new Reader(t, origin, 'at-once', { back: false });
    await reader.ready();
    const [{ status, headers }] = reader.answers;
    assert.deepEqual([status, headers['content-type'], headers['content-encoding']], [200, 'text/event-stream', undefined]);
    const took = await delays(server, reader, 'at-once');
    t.diagnostic(`ms on the way: ${took.map((ms) => ms.toFixed(1)).join(' ')}`);
    assert.ok(median(took) < 100, `the median of ${took} is above 100 ms`);
    const large = 'x'.repeat(200_000);
    await server.publish({ to: 'at-once', content: large });
    await reader.until(() => reader.messages.includes(large), 'a large message');
    const pings = reader.count('pushsse.ping');
    await reader.until(() => reader.count('pushsse.ping') >= pings + 3, 'three heartbeats');
    assert.equal(reader.answers.length, 1);
  });

  if (idles)
    test(`${kind}: heartbeats keep a stream open past the idle timeout; silence ends it, and the reader's position survives`, async (t) => {
      const IDLE = 2000; // ms, in place of 120 s: nearly as many heartbeats
      const other = await proxyOf(kind, { upstream: server.public, idle: '2s' }, t);
      const reader = new Reader(t, other.origin, 'idle');
      await reader.ready();
      const begin = performance.now();
      await reader.until(() => performance.now() - begin > IDLE * 1.25, 'longer than that');
      assert.deepEqual([reader.answers.length, reader.messages], [1, []]);
      server.child.kill('SIGSTOP'); // pushsse falls silent, and its connections stay
      const stopped = performance.now();
      await reader.until(() => reader.answers[0].ended, 'it is cut').finally(() => server.child.kill('SIGCONT'));
      assert.ok(reader.answers[0].ended - stopped > IDLE / 2, 'it was the idle timeout that cut it');
      await server.publish({ to: 'idle', content: 'meanwhile' });
      await reader.until(() => reader.messages.length, 'what was published meanwhile');
      assert.ok(reader.answers.at(-1).position, 'it came back with its position');
      assert.deepEqual([reader.messages, reader.count('pushsse.reset')], [['meanwhile'], 0]);
    });

  test(`${kind}: long-polls park and wake, and take a stream's position`, async (t) => {
    const poll = async (fields) => {
      const answer = await ask(origin, 'GET', `/poll?${query({ token: token('poller'), ...fields })}`);
      assert.equal(answer.status, 200, answer.text);
      return JSON.parse(answer.text);
    };
    const { lastEventId } = await poll();
    const parked = poll({ lastEventId, wait: 30 });
    await server.settled('poller', 1);
    await server.publish({ to: 'poller', content: 'woken' });
    assert.deepEqual((await parked).events.map(({ data }) => data), ['woken']);
    const stream = new Reader(t, origin, 'poller');
    await stream.ready();
    stream.close();
    await server.publish({ to: 'poller', content: 'after the stream' });
    assert.deepEqual((await poll({ lastEventId: stream.cursor, wait: 5 })).events.map(({ data }) => data), ['after the stream']);
  });

  test(`${kind}: a reload and a restart lose nothing and bring nothing twice, to a reader and to Chromium`, async (t) => {
    const page = await openChromium(t, `${origin}/`);
    assert.equal(await page.title(), SITE);
    await page.evaluate((url) => {
      window.got = { messages: [], hellos: 0 };
      window.source = new EventSource(url);
      source.onmessage = ({ data }) => got.messages.push(data);
      source.addEventListener('pushsse.hello', () => got.hellos++);
      for (const name of ['pushsse.ping', 'pushsse.reset']) source.addEventListener(name, () => {}); // their ids count
    }, `/events?${query({ token: token('reload') })}`);
    const reader = new Reader(t, origin, 'reload');
    await server.settled('reload', 2);
    const sent = [];
    const say = async () => {
      await server.publish({ to: 'reload', content: `${sent.length}` });
      sent.push(`${sent.length}`);
      await pause(20);
    };
    const inPage = () => page.evaluate(() => ({ ...got, state: source.readyState }));
    const arrived = async () => {
      for (let i = 0; i < 5; i++) await say();
      await reader.until(() => reader.messages.length >= sent.length, 'all of them');
      await eventually(async () => (await inPage()).messages.length >= sent.length, 'all of them in Chromium').catch(async (error) => {
        throw new Error(`${error.message}: ${JSON.stringify(await inPage())}`);
      });
    };
    const cameBack = async (times) => {
      const isBack = async () => reader.answers.length > times && (await inPage()).hellos > times;
      for (const end = Date.now() + PATIENCE; Date.now() < end && !(await isBack()); ) await say();
      await arrived();
      assert.ok(await isBack(), `both were cut and came back: ${JSON.stringify([reader.answers, reader.failures, await inPage()])}`);
    };

    await arrived();
    await proxy.reload();
    if (cuts) await cameBack(1);
    else await arrived();
    const again = new Reader(t, origin, 'another'); // a new connection
    await again.ready();
    const times = Math.max(reader.answers.length, (await inPage()).hellos);
    await proxy.restart();
    await cameBack(times);
    const { messages, hellos, state } = await inPage();
    assert.deepEqual([reader.messages, reader.count('pushsse.reset')], [sent, 0]);
    assert.deepEqual(messages, sent);
    assert.notEqual(state, 2, 'CLOSED');
    assert.equal(await page.evaluate(() => performance.getEntriesByType('navigation')[0].nextHopProtocol), 'h2');
    t.diagnostic(`${sent.length} messages; the reader connected ${reader.answers.length} times, Chromium ${hellos} times`);
  });

  test(`${kind}: a reader that leaves it leaves the server`, async (t) => {
    const reader = new Reader(t, origin, 'leaver');
    await server.settled('leaver', 1);
    reader.close();
    await server.settled('leaver', 0);
  });

  test(`${kind}: the site is there, and nothing of the API`, async () => {
    assert.match((await ask(origin, 'GET', '/')).text, new RegExp(SITE));
    const targets = ['/publish', '/disconnect', '/online?uid=1', '/stats', '/events/publish', '/events/../publish', '/poll/%2e%2e/publish', '//publish'];
    for (const target of targets) {
      const answer = await ask(origin, 'POST', target, { headers: { authorization: `Bearer ${KEY}`, 'content-type': form }, body: 'to=apart&uid=apart&content=x' });
      assert.doesNotMatch(answer.text, /"status"|"id"|"online"|"uptime"/, target);
    }
    assert.deepEqual((await server.poll('apart', { position: 'earliest' })).events, []);
  });

  test(`${kind}: pushsse hears the page's own host, and the address that is the browser's`, async (t) => {
    const target = `/poll?${query({ token: token('host'), wait: 0 })}`;
    assert.equal((await ask(origin, 'GET', target, { headers: { origin } })).status, 200);
    assert.equal((await ask(origin, 'GET', target, { headers: { origin: 'https://elsewhere.test' } })).status, 403);

    const heard = [];
    const listener = http.createServer(({ headers, httpVersion }, response) => {
      heard.push([headers.host, headers['x-forwarded-for'], httpVersion]);
      response.end('heard');
    });
    const where = upstreamFor(kind);
    await new Promise((resolve) => listener.listen(where.startsWith('unix:') ? { path: where.slice(5) } : { port: 0, host: '127.0.0.1' }, resolve));
    t.after(() => (listener.close(), listener.closeAllConnections()));
    const upstream = where.startsWith('unix:') ? where : `127.0.0.1:${listener.address().port}`;
    reachable(upstream);
    const other = await proxyOf(kind, { upstream }, t);
    await ask(other.origin, 'GET', target, { headers: { 'x-forwarded-for': '6.6.6.6' } });
    assert.deepEqual(heard, [[other.origin.slice(8), '127.0.0.1', '1.1']]);
  });

  test(`${kind}: no token is in its logs, also not when pushsse is down`, async (t) => {
    const nobody = server.public.startsWith('unix:') ? 'unix:/nowhere/public.sock' : '127.0.0.1:9';
    const other = await proxyOf(kind, { upstream: nobody }, t);
    const answers = await Promise.all(['/events', '/poll'].map((path) => ask(other.origin, 'GET', `${path}?${query({ token: token('down') })}`)));
    for (const { status } of answers) assert.ok(status >= 502 && status <= 504, `${status}`);
    assert.equal((await ask(origin, 'GET', `/poll?${query({ token: 'refused' })}`)).status, 401);
    for (const one of [proxy, other]) {
      await one.stop();
      const logs = one.logs();
      if (!(kind === 'nginx' && one === other)) assert.match(logs, /\/poll/, 'requests are logged');
      assert.doesNotMatch(logs, /token=|eyJ[\w-]{10}/);
    }
  });
}
