// The command line, the environment, listeners, signals, and a machine that runs out of descriptors.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { KEY, SECRET, Server, form, pushsse, run, serve, temporary, token } from './server.js';
import { assertRefused, eventually, request } from './wire.js';

const secrets = { PUSHSSE_SECRET: SECRET, PUSHSSE_API_KEY: KEY };
const keyless = { PUSHSSE_SECRET: undefined, PUSHSSE_API_KEY: undefined };
const quiet = ['--first-ping', '30s', '--heartbeat', '30s'];
const free = ['--listen', '127.0.0.1:0', '--api-listen', '127.0.0.1:0'];

const OPTIONS = ['--listen', '--api-listen', '--socket-mode', '--user', '--core-dumps', '--secret-file', '--api-key-file', '--api-open', '--history-ttl', '--history-count', '--history-bytes', '--data-dir', '--fsync', '--journal-bytes',
  '--cors-origin', '--max-lag', '--max-age', '--log-level', '--log-format', '--heartbeat', '--first-ping', '--retry', '--send-timeout', '--request-timeout',
  '--idle-timeout', '--max-streams', '--max-streams-per-uid', '--max-connections-per-ip', '--trusted-proxy', '--max-message', '--request-memory', '--workers', '--drain', '--www', '--demo', '--help', '--version'];

// It ends with one line on stderr that names what is wrong, and that holds no secret.
async function complains(args, env, mention, code) {
  const got = await pushsse(args, env);
  assert.match(got.stderr, /^[^\n]+\n$/, `one line, for ${args.join(' ')}`);
  assert.match(got.stderr, mention);
  assert.ok(!got.stderr.includes(SECRET) && !got.stderr.includes(KEY));
  if (code === undefined) assert.ok(Number.isInteger(got.code) && got.code !== 0, `status ${got.code}`);
  else assert.equal(got.code, code, got.stderr);
}

test('--help lists every option in 100 columns, --version says which one it is', async () => {
  const help = await pushsse(['--help']);
  assert.deepEqual([help.code, help.stderr], [0, '']);
  for (const option of OPTIONS) assert.match(help.stdout, new RegExp(`(^|[\\s,|/[])${option}(?![\\w-])`, 'm'), option);
  assert.match(help.stdout, /\btoken\b/);
  for (const line of help.stdout.split('\n')) assert.ok([...line].length <= 100, line);
  const version = await pushsse(['--version']);
  assert.equal(version.code, 0);
  assert.match(version.stdout, /^pushsse \d\S*\n$/);
});

test('an unknown or malformed option ends with 2 and one line that names it', async () => {
  for (const [option, ...value] of [
    ['--nonsense'], ['--secret', SECRET], ['--api-key', KEY], ['-x'], ['stray'], ['--listen'], ['--listen', 'nonsense'], ['--socket-mode', '0'], ['--socket-mode', '688'], ['--socket-mode', '1777'], ['--socket-mode', 'u+w'], ['--listen', '127.0.0.1:99999'],
    ['--listen', 'unix:'], ['--api-listen', ':'], ['--heartbeat', 'soon'], ['--heartbeat', '-1s'], ['--heartbeat', '5parsecs'], ['--heartbeat', ''],
    ['--heartbeat', '99999999999999999999d'], ['--max-streams', 'many'], ['--max-streams', '-1'], ['--history-bytes', '1X'], ['--max-message', '1.5.2M'], ['--max-message', '65M'],
    ['--workers', '0'], ['--workers', '1000000'], ['--history-count', '1k k'], ['--log-level', 'shout'], ['--log-format', 'xml'], ['--cors-origin', 'no-origin'], ['--demo', 'stray'],
  ]) await complains([option, ...value], secrets, new RegExp(option === '--demo' ? 'stray' : option), 2);
});

test('what is out of bounds is told them', async () => {
  for (const [option, value, bounds] of [
    ['--heartbeat', '0', 'from 10ms to 1d'], ['--retry', '2d', 'from 1ms to 1d'], ['--max-age', '1000d', 'from 0 to 366d'],
    ['--max-lag', '1k', 'from 16k to 32G'], ['--max-message', '65M', 'from 1 to 64M'], ['--workers', '0', 'from 1 to 64'],
  ]) await complains([option, value], secrets, new RegExp(`^pushsse: ${option}: '${value}' is not .*, ${bounds}$`, 'm'), 2);
  await complains(Array(65).fill('--cors-origin=https://site.test'), secrets, /^pushsse: --cors-origin: more than 64 of them$/m, 2);
});

