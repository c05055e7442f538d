// Built with another libc, and for a machine of the other byte order (s390x, by qemu): it serves, and what it has signed and
// stored is good on this machine too. tests/run builds both.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { BIN, SECRET, pushsse, run, serve, temporary, cleanEnv } from '../server.js';

const build = (name) => path.join(import.meta.dirname, '../../../build', name, 'pushsse');
const places = [
  { name: 'musl', wrapper: [], binary: build('musl') },
  { name: 's390x', wrapper: ['qemu-s390x'], binary: build('s390x') },
];

before(() => {
  for (const { name, binary } of places) assert.ok(existsSync(binary), `${binary}: make BUILD=build/${name} PROGRAM=build/${name}/pushsse CC=...`);
});

for (const { name, wrapper, binary } of places)
  test(`${name}: streams, polls, publishes, tokens, and a journal that both read and write`, async (t) => {
    const data = path.join(temporary(), 'data'); // gone after the file: a test's hooks run in their order, and a server is to end first
    const args = ['--data-dir', data, '--socket-mode', '660'];
    const native = await serve({ args }, t);
    const start = await native.position('u');
    await native.publish({ to: 'u', content: 'written here' });
    await native.publish({ to: 'u', content: 'ein Umlaut: ä', key: 'k1' });
    await native.stop();

    const other = await serve({ args, wrapper, binary }, t);
    const there = await other.poll('u', { position: start });
    assert.deepEqual([there.reset, ...there.events.map((event) => event.data)], [null, 'written here', 'ein Umlaut: ä']);
    const stream = await other.stream('u', { position: start });
    assert.equal((await other.publish({ to: 'u', content: 'written there', event: 'e' })).status, 'ok');
    await stream.until(() => stream.messages.some((m) => m.data === 'written there'), 'it is streamed');
    stream.close();
    const [file, ...rest] = [...wrapper, binary];
    const made = await run(file, [...rest, 'token', 'u', '--ttl', '1m'], { env: { ...cleanEnv, PUSHSSE_SECRET: SECRET } });
    assert.equal((await other.get(`/poll?wait=0&token=${made.stdout.trim()}`)).status, 200);
    await other.stop();
    const check = await run(file, [...rest, 'journal', 'check', data]);
    assert.equal(check.code, 0, check.stdout);
    assert.equal((await pushsse(['journal', 'check', data])).stdout, check.stdout);

    const again = await serve({ args }, t);
    const back = await again.poll('u', { position: start });
    assert.deepEqual([back.reset, ...back.events.map((event) => event.data)], [null, 'written here', 'ein Umlaut: ä', 'written there']);
    assert.equal((await again.get(`/poll?wait=0&token=${made.stdout.trim()}`)).status, 200);
  });
