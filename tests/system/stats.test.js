// GET /stats: its figures, and the stream of them, as bytes.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { KEY, serve, temporary, token } from './server.js';
import { PATIENCE, assertRefused, eventually, request } from './wire.js';
import { Stream, parse } from './stream.js';

const quiet = ['--first-ping', '30s', '--heartbeat', '30s'];
const MOST = 16; // STATS_MAX_STREAMS
const bearer = (key) => ({ authorization: `Bearer ${key}` });

// A stream of /stats: an event stream whose events are reports.
async function watch(server, { key = KEY, ...options } = {}) {
  const stream = await Stream.open(server.api, '/stats?stream=1', { headers: bearer(key), ...options });
  stream.reports = () => stream.events.map(({ data }) => JSON.parse(data));
  return stream;
}
const stats = async (server) => (await server.apiCall('GET', '/stats')).json;
const refusal = (server, target, headers) => server.call('api', 'GET', target, { headers: { ...bearer(KEY), ...headers } });

test('a stream begins with a report at once, and goes on every second', async (t) => {
  const server = await serve({ args: ['--workers', '1', '--first-ping', '1s', '--heartbeat', '1s'] }, t);
  const beats = await server.stream('beats');
  const stream = await watch(server);
  const { headers } = stream.head;
  assert.equal(headers['content-type'], 'text/event-stream');
  assert.equal(headers['cache-control'], 'no-store, no-transform');
  assert.equal(headers['x-accel-buffering'], 'no');
  assert.equal(headers.connection, 'close');
  assert.equal(headers['content-length'], undefined);
  await stream.until(() => stream.events.length >= 3, 'three reports');
  const pings = beats.events.length - 1; // as many seconds of the same worker: a busy machine delays them as well
  const reports = stream.reports();
  for (const { event } of stream.events) assert.equal(event, 'stats');
  for (let i = 1; i < reports.length; i++) // the second is the contract: no sooner than that, by the server's own clock
    assert.ok(reports[i].uptimeMs - reports[i - 1].uptimeMs > 500, `${reports.map(({ uptimeMs }) => uptimeMs)} ms`);
  assert.ok(pings <= reports.length + 1, `${pings} pings while ${reports.length} reports came`);
  assert.deepEqual(parse(stream.body, 1), stream.events, 'however it is cut');
  const alone = await stats(server);
  assert.deepEqual(Object.keys(reports[0]), Object.keys(alone), 'the same members');
  assert.deepEqual(Object.keys(reports[0].total), Object.keys(alone.total));
  beats.close();
  stream.close();
  await eventually(async () => (await stats(server)).connections === 1, 'its end is seen');
});

test('a stream wants the key, in the header alone', async (t) => {
  const server = await serve({ args: quiet }, t);
  assertRefused(await server.get('/stats?stream=1', {}, 'api'), 401, /key_missing/);
  assertRefused(await server.get(`/stats?stream=1&key=${KEY}&token=${KEY}`, {}, 'api'), 401, /key_missing/);
  assertRefused(await refusal(server, '/stats?stream=1', bearer(`${KEY}x`)), 401, /key_invalid/);
  assert.equal((await server.get('/stats?stream=1')).status, 404, 'not on the public listener');
});

test('HEAD, another Accept, another stream=, POST, a malformed query', async (t) => {
  const server = await serve({ args: quiet }, t);
  const head = await server.call('api', 'HEAD', '/stats?stream=1', { headers: bearer(KEY) });
  assert.deepEqual([head.status, head.headers['content-type']], [200, 'text/event-stream']);
  for (const accept of ['application/json', 'text/event-stream;q=0'])
    assertRefused(await refusal(server, '/stats?stream=1', { accept }), 406, /not_acceptable/);
  for (const target of ['/stats', '/stats?stream=0', '/stats?stream=', '/stats?stream', '/stats?x=1'])
    assert.equal((await refusal(server, target, { accept: 'text/event-stream' })).headers['content-type'], 'application/json', target);
  assertRefused(await server.apiCall('POST', '/stats?stream=1', 'x=1'), 405);
  assertRefused(await refusal(server, '/stats?stream=%zz'), 400, /malformed_query/);
  for (const accept of [undefined, '*/*', 'text/*', 'text/event-stream'])
    (await watch(server, { headers: { ...bearer(KEY), accept } })).close();
});

