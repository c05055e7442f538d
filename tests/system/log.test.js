// The log in its two formats: the same events with the same keys, whatever the uid, and every line can be read.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { KEY, SECRET, serve, temporary } from './server.js';
import { eventually } from './wire.js';

const quiet = ['--first-ping', '30s', '--heartbeat', '30s'];
const UIDS = ['plain-42', 'a b="c" \\', 'élève 😀', '{"level":"error"}', 'x=y event=stopped', '0'];

// A line of key=value as [[key, value]].
const ofText = (line) => {
  const pairs = [...line.matchAll(/([a-z_]+)=("(?:[^"\\]|\\.)*"|[^\s"]+)(?: |$)/gy)];
  assert.equal(pairs.map(([pair]) => pair).join(''), line, 'nothing between the pairs');
  return pairs.map(([, key, value]) => [key, value.startsWith('"') ? value.slice(1, -1).replace(/\\(["\\])/g, '$1') : value]);
};
const ofJson = (line) => Object.entries(JSON.parse(line)).map(([key, value]) => [key, String(value)]);
const read = { text: ofText, json: ofJson };

// All that can be logged without breaking the machine; answers the lines, each as pairs.
async function story(t, format) {
  const home = temporary();
  const file = (name, text) => (writeFileSync(path.join(home, name), text, { mode: 0o600 }), path.join(home, name));
  const keys = file('key', KEY);
  const server = await serve({
    args: ['--log-format', format, '--secret-file', file('secret', SECRET), '--api-key-file', keys, '--data-dir', path.join(home, 'data'),
      '--max-streams', '4000000', '--max-age', '1h', ...quiet],
    env: { PUSHSSE_SECRET: undefined, PUSHSSE_API_KEY: undefined },
  }, t);
  const logged = (mention) => eventually(() => server.log.includes(mention), mention);
  for (const uid of UIDS) {
    const before = server.log.length;
    const stream = await server.stream(uid);
    await eventually(() => server.log.includes('stream_opened', before), uid);
    stream.close();
    await eventually(() => server.log.includes('stream_closed', before), uid);
  }
  const kicked = await server.stream('kicked', { claims: { iat: 1 } });
  await server.apiCall('POST', '/disconnect', { uid: 'kicked' });
  await kicked.closed();
  await logged('kicked');
  server.child.kill('SIGHUP');
  await logged('reloaded');
  rmSync(keys);
  server.child.kill('SIGHUP');
  await logged('reload_failed');
  await server.stop();
  assert.ok(server.log.endsWith('\n'));
  return server.log.trimEnd().split('\n').map((line) => read[format](line));
}

test('both formats tell the same events, with the same keys and values', async (t) => {
  const [text, json] = await Promise.all(['text', 'json'].map((format) => story(t, format)));
  const varies = new Set(['time', 'ms', 'address', 'bytes', 'token_hash']);
  const shape = (lines) => lines.map((pairs) => pairs.map(([key, value]) => `${key}=${varies.has(key) ? '' : value.replace(/pushsse-\w+/, '')}`).join(' '));
  assert.deepEqual(shape(json), shape(text));
  for (const pairs of [...text, ...json]) {
    assert.deepEqual(pairs.slice(0, 3).map(([key]) => key), ['time', 'level', 'event']);
    assert.equal(new Set(pairs.map(([key]) => key)).size, pairs.length, 'no key twice');
    const { time, level, event } = Object.fromEntries(pairs);
    assert.ok(Math.abs(Date.parse(time) - Date.now()) < 600_000, time);
    assert.match(level, /^(error|warn|info)$/);
    assert.match(event, /^[a-z_]+$/);
  }
  const uids = json.map(Object.fromEntries).filter(({ event }) => event === 'stream_opened').map(({ uid }) => uid);
  assert.deepEqual(uids, [...UIDS, 'kicked']);
  assert.equal(json.filter((pairs) => pairs[2][1] === 'reload_failed').length, 1);
});

test('a key of less than 32 bytes is warned of, by its source, at the start and after SIGHUP', async (t) => {
  const file = path.join(temporary(), 'secret');
  const short = 'only-31-bytes-0123456789-012345';
  const write = (...lines) => writeFileSync(file, `${lines.join('\n')}\n`, { mode: 0o600 });
  const start = (env) => serve({ args: quiet, env: { PUSHSSE_SECRET: undefined, PUSHSSE_SECRET_FILE: file, ...env } }, t);
  const warned = (server) => server.log.trimEnd().split('\n').map((line) => Object.fromEntries(ofText(line)))
    .filter(({ event }) => event === 'weak_key').map(({ level, source, ...rest }) => (assert.deepEqual([level, rest.safe_bytes], ['warn', '32']), source));
  const reloaded = async (server, times) => {
    server.child.kill('SIGHUP');
    await eventually(() => server.log.split('event=reloaded').length === times + 1, 'the keys are read again');
  };

  write(`${short}6`);
  const server = await start();
  assert.deepEqual(warned(server), []);
  write(`${short}6`, short);
  await reloaded(server, 1);
  assert.deepEqual(warned(server), [file]);
  write(short);
  const other = await start({ PUSHSSE_API_KEY: short.slice(1) });
  assert.deepEqual(warned(other), [file, 'PUSHSSE_API_KEY']);
  write(`${short}6`);
  await reloaded(other, 1);
  assert.equal(warned(other).length, 2, 'what is from the environment is not read again');
  for (const { log } of [server, other]) assert.ok(!log.includes('only-31') && !log.includes('nly-31'));
});
