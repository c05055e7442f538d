// GET /events: the exact bytes of a stream, positions and replay, pings, ends of all kinds, slow readers.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asLines, payloads } from './payloads.js';
import { KEY, inTime, now, serve, token } from './server.js';
import { parse } from './stream.js';
import { assertRefused, eventually, request } from './wire.js';

const MiB = 1 << 20;
const quiet = ['--heartbeat', '30s', '--first-ping', '30s'];
const server = await serve({ args: quiet });

const toAll = (uid, contents) => contents.reduce(
  (before, content) => before.then(async (ids) => [...ids, (await server.publish({ to: uid, content })).id]), Promise.resolve([]));
const split = (id) => /^([0-9A-Za-z._-]+)-(\d+)$/.exec(id).slice(1);
const reset = (reason) => ({ event: 'pushsse.reset', data: JSON.stringify({ reason }) });
const without = ({ id, ...rest }) => rest;

test('a stream starts with this head and hello, in one write', async () => {
  const exp = now() + 600;
  const stream = await server.stream('hello', { claims: { exp } });
  const [first] = stream.wire.chunks;
  assert.equal(first.subarray(-2).toString(), '\n\n', 'the whole of it came with the first read');
  assert.equal(`${stream.head.version} ${stream.head.status} ${stream.head.reason}`, 'HTTP/1.1 200 OK');
  const { headers } = stream.head;
  assert.deepEqual(
    ['content-type', 'cache-control', 'x-accel-buffering', 'x-content-type-options', 'referrer-policy', 'connection'].map((name) => headers[name]),
    ['text/event-stream', 'no-store, no-transform', 'no', 'nosniff', 'no-referrer', 'close']);
  assert.equal(headers['content-length'], undefined);
  const [, retry, id, data] = /^retry: (\d+)\nevent: pushsse\.hello\nid: ([0-9A-Za-z._-]{3,40})\ndata: (.*)\n\n$/.exec(stream.body) ??
    assert.fail(`not a hello: ${stream.body}`);
  assert.ok(retry >= 2000 && retry <= 4000);
  assert.equal(data, `{"v":1,"heartbeat":30000,"reset":null,"exp":${exp}}`);
  split(id);
});

test('HTTP/1.0 gets the same bytes', async () => {
  const wire = await server.connect();
  wire.send(`GET /events?token=${token('old')} HTTP/1.0\r\n\r\n`);
  assert.equal((await wire.head()).headers.connection, 'close');
  await wire.until(() => wire.bytes.includes('\n\n'), 'hello');
  assert.match(wire.bytes.toString(), /^retry: \d+\nevent: pushsse.hello\n/);
});

test('the retry is jittered by a third', async (t) => {
  const jittery = await serve({ args: ['--retry', '900ms'] }, t);
  const streams = await Promise.all(Array.from({ length: 20 }, () => jittery.stream('jitter')));
  const retries = streams.map(({ retries: [retry] }) => retry);
  assert.ok(retries.every((retry) => retry >= 600 && retry <= 1200), `${retries}`);
  assert.ok(new Set(retries).size > 3, `they differ: ${retries}`);
});

test('a message is one block: id, event unless it is message, and a data line for each line', async () => {
  const stream = await server.stream('blocks');
  const before = stream.body.length;
  const one = await server.publish({ to: 'blocks', content: 'one' });
  const two = await server.publish({ to: 'blocks', content: 'a\r\nb\rc\n', event: 'note' });
  await stream.data(2);
  assert.equal(stream.body.subarray(before).toString(),
    `id: ${one.id}\ndata: one\n\nid: ${two.id}\nevent: note\ndata: a\ndata: b\ndata: c\ndata: \n\n`);
  assert.equal(split(one.id)[0], split(two.id)[0], 'one epoch');
  assert.ok(Number(split(one.id)[1]) < Number(split(two.id)[1]), 'a growing seq');
});

test('nothing that is published can forge a field or an event', async () => {
  const stream = await server.stream('payloads');
  const expected = [];
  for (const content of Object.values(payloads)) {
    const { id } = await server.publish({ to: 'payloads', content });
    expected.push({ id, event: 'message', data: asLines(content) });
  }
  await stream.data(expected.length);
  assert.deepEqual(stream.messages, expected);
  for (const step of [1, 2, 3, 1000]) assert.deepEqual(parse(stream.body, step).slice(1), expected, `in steps of ${step} bytes`);
  assert.equal(stream.retries.length, 1);
});

