// The npm package eventsource, end to end: an EventSource as a browser has it, and its own reconnecting.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventSource } from 'eventsource';
import { asLines, payloads } from './payloads.js';
import { Server, inTime, now, serve, token } from './server.js';
import { eventually } from './wire.js';

const quick = ['--retry', '60ms', '--first-ping', '30ms', '--heartbeat', '100ms'];

// Opens an EventSource that keeps everything it gets, and closes it after the test.
function listen(t, server, uid, { names = [], ...options } = {}) {
  const source = new EventSource(`http://${server.public}/events?token=${token(uid)}`, options);
  t.after(() => source.close());
  const got = { source, messages: [], opened: 0, hellos: [], other: [] };
  source.onopen = () => got.opened++;
  source.onmessage = ({ data, lastEventId }) => got.messages.push({ data, lastEventId });
  source.addEventListener('pushsse.hello', ({ data }) => got.hellos.push(JSON.parse(data)));
  for (const name of names) source.addEventListener(name, (event) => got.other.push(event));
  return got;
}

test('it opens, gets messages and named events, and ends for good when its token is refused', async (t) => {
  const server = await serve({ args: quick }, t);
  const got = listen(t, server, 'es', { names: ['note', 'pushsse.ping'] });
  await eventually(() => got.hellos.length, 'hello');
  const { id } = await server.publish({ to: 'es', content: 'one\ntwo' });
  await server.publish({ to: 'es', content: 'named', event: 'note' });
  await eventually(() => got.other.some(({ type }) => type === 'note') && got.other.some(({ type }) => type === 'pushsse.ping'), 'note and ping');
  assert.deepEqual(got.messages, [{ data: 'one\ntwo', lastEventId: id }]);

  const refused = new EventSource(`http://${server.public}/events?token=nonsense`);
  t.after(() => refused.close());
  const error = await new Promise((resolve) => (refused.onerror = resolve));
  assert.deepEqual([error.code, refused.readyState], [401, EventSource.CLOSED]);
});

test('it carries every payload', async (t) => {
  const server = await serve({ args: quick }, t);
  const got = listen(t, server, 'es');
  await eventually(() => got.opened, 'open');
  await eventually(() => got.hellos.length, 'hello');
  const all = Object.values(payloads);
  for (const content of all) await server.publish({ to: 'es', content });
  await eventually(() => got.messages.length === all.length, 'all of them');
  assert.deepEqual(got.messages.map(({ data }) => data), all.map(asLines));
});

test('it reconnects with its Last-Event-ID whenever the server closes, and nothing is lost or comes twice', async (t) => {
  const server = await serve({ args: [...quick, '--max-age', '150ms'] }, t);
  const requests = [];
  const got = listen(t, server, 'es', {
    fetch: (url, init) => {
      requests.push(init.headers['Last-Event-ID']);
      return fetch(url, init);
    },
  });
  await eventually(() => got.hellos.length, 'hello');
  let sent = 0;
  while (got.opened < 6) await server.publish({ to: 'es', content: `${sent++}` });
  await eventually(() => got.messages.length >= sent, 'all of them');
  assert.deepEqual(got.messages.map(({ data }) => data), Array.from({ length: sent }, (_, i) => `${i}`));
  assert.deepEqual([requests[0], requests.slice(1).every(Boolean)], [undefined, true]);
  assert.ok(got.hellos.every(({ reset }) => reset === null));
});

test('a token in the Authorization header, by its option fetch', async (t) => {
  const server = await serve({ args: quick }, t);
  const headers = { authorization: `Bearer ${token('es')}` };
  const source = new EventSource(`http://${server.public}/events`, {
    fetch: (url, init) => fetch(url, { ...init, headers: { ...init.headers, ...headers } }),
  });
  t.after(() => source.close());
  await server.settled('es', 1);
  const got = new Promise((resolve) => (source.onmessage = resolve));
  await server.publish({ to: 'es', content: 'by header' });
  assert.equal((await got).data, 'by header');
});

test('when its token expires, or its user is disconnected, it is told so, comes back, and is refused for good', async (t) => {
  const server = await serve({ args: quick }, t);
  const ends = async (claims, name, act = () => {}) => {
    const errors = [];
    let opened = false;
    const source = new EventSource(`http://${server.public}/events?token=${token('es', claims)}`);
    t.after(() => source.close());
    const last = [];
    source.addEventListener(name, ({ data }) => last.push(JSON.parse(data)));
    source.onopen = () => (opened = true);
    source.onerror = ({ code }) => errors.push(code);
    await eventually(() => opened || errors.length, 'open');
    assert.ok(opened, `refused: ${errors}`);
    await act();
    await eventually(() => source.readyState === EventSource.CLOSED, 'closed');
    assert.equal(errors.at(-1), 401);
    await server.settled('es', 0);
    return last;
  };
  assert.deepEqual(await inTime((left) => ends({ exp: now() - 30 + left }, 'pushsse.expired')), [{}]); // 30 s are granted
  assert.deepEqual(await ends({}, 'pushsse.bye', () => server.apiCall('POST', '/disconnect', 'uid=es&reason=out')), [{ reason: 'out' }]);
});

test('overload is no error to it: it means to come back', async (t) => {
  const server = await serve({ args: [...quick, '--max-streams', '1'] }, t);
  await server.stream('first');
  const got = listen(t, server, 'es', { names: ['pushsse.busy'] });
  await eventually(() => got.other.length, 'busy');
  await eventually(() => got.source.readyState === EventSource.CONNECTING, 'the close');
});

test('after a crash of the server it is told that messages may be missing', async (t) => {
  const before = await new Server({ args: quick }).ready();
  const got = listen(t, before, 'es', { names: ['pushsse.reset'] });
  await eventually(() => got.hellos.length, 'hello');
  await before.publish({ to: 'es', content: 'before' });
  await eventually(() => got.messages.length, 'a message');
  before.kill();
  await before.exit;
  const after = await serve({ args: quick, listen: before.public }, t);
  await after.publish({ to: 'es', content: 'meanwhile' });
  await eventually(() => got.messages.length === 2, 'the message that was published meanwhile');
  assert.deepEqual(got.other.map(({ data }) => JSON.parse(data)), [{ reason: 'restart' }]);
  assert.equal(got.hellos.at(-1).reset, 'restart');
});
