// www/pushsse.js, one tab: connecting, reconnecting, the way to long-polling and back. By a clock that only tests move.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World } from './world.js';

const jwt = (claims) => `h.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`;
const GOOD = jwt({ sub: '42' });

// A world with one tab and one PushSSE, which has begun; closed afterwards, when nothing may be left of it.
async function begin(t, options, { names, date = 0, ...tabOptions } = {}) {
  const world = new World();
  world.date += date;
  const tab = world.tab(tabOptions);
  const got = tab.push({ token: GOOD, ...options }, names);
  t.after(async () => {
    got.push.close();
    await world.settle();
    assert.deepEqual([world.timers.size, world.open, tab.listeners, world.channels.size], [0, 0, 0, 0], 'timers, connections, listeners, channels');
    assert.equal(tab.emitter.thrown, undefined);
    const before = got.states.length + got.errors.length;
    await world.pass(3_600_000);
    assert.deepEqual([got.states.length + got.errors.length, world.open], [before, 0], 'it is quiet');
  });
  await world.pass(1);
  Object.defineProperties(got, { stream: { get: () => world.stream }, request: { get: () => world.request } });
  return Object.assign(got, { world, tab });
}

test('it opens with token, cid and cursor, dispatches each message once, and keeps the newest id', async (t) => {
  const it = await begin(t, { lastEventId: 'e-3', channels: ['a&b'] });
  const { searchParams, pathname } = new URL(it.stream.url);
  assert.equal(pathname, '/events');
  assert.deepEqual([searchParams.get('token'), searchParams.get('lastEventId'), searchParams.get('channel')], [GOOD, 'e-3', 'a&b']);
  assert.match(searchParams.get('cid'), /./);
  assert.deepEqual([it.push.url, it.push.readyState, it.push.transport], ['https://page.test/events', 0, null]);
  for (const constants of [it.push, it.tab.PushSSE]) assert.deepEqual([constants.CONNECTING, constants.OPEN, constants.CLOSED], [0, 1, 2]);
  it.stream.hello('e-3');
  for (const seq of [4, 5, 5, 4, 10]) it.stream.send('message', `n${seq}`, `e-${seq}`);
  it.stream.send('pushsse.ping', '1', 'e-12');
  assert.deepEqual(it.messages, [['e-4', 'n4'], ['e-5', 'n5'], ['e-10', 'n10']]);
  assert.deepEqual([it.push.cursor, it.push.readyState, it.opened, it.states], ['e-12', 1, 1, ['open sse']]);
});

test('listeners are those of an EventTarget: objects, once, removed while it dispatches, throwing', async (t) => {
  const it = await begin(t);
  const calls = [];
  const removed = () => calls.push('removed');
  it.push.addEventListener('note', { handleEvent: (e) => calls.push(`object ${e.data} ${e.type} ${e.origin} ${e.target === it.push}`) });
  it.push.addEventListener('note', () => { calls.push('once'); it.push.removeEventListener('note', removed); }, { once: true });
  it.push.addEventListener('note', () => { throw new Error('of the page'); });
  it.push.addEventListener('note', removed);
  it.stream.hello('e-1');
  it.stream.send('note', 'x', 'e-2');
  it.stream.send('note', 'y', 'e-3');
  assert.deepEqual(calls, ['object x note https://page.test true', 'once', 'object y note https://page.test true']);
  assert.equal(it.tab.emitter.thrown.length, 2);
  it.tab.emitter.thrown = undefined;
});

test('after each loss it makes a new EventSource with a fresh token, after a pause of full jitter that grows', async (t) => {
  let n = 0;
  const it = await begin(t, { token: () => `t${++n}`, transports: ['sse'] });
  const delays = { least: [], most: [] };
  for (const [name, random] of [['least', 0], ['most', 0.999999]]) {
    it.world.random = () => random;
    for (let i = 0; i < 9; i++) {
      it.stream.fail();
      assert.equal(it.stream.readyState, 2, 'the native one does not reconnect by itself');
      delays[name].push(Math.round(it.errors.at(-1).delay));
      await it.world.pass(delays[name].at(-1) + 1);
    }
    it.stream.hello(`e-${name.length}`);
    await it.world.pass(10_001); // of life
  }
  assert.deepEqual(delays, { least: Array(9).fill(500), most: [1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000, 30000] });
  assert.equal(it.world.streams.length, 19);
  assert.deepEqual(it.world.streams.map((s) => s.query.get('token')), it.world.streams.map((_, i) => `t${i + 1}`));
});