// Bytes are compared, not parsed: one who parses so many lines reads nothing for as long, and may be cut.
test('1 MiB arrives, and 1 MiB of line ends too, though their block is larger than --max-lag', async () => {
  for (const content of ['x'.repeat(MiB), '\n'.repeat(MiB)]) {
    const stream = await server.stream('large');
    const end = matching(stream, blocksAfter(stream.cursor, 1, content));
    await server.publish({ to: 'large', content });
    await end();
    stream.close();
  }
});

test('a stream reads its uid, everyone and its channels, and nothing else', async (t) => {
  const own = await serve({ args: quiet }, t);
  const stream = await own.stream('reader', { claims: { channels: ['in'] } });
  for (const [content, audience] of Object.entries({
    1: { to: 'reader' }, 2: { to: 'other' }, 3: {}, 4: { channel: 'in' }, 5: { channel: 'out' }, 6: { to: '' }, 7: { to: 'in' }, 8: { channel: 'reader' }, 9: { to: 'reader' },
  })) await own.publish({ ...audience, content });
  assert.deepEqual(await stream.data(5), ['1', '3', '4', '6', '9']);
});

test('all streams of a uid get a message, and the answer counts them', async () => {
  const streams = await Promise.all([1, 2, 3].map(() => server.stream('several')));
  assert.deepEqual(without(await server.publish({ to: 'several', content: 'x' })), { status: 'ok', streams: 3 });
  for (const stream of streams) assert.deepEqual(await stream.data(1), ['x']);
});

test('a silent stream is pinged, first after --first-ping and then every --heartbeat', async (t) => {
  const once = await serve({ args: ['--first-ping', '100ms', '--heartbeat', '1h'] }, t);
  const first = await (await once.stream('ping')).next('pushsse.ping');
  assert.equal(first.data, '1');
  const pinging = await serve({ args: ['--first-ping', '100ms', '--heartbeat', '300ms'] }, t);
  const begin = Date.now();
  const stream = await pinging.stream('ping');
  assert.equal(stream.hello.heartbeat, 300);
  for (let i = 0; i < 3; i++) split((await stream.next('pushsse.ping')).id);
  assert.ok(Date.now() - begin >= 600, 'the others keep the heartbeat');
});

test('the id of a ping is a position from which nothing is lost and nothing comes twice', async (t) => {
  const pinging = await serve({ args: ['--first-ping', '30ms', '--heartbeat', '30ms'] }, t);
  let stream = await pinging.stream('ping');
  const got = [];
  for (let i = 0; i < 10; i++) {
    await pinging.publish({ to: 'else', content: 'not yours' });
    await pinging.publish({ to: 'ping', content: `${i}` });
    if (i % 2) await stream.next('pushsse.ping');
    stream.close();
    got.push(...stream.messages);
    stream = await pinging.stream('ping', { position: stream.cursor });
    assert.equal(stream.hello.reset, null);
  }
  await stream.next('pushsse.ping');
  got.push(...stream.messages);
  assert.deepEqual(got.map(({ data }) => data), Array.from({ length: 10 }, (_, i) => `${i}`));
});

test('without a position a stream starts now, with earliest at all that is retained', async () => {
  await toAll('start', ['1', '2']);
  const late = await server.stream('start');
  const all = await server.stream('start', { position: 'earliest' });
  assert.equal(all.hello.reset, null);
  assert.deepEqual(await all.data(2), ['1', '2']);
  await toAll('start', ['3']);
  assert.deepEqual(await late.data(1), ['3']);
  assert.deepEqual(await all.data(1), ['3']);
});

test('the position is the Last-Event-ID header, else the query', async () => {
  const [one, two, three] = await toAll('back', ['1', '2', '3']);
  const byQuery = await server.stream('back', { position: one });
  assert.deepEqual(await byQuery.data(2), ['2', '3']);
  const byHeader = await server.stream('back', { headers: { 'last-event-id': two } });
  assert.deepEqual(await byHeader.data(1), ['3']);
  const byBoth = await server.stream('back', { position: one, headers: { 'last-event-id': two } });
  assert.deepEqual(await byBoth.data(1), ['3']);
  for (const stream of [byQuery, byHeader, byBoth]) assert.deepEqual([stream.hello.reset, stream.cursor], [null, three]);
});

