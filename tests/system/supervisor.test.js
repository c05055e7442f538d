// What systemd passes and is told, by its own systemd-socket-activate, and by a datagram socket for readiness.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { BIN, KEY, SECRET, Server, cleanEnv, run, serve, temporary } from './server.js';
import { Wire, eventually, request } from './wire.js';

const exists = (file) => statSync(file, { throwIfNoEntry: false })?.isSocket() === true;

// A datagram socket at a path, or abstract as @name; node has none. `told` grows with what it is told.
async function listener(t, address) {
  const child = spawn('perl', ['-MSocket', '-e', `
    $| = 1; socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die; my $a = shift; $a =~ s/^@/\\0/;
    bind($s, pack_sockaddr_un($a)) or die "bind: $!"; print "bound\\n";
    while (defined recv($s, my $m, 4096, 0)) { $m =~ s/\\n/|/g; print "$m\\n" }`, address]);
  t.after(() => child.kill('SIGKILL'));
  const told = [];
  child.stdout.on('data', (text) => told.push(...String(text).split('\n').filter(Boolean)));
  await eventually(() => told[0] === 'bound', 'it is bound');
  told.shift();
  return told;
}

for (const kind of ['a path', 'an abstract name'])
  test(`readiness, a reload and the end are told to ${kind}`, async (t) => {
    const home = temporary();
    const address = kind === 'a path' ? path.join(home, 'notify') : `@pushsse-test-${process.pid}`;
    const told = await listener(t, address);
    const server = await serve({ env: { NOTIFY_SOCKET: address } }, t);
    await eventually(() => told.length === 1, 'READY');
    const usec = () => Number(/^([\d.]+)/.exec(readFileSync('/proc/uptime', 'latin1'))[1]) * 1e6;
    const before = usec() - 20000;
    server.child.kill('SIGHUP');
    await eventually(() => told.length === 3, 'RELOADING and READY');
    await server.stop();
    await eventually(() => told.length === 4, 'STOPPING');
    const since = /^RELOADING=1\|MONOTONIC_USEC=(\d+)$/.exec(told[1]);
    assert.ok(since && since[1] >= before && since[1] <= usec() + 20000, `${told[1]}, at ${before}`);
    assert.deepEqual([told[0], told[2], told[3]], ['READY=1', 'READY=1', 'STOPPING=1']);
  });

test('nobody listening, or a name that is none, is no hindrance', async (t) => {
  for (const address of ['/nonexistent/notify', '@', 'relative', '', `/${'x'.repeat(300)}`]) {
    const server = await serve({ env: { NOTIFY_SOCKET: address } }, t);
    await server.stop();
  }
});

// The server as systemd starts it: on the first connection to one of these sockets.
async function activated(t, sockets, { names, args = [], key = KEY } = {}) {
  const server = new Server({ wrapper: ['systemd-socket-activate', ...sockets.flatMap((at) => ['-l', at]),
    ...(names ? [`--fdname=${names}`] : []), '-E', `PUSHSSE_SECRET=${SECRET}`, '-E', `PUSHSSE_API_KEY=${key}`], args });
  t.after(() => server.stop());
  await eventually(() => (server.log.match(/Listening on/g) ?? []).length === sockets.length || server.exited !== undefined, 'it listens');
  return server;
}

// Ports that nobody has just now.
async function ports(n) {
  const { createServer } = await import('node:net');
  const probes = await Promise.all(Array.from({ length: n }, () => new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => resolve(probe));
  })));
  const found = probes.map((probe) => probe.address().port);
  await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))));
  return found;
}

test('sockets that were passed are served, in their order, and the connection that woke it is answered', async (t) => {
  const file = path.join(temporary(), 'public.sock'), [port] = await ports(1);
  const server = await activated(t, [file, `127.0.0.1:${port}`]);
  const first = await Wire.connect(`unix:${file}`);
  const answer = await first.exchange(request('GET', '/healthz', { headers: { connection: 'close' } }), { method: 'GET' });
  assert.equal(answer.status, 200);
  await server.ready();
  assert.deepEqual([server.public, server.api], [`unix:${file}`, `127.0.0.1:${port}`]);
  assert.equal((await server.publish({ content: 'x' })).status, 'ok');
  await server.stop();
  assert.ok(exists(file), 'the file is not pushsse\'s to remove');
});

