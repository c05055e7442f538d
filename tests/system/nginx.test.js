// nginx in front: deploy/nginx-pushsse.conf; and nginx set up by somebody else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { proxyOf, reachable, upstreamFor } from './proxy.js';
import { Reader, ask, behaves, delays } from './proxied.js';
import { cleanEnv, query, run, serve, token } from './server.js';

await behaves('nginx');

const server = await serve({ args: ['--first-ping', '100ms', '--heartbeat', '300ms'], listen: upstreamFor('nginx') });
reachable(server.public);

test('where buffering and HTTP/1.0 were left on, X-Accel-Buffering turns buffering off', async (t) => {
  const { origin } = await proxyOf('nginx', { upstream: server.public, buffering: 'left' }, t);
  const reader = new Reader(t, origin, 'left', { back: false });
  await reader.ready();
  await delays(server, reader, 'left', 3); // each has come before the next is sent
  await reader.until(() => reader.count('pushsse.ping') >= 2, 'pings');
});

test('where buffering is wrongly on, streams are held back and long-polls are not', async (t) => {
  const { origin } = await proxyOf('nginx', { upstream: server.public, buffering: 'wrong' }, t);
  const reader = new Reader(t, origin, 'held', { back: false });
  await server.settled('held', 1);
  await server.publish({ to: 'held', content: 'a message' });
  await pause(1000); // hello, the message and three pings
  assert.deepEqual(reader.events, []);
  const { text } = await ask(origin, 'GET', `/poll?${query({ token: token('held'), lastEventId: 'earliest', wait: 5 })}`);
  assert.deepEqual(JSON.parse(text).events.map(({ data }) => data), ['a message']);
});

test('curl reads a stream over HTTP/2 as it comes', async (t) => {
  const { origin } = await proxyOf('nginx', { upstream: server.public }, t);
  const read = run('curl', ['-sSkN', '--http2', '-w', 'version %{http_version}', `${origin}/events?token=${token('curl')}`], { env: cleanEnv });
  await server.settled('curl', 1);
  await server.publish({ to: 'curl', content: 'through nginx' });
  await server.apiCall('POST', '/disconnect', 'uid=curl');
  const { code, stdout } = await read;
  assert.equal(code, 0);
  assert.match(stdout, /event: pushsse.hello\n[^]*data: through nginx\n\nevent: pushsse.bye\n[^]*version 2$/);
});