test('an empty position is none', async () => {
  await toAll('empty', ['1']);
  for (const options of [{ position: '' }, { headers: { 'last-event-id': '' } }]) {
    const stream = await server.stream('empty', options);
    assert.equal(stream.hello.reset, null);
    await toAll('empty', ['2']);
    assert.deepEqual(await stream.data(1), ['2']);
  }
});

test('a hello\'s own id is a position: what came after a stream was cut at once is not lost', async () => {
  const brief = await server.stream('brief');
  brief.close();
  await toAll('brief', ['1']);
  assert.deepEqual(await (await server.stream('brief', { position: brief.first.id })).data(1), ['1']);
});

test('a position of another epoch is a reset, said in hello and as an event, and what is retained follows', async () => {
  await toAll('reset', ['1', '2']);
  const stream = await server.stream('reset', { position: 'another-7' });
  assert.equal(stream.hello.reset, 'restart');
  assert.deepEqual(without(await stream.next()), reset('restart'));
  assert.deepEqual(await stream.data(2), ['1', '2']);
});

test('a position in the future, or one that is none, is a reset and never an error', async () => {
  const [id] = await toAll('odd', ['1']);
  const [epoch, seq] = split(id);
  const odd = [`${epoch}-${Number(seq) + 100_000}`, `${epoch}-99999999999999999999999`, `${epoch}-`, `${epoch}--1`, `${epoch}`, '-', 'garbage',
    `${id}x`, 'x'.repeat(41), 'x'.repeat(4000), '../../etc/passwd', 'a b', '{"a":1}'];
  for (const position of odd)
    for (const options of [{ position }, { headers: { 'last-event-id': position } }]) {
      const stream = await server.stream('odd', options);
      assert.match(stream.hello.reset, /^(restart|gap)$/, position);
      assert.deepEqual(without(await stream.next()), reset(stream.hello.reset));
      assert.deepEqual(await stream.data(1), ['1']);
      stream.close();
    }
  const bytes = await server.stream('odd', { headers: { 'last-event-id': Buffer.from('é😀').toString('latin1') } });
  assert.notEqual(bytes.hello.reset, null);
});

test('a position older than what is retained is a gap, the oldest retained one is not', async (t) => {
  const small = await serve({ args: ['--history-count', '3', ...quiet] }, t);
  const ids = [];
  for (let i = 0; i < 6; i++) ids.push((await small.publish({ to: 'gap', content: `${i}` })).id);
  const gap = await small.stream('gap', { position: ids[1] });
  assert.equal(gap.hello.reset, 'gap');
  assert.deepEqual(without(await gap.next()), reset('gap'));
  assert.deepEqual(await gap.data(3), ['3', '4', '5']);
  const whole = await small.stream('gap', { position: ids[2] });
  assert.equal(whole.hello.reset, null);
  assert.deepEqual(await whole.data(3), ['3', '4', '5']);
  const other = await small.stream('bystander', { position: ids[1] });
  assert.equal(other.hello.reset, null, 'what was dropped was not theirs');
});

test('history is bounded by age and by bytes as well', async (t) => {
  const bounded = await serve({ args: ['--history-ttl', '300ms', '--history-bytes', '64k', ...quiet] }, t);
  const ids = [];
  for (let i = 0; i < 8; i++) ids.push((await bounded.publish({ to: 'bytes', content: `${i}`.repeat(16 * 1024) })).id);
  const byBytes = await bounded.stream('bytes', { position: ids[0] });
  assert.equal(byBytes.hello.reset, 'gap');
  await eventually(async () => (await bounded.poll('bytes', { position: 'earliest' })).events.length === 0, 'everything is too old');
  assert.equal((await bounded.stream('bytes', { position: ids[6] })).hello.reset, 'gap');
  assert.equal((await bounded.stream('bytes', { position: ids[7] })).hello.reset, null);
});

test('a token that expires ends its stream with pushsse.expired, one that comes within the skew when that is over', async () => {
  await Promise.all([0, 30].map((skew) => inTime(async (left) => {
    const exp = now() + left - skew;
    const stream = await server.stream('expiring', { claims: { exp } });
    assert.equal(stream.hello.exp, exp);
    await stream.next('pushsse.expired');
    assert.ok(Date.now() >= (exp + skew) * 1000 - 100, 'not before its time, which is the contract');
    await stream.closed();
    assert.deepEqual(stream.events.map(({ event }) => event), ['pushsse.hello', 'pushsse.expired']);
  })));
});