test('a server that says hello and drops makes no loop: opening does not pay for failures', async (t) => {
  const it = await begin(t, { transports: ['sse'] });
  for (let i = 0; i < 1000; i++) {
    await it.world.pass(100);
    if (it.stream.readyState === 0) it.stream.hello('e-1');
    else it.stream.fail();
  }
  assert.ok(it.world.streams.length < 15, `${it.world.streams.length} streams in 100 s`);
});

test('a busy server says how long to wait, at least', async (t) => {
  const it = await begin(t);
  it.stream.send('pushsse.busy', { reason: 'full', retry: 20_000 });
  assert.deepEqual(it.errors, [{ status: 0, reason: 'busy', willRetry: true, delay: 20_000, message: undefined }]);
  it.tab.window.fire('online');
  await it.world.pass(19_000);
  assert.equal(it.world.streams.length, 1, 'not even when the network comes back');
  await it.world.pass(1_100);
  assert.equal(it.world.streams.length, 2);
});

test('a mute stream: what it holds back comes by a poll; the second time it goes over to polling, nothing lost or doubled', async (t) => {
  const it = await begin(t, { lastEventId: 'e-1' });
  await it.world.pass(6_500);
  assert.equal(it.stream.readyState, 2);
  assert.deepEqual([it.request.query.get('wait'), it.request.query.get('lastEventId'), it.request.query.get('token')], ['0', 'e-1', null]);
  assert.equal(it.request.headers.Authorization, `Bearer ${GOOD}`);
  it.request.events('e-3', [['e-2', 'two'], ['e-3', 'three']]);
  assert.deepEqual(it.errors.at(-1), { status: 200, reason: 'mute', willRetry: true, delay: 750, message: undefined });
  await it.world.pass(800);
  it.stream.readyState = 1; // opened, but mute
  await it.world.pass(6_500);
  it.request.events('e-3');
  await it.world.pass(2_000);
  assert.equal(it.world.streams.length, 2);
  assert.deepEqual([it.request.query.get('wait'), it.request.query.get('lastEventId')], ['0', 'e-3']);
  it.request.events('e-4', [['e-4', 'four']]);
  await it.world.pass(1);
  assert.equal(it.request.query.get('wait'), '25');
  it.request.events('e-6', [['e-4', 'four'], ['e-5', 'five'], ['e-6', 'named', 'any-name']]);
  assert.deepEqual(it.messages.map(([id]) => id), ['e-2', 'e-3', 'e-4', 'e-5']);
  assert.deepEqual([it.push.transport, it.push.cursor, it.push.readyState], ['poll', 'e-6', 1]);
});

test('heartbeats that stop: three young streams, and it polls; after 15 minutes it tries a stream, and stays', async (t) => {
  const it = await begin(t, { lastEventId: 'e-1' });
  for (let i = 0; i < 3; i++) {
    it.stream.hello('e-1');
    await it.world.pass(20_000);
    it.stream.send('pushsse.ping', '1', 'e-1');
    await it.world.pass(37_000);
    assert.equal(it.stream.readyState, 1);
    await it.world.pass(900);
    assert.equal(it.stream.readyState, 2);
    it.request.events('e-1');
    await it.world.pass(4_000);
  }
  assert.deepEqual(it.errors.map((e) => e.reason), ['silent', 'silent', 'silent']);
  assert.equal(it.world.streams.length, 3);
  const answer = () => it.request.events('e-1');
  answer();
  for (let s = 0; s < 15 * 60; s += 25) {
    await it.world.pass(25_000);
    if (it.request.open) answer();
  }
  await it.world.pass(100);
  assert.equal(it.world.streams.length, 4);
  it.stream.hello('e-1');
  assert.deepEqual([it.push.transport, it.request.open], ['sse', false]);
});

