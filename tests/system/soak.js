// node soak.js MINUTES [SEED]: everything that comes and goes, for a long time: readers that come back with their cursors and change
// between streams and long-polls, others that come and go by the hundreds, kicks, evictions, readers too slow to be
// kept, publishes to uids, channels and everyone, on a journal and a history so small that all of it rolls over.
//
// Memory, descriptors and latency have to stay as they are: after a fifth of the time to warm up (45 s at least), the first
// quarter of the rest is held against the last. And each of the readers gets every message that is for it exactly once, in order.
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { generator, seqOf, wholeAnswer } from './ledger.js';
import { KEY, Server, form, token } from './server.js';
import { eventually } from './wire.js';

const minutes = Number(process.argv[2] ?? 1);
const seed = Number(process.argv[3] ?? Date.now() % 1_000_000_007);
const READERS = 120, CHANNELS = 8, PUBLISHERS = 8;
const PACE = { publish: 300, visitors: 120, kicks: 2, crowds: 4, slow: 0.2 }; // a second, of each kind
const ARGS = ['--workers', '2', '--fsync', 'every=100ms', '--max-message', '64k', '--journal-bytes', '64M', '--history-bytes', '32M',
  '--history-count', '400', '--history-ttl', '20s', '--max-streams-per-uid', '3', '--send-timeout', '2s', '--max-lag', '128k', '--max-connections-per-ip', '5000'];
const WARM = Math.max(minutes * 12, 45); // s: longer than anything is kept
const FLAT = { memory: 1.04, descriptors: 1.1, latency: 2 }; // the last quarter's median, as a multiple of the first's
const SLACK = { memory: 128, descriptors: 16, latency: 20 }; // KiB, descriptors, ms: within which nothing is said
const QUEUED = 0.3; // of PACE.publish at least that many are to be published: else the machine is too busy to tell anything

const random = generator(seed);
const below = (n) => Math.floor(random() * n);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const total = { published: 0, transient: 0, deliveries: 0, connects: 0, visits: 0, kicks: 0, evictions: 0, cut: 0 };
let broken, going = true;
const wrong = (what) => (broken ??= new Error(what));

const directory = mkdtempSync(path.join(tmpdir(), 'pushsse-soak-'));
process.once('exit', () => rmSync(directory, { recursive: true, force: true }));
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1));
const server = new Server({ args: ['--data-dir', directory, ...ARGS], logged: false }); // there are too many tokens to look for

function connect(address, hello, take, gone = () => {}) {
  const socket = net.connect({ port: Number(address.split(':')[1]), host: '127.0.0.1', noDelay: true }, () => socket.write(hello));
  let bytes = '';
  total.connects++;
  socket.setEncoding('latin1').on('data', (chunk) => {
    try {
      bytes = take(bytes + chunk, socket);
    } catch (error) {
      wrong(error.message);
    }
  });
  return socket.on('error', () => {}).on('close', gone);
}

