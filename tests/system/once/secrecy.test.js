// What is secret, looked for where a thief would: in the process's memory, its environment, a core dump, the swap device.
// Only root may look there. (Not with sanitizers, which keep what is freed and ignore mlock().)
import assert from 'node:assert/strict';
import { closeSync, openSync, readFileSync, readSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { KEY, SECRET, query, serve, temporary, token } from '../server.js';
import { eventually, request } from '../wire.js';

const proc = (server, file) => readFileSync(`/proc/${server.child.pid}/${file}`, 'latin1');
const locked = (server) => Number(/^VmLck:\s*(\d+) kB$/m.exec(proc(server, 'status'))[1]);

before(() => assert.equal(process.getuid(), 0, 'only root may look into another process: run these tests as root'));

// Which of these texts does the process have anywhere in memory that it may write?
function remembers(server, texts) {
  const memory = openSync(`/proc/${server.child.pid}/mem`, 'r');
  const found = new Set();
  for (const [, from, to] of proc(server, 'maps').matchAll(/^([0-9a-f]+)-([0-9a-f]+) rw.*$/gm)) {
    const start = parseInt(from, 16), bytes = Buffer.alloc(Math.min(parseInt(to, 16) - start, 1 << 26));
    let got = 0;
    try {
      got = readSync(memory, bytes, 0, bytes.length, start);
    } catch (error) {
      assert.equal(error.code, 'EIO', `${from}-${to}`); // what the kernel maps there for itself
    }
    for (const text of texts) if (bytes.subarray(0, got).includes(text)) found.add(text);
  }
  closeSync(memory);
  return [...found];
}

async function files(t) {
  const home = temporary();
  const [secret, key] = ['secret', 'api-key'].map((name) => path.join(home, name));
  writeFileSync(secret, `${SECRET}\n`);
  writeFileSync(key, `${KEY}\n`);
  return serve({ args: ['--secret-file', secret, '--api-key-file', key, '--workers', '2'], env: { PUSHSSE_SECRET: undefined, PUSHSSE_API_KEY: undefined } }, t);
}

test('the scan itself finds what is there', async (t) => {
  const server = await serve({}, t);
  await server.publish({ to: 'u', content: 'something that is retained, and so in memory' });
  assert.deepEqual(remembers(server, ['something that is retained, and so in memory', 'something that is nowhere']), ['something that is retained, and so in memory']);
});

test('no secret and no key stays in memory as text: from files, from the environment, after a reload', async (t) => {
  for (const server of [await files(t), await serve({}, t)]) {
    await server.publish({ content: 'it serves' });
    assert.deepEqual(remembers(server, [SECRET]), []);
    assert.ok(!/a-secret-that|an-api-key-that/.test(proc(server, 'environ')), 'the environment is wiped');
    server.child.kill('SIGHUP');
    await eventually(() => server.log.includes('event=reloaded'), 'reloaded');
    await server.publish({ content: 'it still serves' });
    assert.deepEqual(remembers(server, [SECRET]), []);
  }
});

test('neither do keys and tokens that requests brought, once they are answered', async (t) => {
  const server = await files(t);
  const tokens = Array.from({ length: 3 }, (_, i) => token(`somebody-${i}`));
  const stream = await server.stream('reader');
  const wire = await server.connect('api');
  for (const content of ['short', 'x'.repeat(3000), 'y'.repeat(300000)])
    await wire.exchange(request('POST', '/publish', { headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' }, body: JSON.stringify({ content }) }));
  await server.get(`/events?${query({ token: `${tokens[0]}x` })}`);
  await server.get(`/poll?${query({ token: tokens[1], wait: 0 })}`);
  await server.get('/poll?wait=0', { authorization: `Bearer ${tokens[2]}` });
  // The kept connection has nothing under way; the others have gone.
  await eventually(() => remembers(server, [KEY, ...tokens, stream.target ?? 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9']).length === 0, 'all of it is overwritten');
  wire.close();
  stream.close();
});

test('nor those that were sent ahead, behind a body in chunks, whether their turn comes or not', async (t) => {
  const server = await files(t);
  const body = `content=${'z'.repeat(40_000)}`.match(/.{1,10}/g).map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
  const [post, get] = [['authorization', KEY], ['authorization', 'a-key-that-is-sent-ahead-of-its-turn-012345']].map(([name, key]) => `${name}: Bearer ${key}\r\nHost: x\r\n`);
  for (const connection of ['keep-alive', 'close']) {
    const wire = await server.connect('api');
    wire.send(`POST /publish HTTP/1.1\r\n${post}Connection: ${connection}\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n` +
      `${body}0\r\n\r\nGET /stats HTTP/1.1\r\n${get}\r\n`);
    assert.equal((await wire.answer()).status, 200);
    if (connection === 'keep-alive') assert.equal((await wire.answer()).status, 401);
    else await wire.closed();
    wire.close();
    await eventually(() => remembers(server, [KEY, 'a-key-that-is-sent-ahead-of-its-turn']).length === 0, `all of it is overwritten: ${connection}`);
  }
});

test('no core dumps, no debugger of the same user, unless --core-dumps', async (t) => {
  const user = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', 'sh', '-c', 'ulimit -c unlimited; exec "$@"', 'sh'];
  const shut = await serve({ wrapper: user }, t);
  assert.match(proc(shut, 'limits'), /^Max core file size +0 +0 /m);
  assert.equal(statSync(`/proc/${shut.child.pid}/mem`).uid, 0, 'it is not dumpable: root owns its files');
  const open = await serve({ wrapper: user, args: ['--core-dumps'] }, t);
  assert.match(proc(open, 'limits'), /^Max core file size +unlimited +unlimited /m);
  assert.equal(statSync(`/proc/${open.child.pid}/mem`).uid, 65534);
  const left = await serve({ args: ['--user', 'nobody'] }, t);
  assert.equal(statSync(`/proc/${left.child.pid}/mem`).uid, 0);
});

test('the keys are locked in memory, each ring once, also after reloads; where that is not allowed it is a debug line', async (t) => {
  const server = await files(t);
  const before_ = locked(server);
  assert.ok(before_ >= 8, `${before_} kB`);
  for (let i = 1; i <= 5; i++) {
    server.child.kill('SIGHUP');
    await eventually(() => server.log.split('event=reloaded').length === i + 1, 'reloaded');
  }
  await eventually(() => locked(server) === before_, 'the old rings are unlocked');
  const without = await serve({ wrapper: ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', 'prlimit', '--memlock=0'], args: ['--log-level', 'debug'] }, t);
  assert.equal(locked(without), 0);
  await eventually(() => /level=debug event=keys_not_locked/.test(without.log), 'it says so');
  assert.doesNotMatch(without.log, /level=warn/);
});
