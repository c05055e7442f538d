// Streams that are open go on, in order and whole, and memory stays within its bound, whatever else is done to the server.
// (How fast they go on is measured by `make abuse`.)
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { attacks } from '../attacks.js';
import { cleanEnv, serve } from '../server.js';

const MEGA = 1024 * 1024;
const MESSAGES = 60;
const SHARE = '0.25'; // of the connections that an attack has, but for the one on descriptors
const script = fileURLToPath(new URL('../attacks.js', import.meta.url));
// Small, so that bounds are reached.
const args = ['--request-timeout', '1s', '--idle-timeout', '1s', '--request-memory', '16M', '--history-bytes', '8M', '--workers', '2'];

const peak = (server) => 1024 * parseInt(server.status('VmHWM'), 10);

test('abuse', { concurrency: 3 }, (t) => Promise.all(Object.keys(attacks).map((name) =>
  t.test(`${name}: streams go on, and memory stays within its bound`, async (t) => {
    const limit = name === 'no descriptors' ? '300' : '5000';
    const server = await serve({ args, wrapper: ['sh', '-c', 'ulimit -n "$0"; exec "$@"', limit] }, t);
    const streams = await Promise.all(Array.from({ length: 20 }, (_, i) => server.stream(`there-${i}`)));
    const before = peak(server);
    const attacker = spawn(process.execPath, [script, name, server.public, server.api, SHARE], { env: cleanEnv, stdio: ['ignore', 'pipe', 'inherit'] });
    t.after(() => attacker.kill('SIGKILL'));
    await once(attacker.stdout, 'data');
    for (let i = 0; i < MESSAGES; i++) await server.publish({ content: `${i}` });
    const expected = Array.from({ length: MESSAGES }, (_, i) => `${i}`);
    for (const stream of streams) assert.deepEqual(await stream.data(MESSAGES), expected);
    const { limits, connections, requestBytes } = (await server.apiCall('GET', '/stats')).json;
    const taken = peak(server);
    attacker.kill('SIGTERM');
    await once(attacker, 'exit');
    assert.ok(taken < before + limits.memory, `${taken} of ${limits.memory}, ${before} at the start`);
    assert.ok(requestBytes < 24 * MEGA);
    assert.ok(connections <= limits.connections + 16, `${connections} of ${limits.connections}`);
    assert.equal((await server.get('/healthz', {}, 'api')).body.trim(), 'ok');
    await server.stream('afterwards');
  }))));
