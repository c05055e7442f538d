// --request-memory: what requests and answers under way may take together, and what happens at that bound.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KEY, form, pushsse, query, serve, token } from './server.js';
import { assertRefused, eventually, request } from './wire.js';

const MEGA = 1024 * 1024;
const small = ['--request-memory', '1M', '--max-message', '100k'];
const stats = async (server) => (await server.apiCall('GET', '/stats')).json;

// Connections whose requests come as far as `bytes`, until one is turned away or there are so many.
async function fill(server, listener, bytes, most) {
  const wires = [];
  while (wires.length < most && !wires.some(({ ended, bytes: got }) => ended || got.length)) {
    const wire = await server.connect(listener);
    wire.socket.on('error', () => {});
    await new Promise((resolve) => wire.socket.write(bytes, resolve));
    wires.push(wire);
  }
  return wires;
}

test('half a head from many clients takes half the memory: streams go on, publishers too', async (t) => {
  const server = await serve({ args: small }, t);
  const stream = await server.stream('there');
  const wires = await fill(server, 'public', `GET /events?token=${'x'.repeat(5000)}`, 1000);
  assert.ok(wires.length < 1000, 'somebody is turned away');
  await eventually(() => wires.filter(({ ended, bytes }) => !ended && !bytes.length).length < 150, 'and all but so many');
  await eventually(async () => {
    const { requestBytes } = await stats(server);
    return requestBytes > 0.4 * MEGA && requestBytes < 0.6 * MEGA;
  }, 'half of it is taken');
  assert.equal((await stats(server)).limits.requestBytes, MEGA);
  assert.equal((await server.publish({ to: 'there', content: 'x'.repeat(50_000) })).streams, 1);
  assert.equal((await stream.next()).data.length, 50_000);
  assert.equal((await server.get('/healthz', {}, 'api')).status, 200);
  for (const wire of wires) wire.close();
  await eventually(async () => (await stats(server)).requestBytes < 20_000, 'it is given back');
  await server.stream('another');
});

test('bodies that do not come to their end: 503 at the bound', async (t) => {
  const server = await serve({ args: small }, t);
  const head = `POST /publish HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${KEY}\r\nContent-Type: ${form}\r\nContent-Length: 300000\r\n\r\n`;
  const wires = await fill(server, 'api', `${head}content=${'x'.repeat(100_000)}`, 400); // some are on their way when the first one is turned away
  const turned = await Promise.race(wires.map((wire) => wire.head().then(() => wire, () => new Promise(() => {}))));
  await turned.until(() => turned.bytes.length, 'a body');
  assert.match(turned.bytes.toString(), /^\{"error":"too_many_requests"\}$/);
  assert.ok(wires.length < 400, `${wires.length} connections`);
  for (const wire of wires) wire.close();
  await eventually(async () => (await server.get('/stats', { authorization: `Bearer ${KEY}` }, 'api')).status === 200, 'room');
  assert.equal((await server.publish({ content: 'y'.repeat(90_000) })).status, 'ok');
});

test('poll answers that nobody reads: the others are told to come back, and lose nothing', async (t) => {
  const server = await serve({ args: [...small, '--send-timeout', '1h'] }, t);
  for (let i = 0; i < 3; i++) await server.publish({ content: `${i}${'x'.repeat(80_000)}` });
  const target = `/poll?${query({ token: token('slow'), lastEventId: 'earliest', wait: 0 })}`;
  const slow = [];
  // One more who does not read, until it is felt: each may take some seconds to fill its socket, and what one takes late makes
  // room for a moment.
  const felt = async (probe) => {
    for (let most = slow.length + 30; slow.length < most;) {
      const wire = await server.connect('public', { paused: true });
      wire.socket.write(Buffer.concat(Array(200).fill(request('GET', target)))); // more than sockets hold
      slow.push(wire);
      const refused = await probe();
      if (refused) return refused;
    }
    assert.fail(`${slow.length} who do not read, and there is room`);
  };
  const busy = await felt(async () => {
    const answer = await server.get(server.pollTarget('other', { position: 'earliest' }));
    return answer.status === 503 && answer;
  });
  assert.ok((await stats(server)).requestBytes < MEGA);
  assert.equal(assertRefused(busy, 503).json.error, 'too_many_requests');
  await felt(async () => {
    const stream = await server.stream('other', { position: 'earliest' });
    stream.wire.close();
    return JSON.parse(stream.first.data).reason === 'too_many_requests';
  });
  for (const wire of slow) wire.close();
  const answer = await eventually(async () => {
    const one = await server.get(server.pollTarget('other', { position: 'earliest' }));
    return one.status === 200 && one.json;
  }, 'room');
  assert.equal(answer.events.length, 3);
});

test('the log says at the start what memory may be taken, and --request-memory has a least', async (t) => {
  const server = await serve({}, t);
  const [, all, ...parts] = /event=memory_bound bytes=(\d+) connections=(\d+) requests=(\d+) history=(\d+)/.exec(server.log).map(Number);
  assert.equal(parts.reduce((sum, part) => sum + part), all);
  assert.equal((await stats(server)).limits.memory, all);
  const resident = 1024 * parseInt(server.status('VmRSS'), 10);
  assert.ok(resident < all);
  const { code, stderr } = await pushsse(['--request-memory', '1M', '--max-message', '200k'], { PUSHSSE_SECRET: 'x', PUSHSSE_API_KEY: 'y' });
  assert.equal(code, 2);
  assert.match(stderr, /--request-memory/);
});
