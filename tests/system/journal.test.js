// --data-dir: what outlives the process, however that ends, and what the start says to a directory that is not as it left it.
import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, cpSync, existsSync, readFileSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { bytesOf, closing, kill, segments } from './datadir.js';
import { KEY, SECRET, Server, now, pushsse, serve, temporary } from './server.js';
import { assertRefused, eventually } from './wire.js';

const journal = (directory, ...args) => ['--data-dir', directory, '--first-ping', '30s', '--heartbeat', '30s', ...args];

// A server on that directory, which is ended by the test, or after it.
async function open(t, directory, args = [], options = {}) {
  const server = new Server({ args: journal(directory, ...args), ...options });
  t.after(() => (server.killed ? undefined : server.stop()));
  return closing(t, await server.ready());
}

const ways = { 'SIGTERM': (server) => server.stop(), 'kill -9': kill };

// Starts where no start is to be: answers the line and the status.
async function refusal(directory, args = []) {
  const { code, stderr } = await pushsse(['--listen', '127.0.0.1:0', '--api-listen', '127.0.0.1:0', ...journal(directory, ...args)],
    { PUSHSSE_SECRET: SECRET, PUSHSSE_API_KEY: KEY });
  assert.match(stderr, /^pushsse: [^\n]+\n$/, 'one line');
  return { code, line: stderr };
}

const check = (directory) => pushsse(['journal', 'check', directory]);
const repair = (directory) => pushsse(['journal', 'repair', directory]);
const datas = (answer) => answer.events.map(({ data }) => data);
const seqOf = (id) => Number(id.split('-')[1]);