test('the finding is remembered over pages of the tab, for 15 minutes by a clock that may be set, and until the network changes', async (t) => {
  const storage = {};
  const first = await begin(t, {}, { storage });
  for (let i = 0; i < 2; i++) {
    await first.world.pass(6_300);
    first.request.events('e-1');
    await first.world.pass(2_000);
  }
  assert.equal(Object.keys(storage).length, 1);
  const second = await begin(t, {}, { storage: { ...storage }, date: 20_000 });
  assert.deepEqual([second.world.streams.length, second.request.query.get('wait')], [0, '0']);
  second.request.events('e-1');
  await second.world.pass(1);
  second.tab.window.fire('online');
  await second.world.pass(1);
  assert.equal(second.world.streams.length, 1, 'online');

  const key = Object.keys(storage)[0];
  for (const value of [Number(storage[key]) + 86_400_000, 'x', -1, Infinity]) {
    const other = await begin(t, {}, { storage: { [key]: value }, date: 20_000 });
    assert.equal(other.world.streams.length, 1, `${value}`);
  }
});

test('storage that throws, no EventSource, no performance: it works all the same', async (t) => {
  const it = await begin(t, {}, { storage: null, without: ['EventSource', 'performance', 'locks', 'BroadcastChannel', 'AbortController'] });
  assert.equal(it.request.query.get('wait'), '0');
  it.request.events('e-1');
  await it.world.pass(1);
  it.request.events('e-2', [['e-2', 'x']]);
  assert.deepEqual(it.messages, [['e-2', 'x']]);
});

test('why a stream was refused: an expired token is replaced', async (t) => {
  const reasons = [];
  const it = await begin(t, { token: (reason) => { reasons.push(reason); return Promise.resolve(`t${reasons.length}`); } });
  it.stream.hello('e-1');
  await it.world.pass(11_000);
  it.stream.send('pushsse.expired', {});
  await it.world.pass(1);
  assert.equal(it.stream.query.get('token'), 't2', 'at once');
  it.stream.fail(2);
  await it.world.pass(500);
  it.request.answer(401, { error: 'token_expired' });
  await it.world.pass(3_000);
  it.stream.fail(2);
  await it.world.pass(500);
  it.request.answer(401, { error: 'token_invalid' });
  await it.world.pass(5_000);
  assert.deepEqual(reasons, ['start', 'expired', 'expired', 'invalid']);
  it.stream.hello('e-1');
  assert.deepEqual(it.errors.map((e) => [e.status, e.reason]), [[0, 'token_expired'], [401, 'token_expired'], [401, 'token_invalid']]);
});

test('a token that is refused again and again ends it; so does a string that has expired', async (t) => {
  const it = await begin(t, { token: () => 'bad' });
  let asked = 0;
  for (let i = 0; i < 4_000 && it.push.readyState < 2; i++) {
    it.stream.fail(2);
    asked += it.request?.open ?? 0;
    it.request?.answer(401, { error: 'token_invalid' });
    await it.world.pass(100);
  }
  assert.deepEqual([it.push.readyState, asked, it.errors.at(-1).willRetry, it.errors.at(-1).status], [2, 6, false, 401]);

  const fixed = await begin(t);
  fixed.stream.hello('e-1');
  fixed.stream.send('pushsse.expired', {});
  assert.deepEqual([fixed.push.readyState, fixed.errors.at(-1).reason], [2, 'token_expired']);
});

