// --journal-bytes: as fast as the server takes messages, its directory is never larger than it may be.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { bytesOf, kill } from '../datadir.js';
import { KEY, Server, form, temporary } from '../server.js';
import { PATIENCE, assertRefused, eventually, request } from '../wire.js';

const files = temporary(); // of the whole file: a test's hooks run first in, first out, and a server is to end before its files
let made = 0;
const fresh = () => {
  const directory = path.join(files, `${++made}`);
  mkdirSync(directory, { mode: 0o700 });
  return directory;
};

async function open(t, directory, args = []) {
  const server = new Server({ args: ['--data-dir', directory, '--first-ping', '30s', '--heartbeat', '30s', ...args] });
  t.after(() => (server.killed ? undefined : server.stop()));
  return server.ready();
}

const LIMIT = 64 << 20; // the least that there is
const FILL = 1.25 * LIMIT; // more than there is room for: some of it has to go, however long that takes

// Publishes as fast as it goes over `connections`, until `bytes` were answered; samples the directory all the time.
async function load(server, directory, { bytes = FILL, connections = 8, size = 200_000, of = 'x' } = {}) {
  const content = of.repeat(size);
  let sent = 0, count = 0, most = 0, done = false, last;
  const look = async () => {
    while (!done) {
      most = Math.max(most, bytesOf(directory));
      await new Promise((resolve) => setTimeout(resolve, 1)); // not without a pause: the server needs the machine
    }
  };
  const publisher = async (_, i) => {
    const wire = await server.connect('api');
    while (sent < bytes) {
      sent += size;
      const body = `to=u${i}&content=${count++}.${content}`;
      const publish = request('POST', '/publish', { headers: { authorization: `Bearer ${KEY}`, 'content-type': form }, body });
      const answer = await wire.exchange(publish, { ms: 8 * PATIENCE }); // a sanitizer takes seconds for the long ones
      assert.equal(answer.status, 200, answer.body);
      last = answer.json.id;
    }
    wire.close();
  };
  const looking = look();
  await Promise.all(Array.from({ length: connections }, publisher)).finally(() => (done = true));
  await looking;
  return { most, last };
}

// It was used, and never more than there may be.
function assertBounded(t, most) {
  t.diagnostic(`at most ${(most / LIMIT * 100).toFixed(0)} % of --journal-bytes`);
  assert.ok(most <= LIMIT, `the directory had ${most} bytes`);
  assert.ok(most > LIMIT / 2, `it is used: ${most} bytes`);
}

const fast = ['--fsync', 'never', '--journal-bytes', '64M', '--history-bytes', '1G', '--history-count', '100000'];

test('under a steady load the directory stays within --journal-bytes, and what had to go is a gap', async (t) => {
  const directory = fresh();
  const server = await open(t, directory, fast);
  const start = await server.position('u0');
  await server.publish({ to: 'still', content: 'first' });
  await server.publish({ content: 'first of all', key: 'first' });
  const kicked = server.pollTarget('kicked'); // its token is older than the kick, also when this takes long
  assert.equal((await server.apiCall('POST', '/disconnect', { uid: 'kicked' })).status, 200);
  const { most, last } = await load(server, directory);
  assertBounded(t, most);
  for (let i = 0; i < 2; i++) {
    const at = i ? await open(t, directory, fast) : server;
    const answer = await at.poll('u0', { position: start });
    assert.equal(answer.reset, 'gap');
    let newest = { more: true, lastEventId: start };
    const got = [];
    while (newest.more) got.push(...(newest = await at.poll('u0', { position: newest.lastEventId })).events.map(({ id }) => id));
    assert.ok(got.length > 10, `${got.length} of the newest are there`);
    assert.equal(new Set(got).size, got.length);
    assert.equal((await at.poll('u0', { position: last })).reset, null);
    assert.equal((await at.poll('still', { position: start })).reset, 'gap', 'what is dropped with its segment is said');
    assertRefused(await at.get(kicked), 401, /token_expired/); // its record was written again
    if (i === 0) await kill(at);
    else assert.ok(bytesOf(directory) <= LIMIT);
  }
});

test('many small segments of before do not make the directory larger than --journal-bytes', async (t) => {
  const directory = fresh();
  for (let i = 0; i < 40; i++) {
    const server = await open(t, directory, fast);
    await server.publish({ to: 'a', content: `${i}` });
    await kill(server);
  }
  const server = await open(t, directory, fast);
  assertBounded(t, (await load(server, directory)).most);
});

test('a directory that is larger than --journal-bytes at the start gets within it', async (t) => {
  const directory = fresh();
  const before = await open(t, directory, ['--fsync', 'never', '--journal-bytes', '1G', '--history-bytes', '1G']);
  await load(before, directory, { bytes: LIMIT });
  await before.stop();
  assert.ok(bytesOf(directory) > LIMIT, `${bytesOf(directory)} bytes at the start`);
  await open(t, directory, fast);
  await eventually(() => bytesOf(directory) <= LIMIT, 'it gets smaller by itself');
});

// A message of line ends is seven times as long when it is written down: nearly as long as a segment may be.
test('long records, and a kick in the oldest segment: the directory stays within --journal-bytes', async (t) => {
  const directory = fresh();
  const server = await open(t, directory, fast);
  const kicked = server.pollTarget('kicked');
  assert.equal((await server.apiCall('POST', '/disconnect', { uid: 'kicked' })).status, 200);
  assertBounded(t, (await load(server, directory, { bytes: FILL / 7, connections: 2, size: 1_000_000, of: '\n' })).most);
  await kill(server);
  const next = await open(t, directory, fast);
  assertRefused(await next.get(kicked), 401, /token_expired/);
});