for (const [how, end] of Object.entries(ways)) {
  test(`after ${how}: messages, cursors, epoch`, async (t) => {
    const directory = temporary();
    const before = await open(t, directory);
    const start = await before.position('a');
    const stream = await before.stream('a', { claims: { channels: ['room'] }, channel: 'room' });
    const sent = [];
    for (const fields of [{ to: 'a', content: '1' }, { channel: 'room', content: '2\n2' }, { content: '3', event: 'named' }, { to: ['a', 'b'], channel: 'room', content: '' }])
      sent.push({ id: (await before.publish(fields)).id, event: fields.event ?? 'message', data: fields.content });
    await stream.data(1);
    const middle = (await stream.next()).id;
    assert.equal(middle, sent[1].id);
    stream.close();
    await end(before);

    const server = await open(t, directory);
    assert.match(server.log, /event=journal_read retained=4 /);
    const claims = { channels: ['room'] };
    const fromStart = await server.poll('a', { position: start, claims, channel: 'room' });
    assert.deepEqual([fromStart.reset, fromStart.events], [null, sent]);
    const resumed = await server.stream('a', { position: middle, claims, channel: 'room' });
    assert.equal(resumed.hello.reset, null);
    const later = await server.publish({ to: 'a', content: 'later' });
    assert.deepEqual([(await resumed.next()), (await resumed.next()), (await resumed.next()).id], [sent[2], sent[3], later.id]);
    assert.ok(seqOf(later.id) > seqOf(sent[3].id) && later.id.split('-')[0] === start.split('-')[0], 'the epoch stays, the order goes on');

    const fresh = await server.stream('a');
    assert.deepEqual([fresh.hello.reset, fresh.first.id], [null, later.id], 'who comes anew begins now');
    const other = await server.poll('b', { position: 'earliest' });
    assert.deepEqual([other.reset, other.events.map(({ id }) => id)], [null, [sent[2].id, sent[3].id]]);
  });

  test(`after ${how}: the same key answers with the first id`, async (t) => {
    const directory = temporary();
    const before = await open(t, directory);
    const kept = await before.publish({ to: 'a', content: '1', key: 'order-17' });
    const transient = await before.publish({ to: 'a', content: 'gone', ttl: 0, key: 'order-18' });
    await end(before);
    const server = await open(t, directory);
    assert.equal((await server.publish({ to: 'a', content: '2', key: 'order-17' })).id, kept.id);
    assert.equal((await server.publish({ to: 'a', content: '2', key: 'order-18' })).id, transient.id, 'also of what was not kept');
    assert.notEqual((await server.publish({ to: 'a', content: '3', key: 'order-19' })).id, kept.id);
    assert.deepEqual(datas(await server.poll('a', { position: 'earliest' })), ['1', '3']);
  });

  test(`after ${how}: who was kicked stays out until there is a newer token`, async (t) => {
    const directory = temporary();
    const before = await open(t, directory);
    assert.equal((await before.apiCall('POST', '/disconnect', { uid: 'a', reason: 'spam' })).status, 200);
    await end(before);
    const server = await open(t, directory);
    assertRefused(await server.get(server.pollTarget('a')), 401, /token_expired/);
    assertRefused(await server.get(`/events?${server.pollTarget('a').split('?')[1]}`), 401, /token_expired/);
    assert.equal((await server.get(server.pollTarget('a', { claims: { iat: now() + 5 } }))).status, 200);
    assert.equal((await server.get(server.pollTarget('b'))).status, 200);
  });

  test(`after ${how}: what was dropped by --history-count is a gap`, async (t) => {
    const directory = temporary();
    const before = await open(t, directory, ['--history-count', '3']);
    const start = await before.position('a');
    const ids = [];
    for (let i = 0; i < 5; i++) ids.push((await before.publish({ to: 'a', content: `${i}` })).id);
    await end(before);
    const server = await open(t, directory, ['--history-count', '3']);
    const gap = await server.poll('a', { position: start });
    assert.deepEqual([gap.reset, datas(gap)], ['gap', ['2', '3', '4']]);
    const good = await server.poll('a', { position: ids[1] });
    assert.deepEqual([good.reset, datas(good)], [null, ['2', '3', '4']]);
    assert.equal((await server.poll('b', { position: start })).reset, null, 'who was not meant misses nothing');
  });

  test(`after ${how}: what has run out meanwhile is a gap`, async (t) => {
    const directory = temporary();
    const before = await open(t, directory);
    const start = await before.position('a');
    const short = await before.publish({ to: 'a', content: 'short', ttl: 1 });
    await before.publish({ to: 'a', content: 'long' });
    const published = Date.now();
    await end(before);
    await eventually(() => Date.now() > published + 1001, 'it has run out');
    const server = await open(t, directory);
    const gap = await server.stream('a', { position: start });
    assert.deepEqual([gap.hello.reset, (await gap.next('pushsse.reset')).data, (await gap.next()).data], ['gap', '{"reason":"gap"}', 'long']);
    assert.equal((await server.poll('a', { position: short.id })).reset, null);
  });

  test(`after ${how}: positions that only transient messages have moved are good`, async (t) => {
    const directory = temporary();
    const before = await open(t, directory);
    const stream = await before.stream('a');
    await before.publish({ to: 'a', content: 'kept' });
    for (let i = 0; i < 50; i++) await before.publish({ to: 'a', content: `${i}`, ttl: 0 });
    await stream.data(51);
    const position = stream.cursor;
    await end(before);
    const server = await open(t, directory);
    const resumed = await server.stream('a', { position });
    assert.equal(resumed.hello.reset, null);
    const { id } = await server.publish({ to: 'a', content: 'next' });
    assert.ok(seqOf(id) > seqOf(position), `no id is given twice: ${id} after ${position}`);
    assert.equal((await resumed.next()).data, 'next');
    resumed.close();
    await end(server);
    const third = await open(t, directory);
    assert.deepEqual([(await third.poll('a', { position })).reset, datas(await third.poll('a', { position }))], [null, ['next']]);
  });

  test(`after ${how}, and again with nothing published between: positions are good`, async (t) => {
    const directory = temporary();
    const before = await open(t, directory);
    const position = await before.position('a');
    await before.publish({ to: 'a', content: 'one' });
    await end(before);
    for (let i = 0; i < 3; i++) {
      const server = await open(t, directory);
      const answer = await server.poll('a', { position });
      assert.deepEqual([answer.reset, datas(answer)], [null, ['one']], `start ${i + 2}`);
      await end(server);
    }
  });
}

