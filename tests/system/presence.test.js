// Who is there, sending someone away, counters and health.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KEY, form, now, query, serve, token } from './server.js';
import { assertRefused, eventually, request } from './wire.js';

const quiet = ['--first-ping', '30s', '--heartbeat', '30s'];
const server = await serve({ args: quiet });

const ask = async (fields = {}, own = server) => {
  const answer = await own.apiCall('GET', `/online?${query(fields)}`);
  assert.equal(answer.status, 200, answer.body);
  return answer.json;
};
const disconnect = (uid, fields = {}) => server.apiCall('POST', '/disconnect', query({ uid, ...fields }));

test('/online counts the streams of the uids that it is asked for', async () => {
  const streams = [await server.stream('1'), await server.stream('1'), await server.stream('3')];
  const { id } = await server.publish({ to: 'x', content: 'x' });
  assert.deepEqual(await ask({ uid: ['1', '2'] }), { online: { 1: 2, 2: 0 }, lastEventId: id });
  assert.deepEqual((await ask({ uid: 'é "q" <b>&' })).online, { 'é "q" <b>&': 0 });
  streams[0].close();
  await server.settled('1', 1);
});

test('a parked poll counts beside streams', async (t) => {
  const own = await serve({ args: quiet }, t);
  const position = await own.position('both');
  await own.stream('both');
  const polling = own.poll('both', { position, wait: 30 });
  await own.settled('both', 2);
  assert.equal((await own.publish({ to: 'both', content: 'x' })).streams, 2);
  assert.equal((await polling).events.length, 1);
});

test('a user of long-polling is not offline between two polls, but after the last one', async (t) => {
  const own = await serve({ args: quiet }, t);
  const publish = async () => (await own.publish({ to: 'polls', content: 'x' })).status;
  const position = await own.position('polls');
  assert.deepEqual([await own.online('polls'), await publish()], [{ polls: 0 }, 'offline'], 'one that does not wait is not there');
  const { lastEventId } = await own.poll('polls', { position, wait: 30 });
  assert.deepEqual([await own.online('polls'), await publish()], [{ polls: 1 }, 'ok']);
  const { users, streams, online } = await ask({}, own);
  assert.deepEqual({ users, streams, online }, { users: 1, streams: 1, online: { polls: 1 } });
  await own.poll('polls', { position: lastEventId, wait: 30 });
  assert.deepEqual(await own.online('polls'), { polls: 1 }, 'two answers are one who is there');
  await own.settled('polls', 0);
  assert.equal(await publish(), 'offline');
});

for (const workers of ['1', '2'])
  test(`what those with online=1 were told last is the truth, though one left as another came (--workers ${workers})`, async (t) => {
    const own = await serve({ args: ['--workers', workers, ...quiet] }, t);
    const open = (uid) => own.stream(uid, { online: 1 });
    const last = (stream) => stream.events.findLast(({ event }) => event === 'pushsse.online')?.data;
    const told = (streams, users) => eventually(
      () => streams.every((stream) => last(stream) === JSON.stringify({ users, streams: users })), `all were told ${users}`, 3000);
    const [stays, leaves] = [await open('stays'), await open('leaves')];
    await told([stays, leaves], 2);
    const comes = await open('comes');
    leaves.close();
    await told([stays, comes], 2);
  });

test('/online without a uid gives totals and pages that hold everyone once', async (t) => {
  const own = await serve({ args: quiet }, t);
  const uids = ['a', 'b', 'c', 'd', 'e', 'é', 'f "x"'];
  for (const uid of [...uids, 'a']) await own.stream(uid);
  const whole = await ask({}, own);
  assert.deepEqual([whole.users, whole.streams], [7, 8]);
  assert.deepEqual(Object.keys(whole.online).sort(), [...uids].sort());
  assert.equal(whole.online.a, 2);
  const seen = [];
  for (let after; ;) {
    const { online } = await ask({ limit: 3, after }, own);
    const page = Object.keys(online);
    if (!page.length) break;
    assert.ok(page.length <= 3);
    seen.push(...page);
    after = page.at(-1);
  }
  assert.deepEqual(seen.sort(), [...uids].sort());
  assert.equal((await own.apiCall('GET', '/online?%ff[a]b=x&limit=3')).json.users, 7, 'other parameters are ignored');
  for (const limit of ['x', '-1']) assertRefused(await own.apiCall('GET', `/online?limit=${limit}`), 400, /limit/);
});

test('/disconnect says bye to the streams and polls of a uid, and to nobody else', async () => {
  const [one, two, other] = [await server.stream('kicked'), await server.stream('kicked'), await server.stream('spared')];
  const wire = await server.connect();
  wire.send(request('GET', server.pollTarget('kicked', { position: one.cursor, wait: 30 })));
  await server.settled('kicked', 3);
  const answer = await disconnect('kicked', { reason: 'too loud' });
  assert.equal(answer.status, 200);
  assert.ok(Object.values(answer.json).includes(3), `the count: ${answer.body}`);
  for (const stream of [one, two]) {
    assert.match((await stream.next('pushsse.bye')).data, /too loud/);
    await stream.closed();
  }
  await wire.until(() => wire.ended || wire.bytes.includes('\r\n\r\n'), 'the end of the poll');
  assert.deepEqual(await server.online('kicked', 'spared'), { kicked: 0, spared: 1 });
  await server.publish({ content: 'x' });
  assert.deepEqual(await other.data(1), ['x']);
});

