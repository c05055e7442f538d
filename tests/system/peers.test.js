// Limits for each address: connections, and refused tokens and keys; X-Forwarded-For, and who is believed about it.
import assert from 'node:assert/strict';
import { networkInterfaces } from 'node:os';
import { test } from 'node:test';
import { now, pushsse, serve, temporary, token } from './server.js';
import { Stream } from './stream.js';
import { Wire, assertRefused, eventually, request } from './wire.js';

const MOST = 3;
const proxied = ['--trusted-proxy', '127.0.0.1', '--max-connections-per-ip', `${MOST}`];
const from = (...addresses) => ({ 'x-forwarded-for': addresses.join(', ') });
const refusals = async (server) => (await server.apiCall('GET', '/stats')).json.total.refusedBy;

test('behind a trusted proxy, streams and polls are counted for the address that it names', async (t) => {
  const server = await serve({ args: proxied }, t);
  const client = from('192.0.2.7');
  const streams = [];
  for (let i = 0; i < MOST; i++) streams.push(await server.stream(`s${i}`, { headers: client }));
  const turned = await server.stream('more', { headers: client });
  assert.deepEqual(JSON.parse(turned.first.data).reason, 'too_many_connections');
  assert.equal(turned.first.event, 'pushsse.busy');
  assert.ok(turned.retries[0] >= 10_000, `it comes back later: ${turned.retries}`);
  await turned.closed();
  const poll = assertRefused(await server.get(server.pollTarget('more', { wait: 0 }), client), 503);
  assert.equal(poll.json.error, 'too_many_connections');
  assert.equal(poll.headers['retry-after'], '5');
  await server.stream('other', { headers: from('192.0.2.8') });
  assert.equal((await server.get('/healthz', from('192.0.2.9'))).status, 200);
  assert.equal((await refusals(server))['503 too_many_connections'], 2);
  assert.match(server.log, /event=address_limited address=192\.0\.2\.7 reason=too_many_connections/);
  streams[0].close(); // its place is free when that has been noticed
  await eventually(async () => (await server.get(server.pollTarget('more', { wait: 0 }), client)).status === 200, 'room for one');
});

test('a connection that a proxy keeps counts for each request anew', async (t) => {
  const server = await serve({ args: proxied }, t);
  const wire = await server.connect();
  for (let i = 0; i < 3 * MOST; i++)
    assert.equal((await wire.exchange(request('GET', '/healthz', { headers: from('192.0.2.1') }))).status, 200);
  for (let i = 0; i < MOST; i++) await server.stream(`s${i}`, { headers: from('192.0.2.1') });
  assert.equal((await wire.exchange(request('GET', '/healthz', { headers: from('192.0.2.1') }))).status, 503);
  assert.equal((await wire.exchange(request('GET', '/healthz', { headers: from('192.0.2.2') }))).status, 200);
});

test('the right-most address that is of no proxy counts; what a client says of itself does not', async (t) => {
  const server = await serve({ args: [...proxied, '--trusted-proxy', '10.0.0.0/8'] }, t);
  for (let i = 0; i < MOST; i++) await server.stream(`s${i}`, { headers: from(`203.0.113.${i}`, '192.0.2.7', '10.1.2.3') });
  const full = async (headers) => (await server.get('/healthz', headers)).status === 503;
  assert.ok(await full(from('198.51.100.1', '192.0.2.7')));
  assert.ok(await full({ 'x-forwarded-for': ['203.0.113.1', '192.0.2.7, 10.9.9.9', '10.1.2.3'] }), 'over several lines');
  assert.ok(!await full(from('192.0.2.7', '198.51.100.1')));
  assert.ok(!await full(from('unknown')));
  assert.ok(!await full({}));
});

test('IPv6 clients count by their /64', async (t) => {
  const server = await serve({ args: proxied }, t);
  for (let i = 0; i < MOST; i++) await server.stream(`s${i}`, { headers: from(`2001:db8:0:1:${i}::1`) });
  assert.equal((await server.get('/healthz', from('2001:db8:0:1:ffff::2'))).status, 503);
  assert.equal((await server.get('/healthz', from('[2001:db8:0:2::1]:4711'))).status, 200);
});

test('nobody who is not trusted is believed, and loopback is not counted by itself', async (t) => {
  const server = await serve({ args: ['--max-connections-per-ip', `${MOST}`] }, t);
  for (let i = 0; i < 3 * MOST; i++) await server.stream(`s${i}`, { headers: from('192.0.2.7') });
});

test('a unix socket is trusted by the word unix', async (t) => {
  const server = await serve({ args: ['--trusted-proxy', 'unix', '--max-connections-per-ip', '1'], listen: `unix:${temporary()}/s` }, t);
  await server.stream('one', { headers: from('192.0.2.7') });
  assert.equal((await server.get('/healthz', from('192.0.2.7'))).status, 503);
  assert.equal((await server.get('/healthz', from('192.0.2.8'))).status, 200);
});