test('403, and bye, end it with a clear error', async (t) => {
  const it = await begin(t);
  it.stream.fail(2);
  await it.world.pass(500);
  it.request.answer(403, { error: 'channel_not_allowed' });
  assert.deepEqual([it.push.readyState, it.errors.at(-1).status, it.errors.at(-1).reason, it.errors.at(-1).willRetry], [2, 403, 'channel_not_allowed', false]);

  const kicked = await begin(t);
  kicked.stream.hello('e-1');
  kicked.stream.send('pushsse.bye', { reason: 'logged out' });
  assert.deepEqual(kicked.errors.at(-1), { status: 0, reason: 'bye', message: 'logged out', willRetry: false, delay: undefined });
  assert.deepEqual([kicked.push.readyState, kicked.states.at(-1)], [2, 'closed']);
  kicked.push.reconnect();
  await kicked.world.pass(60_000);
  assert.equal(kicked.world.streams.length, 1, 'closed is closed');
});

for (const [what, token] of Object.entries({
  throws: () => { throw new Error('no'); },
  rejects: () => Promise.reject(new Error('no')),
  'never settles': () => new Promise(() => {}),
  'is no string': () => 5,
  'is a page of HTML': () => '<!doctype html>\n<p>log in',
  'is a thenable that throws': () => ({ then() { throw new Error('no'); } }),
}))
  test(`a token function that ${what}: an error, a pause, another attempt`, async (t) => {
    let calls = 0;
    const it = await begin(t, { token: (reason) => { calls++; return token(reason); } });
    await it.world.pass(300_000);
    assert.ok(calls > 3 && calls < 60, `${calls} calls in 5 minutes`);
    assert.ok(it.errors.every((e) => e.reason === 'token' && e.willRetry), JSON.stringify(it.errors.at(-1)));
    assert.equal(it.world.streams.length, 0);
  });

test('options that are null count as left out, and a position may be anything', async (t) => {
  for (const lastEventId of [null, 5, '']) {
    const it = await begin(t, { lastEventId, channels: null, transports: null, minDelay: null });
    const { query } = it.stream;
    assert.deepEqual([query.get('lastEventId'), query.has('channel')], [`${lastEventId ?? ''}`, false]);
    it.stream.hello('e-1', { reset: lastEventId ? 'restart' : null });
    it.stream.send('message', 'x', 'e-2');
    assert.deepEqual(it.messages, [['e-2', 'x']]);
  }
});

test('pauses that are no pauses make no loop', async (t) => {
  for (const [minDelay, maxDelay] of [[0, 0], [-5, 100], [NaN, NaN], ['soon', 'later'], [{}, 0]]) {
    const it = await begin(t, { minDelay, maxDelay });
    for (let i = 0; i < 1000; i++) {
      it.stream.fail(2);
      it.request?.answer(500);
      await it.world.pass(1);
    }
    assert.ok(it.world.streams.length < 150, `${it.world.streams.length} in a second, with ${minDelay}`);
  }
});

test('a token that comes late, twice, or after close() opens nothing', async (t) => {
  const settles = [];
  const it = await begin(t, { token: () => ({ then(resolve) { settles.push(resolve); } }) });
  await it.world.pass(60_000);
  assert.ok(settles.length > 2);
  settles[0]('late');
  assert.equal(it.world.streams.length, 0);
  await it.world.pass(30_000);
  settles.at(-1)('good');
  settles.at(-1)('again');
  assert.ok(it.world.streams.length <= 1);
  it.push.close();
  settles.at(-1)('closed');
  assert.equal(it.world.open, 0);
});

