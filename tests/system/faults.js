// What the server does when a call fails: it runs, linked with each.c, through everything that it can do, again and again, and
// each time another call fails, is interrupted, or does half of what it is to do. Beside the sanitizers' word at the
// end: an answer 200 is kept, what was refused is never seen, readers get each message once and in order over all
// reconnects, and afterwards everything works.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { OrderFile } from './orderfile.js';
import { KEY, SECRET, Server, form, query, run, token } from './server.js';
import { createParser } from 'eventsource-parser';
import { PATIENCE, Wire, eventually, request } from './wire.js';

const here = import.meta.dirname;
const root = path.join(here, '../..');
const ORDERS = ['mode', 'armed', 'nth', 'skip', 'often', 'variant', 'shift', 'calls', 'hits', 'call', 'random'];
const SITES = 1 << 14;
export const MODES = { fail: 1, interrupt: 2, shorten: 3 };

// The server with each.c in it, and with ASan: built here, unless somebody has done so.
export async function faultyBinary() {
  if (process.env.PUSHSSE_FAULTY) return path.resolve(process.env.PUSHSSE_FAULTY);
  const { code, stderr } = await run('make', ['-C', root, '-j2', 'faulty'], { ms: 300_000 });
  assert.equal(code, 0, stderr);
  return path.join(root, 'build/faulty/pushsse');
}