test('by their names they may come in any order, and one alone is enough', async (t) => {
  const [one, other, third] = await ports(3);
  const both = await activated(t, [`127.0.0.1:${one}`, `127.0.0.1:${other}`], { names: 'api:public' });
  (await Wire.connect(`127.0.0.1:${one}`)).close();
  await both.ready();
  assert.deepEqual([both.public, both.api], [`127.0.0.1:${other}`, `127.0.0.1:${one}`]);
  const api = await activated(t, [`127.0.0.1:${third}`], { names: 'api' });
  (await Wire.connect(`127.0.0.1:${third}`)).close();
  await api.ready();
  assert.equal(api.api, `127.0.0.1:${third}`);
  assert.equal((await api.get('/healthz')).status, 200, 'the public one is of its own');
});

test('what is passed wrongly ends it with a line that says so', async (t) => {
  const refused = async (setup, mention, args = []) => {
    const script = `${setup}; exec "$@"`;
    const got = await run('bash', ['-c', `export LISTEN_PID=$$; ${script}`, 'bash', BIN, '--listen', '127.0.0.1:0', '--api-listen', '127.0.0.1:0', ...args],
      { env: { ...cleanEnv, PUSHSSE_SECRET: SECRET, PUSHSSE_API_KEY: KEY } });
    assert.equal(got.code, 1, got.stderr);
    assert.match(got.stderr, mention);
  };
  await refused('export LISTEN_FDS=1', /LISTEN_FDS: descriptor 3: Bad file descriptor/);
  await refused('export LISTEN_FDS=1; exec 3</dev/null', /descriptor 3: .*(not a socket|Socket operation)/i);
  // An --api-open server on a socket that is not local.
  const [port] = await ports(1);
  const open = await activated(t, [`0.0.0.0:${port}`], { names: 'api', args: ['--api-open'], key: '' });
  (await Wire.connect(`127.0.0.1:${port}`)).close();
  assert.equal(await open.exit, 1);
  assert.match(open.log, /--api-open does not go with .*0\.0\.0\.0/);
  open.stop = () => {};
});

test('sockets meant for another process are left alone', async (t) => {
  const server = await serve({ env: { LISTEN_PID: '1', LISTEN_FDS: '2', LISTEN_FDNAMES: 'api:public' } }, t);
  await server.publish({ content: 'x' });
});

test('a restart refuses nobody: who connects meanwhile is served by the next one', async (t) => {
  const [port, apiPort] = await ports(2);
  // A supervisor in ten lines: two sockets, and one server on them after the other.
  const supervisor = spawn('perl', ['-MSocket', '-MPOSIX', '-e', `
    $^F = 9; my @s; for my $p (${port}, ${apiPort}) { socket(my $s, AF_INET, SOCK_STREAM, 0) or die; setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
      bind($s, pack_sockaddr_in($p, INADDR_LOOPBACK)) or die; listen($s, 100) or die; push @s, $s }
    for (1..2) { my $pid = fork // die; if (!$pid) { POSIX::dup2(fileno($s[$_]), 20 + $_) for 0..1; POSIX::dup2(20 + $_, 3 + $_) for 0..1;
        $ENV{LISTEN_PID} = $$; $ENV{LISTEN_FDS} = 2; exec @ARGV or die }
      $SIG{TERM} = sub { kill TERM => $pid }; print STDERR "started $pid\\n"; waitpid $pid, 0; print STDERR "ended $pid $?\\n"; <STDIN> }`,
    BIN, '--drain', '100ms'], { env: { ...cleanEnv, PUSHSSE_SECRET: SECRET, PUSHSSE_API_KEY: KEY } });
  let log = '';
  supervisor.stderr.on('data', (text) => (log += text));
  t.after(() => {
    supervisor.kill('SIGKILL');
    for (const [, pid] of log.matchAll(/^started (\d+)$/gm))
      if (!log.includes(`ended ${pid} `)) process.kill(Number(pid), 'SIGKILL');
  });
  const count = (word) => log.split(word).length - 1;
  await eventually(() => count('event=listening') === 2, 'the first serves');
  supervisor.kill('SIGTERM');
  await eventually(() => /^ended \d+ 0$/m.test(log), 'the first has ended');
  const wire = await Wire.connect(`127.0.0.1:${port}`);
  const answer = wire.exchange(request('GET', '/healthz', { headers: { connection: 'close' } }), { method: 'GET' });
  supervisor.stdin.write('\n');
  assert.equal((await answer).status, 200);
  await eventually(() => count('event=listening') === 4, 'it was the next one that answered');
  supervisor.kill('SIGTERM');
  await eventually(() => /^ended \d+ 0$[^]*^ended \d+ 0$/m.test(log), 'the second has ended');
  supervisor.stdin.end('\n');
});