test('whatever the server answers: no exception, no loop without delay', async (t) => {
  const bad = [
    [200, '<html>'], [200, ''], [200, '{"v":1,"lastEv'], [200, 'null'], [200, '5'], [200, '[]'], [200, { events: 5, lastEventId: 'e-1' }], [204, ''],
    [200, { lastEventId: 7, events: [null, 5, {}, { id: 5, event: 6 }, { id: {}, event: 'error', data: [] }], reset: {} }],
    [302, ''], [404, 'no'], [500, '<h1>'], [502, ''], [503, { error: 'busy' }, { 'Retry-After': 'Wed, 21 Oct 2026 07:28:00 GMT' }],
    [503, '', { 'Retry-After': '99999999999' }], [0], [429, ''], [400, '{}'],
  ];
  for (const transports of [['sse', 'poll'], ['sse'], ['poll']])
    for (const [status, body, headers] of bad) {
      const it = await begin(t, { transports, token: () => 'x' });
      let answered = 0;
      for (let i = 0; i < 600; i++) {
        if (it.stream) it.stream.fail(2);
        if (it.request?.open) {
          it.request.answer(status, body, headers);
          answered++;
        }
        await it.world.pass(100);
      }
      assert.ok(answered <= 70, `${answered} requests in a minute: ${status} ${JSON.stringify(body)}`);
      it.push.close();
      assert.equal(it.tab.emitter.thrown, undefined);
    }
});

test('a poll that comes back at once with nothing new is not asked again at once', async (t) => {
  for (const positions of [['e-9'], ['e-9', 'e-8', 'e-7']]) { // the second: a cache that mixes answers up
    const it = await begin(t, { transports: ['poll'], lastEventId: 'e-1' });
    let answered = 0;
    for (let i = 0; i < 1000; i++) {
      if (it.request.open) it.request.events(positions[answered++ % positions.length], [['e-1', 'old']], { more: true });
      await it.world.pass(10);
    }
    assert.ok(answered <= 14, `${answered} in 10 s`);
  }
});

test('a long answer over a slow network is waited for, as long as bytes of it come', async (t) => {
  const it = await begin(t, { transports: ['poll'], lastEventId: 'e-1' });
  for (let s = 0; s < 60; s += 5) {
    await it.world.pass(5_000);
    it.request.progress();
  }
  it.request.events('e-2', [['e-2', 'large']]);
  assert.deepEqual([it.messages, it.errors], [[['e-2', 'large']], []]);
  await it.world.pass(1);
  it.request.progress();
  await it.world.pass(36_000);
  assert.deepEqual(it.errors.map((e) => e.reason), ['lost'], 'no longer');
});

test('a poll that is held for ever is given up', async (t) => {
  const it = await begin(t, { transports: ['poll'], lastEventId: 'e-1' });
  it.request.events('e-1');
  await it.world.pass(36_000);
  assert.deepEqual(it.errors.map((e) => [e.status, e.reason]), [[0, 'lost']]);
});

test('the wall clock jumps: nothing happens; on waking it is looked at', async (t) => {
  const it = await begin(t, { lastEventId: 'e-1' });
  it.stream.hello('e-1');
  for (const jump of [86_400_000, -2 * 86_400_000, 86_400_000]) {
    it.world.date += jump;
    await it.world.pass(10_000);
    it.stream.send('pushsse.ping', '1', 'e-1');
  }
  assert.equal(it.world.streams.length, 1);
  it.world.date += 3_600_000; // the machine slept, and performance.now() with it
  it.tab.show('visible');
  await it.world.pass(1);
  assert.equal(it.world.streams.length, 2);
  it.stream.hello('e-1');
  await it.world.pass(5_000);
  it.tab.show('visible');
  await it.world.pass(1);
  assert.equal(it.world.streams.length, 2, 'just heard of');
  await it.world.pass(6_000); // 11 s of silence: a phone that looked away may have cut it, and says nothing
  it.tab.show('visible');
  await it.world.pass(1);
  assert.equal(it.world.streams.length, 3);
});

test('without performance.now() the wall clock has to do, and may be set back', async (t) => {
  for (const how of [{ without: ['performance'] }, { performance: {} }]) {
    const it = await begin(t, { lastEventId: 'e-1' }, how);
    it.stream.hello('e-1');
    it.world.date -= 86_400_000;
    await it.world.pass(90_000);
    assert.equal(it.world.streams[0].readyState, 2, 'its silence is noticed');
  }
});

