// GET /poll: the same messages and positions as a stream, one answer at a time.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asLines, payloads } from './payloads.js';
import { inTime, now, query, serve, token } from './server.js';
import { PATIENCE, assertRefused, request } from './wire.js';

const server = await serve({ args: ['--first-ping', '30s', '--heartbeat', '30s'] });

const contents = ({ events }) => events.map(({ data }) => data);

test('the first call returns at once with the current position', async () => {
  await server.publish({ to: 'first', content: 'before' });
  const answer = await server.get(server.pollTarget('first', { wait: 50 }));
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type'], /^application\/json/);
  assert.match(answer.headers['cache-control'], /no-store/);
  assert.match(answer.headers['content-length'], /^\d+$/);
  const { lastEventId, ...rest } = answer.json;
  assert.match(lastEventId, /^[0-9A-Za-z._-]{3,40}$/);
  assert.deepEqual(rest, { v: 1, reset: null, more: false, events: [] });
  await server.publish({ to: 'first', content: 'after' });
  assert.deepEqual(contents(await server.poll('first', { position: lastEventId })), ['after']);
});

test('with a position, and without `wait`, it parks until there is something; earliest does as well', async () => {
  for (const lastEventId of [await server.position('waits'), 'earliest']) {
    const uid = `waits for ${lastEventId}`;
    const polling = server.get(`/poll?${query({ token: token(uid), lastEventId })}`);
    await server.settled(uid, 1);
    await server.publish({ to: uid, content: 'at last' });
    assert.deepEqual(contents((await polling).json), ['at last']);
  }
});

test('the order of members is that of the contract', async () => {
  await server.publish({ to: 'order', content: 'x', event: 'note' });
  const { body, json } = await server.get(server.pollTarget('order', { position: 'earliest' }));
  const [{ id }] = json.events;
  assert.equal(body.replace(/\s/g, ''),
    `{"v":1,"lastEventId":"${json.lastEventId}","reset":null,"more":false,"events":[{"id":"${id}","event":"note","data":"x"}]}`);
});

test('a parked poll wakes when something is published, and the connection stays', async () => {
  const position = await server.position('parked');
  const wire = await server.connect();
  let next = position;
  for (const content of ['1', '2', '3']) {
    const uid = `parked-${content}`; // one who was answered still counts as there for a while
    wire.send(request('GET', server.pollTarget(uid, { position: next, wait: 30 })));
    await server.settled(uid, 1);
    assert.deepEqual(await server.publish({ to: uid, content }).then(({ status, streams }) => [status, streams]), ['ok', 1]);
    const { json } = await wire.answer();
    assert.deepEqual([contents(json), json.reset, json.more], [[content], null, false]);
    assert.equal(json.lastEventId, json.events[0].id);
    next = json.lastEventId;
  }
});

test('what is not for this reader does not wake it', async () => {
  const position = await server.position('asleep');
  const polling = server.poll('asleep', { position, wait: 30 });
  await server.settled('asleep', 1);
  await server.publish({ to: 'else', content: 'no' });
  await server.publish({ channel: 'else', content: 'no' });
  await server.publish({ to: 'asleep', content: 'yes' });
  assert.deepEqual(contents(await polling), ['yes']);
});

test('a timeout is 200 with no events, and its position is good', async () => {
  for (const wait of [0, 1]) {
    const position = await server.position('timeout');
    const begin = Date.now();
    const { lastEventId, events, reset } = await server.poll('timeout', { position, wait });
    assert.ok(Date.now() - begin >= wait * 1000 - 100, 'not before its time');
    assert.deepEqual([events, reset], [[], null]);
    await server.publish({ to: 'timeout', content: `${wait}` });
    assert.deepEqual(contents(await server.poll('timeout', { position: lastEventId })), [`${wait}`]);
  }
});

test('reading consumes nothing: the same position gives the same answer', async () => {
  const position = await server.position('again');
  for (const content of ['1', '2']) await server.publish({ to: 'again', content });
  const once = await server.poll('again', { position });
  assert.deepEqual(contents(once), ['1', '2']);
  assert.deepEqual(await server.poll('again', { position }), once);
});

test('every payload arrives, with the line ends that a stream would give it', async () => {
  let { lastEventId } = await server.poll('payloads');
  for (const [what, content] of Object.entries(payloads)) {
    const { id } = await server.publish({ to: 'payloads', content });
    const answer = await server.poll('payloads', { position: lastEventId });
    assert.deepEqual(answer.events, [{ id, event: 'message', data: asLines(content) }], what);
    lastEventId = answer.lastEventId;
  }
});

test('an answer holds at most 256 KiB and says more, until all was given once', async () => {
  let position = await server.position('more');
  for (let i = 0; i < 20; i++) await server.publish({ to: 'more', content: `${i} ${'x'.repeat(60_000)}` });
  const got = [];
  let answers = 0;
  for (let more = true; more; answers++) {
    const answer = await server.poll('more', { position, wait: 30 });
    assert.ok(answer.events.length > 0);
    assert.ok(JSON.stringify(answer.events).length <= 256 * 1024);
    got.push(...answer.events.map(({ data }) => parseInt(data, 10)));
    ({ lastEventId: position, more } = answer);
  }
  assert.deepEqual(got, Array.from({ length: 20 }, (_, i) => i));
  assert.ok(answers >= 5 && answers <= 8, `${answers} answers`);
});