test('all three ways of --fsync keep everything over kill -9', async (t) => {
  for (const fsync of ['always', 'every=10s', 'never']) {
    const directory = temporary();
    const before = await open(t, directory, ['--fsync', fsync]);
    await Promise.all(Array.from({ length: 40 }, (_, i) => before.publish({ to: 'a', content: `${i}` })));
    await kill(before);
    const server = await open(t, directory, ['--fsync', fsync]);
    assert.deepEqual(datas(await server.poll('a', { position: 'earliest' })).map(Number).sort((a, b) => a - b), Array.from({ length: 40 }, (_, i) => i));
    await server.stop();
  }
});

test('a large message, and one to a thousand, outlive kill -9', async (t) => {
  const directory = temporary();
  const before = await open(t, directory);
  const large = 'é'.repeat(1 << 19);
  const many = Array.from({ length: 1000 }, (_, i) => `uid ${i}`);
  await before.publish({ to: 'a', content: large });
  await before.publish({ to: many, content: 'to many' });
  await kill(before);
  const server = await open(t, directory);
  assert.ok(datas(await server.poll('a', { position: 'earliest' }))[0] === large);
  for (const uid of [many[0], many[500], many[999]]) assert.deepEqual(datas(await server.poll(uid, { position: 'earliest' })), ['to many']);
});

// ---- the directory

test('the directory and its files are for nobody else', async (t) => {
  const directory = path.join(temporary(), 'journal');
  const server = await open(t, directory);
  await server.publish({ content: 'x' });
  const mode = (file) => (statSync(file).mode & 0o7777).toString(8);
  assert.equal(mode(directory), '700');
  assert.deepEqual(readdirSync(directory).sort(), ['0000000001.segment', 'lock']);
  for (const name of readdirSync(directory)) assert.equal(mode(path.join(directory, name)), '600', name);
});

test('a second server on the same directory is refused, and the first one goes on', async (t) => {
  const directory = temporary();
  const server = await open(t, directory);
  const { code, line } = await refusal(directory);
  assert.equal(code, 1);
  assert.ok(line.includes(`${directory}: in use by process ${server.child.pid}`), line);
  for (const tool of [check, repair]) {
    const { code: status, stdout } = await tool(directory);
    assert.equal(status, 2);
    assert.match(stdout, /^[^\n]*in use by process \d+\n$/);
  }
  await server.publish({ to: 'a', content: 'x' });
  await kill(server);
  const next = await open(t, directory); // the lock has gone with its holder
  assert.deepEqual(datas(await next.poll('a', { position: 'earliest' })), ['x']);
});

test('a directory that others may write is refused, and so is a file in it', async (t) => {
  const directory = temporary();
  const server = await open(t, directory);
  await server.publish({ content: 'x' });
  await server.stop();
  for (const [file, good] of [['', 0o700], ['lock', 0o600], ['0000000001.segment', 0o600]])
    for (const extra of [0o020, 0o002]) {
      const name = path.join(directory, file);
      chmodSync(name, good | extra);
      const { code, line } = await refusal(directory);
      assert.equal(code, 1);
      assert.ok(line.includes(name) && /others may write/.test(line), line);
      chmodSync(name, good);
    }
  await (await open(t, directory)).stop();
});

test('a directory that cannot be made or written ends with 1 and one line', async () => {
  const directory = temporary(), file = path.join(directory, 'file');
  writeFileSync(file, '', { mode: 0o600 });
  for (const [where, mention] of [[path.join(directory, 'no/such'), /No such file/], [file, /Not a directory/], [path.join(file, 'x'), /Not a directory/], ['/proc/pushsse', /pushsse/]]) {
    const { code, line } = await refusal(where);
    assert.equal(code, 1);
    assert.ok(line.includes(where), line);
    assert.match(line, mention);
  }
});