// The address of this machine in its network: not loopback, so it counts.
const own = Object.values(networkInterfaces()).flat().find(({ internal, family }) => !internal && family === 'IPv4')?.address;

test('without a proxy, one connection too many of an address is closed, and those of others and of publishers are not', async (t) => {
  assert.ok(own, 'this test needs an IPv4 address beside loopback');
  const server = await serve({ args: ['--max-connections-per-ip', `${MOST}`], listen: '0.0.0.0:0', apiListen: '0.0.0.0:0' }, t);
  const port = (address) => address.split(':')[1];
  const here = `${own}:${port(server.public)}`;
  const streams = [];
  for (let i = 0; i < MOST; i++) streams.push(await Stream.open(here, `/events?token=${token(`own${i}`)}`));
  const turned = await Wire.connect(here);
  await turned.closed();
  assert.equal(turned.bytes.length, 0, 'without a word: a status would be final for an EventSource');
  for (let i = 0; i < 2 * MOST; i++)
    assert.equal((await (await Wire.connect(`${own}:${port(server.api)}`)).exchange(request('GET', '/healthz'))).status, 200);
  assert.equal((await server.get('/healthz')).status, 200);
  assert.equal((await refusals(server))['503 too_many_connections'], 1);
  streams[0].close();
  await eventually(async () => {
    const wire = await Wire.connect(here);
    return wire.exchange(request('GET', '/healthz')).then(({ status }) => status === 200, () => false).finally(() => wire.close());
  }, 'a place that was given back');
});

test('what is no address is refused at the start', async () => {
  for (const wrong of ['example.org', '10.0.0.0/33', '']) {
    const { code, stderr } = await pushsse(['--trusted-proxy', wrong], { PUSHSSE_SECRET: 'x'.repeat(32), PUSHSSE_API_KEY: 'y'.repeat(32) });
    assert.equal(code, 2);
    assert.match(stderr, /^pushsse: --trusted-proxy: .*\n$/);
  }
});

test('refused tokens of one address are answered 429 when there are too many, good ones never', async (t) => {
  const server = await serve({ args: ['--trusted-proxy', '127.0.0.1'] }, t);
  const [flooder, other] = [from('192.0.2.7'), from('192.0.2.8')];
  const wire = await server.connect();
  const statuses = [];
  while (statuses.at(-1) !== 429 && statuses.length < 1000)
    statuses.push((await wire.exchange(request('GET', '/poll?token=wrong', { headers: flooder }))).status);
  assert.equal(statuses.filter((status) => status === 401).length, statuses.length - 1);
  assert.equal(statuses.at(-1), 429);
  await wire.closed();
  assert.ok(statuses.length > 100);
  // more at once than it is forgiven meanwhile
  const more = await Promise.all(Array.from({ length: 50 }, () => server.get('/events?token=wrong', flooder)));
  const answer = assertRefused(more.find(({ status }) => status === 429), 429);
  assert.equal(answer.json.error, 'too_many_failures');
  assert.equal(answer.headers['retry-after'], '5');
  assert.equal(answer.headers.connection, 'close');
  await server.stream('neighbour', { headers: flooder });
  const expired = `/poll?token=${token('neighbour', { exp: now() - 100 })}`;
  for (let i = 0; i < 200; i++) assert.equal((await server.get(expired, flooder)).json.error, 'token_expired');
  assert.equal((await server.get('/poll?token=wrong', other)).status, 401);
  for (let i = 0; i < 200; i++) assert.equal((await server.get('/poll?token=wrong')).status, 401, 'loopback is nobody');
  assert.match(server.log, /event=address_limited address=192\.0\.2\.7 reason=too_many_failures/);
  assert.equal(server.log.match(/address_limited/g).length, 1);
});

test('so are refused keys, in the compat form too, and the key itself is taken', async (t) => {
  const server = await serve({ args: ['--trusted-proxy', '127.0.0.1'] }, t);
  const tries = (target) => Promise.all(Array.from({ length: 150 }, () =>
    server.call('api', 'GET', target, { headers: { authorization: 'Bearer wrong', ...from('192.0.2.7') } })));
  const counts = (answers) => answers.filter(({ status }) => status === 429).length;
  assert.ok(counts(await tries('/stats')) >= 10);
  const compat = await tries('/');
  assert.ok(counts(compat) >= 100);
  assert.ok(compat.every(({ body }) => body === 'fail'));
  assert.equal((await server.apiCall('GET', '/stats', undefined, from('192.0.2.7'))).status, 200);
});