test('a message larger than that comes alone', async () => {
  const position = await server.position('alone');
  await server.publish({ to: 'alone', content: 'small' });
  const content = '<\n'.repeat(512 * 1024);
  await server.publish({ to: 'alone', content });
  const first = await server.poll('alone', { position });
  assert.deepEqual([contents(first), first.more], [['small'], true]);
  const second = await server.poll('alone', { position: first.lastEventId });
  assert.ok(second.events[0].data === content && second.events.length === 1 && second.more === false);
});

test('a client may change between streams and polls at any point', async () => {
  const publish = (content) => server.publish({ to: 'switch', content });
  const stream = await server.stream('switch');
  await publish('1');
  await stream.data(1);
  stream.close();
  await publish('2');
  const poll = await server.poll('switch', { position: stream.cursor });
  assert.deepEqual(contents(poll), ['2']);
  await publish('3');
  const again = await server.stream('switch', { position: poll.lastEventId });
  assert.deepEqual(await again.data(1), ['3']);
  again.close();
  await publish('4');
  assert.deepEqual(contents(await server.poll('switch', { position: again.cursor })), ['4']);
  const hello = await server.stream('switch');
  await publish('5');
  assert.deepEqual(contents(await server.poll('switch', { position: hello.first.id })), ['5']);
});

test('a position is the header first, then the query', async () => {
  const [one, two] = [await server.publish({ to: 'both', content: '1' }), await server.publish({ to: 'both', content: '2' })];
  await server.publish({ to: 'both', content: '3' });
  assert.deepEqual(contents(await server.poll('both', { position: one.id }, { 'last-event-id': two.id })), ['3']);
});

test('a position of another epoch, of the future or of none is a reset, at once', async () => {
  const { id } = await server.publish({ to: 'reset', content: '1' });
  assert.equal((await server.poll('reset', { position: 'another-1', wait: 30 })).reset, 'restart');
  for (const position of [id.replace(/\d+$/, '99999999'), 'garbage', 'x'.repeat(500), `${id}'`]) {
    const answer = await server.poll('reset', { position, wait: 30 });
    assert.match(answer.reset, /^(restart|gap)$/, position);
    assert.deepEqual(contents(answer), ['1']);
  }
  const nothing = await server.poll('nobody-yet', { position: 'another-1', wait: 30 });
  assert.deepEqual([nothing.reset, nothing.events], ['restart', []]);
});

test('a dropped message is a gap', async (t) => {
  const small = await serve({ args: ['--history-count', '2'] }, t);
  const position = await small.position('gap');
  for (const content of ['1', '2', '3']) await small.publish({ to: 'gap', content });
  const answer = await small.poll('gap', { position });
  assert.deepEqual([answer.reset, contents(answer)], ['gap', ['2', '3']]);
});

test('a new request with the same cid ends a parked poll, and a stream', async () => {
  const position = await server.position('tab');
  const wire = await server.connect();
  wire.send(request('GET', server.pollTarget('tab', { position, wait: 30, cid: 'c' })));
  await server.settled('tab', 1);
  const stream = await server.stream('tab', { cid: 'c' });
  await wire.until(() => wire.ended || wire.bytes.includes('\r\n\r\n'), 'the end of the older poll');
  assert.deepEqual(await server.online('tab'), { tab: 1 });
  const polling = server.poll('tab', { position, wait: 30, cid: 'c' });
  await stream.closed();
  await server.publish({ to: 'tab', content: 'x' });
  assert.deepEqual(contents(await polling), ['x']);
});

test('a client that leaves a parked poll is noticed', async () => {
  const position = await server.position('leaver');
  const wire = await server.connect();
  wire.send(request('GET', server.pollTarget('leaver', { position, wait: 30 })));
  await server.settled('leaver', 1);
  wire.close();
  await server.settled('leaver', 0);
});

test('a token that expires ends a parked poll, one that comes within the skew when that is over', async () => {
  const position = await server.position('expiring');
  const wait = 50; // longer than anything is waited for here: that an answer comes says that the wait was cut short
  assert.ok(PATIENCE < wait * 1000);
  await Promise.all([0, 30].map((skew) => inTime(async (left) => {
    const exp = now() + left - skew;
    const target = `/poll?${query({ token: token('expiring', { exp }), lastEventId: position, wait })}`;
    const { status, json } = await server.get(target);
    assert.deepEqual([status, json?.events, json?.reset], [200, [], null]);
    assert.ok(Date.now() >= (exp + skew) * 1000 - 100, 'not before its time, which is the contract');
    if (skew) assert.equal(assertRefused(await server.get(target), 401).json.error, 'token_expired');
  })));
});

test('a token within the skew lets a poll wait, and wakes for a message', async () => {
  const position = await server.position('skewed');
  const claims = { exp: now() - 5 };
  const begin = Date.now();
  assert.deepEqual((await server.poll('skewed', { position, wait: 1, claims })).events, []);
  assert.ok(Date.now() - begin >= 900, 'it was parked');
  const polling = server.poll('skewed too', { position, wait: 20, claims });
  await server.settled('skewed too', 1);
  await server.publish({ to: 'skewed too', content: 'x' });
  assert.deepEqual(contents(await polling), ['x']);
});

test('errors are those of a stream', async () => {
  assert.equal(assertRefused(await server.get('/poll'), 401).json.error, 'token_missing');
  assert.equal(assertRefused(await server.get('/poll?token=x'), 401).json.error, 'token_invalid');
  assertRefused(await server.get(`/poll?token=${token('x')}&channel=nope`), 403);
  for (const wait of ['abc', '-1', '1e9', '99999999999999999999']) {
    const answer = await server.get(server.pollTarget('x', { wait }));
    if (answer.status !== 200) assertRefused(answer, 400, /wait/);
  }
});