const expires = Math.floor(Date.now() / 1000) + minutes * 60 + 3600;
const get = (where, uid, more = '', claims = {}) => `GET /${where}?token=${token(uid, { exp: expires, ...claims })}${more} HTTP/1.1\r\nHost: x\r\n\r\n`;
const post = (target, body) => `POST ${target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEY}\r\nContent-Type: ${form}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;

// ---- publishers, and for whom their messages are

function addressees(publisher, number) {
  const draw = generator(publisher * 7919 + number * 104_729), kind = draw() * 20;
  const uid = Math.floor(draw() * READERS), channel = Math.floor(draw() * CHANNELS);
  if (kind < 1) return { uids: [], channels: [] };
  if (kind < 4) return { uids: [], channels: [channel] };
  if (kind < 5) return { uids: [uid, (uid + 1) % READERS], channels: [channel] };
  return { uids: [uid], channels: [] };
}

const isFor = ({ uids, channels }, reader) =>
  (!uids.length && !channels.length) || uids.includes(reader) || channels.includes(reader % CHANNELS);

class Publisher {
  constructor(index) {
    Object.assign(this, { index, number: 0, busy: false });
    this.socket = connect(server.api, '', (bytes) => {
      const answer = wholeAnswer(bytes);
      if (!answer) return bytes;
      assert.equal(answer.status, 200, `a publish was answered ${answer.status}`);
      this.busy = false;
      return bytes.slice(answer.end);
    }, () => going && wrong('a publisher was cut'));
  }

  send(body) {
    this.busy = true;
    this.socket.write(post('/publish', body));
  }

  next() {
    if (random() < 0.05) {
      total.transient++;
      return this.send('content=now&event=now&ttl=0');
    }
    const { uids, channels } = addressees(this.index, this.number);
    const content = `${this.index}.${this.number}.${performance.now().toFixed(2)}.${'x'.repeat(below(400))}`;
    const key = random() < 0.003 ? [`key=${seed}.${this.index}.${this.number}`] : []; // they are kept for ten minutes
    this.number++;
    total.published++;
    return this.send([...uids.map((uid) => `to[]=u${uid}`), ...channels.map((name) => `channel=c${name}`), ...key, `content=${content}`].join('&'));
  }
}

// ---- readers

const latencies = []; // ms, of this sample

class Reader {
  constructor(index) {
    Object.assign(this, { index, seq: -1, cursor: undefined, due: Array(PUBLISHERS).fill(0), headed: false, polls: index % 2 === 1 });
    this.connect();
  }

  connect() {
    const position = this.cursor === undefined ? '' : `&lastEventId=${this.cursor}`;
    const ask = (at) => get(this.polls ? 'poll' : 'events', `u${this.index}`, `${this.polls ? '&wait=10' : ''}${at}`, { channels: [`c${this.index % CHANNELS}`] });
    this.headed = false;
    this.away = performance.now();
    this.socket = connect(server.public, ask(position), (bytes, socket) => {
      if (socket !== this.socket) return ''; // what it had asked for is not waited for any more
      return this.polls ? this.takePoll(bytes, () => socket.write(ask(`&lastEventId=${this.cursor}`))) : this.takeStream(bytes);
    }, () => {
      if (going) setTimeout(() => this.connect(), below(150));
    });
  }

  takePoll(bytes, again) {
    const answer = wholeAnswer(bytes);
    if (!answer) return bytes;
    assert.equal(answer.status, 200, `a poll was answered ${answer.status}`);
    this.told(answer.body.reset);
    for (const { id, event, data } of answer.body.events) this.takeEvent(id, event, data);
    this.move(answer.body.lastEventId);
    again();
    return bytes.slice(answer.end);
  }

  takeStream(bytes) {
    if (!this.headed) {
      const head = bytes.indexOf('\r\n\r\n');
      if (head < 0) return bytes;
      assert.match(bytes, /^HTTP\/1.1 200 /);
      this.headed = true;
      bytes = bytes.slice(head + 4);
    }
    const end = bytes.lastIndexOf('\n\n') + 2;
    if (end < 2) return bytes;
    for (const block of bytes.slice(0, end - 2).split('\n\n')) {
      const field = (name) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
      const data = field('data');
      if (data !== undefined) this.takeEvent(field('id'), field('event') ?? 'message', data);
    }
    return bytes.slice(end);
  }

  told(reset) {
    assert.ok(reset === null, `reader ${this.index} was told ${reset} at ${this.cursor}, ${Math.round(performance.now() - this.away)} ms after it came back`);
  }

  move(id, isMessage) {
    const seq = seqOf(id);
    assert.ok(isMessage ? seq > this.seq : seq >= this.seq, `reader ${this.index} was at ${this.seq} and got ${id}`);
    this.seq = seq;
    this.cursor = id;
  }

  takeEvent(id, event, data) {
    if (event === 'pushsse.hello') this.told(JSON.parse(data).reset);
    assert.ok(/^(pushsse\.(hello|ping)|now|message)$/.test(event), `reader ${this.index} was told ${event} ${data}`);
    this.move(id, event === 'message' || event === 'now');
    if (event !== 'message') return;
    const [publisher, number, at] = [Number(data.split('.')[0]), Number(data.split('.')[1]), Number(data.split('.').slice(2, 4).join('.'))];
    assert.equal(number, this.nextDue(publisher), `reader ${this.index} did not get ${publisher}.${this.nextDue(publisher)}, but ${data.slice(0, 40)}`);
    this.due[publisher]++;
    total.deliveries++;
    latencies.push(performance.now() - at);
  }

  nextDue(publisher) {
    while (!isFor(addressees(publisher, this.due[publisher]), this.index)) this.due[publisher]++;
    return this.due[publisher];
  }

  // Leaves, and comes back in another way.
  turn() {
    this.polls = random() < 0.4;
    this.socket.destroy();
  }
}

// ---- those who come and go

function visit() {
  const polls = random() < 0.3, uid = `v${below(400)}`;
  const socket = connect(server.public, get(polls ? 'poll' : 'events', uid, polls ? '&wait=5&lastEventId=earliest' : random() < 0.5 ? '&lastEventId=earliest' : ''), () => '');
  total.visits++;
  setTimeout(() => socket.destroy(), below(2000));
}

// Who is kicked has a token of after the last time.
function kick(client) {
  const uid = `k${below(40)}`;
  const socket = connect(server.public, get('events', uid, '', { iat: Date.now() / 1000 }), () => '');
  setTimeout(() => client.write(post('/disconnect', `uid=${uid}&reason=soak`)), 100);
  setTimeout(() => socket.destroy(), 1000);
  total.kicks++;
}

// Five streams where there may be three.
function crowd() {
  const uid = `e${below(100)}`;
  const sockets = Array.from({ length: 5 }, () => connect(server.public, get('events', uid), (bytes) => {
    total.evictions += bytes.includes('too_many_streams');
    return '';
  }));
  setTimeout(() => sockets.forEach((socket) => socket.destroy()), 500 + below(500));
}

// One that takes the head and no more, while much is said to it.
function slow(publishers) {
  const uid = `s${below(20)}`;
  const socket = connect(server.public, get('events', uid), () => {
    socket.pause();
    for (let i = 0; i < 40 && publishers.length; i++) publishers[i % publishers.length].owed.push(`to=${uid}&ttl=1&content=${'s'.repeat(60_000)}`);
    return '';
  });
  setTimeout(() => socket.destroy(), 8000); // it is cut before, which one that does not read is not told
}

// ---- samples

const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1] ?? 0;
const share = (list, part) => [...list].sort((a, b) => a - b)[Math.floor((list.length - 1) * part)] ?? 0;

async function sample(began) {
  const { pid } = server.child;
  server.log = server.log.slice(-8000);
  const own = latencies.splice(0);
  const { streams, audiences, retained, journal, keys, total: { closed } } = (await server.apiCall('GET', '/stats')).json;
  total.cut = closed.lag + closed.sendTimeout;
  return {
    at: (performance.now() - began) / 1000, memory: parseInt(server.status('RssAnon'), 10),
    descriptors: readdirSync(`/proc/${pid}/fd`).length, latency: share(own, 0.99), p50: share(own, 0.5),
    streams, audiences, retained, keys, journal: Math.round(journal.bytes / 1024), published: total.published,
  };
}

const columns = { at: 's', memory: 'KiB', descriptors: 'fds', p50: 'p50 ms', latency: 'p99 ms', streams: 'streams', audiences: 'uids', retained: 'retained', keys: 'keys', journal: 'journal KiB' };

function print(samples) {
  console.log(Object.values(columns).map((title) => title.padStart(11)).join(''));
  const rows = Math.min(12, samples.length), each = samples.length / rows;
  for (let i = 0; i < rows; i++) {
    const part = samples.slice(Math.floor(i * each), Math.floor((i + 1) * each));
    console.log(Object.keys(columns).map((name) => median(part.map((one) => one[name])).toFixed(/p50|latency/.test(name) ? 1 : 0).padStart(11)).join(''));
  }
}

function judge(samples) {
  assert.ok(samples.at(-1).at > WARM + 8, 'it takes a minute at least');
  const after = samples.filter(({ at }) => at > WARM), quarter = Math.max(1, Math.floor(after.length / 4));
  const faults = [];
  for (const name of Object.keys(FLAT)) {
    const first = median(after.slice(0, quarter).map((one) => one[name])), last = median(after.slice(-quarter).map((one) => one[name]));
    const flat = last <= first * FLAT[name] || last <= first + SLACK[name];
    console.log(`${name}: ${first.toFixed(1)} in the first quarter, ${last.toFixed(1)} in the last: ${flat ? 'flat' : 'IT GROWS'}`);
    if (!flat) faults.push(name);
  }
  const rate = (after.at(-1).published - after[0].published) / (after.at(-1).at - after[0].at);
  if (rate < PACE.publish * QUEUED) faults.push(`load: ${rate.toFixed(0)} publishes a second`);
  return faults;
}

// ---- all of it

// So many a second, as far as the machine keeps up.
function every(second, act) {
  const began = performance.now();
  let done = 0;
  return setInterval(() => {
    for (const due = ((performance.now() - began) / 1000) * second; done < due; done++) act();
  }, Math.min(1000 / second, 1000));
}

async function main() {
  await server.ready();
  const readers = Array.from({ length: READERS }, (_, i) => new Reader(i));
  await eventually(() => broken || readers.every(({ cursor }) => cursor !== undefined), 'all readers are there');
  const publishers = Array.from({ length: PUBLISHERS }, (_, i) => new Publisher(i));
  const loud = Array.from({ length: 2 }, () => Object.assign(new Publisher(-1), { owed: [] }));
  const kicker = connect(server.api, '', (bytes) => bytes.slice(wholeAnswer(bytes)?.end ?? 0));
  const timers = [
    every(PACE.publish, () => publishers.find(({ busy }) => !busy)?.next()), every(PACE.visitors, visit), every(PACE.crowds, crowd),
    every(PACE.kicks, () => kick(kicker)), every(PACE.slow, () => slow(loud)), every(READERS / 4, () => readers[below(READERS)].turn()),
    setInterval(() => loud.forEach((one) => !one.busy && one.owed.length && one.send(one.owed.shift())), 5),
  ];
  const samples = [], began = performance.now();
  while (!broken && performance.now() - began < minutes * 60_000) {
    await pause(1000);
    samples.push(await sample(began));
    if (process.stdout.isTTY) process.stdout.write(`\r${samples.at(-1).at.toFixed(0)} s `);
  }
  timers.forEach(clearInterval);
  const missing = () => readers.find((reader) => publishers.some(({ index, number }) => reader.nextDue(index) < number));
  await eventually(() => broken || (publishers.every(({ busy }) => !busy) && !missing()), 'everything arrives', 30_000)
    .catch((error) => wrong(`${error.message}: reader ${missing()?.index} waits`));
  going = false;
  for (const { socket } of [...readers, ...publishers, ...loud, { socket: kicker }]) socket.destroy();
  if (broken) throw broken;
  print(samples);
  const faults = judge(samples);
  await server.stop();
  console.log(`${minutes} min (seed ${seed}): ${Object.entries(total).map(([name, count]) => `${count} ${name}`).join(', ')}`);
  assert.ok(total.evictions > 0 && total.cut > 0 && total.kicks > 0, 'all that is to happen has happened');
  assert.equal(faults.length, 0, `not flat: ${faults.join(', ')}`);
}

await main().catch((error) => {
  console.error(`soak: seed ${seed}: ${error.message.trim().split("\n")[0]}; the server: ${server.exited ?? "runs"}\n${server.log.slice(-6000)}`);
  process.exitCode = 1;
});
process.exit();