const names = readFileSync(path.join(here, 'each.c'), 'utf8').split('\n');
// The name of the call that stands on, or last before, that line of each.c.
function nameOf(line) {
  for (let i = line; i-- > 0; ) {
    const found = /^REAL\([^,]+, (\w+)|__wrap_(\w+)\(/.exec(names[i]);
    if (found) return found[1] ?? found[2];
  }
  return '?';
}

export class Orders extends OrderFile {
  constructor(file) {
    super(file, ORDERS, SITES);
  }

  // From now on; hits count from here.
  order(orders) {
    this.set({ mode: 0 });
    this.set({ armed: 0, nth: 0, often: 0, calls: 0, hits: 0, call: 0, ...orders });
  }

  // Nothing is hit from now on. Answers what was: the call's name, or undefined.
  end() {
    this.set({ mode: 0 });
    return this.get('hits') ? nameOf(this.get('call')) : undefined;
  }
}

export function faultyServer(binary, orders, { args = [], data } = {}) {
  return new Server({
    binary,
    args: ['--workers', '2', '--max-streams-per-uid', '3', '--first-ping', '20ms', '--heartbeat', '40ms', '--history-ttl', '1h',
      '--cors-origin', 'https://example.org', '--www', path.join(root, 'www'), ...(data ? ['--data-dir', data] : []), ...args],
    env: { PUSHSSE_FAULTS: orders.file, ASAN_OPTIONS: 'detect_leaks=1:exitcode=99', UBSAN_OPTIONS: 'print_stacktrace=1' },
  });
}

// ---- one who reads, and comes back with the cursor

class Reader {
  constructor(server, uid, { polls = false, ...fields } = {}) {
    Object.assign(this, { server, uid, polls, fields, messages: [], cuts: 0, going: true, cursor: undefined });
    this.done = this.run();
  }

  async run() {
    while (this.going) {
      try {
        await (this.polls ? this.poll() : this.stream());
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error; // all else is a connection that did not come, or went
      }
      if (this.cursor !== undefined) this.cuts++;
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  target(where, more) {
    return `${where}?${query({ token: token(this.uid, { channels: [`${this.uid}-room`] }), lastEventId: this.cursor, ...this.fields, ...more })}`;
  }

  async stream() {
    const wire = (this.wire = await Wire.connect(this.server.public));
    const parser = createParser({ onEvent: (event) => this.take(event) });
    try {
      wire.send(request('GET', this.target('/events'), { headers: { accept: 'text/event-stream' } }));
      const { status } = await wire.head();
      if (status !== 200) return;
      const feed = () => parser.feed(wire.take(wire.bytes.length).toString('utf8'));
      await wire.until(() => {
        feed();
        return !this.going;
      }, 'the end', 60_000);
    } finally {
      wire.close();
    }
  }

  async poll() {
    const wire = (this.wire = await Wire.connect(this.server.public));
    try {
      while (this.going) {
        const { status, json } = await wire.exchange(request('GET', this.target('/poll', { wait: this.cursor === undefined ? 0 : 10 })), { ms: 30_000 });
        if (status !== 200) return;
        this.isKept(json.reset);
        for (const event of json.events) this.take(event);
        this.cursor = json.lastEventId;
      }
    } finally {
      wire.close();
    }
  }

  isKept(reset) {
    assert.ok(reset === null, `${this.uid} was told ${reset} at ${this.cursor}`);
  }

  take({ id, event = 'message', data }) {
    if (event === 'pushsse.hello') this.isKept(JSON.parse(data).reset);
    if (!event.startsWith('pushsse.')) this.messages.push({ id, event, data });
    if (id) this.cursor = id;
  }

  async stop() {
    this.going = false;
    this.wire?.close();
    await this.done;
  }
}

// ---- one round of everything

const CLOSED = { status: 0, body: '' };

class Round {
  constructor(server, number) {
    Object.assign(this, { server, number, published: [] });
    this.a = `a${number}`;
    this.b = `b${number}`;
  }

  // One request; whatever becomes of its connection.
  async call(listener, method, target, options) {
    try {
      return await this.server.call(listener, method, target, options);
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      return CLOSED;
    }
  }

  api(method, target, body, type = form, more) {
    return this.call('api', method, target, { headers: { authorization: `Bearer ${KEY}`, 'content-type': body && type, ...more }, body });
  }

  // `to`: whose readers are to get it: 'a', 'b' or both; `form`: how it is sent.
  async publish(to, fields, as = 'urlencoded') {
    const content = `${this.number}.${this.published.length}${fields.content ?? ''}`;
    const all = { ...fields, content };
    const entry = { to, content, transient: fields.ttl === 0 };
    this.published.push(entry);
    entry.answer = await this[as](all);
    const { status, body } = entry.answer;
    entry.state = status === 200 && body !== 'fail' ? 'ok' : status === 0 ? 'unknown' : 'refused';
    if (status >= 400) assert.ok([400, 401, 408, 413, 503, 507].includes(status), `${as}: ${status} ${body}`);
    return entry;
  }

  urlencoded(fields) {
    return this.api('POST', '/publish', query(fields));
  }

  json(fields) {
    return this.api('POST', '/publish', JSON.stringify(fields), 'application/json');
  }

  multipart(fields) {
    const parts = Object.entries(fields).flatMap(([name, value]) => [value].flat().map((one) =>
      `--xx\r\nContent-Disposition: form-data; name="${Array.isArray(value) ? `${name}[]` : name}"\r\n\r\n${one}\r\n`));
    return this.api('POST', '/publish', `${parts.join('')}--xx--\r\n`, 'multipart/form-data; boundary=xx');
  }

  compat({ to, content }) {
    return this.api('GET', `/?${query({ type: 'publish', to, content })}`);
  }

  async chunked(fields) {
    const body = Buffer.from(query(fields)), half = body.length >> 1;
    const chunk = (bytes) => Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')]);
    let wire;
    try {
      wire = await this.server.connect('api');
      wire.send(request('POST', '/publish', { headers: { authorization: `Bearer ${KEY}`, 'content-type': form, 'transfer-encoding': 'chunked', expect: '100-continue' } }));
      await wire.sendPieces([chunk(body.subarray(0, half)), chunk(body.subarray(half)), Buffer.from('0\r\n\r\n')]);
      let answer = await wire.answer();
      if (answer.status === 100) answer = await wire.answer();
      return answer;
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      return CLOSED;
    } finally {
      wire?.close();
    }
  }

  // Two publishes in one write, and answers in order.
  async pipelined() {
    const { a } = this, entries = [{ to: 'a' }, { to: 'a' }];
    const bytes = entries.map((entry) => {
      entry.content = `${this.number}.${this.published.length}`;
      this.published.push(entry);
      return request('POST', '/publish', { headers: { authorization: `Bearer ${KEY}`, 'content-type': form }, body: query({ to: a, content: entry.content }) });
    });
    let wire;
    for (const entry of entries) entry.state = 'unknown';
    try {
      wire = await this.server.connect('api');
      wire.send(Buffer.concat(bytes));
      for (const entry of entries) entry.state = (await wire.answer()).status === 200 ? 'ok' : 'refused';
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
    } finally {
      wire?.close();
    }
  }

  async start() {
    const { server, a, b } = this;
    this.readers = [
      new Reader(server, a, { channel: `${a}-room`, cid: 'x', online: 1 }), new Reader(server, a, { polls: true }),
      new Reader(server, b, { padding: 1 }),
    ];
    await this.eventually(() => this.readers.every(({ cursor }) => cursor !== undefined), 'all readers are there');
  }

  eventually(probe, what) {
    return Promise.race([eventually(probe, what), ...this.readers.map(({ done }) => done.then(() => new Promise(() => {})))]);
  }

  async everything() {
    const { server, a, b, number } = this;
    await this.publish('a', { to: a });
    await this.publish('ab', { to: [a, b] }, 'json');
    await this.publish('ab', { to: [a, b], channel: `${a}-room` }, 'multipart');
    await this.publish('a', { channel: `${a}-room`, event: 'named' }, 'chunked');
    await this.publish('a', { to: a }, 'compat');
    await this.publish('ab', {}); // to everyone
    await this.publish('a', { to: a, ttl: 0 });
    await this.publish('b', { to: b, content: 'x'.repeat(100_000) });
    await this.pipelined();
    await this.again();
    await this.kick(`k${number}`);
    server.child.kill('SIGHUP');
    for (const target of ['/online', `/online?uid=${a}`, '/stats', '/dashboard', '/healthz', '/nowhere'])
      this.mustBe(await this.api('GET', target), target === '/nowhere' ? 404 : 200, target);
    for (const [target, status] of [['/pushsse.js', 200], ['/healthz', 200], ['/events', 401], [`/poll?wait=x&token=${token(b)}`, 400]])
      this.mustBe(await this.call('public', 'GET', target, { headers: { origin: 'https://example.org' } }), status, target);
    this.mustBe(await this.call('public', 'OPTIONS', '/events', { headers: { origin: 'https://example.org' } }), 204, 'OPTIONS');
    await Promise.all([this.watchStats(), this.evict(), this.replace()]);
    await this.publish('ab', { to: [a, b] });
  }

  // The same key again: it comes once.
  async again() {
    const key = `key ${this.number}`, first = await this.publish('a', { to: this.a, key });
    const content = first.content;
    const second = await this.urlencoded({ to: this.a, key, content });
    if (second.status === 200) {
      if (first.state === 'ok') assert.equal(second.json.id, first.answer.json.id);
      first.state = 'ok';
    } else if (second.status === 0 && first.state !== 'ok') {
      first.state = 'unknown';
    }
  }

  mustBe({ status, body }, wanted, what) {
    assert.ok([wanted, 0, 503, 507].includes(status), `${what}: ${status} ${body.slice(0, 200)}`);
  }

  async kick(uid) {
    const stream = await this.begin(uid, {});
    const kicked = await this.api('POST', '/disconnect', query({ uid, reason: 'bye' }));
    if (kicked.status === 200) this.mustBe(await this.call('public', 'GET', `/poll?${query({ token: token(uid), wait: 0 })}`), 401, 'who was kicked');
    else this.mustBe(kicked, 200, '/disconnect');
    stream?.close();
  }

  async watchStats() {
    let wire;
    try {
      wire = await this.server.connect('api');
      wire.send(request('GET', '/stats?stream=1', { headers: { authorization: `Bearer ${KEY}`, accept: 'text/event-stream' } }));
      await wire.until(() => wire.bytes.includes('\n\n'), 'a report');
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
    } finally {
      wire?.close();
    }
  }

  // Four streams of a uid that may have three; the first gives way.
  async evict() {
    const wires = await Promise.all(Array.from({ length: 4 }, () => this.begin(`e${this.number}`, {})));
    for (const wire of wires) wire?.close();
  }

  // The same client again; and a token that runs out is not worth waiting for here.
  async replace() {
    const one = await this.begin(`r${this.number}`, { cid: 'same' }), other = await this.begin(`r${this.number}`, { cid: 'same' });
    one?.close();
    other?.close();
  }

  async begin(uid, fields) {
    try {
      const wire = await this.server.connect('public');
      wire.send(request('GET', `/events?${query({ token: token(uid), ...fields })}`));
      await wire.until(() => wire.bytes.includes('pushsse.hello'), 'hello');
      return wire;
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error;
      return undefined;
    }
  }

  // All is well again: everybody gets everything.
  async judge() {
    const { server, a, b } = this;
    await eventually(async () => (await this.call('public', 'GET', '/healthz')).status === 200, 'it is well again');
    const last = await this.publish('ab', { to: [a, b], content: ' last' });
    assert.equal(last.state, 'ok', JSON.stringify(last.answer));
    await this.eventually(() => this.readers.every((reader) => reader.messages.some(({ data }) => data === last.content)), 'the last message');
    for (const reader of this.readers) this.check(reader.messages, reader.uid === a ? 'a' : 'b', reader.cuts, reader.polls ? 'poll' : 'stream');
    await Promise.all(this.readers.map((reader) => reader.stop()));
    await this.checkAgain();
  }

  check(messages, to, cuts, what) {
    const seqs = messages.map(({ id }) => Number(id.split('-')[1]));
    for (let i = 1; i < seqs.length; i++) assert.ok(seqs[i] > seqs[i - 1], `${what} ${to}: ${seqs[i]} after ${seqs[i - 1]}`);
    const got = messages.map(({ data }) => data);
    for (const { to: meant, content, state, transient } of this.published) {
      const times = got.filter((data) => data === content).length, name = `${what} ${to}: '${content.slice(0, 30)}', ${state}`;
      const owed = state === 'ok' && meant.includes(to) && !(transient && cuts);
      assert.ok(times === (owed ? 1 : 0) || (times === 0 && transient) || (times <= 1 && state === 'unknown' && meant.includes(to)) ||
        (times === 1 && transient && state === 'ok' && meant.includes(to)), `${name}, came ${times} times`);
    }
  }

  // What is retained is what came.
  async checkAgain(server = this.server) {
    const { events } = await server.poll(this.a, { position: 'earliest', claims: { channels: [`${this.a}-room`] } });
    const mine = events.filter(({ data }) => data.startsWith(`${this.number}.`));
    for (const { content, state, to, transient } of this.published) {
      const times = mine.filter(({ data }) => data === content).length;
      if (state === 'refused') assert.equal(times, 0, `'${content.slice(0, 30)}' was refused, and is retained`);
      if (state === 'ok' && to.includes('a') && !transient) assert.equal(times, 1, `'${content.slice(0, 30)}' was answered 200, and is retained ${times} times`);
    }
  }
}

let rounds = randomInt(1e6) * 1000;

// One round in which `orders` hold; answers which call was hit, if any.
export async function round(server, orders, what) {
  const one = new Round(server, ++rounds);
  let hit;
  try {
    await eventually(async () => (await one.call('public', 'GET', '/healthz')).status === 200, 'it serves');
    const order = () => orders.order(what);
    if (what.late) {
      await one.start();
      order();
    } else {
      order();
      await one.start();
    }
    await one.everything();
    hit = orders.end();
    await one.judge();
    return { hit, one };
  } catch (error) {
    hit ??= orders.end();
    error.message = `${JSON.stringify(what)}: ${hit ?? 'nothing'} was hit: ${error.message}`;
    throw error;
  }
}