test('every option has its twin in the environment, and the command line wins', async (t) => {
  const env = { PUSHSSE_HEARTBEAT: '7s', PUSHSSE_MAX_MESSAGE: '1k', PUSHSSE_CORS_ORIGIN: 'https://site.test', PUSHSSE_FIRST_PING: '30s' };
  const byEnv = await serve({ env }, t);
  assert.equal((await byEnv.stream('env')).hello.heartbeat, 7000);
  assertRefused(await byEnv.tryPublish({ content: 'x'.repeat(2000) }), 413);
  assert.equal((await byEnv.get('/healthz', { origin: 'https://site.test' })).headers['access-control-allow-origin'], 'https://site.test');
  const byBoth = await serve({ env, args: ['--heartbeat', '1m'] }, t);
  assert.equal((await byBoth.stream('env')).hello.heartbeat, 60_000);
  for (const [name, value] of [['PUSHSSE_HEARTBEAT', 'soon'], ['PUSHSSE_LISTEN', 'nonsense'], ['PUSHSSE_HISTORY_BYTES', '1X']])
    await complains(name === 'PUSHSSE_LISTEN' ? [] : free, { ...secrets, [name]: value }, new RegExp(`${name}|${name.slice(8).toLowerCase().replace('_', '-')}`), 2);
});

test('durations take units, bare ones are seconds', async (t) => {
  for (const [text, heartbeat] of [['2500ms', 2500], ['2s', 2000], ['3', 3000], ['1h', 3_600_000]]) {
    const own = await serve({ args: ['--heartbeat', text] }, t);
    assert.equal((await own.stream('units')).hello.heartbeat, heartbeat, text);
    await own.stop();
  }
});

test('without a secret it does not start, and names the option', async () => {
  await complains(free, { PUSHSSE_API_KEY: KEY }, /--secret-file/, 2);
  await complains(free, { PUSHSSE_API_KEY: KEY, PUSHSSE_SECRET: '' }, /secret/i);
  await complains(['token', 'anna'], {}, /^pushsse: no keys: give --secret-file FILE, or PUSHSSE_SECRET in the environment$/m);
  await complains([...free, '--secret-file', '/nonexistent/secret'], { PUSHSSE_API_KEY: KEY }, /\/nonexistent\/secret/);
  await complains([...free, '--api-key-file', '/nonexistent/key'], { PUSHSSE_SECRET: SECRET }, /\/nonexistent\/key/);
});

test('what could be waited for, a pipe or a terminal, is refused as a file of keys: the start waits for nobody', async () => {
  const pipe = path.join(temporary(), 'pipe');
  await run('mkfifo', [pipe]);
  await complains([...free, '--secret-file', pipe], { PUSHSSE_API_KEY: KEY }, new RegExp(`${pipe}: not a regular file`), 1);
  await complains([...free, '--api-key-file', pipe], { PUSHSSE_SECRET: SECRET }, new RegExp(`${pipe}: not a regular file`), 1);
  await complains(['token', 'anna', '--secret-file', '/dev/ptmx'], {}, /\/dev\/ptmx: not a regular file/);
});

test('without an API key it does not start, and names the option; with --api-open there is to be none', async () => {
  await complains(free, { PUSHSSE_SECRET: SECRET }, /--api-key-file/, 2);
  const file = path.join(temporary(), 'key');
  writeFileSync(file, `${KEY}\n`);
  await complains([...free, '--api-open', '--api-key-file', file], { PUSHSSE_SECRET: SECRET }, /--api-open.*--api-key-file/, 2);
  await complains([...free, '--api-open'], secrets, /--api-open and PUSHSSE_API_KEY: which of the two\?/, 2);
});

test('--api-open is for a loopback or unix listener alone', async (t) => {
  for (const address of ['0.0.0.0:0', '[::]:0'])
    await complains(['--listen', '127.0.0.1:0', '--api-listen', address, '--api-open'], { PUSHSSE_SECRET: SECRET }, /--api-open/);
  for (const apiListen of ['127.0.0.1:0', `unix:${temporary()}/api`]) {
    const open = await serve({ args: ['--api-open'], apiListen, env: { PUSHSSE_API_KEY: undefined } }, t);
    assert.equal((await open.tryPublish({ content: 'x' }, { authorization: undefined, host: 'localhost' })).json.status, 'ok');
  }
});