test('a tab that is opened behind others pauses too, and the network coming back does not change that', async (t) => {
  const it = await begin(t, { pauseHidden: 60_000 }, { hidden: true });
  it.tab.window.fire('pageshow', { persisted: false }); // every page has it when it has been loaded
  it.stream.hello('e-1');
  await it.world.pass(30_000);
  it.stream.send('pushsse.ping', '1', 'e-1');
  it.tab.window.fire('online');
  await it.world.pass(30_000);
  it.stream.send('pushsse.ping', '1', 'e-1');
  await it.world.pass(40_000);
  assert.deepEqual([it.push.state, it.world.open], ['paused', 0]);
  for (const type of ['online', 'pageshow']) it.tab.window.fire(type, { persisted: false });
  await it.world.pass(3_600_000);
  assert.deepEqual([it.push.state, it.world.streams.length], ['paused', 1]);
  it.tab.show('visible');
  await it.world.pass(1);
  assert.equal(it.world.open, 1);
});

test('hidden it closes after 60 s, and comes back with its cursor', async (t) => {
  const it = await begin(t, { pauseHidden: undefined });
  it.stream.hello('e-1');
  it.tab.show('hidden');
  await it.world.pass(30_000);
  it.stream.send('pushsse.ping', '1', 'e-1');
  await it.world.pass(29_000);
  it.stream.send('message', 'x', 'e-2');
  assert.equal(it.push.readyState, 1);
  await it.world.pass(2_000);
  assert.deepEqual([it.push.state, it.push.readyState, it.world.open, it.world.timers.size], ['paused', 0, 0, 0]);
  it.push.reconnect();
  it.tab.window.fire('freeze');
  await it.world.pass(3_600_000);
  assert.equal(it.world.open, 0);
  it.tab.show('visible');
  await it.world.pass(1);
  assert.equal(it.stream.query.get('lastEventId'), 'e-2');
});

test('for a page in the back-forward cache, or frozen, nothing is left open', async (t) => {
  const it = await begin(t);
  it.stream.hello('e-1');
  it.tab.window.fire('pagehide', { persisted: true });
  assert.deepEqual([it.world.open, it.world.timers.size, it.world.channels.size], [0, 0, 0]);
  it.tab.window.fire('pageshow', { persisted: true });
  await it.world.pass(1);
  assert.equal(it.stream.query.get('lastEventId'), 'e-1');
  it.tab.document.fire('freeze');
  assert.equal(it.world.open, 0);
  it.tab.document.fire('resume');
  await it.world.pass(1);
  assert.equal(it.world.open, 1);
});

test('online shortens a wait', async (t) => {
  const it = await begin(t);
  it.world.random = () => 0.99;
  for (let i = 0; i < 6; i++) {
    it.stream.fail();
    if (i < 5) await it.world.pass(it.errors.at(-1).delay + 1);
  }
  const before = it.world.streams.length;
  it.tab.window.fire('online');
  await it.world.pass(500);
  assert.equal(it.world.streams.length, before + 1);
});

test('reset reaches the page, and a new history is taken from its beginning', async (t) => {
  const it = await begin(t, { lastEventId: 'old-50' });
  it.stream.hello('new-3', { reset: 'restart' });
  it.stream.send('message', 'a', 'new-4');
  assert.deepEqual([it.resets, it.messages], [['restart'], [['new-4', 'a']]]);
  it.stream.fail();
  await it.world.pass(2_000);
  it.stream.hello('new-2', { reset: 'restart' }); // the same epoch, but the server has lost its end
  it.stream.send('message', 'b', 'new-3');
  assert.deepEqual(it.messages.at(-1), ['new-3', 'b']);

  const poll = await begin(t, { transports: ['poll'], lastEventId: 'old-50' });
  poll.request.events('old-9', [['old-8', 'x']], { reset: 'restart' });
  assert.deepEqual([poll.resets, poll.messages, poll.push.cursor], [['restart'], [['old-8', 'x']], 'old-9']);
});