test('what --fsync and --journal-bytes do not take ends with 2 and one line', async () => {
  const directory = path.join(temporary(), 'journal');
  for (const [option, value] of [['--fsync', 'sometimes'], ['--fsync', 'every'], ['--fsync', 'every='], ['--fsync', 'every=0'], ['--fsync', 'every=61s'], ['--fsync', 'ALWAYS'], ['--journal-bytes', '1M'], ['--journal-bytes', '-1']]) {
    const { code, line } = await refusal(directory, [option, value]);
    assert.equal(code, 2);
    assert.ok(line.includes(option) && line.includes(value), line);
  }
  assert.ok(!existsSync(directory));
});

test('a journal that reaches the limit of a file (RLIMIT_FSIZE) refuses publishes with 507, and the server goes on', async (t) => {
  const wrapper = ['sh', '-c', 'ulimit -f 16; exec "$@"', 'sh'];
  const server = await open(t, path.join(temporary(), 'journal'), [], { wrapper });
  await server.publish({ to: 'u', content: 'fits' });
  assertRefused(await server.tryPublish({ to: 'u', content: 'x'.repeat(100_000) }), 507, /storage/);
  assert.deepEqual(datas(await server.poll('u', { position: 'earliest' })), ['fits']);
});

test('without --data-dir nothing is kept, and /stats says so', async (t) => {
  const server = await serve({}, t);
  await server.publish({ content: 'x' });
  assert.equal((await server.apiCall('GET', '/stats')).json.journal, null);
  const answer = await server.poll('a', { position: 'abcdef-1' });
  assert.equal(answer.reset, 'restart');
});

test('/stats tells of the journal', async (t) => {
  const directory = temporary();
  const server = await open(t, directory);
  for (let i = 0; i < 5; i++) await server.publish({ to: 'a', content: 'x'.repeat(1000) });
  const { journal: figures, total } = (await server.apiCall('GET', '/stats')).json;
  assert.deepEqual([figures.segments, figures.failing, figures.bytes], [1, false, bytesOf(directory)]);
  assert.ok(total.stored >= 5 && total.syncs >= 5 && total.storageFailures === 0, JSON.stringify(total));
});

// ---- damage

// A journal of a few lives with a few messages each: `data` is where in the first one the text of message 1 lies.
async function someJournal(t, lives = 3) {
  const directory = temporary();
  for (let life = 0; life < lives; life++) {
    const server = await open(t, directory);
    for (let i = 0; i < 4; i++) await server.publish({ to: 'a', content: `life ${life} message ${i}` });
    await server.stop();
  }
  const [first, , third] = segments(directory).map((name) => path.join(directory, name));
  return { directory, first, third, data: readFileSync(first).indexOf('life 0 message 1') };
}

function flip(file, offset) {
  const bytes = readFileSync(file);
  bytes[offset] ^= 0x10;
  writeFileSync(file, bytes);
}

const all = [0, 1, 2].flatMap((life) => [0, 1, 2, 3].map((i) => `life ${life} message ${i}`));