test('padding=1 sends 2 KiB of comment first', async () => {
  const stream = await server.stream('padded', { padding: 1 });
  const [, comment] = /^((?::[^\r\n]*\n)+)\n?retry: \d+\nevent: pushsse.hello\n/.exec(stream.body) ?? assert.fail(`${stream.body}`);
  assert.ok(comment.length >= 2048, `${comment.length} bytes`);
});

test('a new stream with the same uid and cid ends the older one, and no other', async () => {
  const older = await server.stream('tabs', { cid: 'tab-1' });
  const others = [await server.stream('tabs', { cid: 'tab-2' }), await server.stream('tabs'), await server.stream('else', { cid: 'tab-1' })];
  const newer = await server.stream('tabs', { cid: 'tab-1' });
  await older.closed();
  assert.equal((await server.publish({ to: ['tabs', 'else'], content: 'x' })).streams, 4);
  for (const stream of [newer, ...others]) assert.deepEqual(await stream.data(1), ['x']);
});

test('above --max-streams-per-uid the oldest gives way with pushsse.busy', async (t) => {
  const few = await serve({ args: ['--max-streams-per-uid', '2', ...quiet] }, t);
  const [oldest, second] = [await few.stream('many'), await few.stream('many')];
  const other = await few.stream('other');
  const third = await few.stream('many');
  await oldest.next('pushsse.busy');
  await oldest.closed();
  assert.equal(oldest.retries.length, 2, 'a retry of its own goes with it');
  assert.ok(oldest.retries[1] >= 10_000 && oldest.retries[1] <= 20_000, `five times the usual: ${oldest.retries}`);
  await few.publish({ content: 'x' });
  for (const stream of [second, third, other]) assert.deepEqual(await stream.data(1), ['x']);
});

test('above --max-streams a stream is answered with 200, a retry and pushsse.busy', async (t) => {
  const full = await serve({ args: ['--max-streams', '2', ...quiet] }, t);
  const open = [await full.stream('a'), await full.stream('b')];
  const busy = await full.stream('c');
  await busy.closed();
  assert.equal(busy.head.headers['content-type'], 'text/event-stream');
  assert.deepEqual([busy.first.event, busy.events.length, busy.retries.length], ['pushsse.busy', 1, 1]);
  assert.ok(busy.retries[0] >= 10_000 && busy.retries[0] <= 20_000, `five times the usual: ${busy.retries}`);
  const poll = assertRefused(await full.get(full.pollTarget('c', { position: 'earliest', wait: 5 })), 503);
  assert.match(poll.headers['retry-after'], /^\d+$/);
  open[0].close();
  await full.settled('a', 0);
  assert.equal((await full.stream('c')).first.event, 'pushsse.hello');
  assert.equal(open[1].wire.ended, false);
});

test('a client that comes back takes the place of its own ghost, though --max-streams are there', async (t) => {
  const full = await serve({ args: ['--max-streams', '1', ...quiet] }, t);
  const ghost = await full.stream('phone', { cid: 'c' });
  for (const [uid, cid] of [['phone', undefined], ['phone', 'd'], ['other', 'c']])
    assert.equal((await full.stream(uid, { cid })).first.event, 'pushsse.busy', `${uid} ${cid}`);
  assert.equal(ghost.wire.ended, false);
  const back = await full.stream('phone', { cid: 'c' });
  assert.equal(back.first.event, 'pushsse.hello');
  await ghost.closed();
  assert.equal((await full.publish({ to: 'phone', content: 'x' })).streams, 1);
  assert.deepEqual(await back.data(1), ['x']);
});

test('online=1 tells who is there, now and whenever it changed', async (t) => {
  const counting = await serve({ args: quiet }, t);
  const begin = Date.now();
  const stream = await counting.stream('watcher', { online: 1 });
  const told = async (counts) => {
    while ((await stream.next('pushsse.online')).data !== JSON.stringify(counts));
  };
  await told({ users: 1, streams: 1 });
  const [one] = [await counting.stream('guest'), await counting.stream('guest')];
  await told({ users: 2, streams: 3 });
  one.close();
  await told({ users: 2, streams: 2 });
  assert.ok(stream.events.length <= 3 + (Date.now() - begin) / 1000, 'at most one a second, beside hello and the first');
});