test(`${MOST} streams at most; one that ends makes room`, async (t) => {
  const server = await serve({ args: quiet }, t);
  const streams = [];
  for (let i = 0; i < MOST; i++) streams.push(await watch(server));
  const refused = assertRefused(await refusal(server, '/stats?stream=1'), 503, /too_many_streams/);
  assert.match(refused.headers['retry-after'], /^\d+$/);
  assert.equal((await stats(server)).streams, 0, 'they are no readers');
  await server.publish({ content: 'x' });
  streams.pop().close();
  await eventually(async () => {
    const wire = await server.connect('api');
    const { status } = await wire.send(request('GET', '/stats?stream=1', { headers: bearer(KEY) })).head();
    if (status !== 200) wire.close();
    return status === 200;
  }, 'there is room again');
  for (const stream of streams) await stream.until(() => stream.events.length >= 2, 'the others go on');
});

test('what is sent on behind the request is thrown away', async (t) => {
  const server = await serve({ args: quiet }, t);
  const stream = await watch(server);
  stream.wire.send(Buffer.concat([request('GET', '/healthz'), Buffer.alloc(100_000, 'x')]));
  await stream.until(() => stream.events.length >= 3, 'reports, and nothing else');
  for (const { event } of stream.events) assert.equal(event, 'stats');
});

test('one that takes nothing is closed after --send-timeout, and the server goes on meanwhile', async (t) => {
  const socket = path.join(temporary(), 'api.sock'); // a unix socket holds no more than what the server lets it
  const server = await serve({ args: ['--send-timeout', '300ms', ...quiet], apiListen: `unix:${socket}` }, t);
  const stuck = spawn('curl', ['-sN', '--unix-socket', socket, '-H', `Authorization: Bearer ${KEY}`, 'http://x/stats?stream=1']);
  t.after(() => stuck.kill('SIGKILL'));
  await once(stuck.stdout, 'data');
  stuck.kill('SIGSTOP');
  const reading = await watch(server);
  assert.equal((await stats(server)).connections, 3);
  await eventually(async () => (await stats(server)).connections === 2, 'it was closed');
  const seen = reading.events.length;
  await reading.until(() => reading.events.length > seen, 'the other one goes on');
});

test('when the server stops it says so, and ends the stream; new ones are refused', async (t) => {
  const server = await serve({ args: ['--drain', '60s', ...quiet] }, t);
  const readers = await Promise.all(Array.from({ length: 8 }, () => server.stream('hold-the-drain'))); // which ends some at once
  const stream = await watch(server);
  server.terminate();
  await stream.closed();
  assert.equal(stream.reports().at(-1).draining, true);
  assertRefused(await refusal(server, '/stats?stream=1'), 503, /busy/);
  assert.equal((await stats(server)).draining, true);
  readers.forEach((reader) => reader.close());
  await server.exit; // no stream of figures holds it up
});

test('when keys are read again, streams end: who has a key comes back', async (t) => {
  const file = path.join(temporary(), 'keys');
  writeFileSync(file, 'an-older-api-key-0123456789abcdef\n', { mode: 0o600 });
  const server = await serve({ args: ['--api-key-file', file, ...quiet], env: { PUSHSSE_API_KEY: undefined } }, t);
  const stream = await watch(server, { key: 'an-older-api-key-0123456789abcdef' });
  writeFileSync(file, `${KEY}\n`);
  server.child.kill('SIGHUP');
  await stream.closed();
  assertRefused(await refusal(server, '/stats?stream=1', bearer('an-older-api-key-0123456789abcdef')), 401);
  (await watch(server)).close();
});

