// Starting as root and not staying it: --user, and what the process then may no longer do. These tests need root.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync, existsSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { before, test } from 'node:test';
import { BIN, KEY, SECRET, run, serve, temporary } from './server.js';
import { eventually } from './wire.js';

const NOBODY = 65534; // nobody:nogroup, on every Debian
const mode = (file) => (statSync(file).mode & 0o777).toString(8);
const owner = (file) => [statSync(file).uid, statSync(file).gid];

before(() => assert.equal(process.getuid(), 0, 'only root can leave root: run these tests as root'));

// A directory that others may look into, with the keys in it as files of that mode.
function house(keyMode) {
  const home = temporary();
  chmodSync(home, 0o755);
  for (const [name, text] of [['secret', SECRET], ['api-key', KEY]]) writeFileSync(path.join(home, name), `${text}\n`, { mode: keyMode });
  return home;
}

test('--user leaves root for good, with every group, and owns what it makes', async (t) => {
  const data = path.join(house(), 'data');
  const server = await serve({ args: ['--user', 'nobody', '--data-dir', data] }, t);
  assert.equal(server.status('Uid'), Array(4).fill(NOBODY).join('\t'));
  assert.equal(server.status('Gid'), Array(4).fill(NOBODY).join('\t'));
  assert.equal(server.status('Groups'), '');
  for (const set of ['CapPrm', 'CapEff', 'CapAmb']) assert.match(server.status(set), /^0+$/, set);
  for (const task of readdirSync(`/proc/${server.child.pid}/task`))
    assert.match(readFileSync(`/proc/${server.child.pid}/task/${task}/status`, 'utf8'), /^Uid:\t65534\t65534\t65534\t65534$/m, 'every thread');
  assert.match(server.log, /event=user process_uid=65534 process_gid=65534\n/);
  assert.doesNotMatch(server.log, /level=warn/);
  assert.deepEqual([mode(data), ...owner(data)], ['700', NOBODY, NOBODY]);
  assert.equal((await server.publish({ to: 'u', content: 'x' })).status, 'offline');
  for (const file of readdirSync(data)) assert.deepEqual(owner(path.join(data, file)), [NOBODY, NOBODY], file);
});

// A port that only root may bind, and that nobody has.
async function lowPort() {
  for (;;) {
    const probe = createServer().listen(600 + Math.floor(Math.random() * 400), '127.0.0.1');
    const port = await new Promise((resolve) => probe.once('listening', () => resolve(probe.address().port)).once('error', resolve));
    probe.close();
    if (typeof port === 'number') return port;
    assert.equal(port.code, 'EADDRINUSE');
  }
}

test('a port below 1024 is bound before, and a group of one\'s choice is taken', async (t) => {
  const server = await serve({ args: ['--user', 'nobody:12345'], listen: `127.0.0.1:${await lowPort()}` }, t);
  assert.equal(server.status('Gid'), Array(4).fill(12345).join('\t'));
  assert.equal((await server.get('/healthz')).status, 200);
});

test('keys that only root can read: it starts, says what SIGHUP will miss, and keeps the old ones', async (t) => {
  const home = house(0o600);
  const server = await serve({ args: ['--user', 'nobody', '--secret-file', path.join(home, 'secret'), '--api-key-file', path.join(home, 'api-key')] }, t);
  for (const name of ['secret', 'api-key'])
    await eventually(() => server.log.includes(`level=warn event=key_file_unreadable file=${path.join(home, name)} `), 'it warns');
  server.child.kill('SIGHUP');
  await eventually(() => /event=reload_failed .*Permission denied/.test(server.log), 'it says so');
  await server.publish({ content: 'the old key goes on' });
  for (const name of ['secret', 'api-key']) chmodSync(path.join(home, name), 0o640), chownSync(path.join(home, name), 0, NOBODY);
  server.child.kill('SIGHUP');
  await eventually(() => server.log.includes('event=reloaded'), 'readable by its group, they are read again');
});

test('unix sockets are made by the user, with --socket-mode, and removed at the end', async (t) => {
  const home = path.join(house(), 'run');
  mkdirSync(home);
  chownSync(home, NOBODY, NOBODY);
  const socket = path.join(home, 'public.sock');
  const server = await serve({ args: ['--user', 'nobody:12345', '--socket-mode', '660'], listen: `unix:${socket}` }, t);
  assert.deepEqual([mode(socket), ...owner(socket)], ['660', NOBODY, 12345]);
  assert.equal((await server.get('/healthz')).status, 200);
  await server.stop();
  assert.ok(!existsSync(socket));
});

test('it warns when it serves as root, and refuses who is nobody, is root, or cannot be become', async (t) => {
  const server = await serve({}, t);
  await eventually(() => server.log.includes('level=warn event=running_as_root'), 'it warns');
  const home = house(0o644);
  const args = ['--listen', '127.0.0.1:0', '--api-listen', '127.0.0.1:0', '--secret-file', path.join(home, 'secret'), '--api-key-file', path.join(home, 'api-key')];
  const refuses = async (extra, mention, wrapper = []) => {
    const [file, ...rest] = [...wrapper, BIN, ...args, ...extra];
    const got = await run(file, rest);
    assert.equal(got.code, 1, got.stderr);
    assert.match(got.stderr, mention);
  };
  await refuses(['--user', 'no-such-user'], /no user 'no-such-user'/);
  await refuses(['--user', 'nobody:no-such-group'], /no group 'no-such-group'/);
  await refuses(['--user', 'root'], /'root' is root/);
  const daemon = ['setpriv', '--reuid', '1', '--regid', '1', '--clear-groups'];
  await refuses(['--user', 'nobody'], /only root can become user 65534/, daemon);
  await refuses(['--user', 'nobody', '--data-dir', home], /belongs to another user/);
  const own = await serve({ args: ['--user', 'daemon'], wrapper: daemon }, t);
  assert.equal(own.status('Uid').split('\t')[0], '1');
  assert.doesNotMatch(own.log, /running_as_root/);
});
