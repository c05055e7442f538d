// What a container FROM scratch is for the binary: an empty root, a user who is only a number, process 1, and of /dev what every
// runtime gives. By chroot and unshare, with what deploy/Containerfile says; no container engine is needed, but root is.
import assert from 'node:assert/strict';
import { chmodSync, chownSync, copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { BIN, KEY, SECRET, Server, cleanEnv, run, temporary } from '../server.js';
import { eventually } from '../wire.js';

const recipe = readFileSync(path.join(import.meta.dirname, '../../../deploy/Containerfile'), 'utf8').split('FROM scratch\n')[1];
const said = (word) => [...recipe.matchAll(new RegExp(`^${word} (.*)$`, 'gm'))].map((line) => line[1]);
const env = Object.fromEntries(said('ENV').flatMap((line) => line.split(' ').map((pair) => pair.split('='))));
const [user] = said('USER'), [program] = JSON.parse(said('ENTRYPOINT')[0]), health = JSON.parse(said('HEALTHCHECK CMD')[0]);
const id = Number(user.split(':')[0]);

before(() => assert.equal(process.getuid(), 0, 'chroot takes root: run these tests as root'));

async function image(devices) {
  const root = temporary();
  chmodSync(root, 0o755);
  for (const directory of ['data', 'secrets', 'dev']) mkdirSync(path.join(root, directory));
  copyFileSync(BIN, path.join(root, program));
  for (const [name, text] of [['secret', SECRET], ['api-key', KEY]]) writeFileSync(path.join(root, 'secrets', name), text);
  chownSync(path.join(root, 'data'), id, id);
  chmodSync(path.join(root, 'data'), 0o700);
  for (const [name, minor] of devices) {
    assert.equal((await run('mknod', ['-m', '666', path.join(root, 'dev', name), 'c', '1', minor])).code, 0);
  }
  return root;
}

// Before that root is removed: as process 1 of a name space of its own, as that user.
const inside = (root) => ['unshare', '--pid', '--fork', '--kill-child', 'chroot', `--userspec=${user}`, root];

test('it serves from an empty root as process 1, is found healthy, and drains on SIGTERM', async (t) => {
  const root = await image([['null', '3'], ['urandom', '9']]);
  const server = new Server({ wrapper: inside(root), binary: program, env: { ...env, PUSHSSE_SECRET: undefined, PUSHSSE_API_KEY: undefined } });
  t.after(() => server.exited ?? server.kill());
  await server.ready();
  const [own] = readFileSync(`/proc/${server.child.pid}/task/${server.child.pid}/children`, 'latin1').split(' ').map(Number);
  const status = readFileSync(`/proc/${own}/status`, 'latin1');
  assert.match(status, new RegExp(`^Uid:\\t${id}\\t${id}\\t${id}\\t${id}$`, 'm'));
  assert.match(status, /^NSpid:\t\d+\t1$/m);
  assert.doesNotMatch(server.log, /level=warn/);
  assert.equal((await server.publish({ to: 'u', content: 'x' })).status, 'offline');
  const checked = await run('chroot', [`--userspec=${user}`, root, ...health, '--listen', server.public]);
  assert.deepEqual([checked.code, checked.stdout], [0, 'ok\n'], checked.stderr);
  const stream = await server.stream('u');
  server.leaving = true;
  process.kill(own, 'SIGHUP');
  await eventually(() => server.log.includes('event=reloaded'), 'SIGHUP reaches process 1');
  process.kill(own, 'SIGTERM');
  await server.stop();
  assert.match(server.log, /event=draining streams=1/);
  stream.close();
  const gone = await run('chroot', [`--userspec=${user}`, root, ...health, '--listen', server.public]);
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /^pushsse: health: .*refused\n$/);
});

test('without /dev/urandom it says so, and without /dev/null it is no worse', async () => {
  const root = await image([]);
  const got = await run('chroot', [`--userspec=${user}`, root, program], { env: { ...cleanEnv, ...env } });
  assert.deepEqual([got.code, got.stderr], [1, 'pushsse: cannot read /dev/urandom: No such file or directory\n']);
  assert.equal((await run('chroot', [root, program, '--version'])).code, 0);
});
