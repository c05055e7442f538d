// node crash.js ROUNDS [SEED]: kills the server with SIGKILL, again and again, under 50 publishers and 200 readers that
// come back with their cursors, on one data directory; and looks that what was answered 200 arrives exactly once and in
// order, also what had to be published again with the same key.
//
// How so little has to be remembered: a publisher publishes `publisher.number`, the next number only after a 200, and
// the addressees of a number can be computed. So each reader knows which number of each publisher has to come next:
// one that is left out is a loss, one that is not greater than the last is a repetition, at once and after any time.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { generator, seqOf, wholeAnswer } from './ledger.js';
import { BIN, KEY, SECRET, cleanEnv, token } from './server.js';
import { PATIENCE, eventually } from './wire.js';

const rounds = Number(process.argv[2] ?? 100);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000_007);
const PUBLISHERS = 50, READERS = 200, POLLERS = 20 /* of the readers */, CHANNELS = 8;
const LONG = 4 * PATIENCE; // ms: after many rounds there is much to be replayed

const random = generator(seed);
const between = (least, most) => least + Math.floor(random() * (most - least + 1));

const total = { publishes: 0, answered: 0, retried: 0, spared: 0, transient: 0, deliveries: 0, torn: 0, early: 0, connects: 0 };
let broken; // the first thing that was wrong
const wrong = (what) => (broken ??= new Error(what));
const check = () => {
  if (broken) throw broken;
};