test('--api-open is not for pages of other origins in a browser of that machine, nor for names that were pointed at it', async (t) => {
  const open = await serve({ args: ['--api-open', '--cors-origin', 'https://listed.example'], env: { PUSHSSE_API_KEY: undefined } }, t);
  const own = `http://${open.api}`, port = open.api.split(':')[1];
  const good = [{}, { 'sec-fetch-site': 'none' }, { 'sec-fetch-site': 'same-origin', origin: own }, { origin: own }, { host: `localhost:${port}` },
    { host: 'LOCALHOST' }, { host: `[::1]:${port}` }, { host: '127.9.9.9' }];
  const bad = [{ 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site', origin: own }, { origin: 'https://other.example' }, { origin: 'null' },
    { origin: 'https://listed.example' }, { origin: `http://rebound.example:${port}`, host: `rebound.example:${port}`, 'sec-fetch-site': 'same-origin' },
    { host: '127.0.0.1.rebound.example' }, { host: 'localhost.rebound.example' }, { host: `0.0.0.0:${port}` }];
  for (const headers of [...good, ...bad]) {
    const status = good.includes(headers) ? 200 : 403, shown = JSON.stringify(headers);
    for (const [method, target] of [['POST', '/publish'], ['POST', '/disconnect'], ['GET', '/online'], ['GET', '/stats'], ['GET', '/metrics']]) {
      const body = method === 'POST' ? 'uid=u&content=x' : undefined;
      const answer = await open.call('api', method, target, { headers: { host: open.api, 'content-type': form, ...headers }, body });
      assert.equal(answer.status, status, `${method} ${target} ${shown}`);
      if (status === 403) assert.deepEqual(answer.json, { error: 'origin_not_allowed' });
    }
    const compat = await open.call('api', 'GET', '/?type=publish&content=x', { headers: { host: open.api, ...headers } });
    assert.deepEqual([compat.status, compat.body], [status, status === 200 ? 'ok' : 'fail'], shown);
  }
  const unix = await serve({ args: ['--api-open'], apiListen: `unix:${temporary()}/api`, env: { PUSHSSE_API_KEY: undefined } }, t);
  assert.equal((await unix.call('api', 'GET', '/stats', { headers: { host: 'pushsse' } })).status, 200);
  assert.equal((await unix.call('api', 'GET', '/stats', { headers: { host: 'pushsse', origin: 'https://other.example' } })).status, 403);
});

test('both listeners may be unix sockets, and a socket that a crash left behind is taken over', async (t) => {
  const directory = temporary();
  const [listen, apiListen] = [`unix:${directory}/public`, `unix:${directory}/api`];
  const crashed = new Server({ listen, apiListen });
  await crashed.ready();
  crashed.kill();
  await crashed.exit;
  const own = await serve({ listen, apiListen, args: quiet }, t);
  assert.deepEqual([own.public, own.api], [listen, apiListen]);
  const stream = await own.stream('unix');
  const { stdout } = await run('curl', ['-sS', '--unix-socket', `${directory}/api`, '-H', `Authorization: Bearer ${KEY}`, '-d', 'to=unix&content=x', 'http://x/publish']);
  assert.equal(JSON.parse(stdout).streams, 1);
  assert.deepEqual(await stream.data(1), ['x']);
  await complains(['--listen', listen, '--api-listen', '127.0.0.1:0'], secrets, /public/);
  assert.equal((await own.get('/healthz')).status, 200, 'a socket that is in use is left alone');
  await own.stop();
  assert.ok(!existsSync(`${directory}/public`), 'it takes its sockets away');
});

test('IPv6 literals work for both listeners', async (t) => {
  const own = await serve({ listen: '[::1]:0', apiListen: '[::1]:0', args: quiet }, t);
  const stream = await own.stream('six');
  await own.publish({ to: 'six', content: 'x' });
  assert.deepEqual(await stream.data(1), ['x']);
});

test('an address that is in use is named', async (t) => {
  const own = await serve({}, t);
  await complains(['--listen', own.public, '--api-listen', '127.0.0.1:0'], secrets, new RegExp(own.public));
  await complains(['--listen', '127.0.0.1:0', '--api-listen', own.api], secrets, new RegExp(own.api));
});

test('SIGTERM gives each stream a retry of its own and pushsse.busy, ends polls, and exits 0', async (t) => {
  const own = await serve({ args: ['--drain', '400ms', ...quiet] }, t);
  const streams = await Promise.all(Array.from({ length: 12 }, (_, i) => own.stream(`drain-${i}`)));
  const poller = await own.connect();
  poller.send(request('GET', own.pollTarget('drain-0', { position: streams[0].cursor, wait: 50 })));
  await own.settled('drain-0', 2);
  own.terminate();
  for (const stream of streams) {
    await stream.next('pushsse.busy');
    await stream.closed();
    assert.equal(stream.retries.length, 2);
  }
  await poller.until(() => poller.ended || poller.bytes.includes('\r\n\r\n'), 'the end of the poll');
  assert.equal(await own.exit, 0);
  const retries = streams.map(({ retries: [, last] }) => last);
  assert.ok(new Set(retries).size > 3, 'they do not all come back at once');
  assert.ok(retries.every((retry) => retry >= 2000 && retry <= 4000), `${retries}`);
});

test('SIGINT drains too, and a server without streams leaves at once', async () => {
  const own = await serve({ args: ['--drain', '60s'] });
  own.terminate('SIGINT');
  assert.equal(await eventually(() => own.exited !== undefined && `status ${own.exited}`, 'it left'), 'status 0');
});

test('a second signal exits at once', async () => {
  const own = new Server({ args: ['--drain', '60s', ...quiet] });
  await own.ready();
  const streams = await Promise.all(Array.from({ length: 20 }, () => own.stream('stubborn')));
  own.terminate();
  await eventually(() => streams.some(({ wire }) => wire.ended), 'it drains'); // two signals of one kind at one time are one
  assert.equal(own.exited, undefined, 'it goes on draining');
  own.terminate();
  await eventually(() => own.exited !== undefined, 'it left');
  streams.forEach((stream) => stream.close());
  own.assertLogClean();
});

test('a client or a server that vanishes does not end it (SIGPIPE, resets)', async (t) => {
  const own = await serve({ args: quiet }, t);
  for (let i = 0; i < 20; i++) {
    const stream = await own.stream('reset');
    stream.wire.socket.resetAndDestroy();
    await own.publish({ to: 'reset', content: 'x'.repeat(100_000) });
  }
  assert.equal((await own.get('/healthz')).status, 200);
});

test('out of descriptors it goes on: those who are there are served, others wait or are told', async (t) => {
  const own = await serve({ args: quiet, wrapper: ['sh', '-c', 'ulimit -n 64 && exec "$0" "$@"'] }, t);
  const stream = await own.stream('early');
  const keeper = await own.connect('api');
  const publish = (content) => keeper.exchange(request('POST', '/publish', {
    headers: { authorization: `Bearer ${KEY}`, 'content-type': form }, body: `to=early&content=${content}` }));
  assert.equal((await publish('1')).status, 200);
  const crowd = await Promise.all(Array.from({ length: 120 }, () => own.connect()));
  for (const wire of crowd) wire.send(request('GET', `/events?token=${token('crowd')}`));
  assert.equal((await publish('2')).json.streams, 1);
  assert.deepEqual(await stream.data(2), ['1', '2']);
  crowd.forEach((wire) => wire.close());
  await own.settled('crowd', 0);
  await own.stream('late');
  const [user, system] = readFileSync(`/proc/${own.child.pid}/stat`, 'utf8').replace(/.*\) /, '').split(' ').slice(11, 13); // in 1/100 s
  assert.ok(Number(user) + Number(system) < 200, 'it does not spin meanwhile');
});