test('what was published before /disconnect comes before bye', async () => {
  const streams = [await server.stream('leaver'), await server.stream('leaver')];
  const headers = { authorization: `Bearer ${KEY}`, 'content-type': form };
  const api = await server.connect('api');
  api.send(Buffer.concat([ // in one turn of the worker: it sees both before it visits a stream
    request('POST', '/publish', { headers, body: 'to=leaver&content=last' }),
    request('POST', '/disconnect', { headers, body: 'uid=leaver' })]));
  assert.equal((await api.answer()).json.streams, 2);
  assert.equal((await api.answer()).json.streams, 2);
  for (const stream of streams) {
    await stream.closed();
    assert.match(String(stream.body), /data: last\n\nevent: pushsse.bye\n/);
  }
});

test('after /disconnect older tokens are refused, newer ones are not', async () => {
  const older = { iat: now() - 60 };
  await server.stream('relogin', { claims: older });
  const before = [now(), Date.now() / 1000];
  await disconnect('relogin');
  const after = (Date.now() + 1) / 1000;
  for (const iat of before) assertRefused(await server.get(`/poll?token=${token('relogin', { iat })}`), 401);
  assert.equal((await server.get(`/poll?token=${token('relogin', { iat: after })}`)).status, 200, 'fractions of a second count');
  for (const path of ['/events', '/poll'])
    assertRefused(await server.get(`${path}?token=${token('relogin', older)}`), 401);
  assertRefused(await server.get(`/poll?token=${token('relogin', { iat: undefined })}`), 401);
  assert.equal((await server.get(`/poll?token=${token('relogin', { iat: now() + 2 })}`)).status, 200);
  assert.equal((await server.get(`/poll?token=${token('another', older)}`)).status, 200);
});

test('/disconnect of someone who is not there counts none, of nobody is refused', async () => {
  const answer = await disconnect('never-seen');
  assert.ok(Object.values(answer.json).includes(0), answer.body);
  for (const body of ['', 'reason=x', `uid=${'x'.repeat(129)}`, 'uid=%ff']) assertRefused(await server.apiCall('POST', '/disconnect', body), 400, /uid/);
});

test('/online, /disconnect and /stats want the key', async () => {
  for (const [method, target] of [['GET', '/online?uid=1'], ['POST', '/disconnect'], ['GET', '/stats']])
    assertRefused(await server.call('api', method, target, { headers: { 'content-type': form }, body: method === 'POST' ? 'uid=1' : undefined }), 401);
});

test('/stats is JSON with counters that count', async () => {
  const flat = (value) => Object.entries(value).flatMap(([name, one]) => (typeof one === 'object' && one ? flat(one) : [[name, one]]));
  const stats = async () => Object.fromEntries(flat((await server.apiCall('GET', '/stats')).json));
  const before = await stats();
  const stream = await server.stream('counted');
  await server.publish({ to: 'counted', content: 'x' });
  await stream.data(1);
  const after = await stats();
  assert.ok(Object.values(after).some((value) => typeof value === 'number'));
  assert.ok(Object.keys(after).filter((name) => after[name] > before[name]).length >= 2, JSON.stringify({ before, after }));
});

test('/healthz is ok on both listeners; while draining it is 503, and who comes is told', async (t) => {
  const own = await serve({ args: ['--drain', '60s', '--retry', '900ms', ...quiet] }, t);
  const wires = [await own.connect('public'), await own.connect('api')];
  for (const wire of wires) {
    const answer = await wire.exchange(request('GET', '/healthz'));
    assert.deepEqual([answer.status, answer.body.trim()], [200, 'ok']);
  }
  const streams = await Promise.all(Array.from({ length: 16 }, () => own.stream('drained')));
  own.terminate();
  await eventually(async () => (await own.get('/healthz')).status === 503, 'draining has begun');
  for (const wire of wires) {
    const answer = await wire.exchange(request('GET', '/healthz'));
    assert.deepEqual([answer.status, answer.headers.connection], [503, 'close']);
    assert.match(answer.body, /drain/);
    await wire.closed();
  }
  assert.equal((await own.get('/healthz', {}, 'api')).status, 503);
  for (let i = 0; i < 4; i++) {
    const late = await own.stream('late');
    await late.closed();
    assert.deepEqual(late.events.map(({ event }) => event), ['pushsse.busy']);
    assert.ok(late.retries[0] >= 600 && late.retries[0] <= 1200, `retry: ${late.retries}`);
  }
  assert.match(assertRefused(await own.get(own.pollTarget('late', { wait: 5 })), 503).headers['retry-after'], /^\d+$/);
  await own.publish({ to: 'drained', content: 'still here' });
  await Promise.any(streams.map((stream) => stream.next('message')));
  for (const stream of streams) stream.close();
  await own.exit; // with nobody left there is nothing to wait for
});

for (const parity of [0, 1])
  test(`while streams are left, those who come are told, whichever worker they come to (${parity})`, async (t) => {
    const own = await serve({ args: ['--drain', '12s', '--workers', '2', ...quiet] }, t);
    const streams = [];
    for (let i = 0; i < 16; i++) streams.push(await own.stream('uneven'));
    streams.filter((_, i) => i % 2 === parity).forEach((stream) => stream.close());
    await own.settled('uneven', 8);
    own.terminate();
    const open = streams.filter(({ wire }) => !wire.socket.destroyed);
    await eventually(() => open.filter(({ wire }) => wire.ended).length >= 2, 'the second one was sent away');
    const late = await Promise.all(Array.from({ length: 8 }, () => own.stream('late')));
    for (const { first } of late) assert.equal(first.event, 'pushsse.busy');
    streams.forEach((stream) => stream.close());
  });