const directory = mkdtempSync(path.join(tmpdir(), 'pushsse-crash-'));
let child; // the server that runs now
process.once('exit', () => {
  child?.kill('SIGKILL');
  rmSync(directory, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));

// ---- who is to get what

// The addressees of a publisher's message: {uids, channels}; neither: everyone.
function addressees(publisher, number) {
  const draw = generator(publisher * 7919 + number * 104_729);
  const kind = draw() * 20, uid = Math.floor(draw() * READERS), channel = Math.floor(draw() * CHANNELS);
  if (kind < 1) return { uids: [], channels: [] };
  if (kind < 5) return { uids: [], channels: [channel] };
  if (kind < 6) return { uids: [uid, (uid + 1) % READERS], channels: [channel] }; // a reader may be meant twice
  return { uids: [uid], channels: [] };
}

// `reader` reads its uid and one channel, both by its number.
const isFor = ({ uids, channels }, reader) =>
  (!uids.length && !channels.length) || uids.includes(reader) || channels.includes(reader % CHANNELS);

// ---- connections

let place = {}; // {public, api}: ports, the same in all rounds

const freePort = () => new Promise((resolve) => {
  const server = net.createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});

// Opens a connection; take(bytes so far) answers what is left of them.
function connect(port, hello, take, gone) {
  const socket = net.connect({ host: '127.0.0.1', port, noDelay: true }, () => socket.write(hello));
  let bytes = '';
  socket.setEncoding('latin1'); // everything here is ASCII
  socket.on('data', (chunk) => {
    try {
      bytes = take(bytes + chunk);
    } catch (error) {
      wrong(error.message);
    }
  });
  socket.on('error', () => {}).on('close', gone);
  return socket;
}

// ---- publishers

class Publisher {
  constructor(index) {
    this.index = index;
    this.number = 0; // under way, or the next one
    this.asked = false; // it was sent before, and not answered
    this.seqs = []; // by number: what was answered, or what a reader saw
    this.going = true;
  }

  connect() {
    if (!this.going) return;
    this.socket = connect(place.api, '', (bytes) => this.take(bytes), () => {});
    this.send();
  }

  send() {
    const { uids, channels } = addressees(this.index, this.number);
    const content = `${this.index}.${this.number}`;
    const fields = [...uids.map((uid) => `to[]=u${uid}`), ...channels.map((channel) => `channel=c${channel}`), `content=${content}`];
    this.transient = !this.asked && (fleeting || (this.number % 16 === 5 && !this.wasTransient)); // one more, for no particular number
    const body = this.transient ? `content=now&event=now&ttl=0` : `${fields.join('&')}&key=${content}`;
    if (!this.transient) {
      total.publishes++;
      total.retried += this.asked;
      this.asked = true;
    }
    this.socket.write(`POST /publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEY}\r\n` +
      `Content-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
  }

  take(bytes) {
    const answer = wholeAnswer(bytes);
    if (!answer) return bytes;
    assert.equal(answer.status, 200, `a publish was answered ${answer.status} ${JSON.stringify(answer.body)}`);
    flowing = true;
    this.wasTransient = this.transient;
    if (this.transient) {
      total.transient++;
    } else {
      this.know(this.number, answer.body.id);
      total.answered++;
      total.spared += seqOf(answer.body.id) <= born; // a life before this one has stored it
      this.number++;
      this.asked = false;
    }
    if (this.going) this.send();
    else this.socket.end();
    return bytes.slice(answer.end);
  }

  // An id is for ever.
  know(number, id) {
    const seq = seqOf(id);
    assert.equal(this.seqs[number] ?? seq, seq, `${this.index}.${number} has two ids: ${this.seqs[number]} and ${seq}`);
    this.seqs[number] = seq;
  }
}

// ---- readers

class Reader {
  constructor(index, { polls = false, cursor } = {}) {
    this.index = index;
    this.polls = polls;
    this.cursor = cursor;
    this.seq = cursor === undefined ? -1 : seqOf(cursor);
    this.due = Array.from(publishers, () => -1); // by publisher: the number that has to come next; -1: to be found
    this.last = Array.from(publishers, () => -1); // by publisher: the number that came last
    this.token = token(`u${index}`, { channels: [`c${index % CHANNELS}`], exp: Math.floor(Date.now() / 1000) + 10 * 24 * 3600 });
  }

  connect() {
    total.connects++;
    const socket = this.polls ? this.poll() : this.stream();
    this.socket = socket;
  }

  stream() {
    const position = this.cursor === undefined ? '' : `Last-Event-ID: ${this.cursor}\r\n`;
    let headed = false;
    return connect(place.public, `GET /events?token=${this.token} HTTP/1.1\r\nHost: x\r\n${position}\r\n`, (bytes) => {
      if (!headed) {
        const end = bytes.indexOf('\r\n\r\n');
        if (end < 0) return bytes;
        assert.match(bytes, /^HTTP\/1.1 200 /);
        headed = true;
        bytes = bytes.slice(end + 4);
      }
      const end = bytes.lastIndexOf('\n\n') + 2;
      if (end < 2) return bytes;
      for (const block of bytes.slice(0, end - 2).split('\n\n')) this.takeBlock(block);
      return bytes.slice(end);
    }, () => {});
  }

  takeBlock(block) {
    const field = (name) => block.startsWith(name) ? block.slice(name.length, (block.indexOf('\n', 0) + 1 || block.length + 1) - 1)
      : new RegExp(`^${name}(.*)$`, 'm').exec(block)?.[1];
    const id = field('id: '), event = field('event: ') ?? 'message', data = field('data: ');
    if (data === undefined) return; // retry
    this.takeEvent(id, event, data);
  }

  poll() {
    const ask = () => `GET /poll?token=${this.token}&wait=5${this.cursor === undefined ? '' : `&lastEventId=${this.cursor}`} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const socket = connect(place.public, ask(), (bytes) => {
      const answer = wholeAnswer(bytes);
      if (!answer) return bytes;
      if (answer.status === 503) return bytes.slice(answer.end); // it is about to stop
      assert.equal(answer.status, 200);
      assert.equal(answer.body.reset, null, `reader ${this.index} was told ${answer.body.reset} at ${this.cursor}`);
      for (const { id, event, data } of answer.body.events) this.takeEvent(id, event, data);
      this.move(answer.body.lastEventId, false);
      socket.write(ask());
      return bytes.slice(answer.end);
    }, () => {});
    return socket;
  }

  move(id, isMessage) {
    const seq = seqOf(id);
    assert.ok(isMessage ? seq > this.seq : seq >= this.seq, `reader ${this.index} was at ${this.seq} and got ${isMessage ? 'a message with' : 'the position'} ${id}`);
    this.cursor = id;
    this.seq = seq;
  }

  takeEvent(id, event, data) {
    if (event === 'pushsse.hello') {
      assert.equal(JSON.parse(data).reset, null, `reader ${this.index} was told ${data} at ${this.cursor}`);
      this.move(id, false);
    } else if (event === 'pushsse.ping') {
      this.move(id, false);
    } else if (event === 'now') {
      this.move(id, true);
    } else if (event === 'message') {
      this.move(id, true);
      this.takeMessage(id, data);
    } else {
      assert.equal(event, 'pushsse.busy', `reader ${this.index} was told ${event} ${data}`);
    }
  }

  takeMessage(id, data) {
    const [publisher, number] = data.split('.').map(Number);
    assert.ok(number > this.last[publisher], `reader ${this.index} got ${data} after ${publisher}.${this.last[publisher]}, with ${id}`);
    assert.equal(number, this.nextDue(publisher), `reader ${this.index} did not get ${publisher}.${this.nextDue(publisher)}, but ${data}`);
    this.last[publisher] = number;
    this.due[publisher] = -1;
    publishers[publisher].know(number, id);
    total.deliveries++;
  }

  nextDue(publisher) {
    if (this.due[publisher] < 0) {
      let number = this.last[publisher] + 1;
      while (!isFor(addressees(publisher, number), this.index)) number++;
      this.due[publisher] = number;
    }
    return this.due[publisher];
  }

  // What was answered 200 and did not come, as one text; undefined when there is nothing of the kind.
  missing() {
    const late = publishers.find(({ index, number }) => this.nextDue(index) < number);
    return late && `reader ${this.index} (at ${this.cursor}) waits for ${late.index}.${this.nextDue(late.index)}, which was answered ${late.seqs[this.nextDue(late.index)]}`;
  }
}

// ---- the server's lives

let born = -1; // the newest seq when this life began
let origin; // the position before all messages
let flowing = false; // was a publish answered in this life?
let fleeting = false; // is nothing published any more but transient messages? Then the last positions are in no record

function start(fsync) {
  let log = '';
  const life = { exited: undefined };
  flowing = fleeting = false;
  life.child = child = spawn(BIN, ['--listen', `127.0.0.1:${place.public}`, '--api-listen', `127.0.0.1:${place.api}`, '--data-dir', directory,
    '--fsync', fsync, '--history-count', '1000000', '--history-bytes', '8G', '--journal-bytes', '64G', '--drain', '100ms', '--first-ping', '100ms'], {
    env: { ...cleanEnv, PUSHSSE_SECRET: SECRET, PUSHSSE_API_KEY: KEY }, stdio: ['ignore', 'ignore', 'pipe'] });
  child.stderr.on('data', (text) => (log += text));
  life.gone = new Promise((resolve) => child.on('close', (code, signal) => resolve((life.exited = signal ?? code))));
  life.log = () => log;
  return life;
}

async function ready(life) {
  await eventually(() => life.exited !== undefined || life.log().includes('listener=api'), `the server is there: ${life.log()}`, LONG);
  assert.equal(life.exited, undefined, `the server did not start: ${life.log()}`);
  const port = place.api;
  // The newest seq, before anybody publishes.
  born = await new Promise((resolve, reject) => {
    const socket = connect(port, `GET /stats HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEY}\r\n\r\n`, (bytes) => {
      const answer = wholeAnswer(bytes);
      if (answer) {
        socket.destroy();
        resolve(seqOf(answer.body.lastEventId));
      }
      return bytes;
    }, () => reject(new Error(`no answer from /stats: ${life.log()}`)));
  });
}

async function die(life) {
  life.child.kill('SIGKILL');
  assert.equal(await life.gone, 'SIGKILL', `it had ended before: ${life.log()}`);
  total.torn += life.log().includes('journal_tail_cut');
  for (const { socket } of [...readers, ...publishers]) socket?.destroy();
}

const publishers = Array.from({ length: PUBLISHERS }, (_, i) => new Publisher(i));
const readers = Array.from({ length: READERS }, (_, i) => new Reader(i, { polls: i % (READERS / POLLERS) === 3 }));
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function round(number) {
  const life = start(['always', 'every=20ms', 'never'][between(0, 2)]);
  if (number > 0 && random() < 0.1) { // while it starts
    total.early++;
    await pause(between(0, 30));
    return die(life);
  }
  await ready(life);
  for (const reader of readers) reader.connect();
  if (number === 0) await eventually(() => check() ?? readers.every(({ cursor }) => cursor !== undefined), 'all readers are there', LONG);
  origin ??= readers[0].cursor;
  for (const publisher of publishers) publisher.connect();
  await eventually(() => check() ?? flowing, 'a publish is answered', LONG);
  await pause(between(50, 400));
  fleeting = random() < 0.2;
  if (fleeting) await pause(50);
  return die(life);
}

// The last life: everything is published to its end, and everybody reads to the end; also some who begin at the start.
async function last() {
  const life = start('always');
  await ready(life);
  for (const publisher of publishers) publisher.connect();
  for (const publisher of publishers) publisher.going = false;
  await eventually(() => check() ?? publishers.every(({ asked }) => !asked), 'all publishes are answered', LONG);
  const again = Array.from({ length: 2 * CHANNELS }, (_, i) => new Reader(i, { polls: i % 2 === 1, cursor: origin }));
  for (const reader of [...readers, ...again]) reader.connect();
  await eventually(() => check() ?? [...readers, ...again].every((reader) => !reader.missing()), 'everything arrives', LONG)
    .catch((error) => Promise.reject(broken ?? new Error(`${error.message}: ${[...readers, ...again].map((reader) => reader.missing()).filter(Boolean).slice(0, 5).join('; ')}`)));
  life.child.kill('SIGTERM');
  assert.equal(await life.gone, 0, life.log());
  for (const { socket } of [...readers, ...again, ...publishers]) socket?.destroy();
  check();
}

async function main() {
  assert.ok(existsSync(BIN), `${BIN} is not there`);
  place = { public: await freePort(), api: await freePort() };
  const began = Date.now();
  for (let number = 0; number < rounds; number++) {
    await round(number);
    check();
    if (process.stdout.isTTY || (number + 1) % 1000 === 0) process.stdout.write(`\r${number + 1} rounds, ${total.answered} answered `);
  }
  await last();
  const seconds = (Date.now() - began) / 1000;
  console.log(`${rounds} rounds in ${seconds.toFixed(0)} s (seed ${seed}): ${total.answered} messages answered 200, ` +
    `${total.publishes} publishes of which ${total.retried} with a key for the second time, ${total.spared} times it had been stored; ` +
    `${total.transient} transient ones; ${total.connects} connects of readers, ${total.deliveries} deliveries; ` +
    `${total.torn} torn tails, ${total.early} kills during the start`);
}

await main().catch((error) => {
  console.error(`crash test: seed ${seed}: ${error.message.trim().split('\n')[0]}`);
  process.exitCode = 1;
});
process.exit();
