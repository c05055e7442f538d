// --data-dir on a disk that is full, fails or hangs: fault.c, preloaded, stands between the server and its segments.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { closing, kill, segments } from './datadir.js';
import { OrderFile } from './orderfile.js';
import { BIN, KEY, Server, form, run, temporary } from './server.js';
import { assertRefused, eventually, request } from './wire.js';

const here = import.meta.dirname;
const files = temporary(); // of the whole file: the hooks of a test run first in, first out, and a server is to end before its files
let made = 0;
const fresh = () => {
  const directory = path.join(files, `${++made}`);
  mkdirSync(directory, { mode: 0o700 });
  return directory;
};
const shim = path.join(files, 'fault.so');
const E = { IO: 5, NOSPC: 28, ROFS: 30 };
const ORDERS = ['space', 'write_error', 'create_error', 'sync_error', 'sync_errors', 'cut_error', 'sync_ms', 'hang', 'most', 'interrupt', 'hanging', 'writes', 'syncs', 'cuts', 'calls'];

const must = async (file, args) => {
  const { code, stdout, stderr } = await run(file, args, { ms: 55_000 });
  assert.equal(code, 0, `${file} ${args.join(' ')}: ${stderr}`);
  return stdout;
};

await must('cc', ['-O1', '-shared', '-fPIC', '-o', shim, path.join(here, 'fault.c'), '-ldl']);

// A static binary takes no shim: then one is built for this, unless somebody has done so.
async function dynamicBinary() {
  if ((await run('ldd', [BIN])).stdout.includes('=>')) return BIN; // of a static PIE it says so, with 0
  if (process.env.PUSHSSE_DYNAMIC) return path.resolve(process.env.PUSHSSE_DYNAMIC);
  await must('make', ['-C', path.join(here, '../..'), '-j2', 'BUILD=build/dynamic', 'PROGRAM=build/dynamic/pushsse', 'LDFLAGS=']);
  return path.join(here, '../../build/dynamic/pushsse');
}

const program = await dynamicBinary();
// A sanitizer wants to be the first of all libraries.
const runtimes = [...(await must('ldd', [program])).matchAll(/=> (\S*lib[at]san\S*)/g)].map(([, file]) => file);
const preload = [...runtimes, shim].join(':');

class Faults extends OrderFile {
  constructor() {
    super(path.join(fresh(), 'orders'), ORDERS);
    this.set({ space: -1 });
  }

  // Everything in order again.
  clear() {
    this.set({ space: -1, write_error: 0, create_error: 0, sync_error: 0, sync_errors: 0, cut_error: 0, sync_ms: 0, hang: 0, most: 0, interrupt: 0 });
  }
}

async function open(t, directory, faults, args = []) {
  const server = new Server({ wrapper: ['env', `PUSHSSE_FAULTS=${faults.file}`, `LD_PRELOAD=${preload}`], binary: program,
    args: ['--data-dir', directory, '--first-ping', '30s', '--heartbeat', '30s', ...args] });
  t.after(() => {
    faults.clear(); // or it could not leave
    return server.killed ? undefined : server.stop();
  });
  return closing(t, await server.ready());
}

const datas = (answer) => answer.events.map(({ data }) => data);
const stats = async (server) => (await server.apiCall('GET', '/stats')).json;
const earliest = async (server, uid = 'a') => datas(await server.poll(uid, { position: 'earliest' }));
const refused = async (server, fields) => assertRefused(await server.tryPublish(fields), 507, /"storage_failing"/);
const healthy = (server) => eventually(async () => (await server.get('/healthz')).status === 200, 'it is well again, by itself');
const failing = async (server) => {
  for (const listener of ['public', 'api']) {
    const answer = await server.get('/healthz', {}, listener);
    assert.deepEqual([answer.status, answer.body.trim()], [503, 'storage failing'], listener);
  }
};
// A publish on a connection of its own, which is not waited for.
async function publishing(server, fields) {
  const wire = await server.connect('api');
  wire.send(request('POST', '/publish', { headers: { authorization: `Bearer ${KEY}`, 'content-type': form }, body: new URLSearchParams(fields).toString() }));
  return wire;
}

// One kind of fault: publishes are refused and nobody sees them; when it is over they are taken again; nothing that was
// refused is there after a restart, and all that was not is.
const kinds = {
  'a disk that is full': [{ space: 0 }],
  'a disk that becomes full within a record': [{ space: 60 }],
  'a write that fails': [{ write_error: E.IO }],
  'a sync that fails': [{ sync_error: E.IO }],
  'a sync that fails, and a file that cannot be cut off': [{ sync_error: E.IO, cut_error: E.IO }],
  'a full disk, and a file that cannot be cut off': [{ space: 60, cut_error: E.IO }],
  'no new files, and writes that fail': [{ write_error: E.IO, create_error: E.ROFS }],
};