test('a reader that leaves is noticed at once', async () => {
  const stream = await server.stream('leaving');
  stream.wire.finish();
  await stream.closed();
  await server.settled('leaving', 0);
});

// Fills all buffers between the server and a reader that has stopped to read. The steady one gets each before the next comes: a
// machine that is busy does not make it a slow one.
const FLOOD = { count: 40, content: 'x'.repeat(100_000) };
async function flood({ own, steady }, fields = {}) {
  for (let i = 0; i < FLOOD.count; i++) {
    await own.publish({ to: 'crowd', content: `${i} ${FLOOD.content}`, ...fields });
    await steady.next('message');
  }
}
const numbers = (messages) => messages.map(({ data }) => parseInt(data, 10));
const upTo = (count) => Array.from({ length: count }, (_, i) => i);

const stats = async (own) => (await own.apiCall('GET', '/stats')).json;

// Compares what comes on a stream after hello with what has to, and keeps nothing of it: that is fast, however much it is.
// Answers a function that waits for the last of it.
function matching(stream, expected) {
  const { wire } = stream;
  let at = 0;
  let wrong = false;
  const compare = (bytes) => {
    const due = expected.subarray(at, at + bytes.length);
    wrong ||= !bytes.subarray(0, due.length).equals(due);
    at += due.length;
  };
  wire.watchers.delete(stream.drain);
  compare(stream.body.subarray(stream.body.indexOf('\n\n') + 2)); // what came with hello
  wire.watchers.add(() => {
    compare(wire.take(wire.bytes.length));
    wire.chunks.length = 0;
  });
  return async () => {
    await wire.until(() => wrong || at === expected.length, `${expected.length} bytes`);
    assert.ok(!wrong, `other bytes than expected before ${at} of ${expected.length}`);
  };
}

// The bytes of messages that are the next ones of a server, after that position.
function blocksAfter(position, count, content) {
  const [epoch, seq] = split(position);
  const data = content.replaceAll('\n', '\ndata: ');
  return Buffer.from(upTo(count).map((i) => `id: ${epoch}-${Number(seq) + i + 1}\ndata: ${data}\n\n`).join(''));
}

async function slowAndSteady(t, ...args) {
  const own = await serve({ args: [...quiet, ...args] }, t);
  const [slow, steady] = [await own.stream('crowd'), await own.stream('crowd')];
  slow.wire.pause();
  return { own, slow, steady };
}

for (const [option, value] of [['--max-lag', '1M'], ['--send-timeout', '1500ms']])
  test(`a reader that stops to read is cut by ${option}, nobody else is, and its position brings the rest`, async (t) => {
    const crowd = await slowAndSteady(t, ...(option === '--max-lag' ? [] : ['--max-lag', '1G']), option, value);
    const { own, slow, steady } = crowd;
    await flood(crowd);
    assert.deepEqual(numbers(steady.messages), upTo(FLOOD.count));
    await own.settled('crowd', 1);
    slow.wire.resume();
    await slow.closed();
    const back = await own.stream('crowd', { position: slow.cursor });
    assert.equal(back.hello.reset, null);
    await back.data(FLOOD.count - slow.messages.length);
    assert.deepEqual(numbers([...slow.messages, ...back.messages]), upTo(FLOOD.count));
    assert.equal(steady.wire.ended, false);
  });

for (const [what, args, fields] of [
  ['history has dropped', ['--history-count', '2'], {}],
  ['has expired', [], { ttl: 0 }],
])
  test(`a reader that is attached is owed what ${what} meanwhile`, async (t) => {
    const crowd = await slowAndSteady(t, '--max-lag', '1G', '--send-timeout', '1h', ...args);
    const { own, slow } = crowd;
    await flood(crowd, fields);
    await eventually(async () => (await stats(own)).lag.blocked === 1, 'it takes no more');
    slow.wire.resume();
    await slow.data(FLOOD.count);
    assert.deepEqual(numbers(slow.messages), upTo(FLOOD.count));
  });

