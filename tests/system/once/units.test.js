// The units: sound, shut in, and not so far that the server could not work. (Not with sanitizers, whose system calls are others.)
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { BIN, pushsse, run, serve, temporary } from '../server.js';
import { eventually } from '../wire.js';

const deploy = (name) => path.join(import.meta.dirname, '../../../deploy', name);

test('the units are sound, and the service is shut in: systemd-analyze', async (t) => {
  const home = temporary();
  const service = readFileSync(deploy('pushsse.service'), 'utf8');
  // What is not on this machine: the program, its user, its man page.
  writeFileSync(path.join(home, 'pushsse.service'), service.replace('ExecStart=pushsse', `ExecStart=${BIN}`).replace('User=pushsse', 'User=daemon').replace(/^Documentation=.*\n/m, ''));
  writeFileSync(path.join(home, 'pushsse.socket'), readFileSync(deploy('pushsse.socket')));
  const verify = await run('systemd-analyze', ['verify', path.join(home, 'pushsse.service'), path.join(home, 'pushsse.socket')]);
  assert.deepEqual([verify.code, verify.stdout, verify.stderr], [0, '', '']);
  const security = await run('systemd-analyze', ['security', '--offline=true', '--threshold=15', '--no-pager', deploy('pushsse.service')]);
  assert.equal(security.code, 0, security.stdout);
  const score = /Overall exposure level for pushsse.service: ([\d.]+)/.exec(security.stdout);
  t.diagnostic(`systemd-analyze security: ${score[1]} of 10, 15 tenths allowed`);
});

test('the service\'s options are options, and its filter lets through every system call that the server makes', async (t) => {
  const home = temporary(), trace = path.join(home, 'trace');
  const conf = readFileSync(deploy('pushsse.conf'), 'utf8') + readFileSync(deploy('pushsse.service'), 'utf8');
  const help = (await pushsse(['--help'])).stdout;
  for (const [, name] of conf.matchAll(/PUSHSSE_([A-Z_]+)=/g))
    assert.ok(help.includes(`--${name.toLowerCase().replaceAll('_', '-')} `), `${name} is an option`);
  const sets = {};
  const expand = async (set) => {
    if (sets[set]) return [];
    const { code, stdout } = await run('systemd-analyze', ['syscall-filter', '--no-pager', set]);
    assert.equal(code, 0, set);
    sets[set] = stdout.split('\n').slice(1).map((line) => line.trim()).filter((line) => line && !line.startsWith('#'));
    return (await Promise.all(sets[set].map((call) => (call.startsWith('@') ? expand(call) : [call])))).flat();
  };
  const allowed = new Set(await expand('@system-service'));
  for (const set of ['@privileged', '@resources']) {
    delete sets[set];
    for (const call of await expand(set)) allowed.delete(call);
  }
  const server = await serve({ wrapper: ['strace', '-f', '-qq', '-e', 'signal=none', '-o', trace], args: ['--data-dir', path.join(home, 'data')] }, t);
  const stream = await server.stream('u');
  await server.publish({ to: 'u', content: 'x' });
  await server.poll('u', { wait: 0 });
  stream.close();
  server.kill = () => {};
  const child = Number(/^(\d+)/.exec(readFileSync(trace, 'latin1'))[1]);
  process.kill(child, 'SIGHUP');
  await eventually(() => server.log.includes('event=reloaded'), 'reloaded');
  process.kill(child, 'SIGTERM');
  server.leaving = true;
  await server.stop();
  const made = new Set([...readFileSync(trace, 'latin1').matchAll(/^\d+ +(\w+)\(/gm)].map(([, call]) => call));
  assert.ok(made.has('sendmsg') || made.has('sendto'));
  // Raising a limit may be refused (EPERM): the unit has set it.
  assert.deepEqual([...made].filter((call) => !allowed.has(call) && !['setrlimit', 'prlimit64'].includes(call)), []);
});