for (const [what, [orders]] of Object.entries(kinds))
  test(`${what}: 507, said by /healthz, nobody sees it, and it recovers by itself`, async (t) => {
    const directory = fresh(), faults = new Faults();
    const server = await open(t, directory, faults);
    const stream = await server.stream('a');
    await server.publish({ to: 'a', content: 'before' });
    faults.set(orders);
    for (let i = 0; i < 3; i++) await refused(server, { to: 'a', content: `refused ${i}`, key: `key ${i}` });
    await failing(server);
    const during = await stats(server);
    assert.deepEqual([during.journal.failing, during.total.storageFailures > 0], [true, true]);
    assert.equal((await server.publish({ to: 'a', content: 'now', ttl: 0 })).status, 'ok', 'what needs no disk goes on');
    faults.clear();
    await healthy(server);
    const first = await server.publish({ to: 'a', content: 'again', key: 'key 0' });
    assert.deepEqual(await stream.data(3), ['before', 'now', 'again'], 'the reader was there all the time');
    assert.equal((await server.publish({ to: 'a', content: 'again', key: 'key 0' })).id, first.id);
    await kill(server);
    const next = await open(t, directory, faults);
    assert.deepEqual(await earliest(next), ['before', 'again']);
    assert.equal((await next.publish({ to: 'a', content: 'again', key: 'key 0' })).id, first.id);
    assert.equal((await stats(next)).journal.failing, false);
  });

test('what a kick is to last for is refused too while the disk fails', async (t) => {
  const directory = fresh(), faults = new Faults();
  const server = await open(t, directory, faults);
  await server.publish({ to: 'a', content: 'before' });
  faults.set({ write_error: E.IO });
  assertRefused(await server.apiCall('POST', '/disconnect', { uid: 'a' }), 507);
  faults.clear();
  await healthy(server);
  assert.equal((await server.apiCall('POST', '/disconnect', { uid: 'a' })).status, 200);
  await kill(server);
  assertRefused(await (await open(t, directory, faults)).get(server.pollTarget('a')), 401);
});

test('after one sync that failed, a new segment is begun and the old one is not written again', async (t) => {
  const directory = fresh(), faults = new Faults();
  const server = await open(t, directory, faults);
  await server.publish({ to: 'a', content: 'before' });
  assert.deepEqual(segments(directory), ['0000000001.segment']);
  await eventually(async () => (await server.apiCall('GET', '/stats')).json.total.stored >= 2, 'the position behind it'); // it has a sync too
  faults.set({ sync_errors: 1 });
  await refused(server, { to: 'a', content: 'refused' });
  await server.publish({ to: 'a', content: 'after' });
  const [old, ...more] = segments(directory).map((name) => readFileSync(path.join(directory, name)));
  assert.ok(more.length > 0 && old.includes('before') && !old.includes('refused') && !old.includes('after'));
  await kill(server);
  assert.deepEqual(await earliest(await open(t, directory, faults)), ['before', 'after']);
});

test('under load with a sync that fails now and then: refused is refused, answered is there', async (t) => {
  for (const fsync of ['always', 'never']) {
    const directory = fresh(), faults = new Faults();
    const server = await open(t, directory, faults, ['--fsync', fsync]);
    const stream = await server.stream('a');
    const good = [], counts = { refused: 0 };
    const publish = async (name) => {
      for (let i = 0; i < 30; i++) {
        const content = `${name}.${i}`;
        const answer = await server.tryPublish({ to: 'a', content });
        if (answer.status === 200) good.push([Number(answer.json.id.split('-')[1]), content]);
        else counts.refused += assertRefused(answer, 507).status === 507;
        if (name === 0 && i % 5 === 0) faults.set(i % 10 ? { sync_errors: 1 } : { space: 2000 });
        if (name === 0 && i % 5 === 2) faults.set({ space: -1 });
      }
    };
    await Promise.all(Array.from({ length: 8 }, (_, i) => publish(i)));
    faults.clear();
    await healthy(server);
    assert.ok(good.length > 50, `${good.length} answered`);
    if (fsync === 'always') assert.ok(counts.refused > 0, 'some were refused');
    const want = good.sort(([a], [b]) => a - b).map(([, content]) => content);
    assert.deepEqual(await stream.data(want.length), want);
    await kill(server);
    const next = await open(t, directory, faults);
    assert.deepEqual(await earliest(next), want);
    await next.stop();
  }
});