test('the page closes or reconnects in the middle of anything', async (t) => {
  for (const act of ['close', 'reconnect'])
    for (const when of ['open', 'state', 'message', 'error', 'reset']) {
      const it = await begin(t, { lastEventId: 'old-1' });
      let acts = 0;
      it.push.addEventListener(when, () => acts++ < 3 && it.push[act]());
      for (let i = 0; i < 6; i++) {
        it.stream.hello('e-1', { reset: 'gap' });
        it.stream.send('message', 'x', `e-${i + 2}`);
        it.stream.fail(i % 2 ? 2 : 0);
        await it.world.pass(1_000);
        if (it.request?.open) it.request.events(`e-${i + 9}`, [[`e-${i + 8}`, 'y'], [`e-${i + 9}`, 'z']], { reset: 'gap' });
        await it.world.pass(1_000);
        assert.ok(it.world.open <= 1, `${it.world.open} connections`);
      }
      assert.ok(acts > 0, when);
      const ids = it.messages.map(([id]) => id);
      assert.equal(new Set(ids).size, ids.length, 'none twice');
      it.push.close();
    }
});

test('names are told to each EventSource, later ones too, and those that only polls bring', async (t) => {
  const it = await begin(t, {}, { names: ['early'] });
  it.push.addEventListener('late', (e) => it.messages.push([e.lastEventId, e.data]));
  it.stream.hello('e-1');
  it.stream.send('early', '1', 'e-2');
  it.stream.send('late', '2', 'e-3');
  await it.world.pass(40_000);
  it.request.events('e-4', [['e-4', 'x', 'never-listened-to']]);
  await it.world.pass(3_000);
  const types = new Set(it.stream.listeners.map((l) => l.type));
  for (const name of ['message', 'early', 'late', 'never-listened-to', 'pushsse.hello', 'pushsse.ping']) assert.ok(types.has(name), name);
  assert.ok(![...types].some((type) => /^(open|error|state|reset)$/.test(type)));
  assert.deepEqual(it.messages, [['e-2', '1'], ['e-3', '2']]);
});

test('a page that listens to control events changes nothing', async (t) => {
  for (const name of ['pushsse.busy', 'pushsse.ping', 'pushsse.hello', 'pushsse.expired', 'pushsse.bye']) {
    const it = await begin(t, { token: () => 'x' }, { names: [name] });
    it.stream.hello('e-1');
    it.stream.send(name, { retry: 3_000 });
    assert.ok(it.errors.length <= 1, `${name}: ${JSON.stringify(it.errors)}`);
  }
});

test('what is set as a handler and is no function is ignored', async (t) => {
  const it = await begin(t);
  for (const type of ['open', 'message', 'state']) it.push[`on${type}`] = {};
  it.stream.hello('e-1');
  it.stream.send('message', 'x', 'e-2');
  assert.deepEqual([it.tab.emitter.thrown, it.messages], [undefined, [['e-2', 'x']]]);
});

test('a message may have any name', async (t) => {
  const names = ['constructor', 'toString', '__proto__', 'hasOwnProperty', 'pushsse', 'click', '', 'häh?'];
  for (const transports of [['sse'], ['poll']]) {
    const it = await begin(t, { transports, lastEventId: 'e-0' }, { names });
    if (it.stream) {
      it.stream.hello('e-0');
      names.forEach((name, i) => it.stream.send(name, name, `e-${i + 1}`));
    } else it.request.events('e-9', names.map((name, i) => [`e-${i + 1}`, name, name]));
    assert.deepEqual(it.messages.map(([, data]) => data), names, transports[0]);
  }
});

test('the token is never in url, and a poll to another origin has it in the query', async (t) => {
  const world = new World();
  const tab = world.tab();
  const push = new tab.PushSSE('https://push.other.test/x/events?online=1&token=secret', { token: GOOD, transports: ['poll'], withCredentials: true });
  await world.pass(1);
  assert.ok(!push.url.includes('secret') && !push.url.includes(GOOD), push.url);
  const url = new URL(world.request.url);
  assert.deepEqual([url.pathname, url.searchParams.getAll('token').at(-1), world.request.headers, world.request.withCredentials], ['/x/poll', GOOD, undefined, true]);
  push.close();
});