test('of more streams than descriptors allow, each is told', async (t) => {
  const own = await serve({ args: quiet, wrapper: ['sh', '-c', 'ulimit -n 64 && exec "$0" "$@"'] }, t);
  const crowd = await Promise.all(Array.from({ length: 60 }, (_, i) => own.stream(`crowd ${i}`)));
  const told = (event) => crowd.filter(({ first }) => first.event === event);
  const [open, busy] = [told('pushsse.hello'), told('pushsse.busy')];
  assert.equal(open.length + busy.length, crowd.length);
  assert.ok(open.length >= 8 && busy.length >= 8, `${open.length} are open, ${busy.length} were told`);
  for (const stream of busy) await stream.closed();
  assert.equal((await own.publish({ content: 'x' })).streams, open.length);
  for (const stream of open) assert.deepEqual(await stream.data(1), ['x']);
});

test('--log-level keeps quiet what is below it', async (t) => {
  const own = await serve({ args: ['--log-level', 'info'] }, t);
  await own.stream('talkative');
  await eventually(() => own.log.includes('talkative'), 'a line for a stream');
  for (const line of own.log.trimEnd().split('\n')) assert.match(line, /^([^\s=]+ )*([a-z_]+=("([^"\\]|\\.)*"|\S*)( |$))+$/, 'key=value');
});

test('--demo prints a URL that opens and a curl line that publishes', async (t) => {
  const demo = await serve({ args: ['--demo', ...quiet], logged: false, env: keyless }, t);
  const said = () => demo.output + demo.log;
  const url = await eventually(() => /http:\/\/\S+/.exec(said())?.[0], 'a URL');
  const line = await eventually(() => /(curl .*(?:\\\n.*)*)/.exec(said())?.[1], 'a curl line');
  const page = await fetch(url);
  assert.equal(page.status, 200);
  assert.match(page.headers.get('content-type'), /^text\/html/);
  assert.match(await page.text(), /<script/);
  const made = /eyJ[\w-]+\.[\w-]+\.[\w-]+/.exec(url)?.[0] ?? assert.fail(`no token in ${url}`);
  const stream = await demo.stream(null, { token: made });
  const { code, stdout, stderr } = await run('sh', ['-c', line]);
  assert.equal(code, 0, stderr);
  assert.match(stdout, /"status":"ok"/);
  await stream.next('message');
});

test('--demo makes up secret and key, so it does not start with one that was given, and names both', async () => {
  for (const [args, env, name] of [
    [['--secret-file', 'secret'], {}, '--secret-file .*'], [['--api-key-file', 'key'], {}, '--api-key-file .*'],
    [[], { PUSHSSE_SECRET_FILE: 'secret' }, '--secret-file .PUSHSSE_SECRET_FILE.'], [[], { PUSHSSE_SECRET: SECRET }, 'PUSHSSE_SECRET'], [[], { PUSHSSE_API_KEY: KEY }, 'PUSHSSE_API_KEY'],
  ]) await complains([...free, '--demo', ...args], env, new RegExp(`^pushsse: --demo and ${name}: which of the two\\?`), 2);
});

test('an empty secret or key in the environment is none', async (t) => {
  const empty = { PUSHSSE_SECRET: '', PUSHSSE_API_KEY: '' };
  await complains(free, empty, /^pushsse: no secret: give --secret-file FILE/, 2);
  await serve({ args: ['--demo'], logged: false, env: empty }, t);
});

test('what only --demo has is not there without it', async (t) => {
  const plain = await serve({}, t);
  const demo = await serve({ args: ['--demo'], logged: false, env: keyless }, t);
  const page = await (await fetch(`http://${demo.public}/`)).text();
  const paths = new Set([...page.matchAll(/["'](\/?demo[\w/.-]*)["']/g)].map(([, found]) => `/${found.replace(/^\//, '')}`));
  for (const target of ['/demo/publish', ...paths]) {
    const { status } = await plain.call('public', 'POST', target, { headers: { 'content-type': form }, body: 'content=x' });
    assert.ok([404, 405].includes(status), `${target}: ${status}`);
  }
});

test('--www serves the pages of --demo from a directory, and nothing else of it or beside it', async (t) => {
  const directory = temporary();
  for (const name of ['demo.html', 'demo.css', 'demo.js', 'other.html']) writeFileSync(path.join(directory, name), `/* my ${name} */`);
  writeFileSync(path.join(path.dirname(directory), `${path.basename(directory)}.outside`), 'outside');
  t.after(() => rmSync(`${directory}.outside`));
  const own = await serve({ args: ['--www', directory, '--demo'], logged: false, env: keyless }, t);
  for (const [target, name, type] of [['/', 'demo.html', 'text/html'], ['/demo.css', 'demo.css', 'text/css'], ['/demo.js', 'demo.js', 'text/javascript']]) {
    const { body, headers } = await own.get(target);
    assert.deepEqual([body, headers['content-type']], [`/* my ${name} */`, `${type}; charset=utf-8`]);
  }
  writeFileSync(path.join(directory, 'demo.js'), 'edited');
  assert.equal((await own.get('/demo.js')).body, 'edited');
  rmSync(path.join(directory, 'demo.css'));
  assert.equal((await own.get('/demo.css')).status, 404);
  await run('mkfifo', [path.join(directory, 'demo.css')]);
  assert.equal((await own.get('/demo.css')).status, 404, 'nobody waits for a pipe');
  const plain = await serve({ args: ['--www', directory] }, t);
  assert.equal((await plain.get('/')).status, 404, 'under --demo alone');
  for (const target of ['/other.html', `/../${path.basename(directory)}.outside`, `/%2e%2e/${path.basename(directory)}.outside`, '/..%2f..%2fetc/passwd', '/../../../../etc/passwd', '//etc/passwd'])
    assert.ok([400, 404].includes((await own.get(target)).status), target);
  await complains([...free, '--www', '/nonexistent/www'], secrets, /\/nonexistent\/www/);
});