test('short and interrupted calls are gone on with', async (t) => {
  const directory = fresh(), faults = new Faults();
  faults.set({ most: 7, interrupt: 3 });
  const server = await open(t, directory, faults);
  const contents = Array.from({ length: 20 }, (_, i) => `${i} ${'x'.repeat(50 * i)}`);
  for (const content of contents) await server.publish({ to: 'a', content });
  assert.ok(faults.get('writes') > 500);
  await kill(server);
  assert.deepEqual(await earliest(await open(t, directory, faults)), contents);
});

test('while a sync hangs, only those wait who publish what is to be kept', async (t) => {
  const directory = fresh(), faults = new Faults();
  const server = await open(t, directory, faults, ['--first-ping', '50ms', '--heartbeat', '50ms', '--workers', '2']);
  const stream = await server.stream('a');
  await server.publish({ to: 'b', content: 'x' });
  faults.set({ hang: 1 });
  const waiting = [await publishing(server, { to: 'a', content: 'kept' })];
  await eventually(() => faults.get('hanging'), 'it hangs');
  for (let i = 0; i < 40; i++) waiting.push(await publishing(server, { to: 'c', content: `${i}`, key: `${i % 20}` }));
  let slowest = 0;
  for (let i = 0; i < 20; i++) {
    const began = performance.now();
    assert.equal((await server.get('/healthz')).status, 200);
    assert.equal((await stats(server)).journal.failing, false);
    assert.equal((await server.poll('a', { position: 'earliest' })).events.length, 0);
    slowest = Math.max(slowest, performance.now() - began);
  }
  t.diagnostic(`three requests took at most ${slowest.toFixed(1)} ms meanwhile`);
  const late = await server.stream('a');
  await late.next('pushsse.ping');
  await stream.next('pushsse.ping');
  assert.equal(stream.messages.length, 0, 'nobody sees what is not stored');
  assert.ok(waiting.every((wire) => wire.bytes.length === 0), 'nobody is answered');
  for (const wire of waiting.slice(1, 20)) wire.close(); // they do not wait
  faults.set({ hang: 0 });
  const rest = [waiting[0], ...waiting.slice(20)];
  const answers = await Promise.all(rest.map((wire) => wire.answer()));
  assert.ok(answers.every(({ status }) => status === 200));
  assert.deepEqual([(await stream.next()).data, (await late.next()).data], ['kept', 'kept']);
  const all = await earliest(server, 'c');
  assert.equal(all.length, 20, `each key once: ${all}`);
  await kill(server);
  const next = await open(t, directory, faults);
  assert.deepEqual(await earliest(next, 'c'), all);
  for (let i = 20; i < 40; i++)
    assert.equal((await next.publish({ to: 'c', content: 'again', key: `${i % 20}` })).id, answers[i - 18].json.id);
});

test('what waits for no disk comes while a sync hangs, in its order', async (t) => {
  const directory = fresh(), faults = new Faults();
  const server = await open(t, directory, faults);
  const stream = await server.stream('a');
  await server.publish({ to: 'a', content: 'first' });
  faults.set({ sync_ms: 300 });
  const answers = [];
  for (let i = 0; i < 6; i++) answers.push(await publishing(server, { to: 'a', content: `${i}`, ...(i % 2 ? { ttl: 0 } : {}) }));
  assert.ok((await Promise.all(answers.map((wire) => wire.answer()))).every(({ status }) => status === 200));
  const got = (await stream.data(7)).slice(1);
  assert.deepEqual([...got].sort(), ['0', '1', '2', '3', '4', '5']);
  const ids = stream.messages.map(({ id }) => Number(id.split('-')[1]));
  assert.deepEqual(ids, [...ids].sort((a, b) => a - b));
});

test('SIGTERM while a sync hangs: it leaves when that is over, and what it then answers is kept', async (t) => {
  const directory = fresh(), faults = new Faults();
  const server = await open(t, directory, faults);
  const stream = await server.stream('a');
  faults.set({ hang: 1 });
  const waiting = await publishing(server, { to: 'a', content: 'kept' });
  await eventually(() => faults.get('hanging'), 'it hangs');
  server.terminate();
  await stream.closed();
  await eventually(() => server.log.includes('event=draining'), 'it drains');
  assert.equal(server.exited, undefined, 'somebody waits for an answer');
  faults.set({ hang: 0 });
  assert.equal((await waiting.answer()).status, 200);
  await server.stop();
  assert.deepEqual(await earliest(await open(t, directory, faults)), ['kept']);
});

