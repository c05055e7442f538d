// Many streams that leave at once: with more than 1,024 a whole look around takes 8 s, but not while many are found to have left.
import { test } from 'node:test';
import { query, serve, token } from '../server.js';
import { eventually, request } from '../wire.js';

const STREAMS = 2400, LEAVE = 1200, SOON = 4000; // ms

test('streams that have left do not pile up', async (t) => {
  const server = await serve({ args: ['--workers', '1', '--heartbeat', '60s', '--first-ping', '60s'] }, t);
  const wires = [];
  t.after(() => wires.forEach((wire) => wire.close()));
  const open = async (i) => {
    const wire = await server.connect();
    wires.push(wire);
    wire.send(request('GET', `/events?${query({ token: token(`u${i}`) })}`));
    await wire.until(() => wire.bytes.includes('pushsse.hello'), 'hello');
  };
  for (let i = 0; i < STREAMS; i += 100) await Promise.all(Array.from({ length: 100 }, (_, k) => open(i + k)));
  for (const wire of wires.splice(0, LEAVE)) wire.close();
  const streams = async () => (await server.apiCall('GET', '/stats')).json.streams;
  await eventually(async () => (await streams()) <= STREAMS - LEAVE + 16, 'nearly all of them are gone', SOON);
});