test('readers that read are not cut, however fast publishers are', async (t) => {
  const own = await serve({ args: [...quiet, '--max-lag', '256k'] }, t);
  const readers = await Promise.all(Array.from({ length: 8 }, (_, i) => own.stream(`reader ${i}`)));
  const [each, content] = [60, 'y'.repeat(20_000)];
  const expected = blocksAfter(readers[0].cursor, 8 * each, content);
  const ends = readers.map((stream) => matching(stream, expected));
  const publish = request('POST', '/publish', { headers: { authorization: `Bearer ${KEY}` }, body: `content=${content}` });
  const ids = await Promise.all(Array.from({ length: 8 }, async () => {
    const publisher = await own.connect('api');
    publisher.send(Buffer.concat(Array(each).fill(publish)));
    const mine = [];
    while (mine.length < each) mine.push((await publisher.answer()).json.id);
    return mine;
  }));
  const seqs = ids.flat().map((id) => Number(split(id)[1])).sort((one, other) => one - other);
  assert.deepEqual(seqs, upTo(8 * each).map((i) => seqs[0] + i));
  await Promise.all(ends.map((end) => end()));
  const { streams, total } = await stats(own);
  assert.deepEqual([streams, total.closed.lag], [8, 0]);
});

test('streams that are reset while they are blocked and messages flow are gone, and nobody else notices', async (t) => {
  const own = await serve({ args: [...quiet, '--workers', '1'] }, t);
  const open = (count, kind) => Promise.all(Array.from({ length: count }, (_, i) => own.stream(`${kind} ${i}`)));
  const [stuck, reading] = [await open(40, 'stuck'), await open(300, 'reading')];
  stuck.forEach((stream) => stream.wire.pause());

  const [count, content] = [18, 'x'.repeat(100_000)];
  const expected = blocksAfter(reading[0].cursor, count, content);
  const ends = reading.map((stream) => matching(stream, expected));
  const publisher = await own.connect('api');
  const publish = request('POST', '/publish', { headers: { authorization: `Bearer ${KEY}` }, body: `content=${content}` });
  const answered = async (times) => {
    while (times--) assert.equal((await publisher.answer()).status, 200);
  };
  for (let i = 0; i < 10; i++) await publisher.send(publish).answer(); // more than the buffers of one that does not read hold
  for (let i = 0; i < 8; i++) {
    publisher.send(publish);
    for (const { wire } of stuck.splice(-5)) { // while that message is on its way, so that some meet it
      wire.socket.resetAndDestroy();
      await new Promise((resolve) => setImmediate(resolve));
    }
    await answered(1);
  }
  publisher.close();
  await Promise.all(ends.map((end) => end()));
  await eventually(async () => (await stats(own)).connections === reading.length + 1, 'those that are open, and the one that asks');
  assert.equal((await stats(own)).streams, reading.length);
});

test('a long replay holds up nobody else', async (t) => {
  const own = await serve({ args: [...quiet, '--workers', '1', '--history-count', '3000'] }, t);
  const [first, watcher] = [await own.stream('long'), await own.stream('watcher')];
  first.close();
  const [count, content] = [3000, 'z'.repeat(1000)];
  const history = blocksAfter(first.cursor, count, content);
  const publisher = await own.connect('api');
  publisher.send(Buffer.concat(upTo(count).map(() => request('POST', '/publish', {
    headers: { authorization: `Bearer ${KEY}` }, body: `to=long&content=${content}` }))));
  for (let i = 0; i < count; i++) assert.equal((await publisher.answer()).status, 200);

  const [readers, messages] = [4, 20];
  let over = false, ended = 0;
  const replays = Array.from({ length: readers }, async () => {
    while (!over) {
      const stream = await own.stream('long', { position: 'earliest' });
      await matching(stream, history)();
      stream.close();
      if (!over) ended++;
    }
  });
  for (let i = 0; i < messages; i++) {
    await own.publish({ content: `${i}` });
    assert.equal((await watcher.next()).data, `${i}`);
  }
  over = true;
  await Promise.all(replays);
  assert.ok(ended < readers * messages, `${ended} replays ended before ${messages} messages came: each waited for all that were there`);
});

test('--max-age ends a stream after a last retry, and nothing is lost', async (t) => {
  const aging = await serve({ args: ['--max-age', '300ms', ...quiet] }, t);
  const stream = await aging.stream('aging');
  await stream.closed();
  assert.equal(stream.retries.length, 2);
  await aging.publish({ to: 'aging', content: 'x' });
  assert.deepEqual(await (await aging.stream('aging', { position: stream.cursor })).data(1), ['x']);
});