for (const fsync of ['always', 'every=5ms'])
  test(`a second SIGTERM ends it at once, also while a sync hangs, with --fsync ${fsync}`, async (t) => {
    const faults = new Faults();
    const server = await open(t, fresh(), faults, ['--fsync', fsync, '--drain', '0']);
    await server.publish({ to: 'a', content: 'its segment is begun' });
    await eventually(async () => (await server.apiCall('GET', '/stats')).json.total.syncs > 0, 'and synced');
    faults.set({ hang: 1 });
    const waiting = await publishing(server, { to: 'a', content: 'x' });
    await eventually(() => faults.get('hanging'), 'it hangs');
    waiting.close();
    server.terminate();
    await eventually(() => server.log.includes(fsync === 'always' ? 'event=draining' : 'event=stopped'), 'it leaves');
    server.killed = true;
    server.terminate();
    await eventually(() => server.exited !== undefined, 'it has ended', 5000).finally(() => server.kill());
  });

test('a directory that is moved away and comes back', async (t) => {
  const directory = path.join(fresh(), 'journal'), faults = new Faults();
  const server = await open(t, directory, faults);
  const stream = await server.stream('a');
  await server.publish({ to: 'a', content: 'before' });
  renameSync(directory, `${directory}.away`);
  await refused(server, { to: 'a', content: 'refused' });
  await failing(server);
  renameSync(`${directory}.away`, directory);
  await healthy(server);
  await server.publish({ to: 'a', content: 'after' });
  assert.deepEqual(await stream.data(2), ['before', 'after']);
  await kill(server);
  assert.deepEqual(await earliest(await open(t, directory, faults)), ['before', 'after']);
});

test('a directory that is deleted, and made again by its owner', async (t) => {
  const directory = path.join(fresh(), 'journal'), faults = new Faults();
  const server = await open(t, directory, faults);
  const stream = await server.stream('a');
  const start = await server.position('a');
  await server.publish({ to: 'a', content: 'before' });
  rmSync(directory, { recursive: true });
  await refused(server, { to: 'a', content: 'refused' });
  await failing(server);
  await refused(server, { to: 'a', content: 'refused' });
  mkdirSync(directory, { mode: 0o700 });
  await healthy(server);
  await server.publish({ to: 'a', content: 'after' });
  assert.deepEqual(await stream.data(2), ['before', 'after']);
  assert.deepEqual(await earliest(server), ['before', 'after'], 'it is in memory still');
  await kill(server);
  const answer = await (await open(t, directory, faults)).poll('a', { position: start });
  assert.deepEqual([answer.reset, datas(answer)], ['gap', ['after']], 'what was deleted is said');
});

test('a disk that is full at the start: it serves, refuses, and recovers', async (t) => {
  const directory = fresh(), faults = new Faults();
  faults.set({ space: 0, create_error: E.NOSPC });
  const server = await open(t, directory, faults);
  await refused(server, { to: 'a', content: 'refused' });
  await failing(server);
  faults.clear();
  await healthy(server);
  await server.publish({ to: 'a', content: 'after' });
  await kill(server);
  assert.deepEqual(await earliest(await open(t, directory, faults)), ['after']);
});

test('a file system that is really full', async (t) => {
  const mount = fresh(), faults = new Faults();
  const mounted = await run('mount', ['-t', 'tmpfs', '-o', 'size=2m,mode=700', 'none', mount]);
  if (mounted.code !== 0) {
    t.skip(`no mount here: ${mounted.stderr.trim()}`);
    return;
  }
  let server;
  t.after(async () => {
    if (server && server.exited === undefined) await kill(server);
    await must('umount', [mount]);
  });
  server = new Server({ wrapper: ['env', `PUSHSSE_FAULTS=${faults.file}`, `LD_PRELOAD=${preload}`], binary: program, args: ['--data-dir', mount] });
  await server.ready();
  const stream = await server.stream('a');
  const kept = [];
  let answer;
  for (let i = 0; i < 100; i++) {
    answer = await server.tryPublish({ to: 'a', content: `${i} ${'x'.repeat(100_000)}` });
    if (answer.status !== 200) break;
    kept.push(`${i}`);
  }
  assertRefused(answer, 507, /storage_failing/);
  assert.ok(kept.length > 10);
  await eventually(async () => (await refused(server, { to: 'a', content: 'y'.repeat(200_000) })), 'refused');
  await must('mount', ['-o', 'remount,size=8m', mount]);
  await healthy(server);
  await server.publish({ to: 'a', content: 'after' });
  assert.deepEqual((await stream.data(kept.length + 1)).map((data) => data.split(' ')[0]), [...kept, 'after']);
  await kill(server);
  server = new Server({ wrapper: ['env', `PUSHSSE_FAULTS=${faults.file}`, `LD_PRELOAD=${preload}`], binary: program, args: ['--data-dir', mount] });
  await server.ready();
  let got = { more: true, lastEventId: 'earliest' };
  const again = [];
  while (got.more) again.push(...datas((got = await server.poll('a', { position: got.lastEventId }))).map((data) => data.split(' ')[0]));
  assert.deepEqual(again, [...kept, 'after']);
  await server.stop();
});