test('damage in the middle: no start, and the line names file, offset and what to do; repaired, it starts', async (t) => {
  const { directory, first, data } = await someJournal(t);
  const sound = await check(directory);
  assert.equal(sound.code, 0, sound.stdout);
  flip(first, data);
  const { code, line } = await refusal(directory);
  assert.equal(code, 1);
  const offset = Number(/damaged at offset (\d+)/.exec(line)?.[1]);
  assert.ok(line.includes(first) && offset < data && offset > data - 200, line);
  assert.ok(line.includes(`pushsse journal check ${directory}`) && line.includes(`pushsse journal repair ${directory}`), line);
  const before = readFileSync(first);
  const found = await check(directory);
  assert.equal(found.code, 1);
  assert.match(found.stdout, new RegExp(`^${path.basename(first)}: damaged at offset ${offset}`, 'm'));
  assert.ok(readFileSync(first).equals(before), 'a check changes nothing');
  assert.equal((await refusal(directory)).line, line, 'nor does a start that was refused');

  const repaired = await repair(directory);
  assert.equal(repaired.code, 0, repaired.stdout);
  assert.ok(readFileSync(`${first}.damaged`).equals(before), 'what was there is kept');
  assert.equal((await check(directory)).code, 0);
  const server = await open(t, directory);
  assert.deepEqual(datas(await server.poll('a', { position: 'earliest' })), all.filter((text) => text !== 'life 0 message 1'));
});

test('a segment that is cut off, of which the next one says more, is damage', async (t) => {
  const { directory, first } = await someJournal(t);
  truncateSync(first, statSync(first).size - 10);
  const { code, line } = await refusal(directory);
  assert.ok(code === 1 && line.includes(first), line);
  assert.equal((await check(directory)).code, 1);
  assert.equal((await repair(directory)).code, 0);
  const server = await open(t, directory);
  const got = datas(await server.poll('a', { position: 'earliest' }));
  assert.ok(got.length >= 11 && got.every((text) => all.includes(text)), got.join());
});

test('a torn tail is cut off with one line, and what was before it is there', async (t) => {
  const { directory, third } = await someJournal(t);
  const whole = statSync(third).size;
  const tail = readFileSync(third).subarray(-40, -3); // what an append that was under way may have left
  appendFileSync(third, tail);
  assert.match((await check(directory)).stdout, /torn at offset/);
  const server = await open(t, directory);
  assert.equal(server.log.match(/journal_tail_cut/g)?.length, 1, server.log);
  assert.match(server.log, new RegExp(`level=warn event=journal_tail_cut bytes=${tail.length}\\b|event=journal_tail_cut bytes=${tail.length}\\b`));
  assert.deepEqual(datas(await server.poll('a', { position: 'earliest' })), all);
  await eventually(() => statSync(third).size === whole, 'it is cut off in the file too');
  await server.stop();
  assert.doesNotMatch((await open(t, directory)).log, /journal_tail_cut/);
});

test('a tail torn anywhere loses only the record that was torn', async (t) => {
  const { directory, third } = await someJournal(t);
  const from = readFileSync(third).indexOf('life 2 message 3') - 40, whole = statSync(third).size;
  for (let size = whole - 1; size > from; size -= 7) {
    const copy = path.join(temporary(), 'copy');
    cpSync(directory, copy, { recursive: true });
    chmodSync(copy, 0o700);
    truncateSync(path.join(copy, path.basename(third)), size);
    const server = await open(t, copy);
    assert.match(server.log, /event=journal_tail_cut bytes=\d+/);
    assert.deepEqual(datas(await server.poll('a', { position: 'earliest' })), all.slice(0, -1));
    await kill(server);
  }
});

test('check and repair of what is no journal end with 2', async () => {
  const directory = temporary();
  for (const tool of [check, repair]) {
    const { code, stdout } = await tool(path.join(directory, 'none'));
    assert.equal(code, 2);
    assert.match(stdout, /^[^\n]*none: No such file[^\n]*\n$/);
  }
  assert.equal((await check(directory)).code, 0, 'an empty one is sound');
});

test('a segment of another journal is not taken for one of this', async (t) => {
  const one = await someJournal(t, 1), other = await someJournal(t, 2);
  assert.match((await check(one.directory)).stdout, /^1 segment, \d+ records: sound$/m);
  cpSync(path.join(other.directory, '0000000002.segment'), path.join(one.directory, '0000000002.segment'));
  const { code, line } = await refusal(one.directory);
  assert.equal(code, 1);
  assert.match(line, /0000000002\.segment: belongs to another journal/);
});