for (const workers of ['1', '2'])
  test(`fan-outs are counted and timed, those to a uid are not (--workers ${workers})`, async (t) => {
    const server = await serve({ args: ['--workers', workers, ...quiet] }, t);
    const readers = [];
    for (let i = 0; i < 4; i++) readers.push(await server.stream('reader', { claims: { channels: ['room'] } }));
    await server.publish({ to: 'reader', content: 'x' });
    for (const reader of readers) await reader.data(1);
    const sum = ({ below }) => Object.values(below).reduce((a, b) => a + b, 0);
    const before = (await stats(server)).total.fanout;
    assert.deepEqual([before.rounds, before.time, sum(before)], [0, 0, 0]);
    await server.publish({ content: 'x' });
    for (const reader of readers) await reader.data(1);
    await server.publish({ channel: 'room', content: 'x' });
    await server.publish({ channel: 'nobody-reads-it', content: 'x' });
    for (const reader of readers) await reader.data(1);
    const after = await eventually(async () => {
      const { fanout } = (await stats(server)).total;
      return fanout.rounds >= 2 * Number(workers) && fanout;
    }, 'they are counted');
    assert.equal(after.rounds, 2 * Number(workers));
    assert.equal(sum(after), after.rounds);
    assert.ok(after.time > 0 && after.time < PATIENCE * 1000 * after.rounds, `${after.time} us`);
    const bounds = Object.keys(after.below);
    assert.deepEqual([bounds[0], bounds[1], bounds.at(-1)], ['64', '128', 'more']);
  });

test('the lag of those who do not take what they are sent is told, and that it is over', async (t) => {
  const server = await serve({ args: ['--max-lag', '64M', '--max-message', '1M', ...quiet] }, t);
  const [slow, fast] = [await server.stream('slow'), await server.stream('fast')];
  assert.deepEqual((await stats(server)).lag, { blocked: 0, largest: 0, all: 0 });
  slow.wire.pause();
  const content = 'x'.repeat(1_000_000);
  const lag = await eventually(async () => {
    await server.publish({ to: 'slow', content });
    const now = (await stats(server)).lag;
    return now.largest >= content.length && now;
  }, 'it lags');
  assert.equal(lag.blocked, 1);
  assert.equal(lag.all, lag.largest);
  assert.ok(!fast.wire.ended);
  slow.wire.resume();
  await eventually(async () => (await stats(server)).lag.blocked === 0, 'it has caught up');
  assert.deepEqual((await stats(server)).lag, { blocked: 0, largest: 0, all: 0 });
});

test('limits, and the journal with its bound', async (t) => {
  const memory = await serve({ args: ['--max-streams', '7', '--max-lag', '1M', '--history-bytes', '2M', ...quiet] }, t);
  const { limits: { connections, memory: bound, ...limits }, journal, draining } = await stats(memory);
  assert.ok(connections > 7);
  assert.ok(bound > 256 << 20);
  assert.deepEqual(limits, { streams: 7, lag: 1 << 20, requestBytes: 256 << 20, retainedBytes: 2 << 20 });
  assert.deepEqual([journal, draining], [null, false]);
  const disk = await serve({ args: ['--data-dir', path.join(temporary(), 'data'), '--journal-bytes', '64M', ...quiet] }, t);
  await disk.publish({ content: 'x' });
  const stored = await stats(disk);
  assert.equal(stored.journal.maxBytes, 64 << 20);
  assert.equal(stored.journal.failing, false);
  assert.ok(stored.journal.bytes > 0 && stored.total.stored > 0);
});

test('what is refused is counted by status and word', async (t) => {
  const server = await serve({ args: ['--max-streams', '1', ...quiet] }, t);
  const before = (await stats(server)).total;
  assert.deepEqual([before.refused, before.refusedBy], [0, {}]);
  await server.get('/nothing');
  await server.get('/events');
  await server.get('/events?token=x');
  await server.get('/poll?token=x');
  await server.get('/stats', {}, 'api');
  await server.get('/?type=publish&to=&content=x', {}, 'api');
  await server.apiCall('DELETE', '/publish');
  await server.apiCall('POST', '/publish', 'to=');
  const first = await server.stream('first');
  const wire = await server.connect('public');
  await wire.send(request('GET', `/events?token=${token('second')}`)).closed();
  await server.get(`/poll?token=${token('second')}`);
  const { total } = await stats(server);
  assert.deepEqual(total.refusedBy, {
    '200 full': 1, '400 invalid_field': 1, '401 token_missing': 1, '401 token_invalid': 2, '401 key_missing': 2,
    '404 not_found': 1, '405 method_not_allowed': 1, '503 busy': 1,
  });
  assert.equal(total.refused, 10);
  first.close();
});
