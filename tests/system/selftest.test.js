// The self-test page in a real browser, straight and through nginx: what it finds out, and what it says is to be changed.
// SCREENSHOTS=directory leaves pictures of it there.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import path from 'node:path';
import { after, describe, test } from 'node:test';
import { browser } from './chromium.js';
import { Server, cleanEnv, query, run, serve, temporary, token } from './server.js';
import { PATIENCE, Wire, assertRefused, eventually } from './wire.js';

const SCALE = 0.02; // of all times that the page waits: its silences are 0.4 to 2.6 s then, instead of 20 to 130 s

// One nginx for all, a port for each way to set it up wrong.
const server = await serve({ args: ['--selftest', '--heartbeat', '300ms', '--first-ping', '200ms'] });
const sleepy = await serve({ args: ['--selftest'] }); // with the heartbeat of 15 s
const directory = temporary();
const proxied = {};
await startNginx({
  good: { ssl: true, more: 'proxy_buffering off; proxy_read_timeout 120s; gzip off;' },
  buffering: { more: 'proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;' },
  gzip: { more: 'gzip on; gzip_types *; gzip_min_length 0; gzip_proxied any;' },
  cutting: { more: 'proxy_read_timeout 1s;' },
  cuttingSleepy: { more: 'proxy_read_timeout 1s;', to: sleepy },
  stripping: { more: 'proxy_set_header Last-Event-ID "";' },
  elsewhere: { more: '', locations: '/selftest' },
});

function freePort() {
  return new Promise((resolve) => {
    const probe = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

async function startNginx(ways) {
  const made = await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=push.test', '-keyout', path.join(directory, 'key.pem'), '-out', path.join(directory, 'cert.pem')]);
  assert.equal(made.code, 0, made.stderr);
  mkdirSync(path.join(directory, 'temp'));
  const temps = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path temp/${name};`).join(' ');
  const servers = [];
  for (const [name, { ssl, more, to = server, locations = '/' }] of Object.entries(ways)) {
    const port = await freePort();
    proxied[name] = `${ssl ? 'https' : 'http'}://127.0.0.1:${port}/selftest`;
    servers.push(`server {
      listen 127.0.0.1:${port} ${ssl ? 'ssl http2' : ''};
      ${ssl ? 'ssl_certificate cert.pem; ssl_certificate_key key.pem;' : ''}
      location ${locations} { proxy_pass http://${to.public}; proxy_http_version 1.1; proxy_set_header Connection ""; ${more} }
    }`);
  }
  writeFileSync(path.join(directory, 'nginx.conf'), `
    daemon off;
    worker_processes 1;
    pid nginx.pid;
    error_log /dev/null emerg;
    ${process.getuid?.() === 0 ? `user ${process.env.USER ?? 'root'};` : ''}
    events { worker_connections 512; }
    http { ${temps} access_log off; ${servers.join('\n')} }`);
  const nginx = spawn('nginx', ['-p', directory, '-c', 'nginx.conf', '-e', 'stderr'], {
    env: { ...cleanEnv, PATH: `${cleanEnv.PATH}:/usr/sbin` }, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  nginx.stderr.on('data', (text) => (said += text));
  nginx.on('error', (error) => (said += error));
  const gone = new Promise((resolve) => nginx.on('close', resolve));
  const kill = () => nginx.kill('SIGTERM');
  nginx.unref(); // when a hook fails those behind it do not run, and this one must not keep the file from ending
  nginx.stderr.unref();
  process.once('exit', kill);
  after(() => (kill(), gone));
  await eventually(async () => {
    assert.equal(nginx.exitCode, null, said);
    return Wire.connect(new URL(proxied.good).host).then((wire) => (wire.close(), true), () => false);
  }, `nginx listens: ${said}`);
}

// At the end of a test: what was begun last ends first. (t.after() has it the other way round.)
const endings = new WeakMap();
function atEnd(t, end) {
  if (!endings.has(t)) {
    endings.set(t, []);
    t.after(async () => {
      for (const each of endings.get(t).reverse()) await each();
    });
  }
  endings.get(t).push(end);
}

// Opens the page. Nothing may go wrong in it but what is expected, nor anyone else be asked for anything.
async function open(t, url, { width = 1280, expected = /^$/ } = {}) {
  const page = await browser.newPage({ viewport: { width, height: 900 }, ignoreHTTPSErrors: true });
  const wrong = [];
  atEnd(t, async () => {
    await page.close();
    assert.deepEqual(wrong, []);
  });
  page.setDefaultTimeout(PATIENCE);
  page.on('console', (message) => message.type() === 'error' && !expected.test(message.text()) && wrong.push(message.text()));
  page.on('pageerror', (error) => wrong.push(String(error)));
  page.on('dialog', (dialog) => wrong.push(`dialog: ${dialog.message()}`) && dialog.dismiss());
  page.on('request', (request) => new URL(request.url()).origin === new URL(url).origin || wrong.push(request.url()));
  await page.goto(url);
  return page;
}

const start = (t, url, options) => open(t, `${url}#token=${token('selftest')}&scale=${SCALE}`, options);

async function screenshot(page, name) {
  if (!process.env.SCREENSHOTS) return;
  mkdirSync(process.env.SCREENSHOTS, { recursive: true });
  for (const colorScheme of ['light', 'dark']) {
    await page.emulateMedia({ colorScheme });
    await page.screenshot({ path: path.join(process.env.SCREENSHOTS, `${name}-${colorScheme}.png`), fullPage: true, animations: 'disabled' });
  }
}

const said = async (page) => Object.fromEntries(await page.locator('#checks > li').evaluateAll((items) => items.map((item) => [item.id, {
  state: item.dataset.state,
  value: item.querySelector('.value').textContent,
  words: item.querySelector('.words').innerText,
  fix: item.querySelector('.fix')?.textContent ?? '',
  first: item.querySelector('.fix dt')?.textContent ?? '',
}])));

// Waits for the end of the test, or for one verdict, and answers with what it says: {id: {state, value, words, fix}}.
// `instant`: how bytes do arrive; `exact`: whether times that the page has measured are those that they were. On a busy machine a
// browser may say otherwise: then it is run again.
async function verdicts(page, id = null, { instant, exact = () => true } = {}) {
  const given = id && page.locator(`#${id}:not([data-state=waiting], [data-state=running])`);
  for (let again = 0; ; again++) {
    await eventually(async () => (given && (await given.count())) || page.isVisible('#again'), `the verdict on ${id ?? 'everything'}`);
    const checks = await said(page);
    const { value, words } = checks.instant;
    const late = value === 'unevenly' || /^Of \d events/.test(words) || (instant && value !== instant) || !exact(checks);
    if (again === 3 || !late) return checks;
    await page.click('#again');
  }
}

// Waits until these are measured, or are not, since something was wrong before.
const silences = (page) => eventually(async () =>
  (await page.getAttribute('#silence', 'data-state')) === 'running' || page.isVisible('#again'), 'the silences');

const statesOf = (checks) => Object.fromEntries(Object.entries(checks).map(([id, { state }]) => [id, state]));
const allGood = { reach: 'good', version: 'good', instant: 'good', coding: 'good', resume: 'good', silence: 'good', age: 'good', poll: 'good' };

// A proxy that passes bytes on in its own way: nginx cannot do these.
async function oddProxy(t, pass, headers = {}, to = server) {
  const [host, port] = to.public.split(':');
  const proxy = http.createServer((request, answer) => {
    const upstream = http.request({ host, port, path: request.url, headers: request.headers }, (from) => {
      answer.writeHead(from.statusCode, { ...from.headers, ...headers });
      answer.flushHeaders();
      if (from.headers['content-type'] === 'text/event-stream') pass(from, answer, new URL(request.url, `http://${to.public}`));
      else from.pipe(answer);
    });
    upstream.on('error', () => answer.destroy());
    answer.on('close', () => upstream.destroy());
    upstream.end();
  }).listen(0, '127.0.0.1');
  atEnd(t, () => (proxy.closeAllConnections(), proxy.close()));
  await new Promise((resolve) => proxy.once('listening', resolve));
  return `http://127.0.0.1:${proxy.address().port}/selftest`;
}

// At the same time, since most of it is waiting.
describe('the self-test', { concurrency: 3 }, () => {
  // A page that looks good must not be right by chance: what it says is checked in the other tests.
  test('while the site publishes to everyone: no proxy is blamed for that, and one that buffers is', async (t) => {
    let going = true, publishing;
    atEnd(t, () => ((going = false), publishing)); // before the server ends
    const own = await serve({ args: ['--selftest'] }, t);
    publishing = (async () => { while (going) await own.publish({ content: 'news' }), await new Promise((resolve) => setTimeout(resolve, 40)); })();
    const page = await start(t, `http://${own.public}/selftest`);
    const checks = await verdicts(page, null, { instant: 'at once' });
    assert.deepEqual([checks.instant.state, checks.resume.state, checks.poll.state], ['good', 'good', 'good'], JSON.stringify(checks));
    assert.match(checks.instant.words, /\d+ messages came in the place of pings/);
    assert.equal(checks.silence.state, 'note');
    const buffers = await oddProxy(t, (from, answer) => { // all that came within two seconds together
      const kept = [];
      from.on('data', (bytes) => kept.push(bytes));
      const timer = setInterval(() => kept.length && answer.write(Buffer.concat(kept.splice(0))), 2_000);
      answer.on('close', () => clearInterval(timer));
    }, {}, own);
    const { instant } = await verdicts(await start(t, buffers), 'instant', { instant: 'in bursts' });
    assert.deepEqual([instant.state, instant.value], ['bad', 'in bursts'], instant.words);
  });

  test('straight: all is good, but HTTP/1.1 has six connections', async (t) => {
    const page = await start(t, `http://${server.public}/selftest`);
    await silences(page);
    await screenshot(page, 'running-wide');
    const checks = await verdicts(page, null, { instant: 'at once' });
    assert.deepEqual(statesOf(checks), { ...allGood, version: 'note' });
    assert.match(checks.version.value, /^HTTP\/1\.1$/);
    assert.match(checks.version.words, /six connections/);
    assert.match(checks.version.fix, /http2/);
    assert.match(checks.instant.words, /Of 1\d events, one each 100 ms/);
    assert.match(checks.silence.value, /^over 2\.6 s$/);
    assert.match(checks.silence.words, /--heartbeat is 300 ms/);
    assert.match(checks.reach.words, /No proxy names itself/);
    assert.match(checks.poll.words, /held for all the 2 s.*\n.*kept open/s);
    assert.match(await page.textContent('#summary'), /^It works\. HTTP\/2/);
    await eventually(async () => (await server.online('selftest')).selftest < 2, 'its streams are closed');
  });

  test('a page that cannot run in between blames no proxy for it', async (t) => {
    const page = await start(t, `http://${server.public}/selftest`);
    await page.evaluate(() => setInterval(() => {
      for (const end = performance.now() + 500; performance.now() < end;);
    }, 50));
    const { instant } = await verdicts(page, 'instant');
    assert.deepEqual([instant.state, instant.value], ['note', 'page was busy'], instant.words);
  });

  test('through nginx as the README has it, with HTTP/2: all good; the report holds no token', async (t) => {
    const page = await start(t, proxied.good);
    const checks = await verdicts(page, null, { instant: 'at once' });
    assert.deepEqual(statesOf(checks), allGood);
    assert.equal(checks.version.value, 'HTTP/2');
    assert.match(checks.reach.words, /Server: nginx/);
    assert.match(await page.textContent('#summary'), /^All good/);
    const report = await page.inputValue('#report');
    assert.match(report, /\[good\] The longest silence that survives: over 2\.6 s/);
    assert.doesNotMatch(report, /eyJ/);
    await screenshot(page, 'good-wide');
    await page.setViewportSize({ width: 390, height: 800 });
    await screenshot(page, 'good-phone');
  });

  test('a proxy that buffers is found, and the directive named, of nginx first', async (t) => {
    const page = await start(t, proxied.buffering);
    const checks = await verdicts(page, null, { instant: 'held back' });
    assert.deepEqual([checks.reach.state, checks.instant.state, checks.silence.value, checks.poll.state], ['good', 'bad', 'not measured', 'good']);
    assert.equal(checks.instant.value, 'held back');
    assert.equal(checks.instant.first, 'nginx');
    assert.match(checks.instant.fix, /proxy_buffering off;/);
    assert.match(checks.instant.fix, /proxy_ignore_headers with X-Accel-Buffering/);
    assert.match(await page.textContent('#summary'), /holds streams back.*Long-polling gets through/);
    await screenshot(page, 'bad-wide');
  });

  test('a proxy that compresses is found', async (t) => {
    const page = await start(t, proxied.gzip);
    const checks = await verdicts(page, 'coding');
    assert.equal(checks.coding.state, 'note');
    assert.equal(checks.coding.value, 'gzip');
    assert.match(checks.coding.fix, /gzip off;/);
  });

  for (const [name, heartbeat, state, words] of [
    ['cutting', '300 ms', 'good', /often enough/],
    ['cuttingSleepy', '15 s', 'bad', /between two heartbeats.*--heartbeat 1s/],
  ])
    test(`a proxy that cuts after 1 s of silence is found; with a heartbeat of ${heartbeat} that is ${state}`, async (t) => {
      const page = await start(t, proxied[name], { expected: /ERR_|status of 504/ });
      const exact = ({ silence }) => {
        const [, number, unit] = /A stream is cut after ([\d.]+) (m?s) of silence/.exec(silence.words) ?? [];
        const limit = Number(number) * (unit === 's' ? 1000 : 1);
        return limit > 700 && limit < 1300;
      };
      const checks = await verdicts(page, null, { instant: 'at once', exact });
      assert.equal(checks.silence.state, state, checks.silence.words);
      assert.ok(exact(checks), checks.silence.words);
      assert.ok(checks.silence.words.includes(`--heartbeat is ${heartbeat}`));
      assert.match(checks.silence.words, words);
      const steps = await page.locator('.steps div').evaluateAll((all) => all.map((step) => step.dataset.state));
      assert.deepEqual(steps, ['good', 'good', 'bad', 'bad', 'bad']);
      assert.equal(checks.poll.value.slice(0, 9), 'cut after');
      assert.match(checks.poll.words, /with 504/);
      if (state === 'bad') {
        assert.match(checks.silence.fix, /^What to change.*nginx.*proxy_read_timeout 120s;/);
        assert.match(await page.textContent('#summary'), /cuts streams between two heartbeats/);
        await screenshot(page, 'cut-wide');
      } else {
        assert.equal(checks.age.state, 'good', 'heartbeats keep a stream open');
      }
    });

  test('a proxy that takes Last-Event-ID away is found', async (t) => {
    const page = await start(t, proxied.stripping);
    const checks = await verdicts(page, 'resume');
    assert.equal(checks.resume.state, 'bad');
    assert.match(checks.resume.fix, /Last-Event-ID/);
  });

  test('a proxy that passes on the page alone is found', async (t) => {
    const page = await start(t, proxied.elsewhere, { expected: /status of 404/ });
    const checks = await verdicts(page);
    assert.deepEqual([checks.reach.state, checks.reach.value], ['bad', '404']);
    assert.match(checks.reach.fix, /location ~/);
  });

  test('bursts are found', async (t) => {
    const url = await oddProxy(t, (from, answer) => {
      let held = [];
      const timer = setInterval(() => held.splice(0).forEach((bytes) => answer.write(bytes)), 500);
      from.on('data', (bytes) => held.push(bytes)).on('close', () => clearInterval(timer));
    });
    const checks = await verdicts(await start(t, url), 'instant', { instant: 'in bursts' });
    assert.deepEqual([checks.instant.state, checks.instant.value], ['bad', 'in bursts'], checks.instant.words);
  });

  test('a filter that holds each event until the next comes is found', async (t) => {
    const url = await oddProxy(t, (from, answer) => {
      let held = '';
      from.on('data', (bytes) => {
        answer.write(held);
        held = bytes;
      });
    });
    const checks = await verdicts(await start(t, url), 'instant', { instant: 'one behind' });
    assert.deepEqual([checks.instant.state, checks.instant.value], ['bad', 'one behind'], checks.instant.words);
  });

  test('a way that dies in silence, without a word, is found', async (t) => {
    const url = await oddProxy(t, (from, answer, { searchParams }) => { // to it, what is to be silent for more than 2.4 s is dead
      const dead = searchParams.get('heartbeat') > 2400;
      from.once('data', (hello) => {
        answer.write(hello);
        if (dead) from.resume();
        else from.pipe(answer);
      });
    });
    const checks = await verdicts(await start(t, url), 'silence', { instant: 'at once' });
    assert.match(checks.silence.words, /After 2\.6 s of silence a stream is dead, and nobody says so/);
    assert.equal(checks.silence.state, 'good', 'with a heartbeat of 300 ms');
    assert.equal(checks.age.state, 'good');
  });

  test('who holds all connections elsewhere is told so', async (t) => {
    const page = await open(t, `http://${server.public}/selftest`);
    await page.evaluate((target) => {
      window.streams = Array.from({ length: 6 }, () => new EventSource(target));
      return Promise.all(window.streams.map((stream) => new Promise((done) => (stream.onopen = done))));
    }, `events?${query({ token: token('holder') })}`);
    await page.fill('#token', token('selftest'));
    await page.click('#form button');
    await eventually(async () => /no connection is free/.test(await page.textContent('#reach')), 'the hint');
    await page.evaluate(() => window.streams.forEach((stream) => stream.close()));
    assert.equal((await verdicts(page, 'reach')).reach.state, 'good');
  });

  test('what a proxy says is shown as text, and fits into 390 px', async (t) => {
    const hostile = '<img src=x onerror=alert(1)> nginx Caddy ' + 'x'.repeat(200);
    const url = await oddProxy(t, () => {}, { server: hostile, via: '1.1 varnish (Varnish/7.1)' });
    const page = await start(t, url, { width: 390 });
    const checks = await verdicts(page, 'instant');
    assert.ok(checks.reach.words.includes(hostile));
    assert.equal(await page.locator('#checks :is(img, script)').count(), 0);
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'no horizontal scrolling');
    await screenshot(page, 'bad-phone');
  });

  test('it asks for a token, says why one is refused, and begins with a good one; messages do not disturb it', async (t) => {
    const page = await open(t, `http://${server.public}/selftest#scale=${SCALE}`, { expected: /status of 401/ });
    assert.ok(await page.isVisible('#ask') && await page.isHidden('#verdict'));
    await screenshot(page, 'ask-wide');
    await page.fill('#token', `${token('selftest').slice(0, -6)}AAAAAA`);
    await page.click('#form button');
    await eventually(() => page.isVisible('#again'), 'refused');
    assert.match(await page.textContent('#reach'), /not this server's/);
    await page.fill('#token', ` ${token('selftest')}\n`);
    await page.click('#form button');
    await silences(page);
    await server.publish({ content: 'id: 9\n\nevent: pushsse.ping\ndata: <img>' });
    const checks = await verdicts(page, null, { instant: 'at once' });
    assert.deepEqual(statesOf(checks), { ...allGood, version: 'note' });
    assert.match(checks.silence.value, /^over 2\.6 s$/);
    assert.ok(!(await page.evaluate(() => JSON.stringify([location.href, { ...localStorage }, { ...sessionStorage }]))).includes('eyJ'));
  });

  test('--demo has it too, and the demo page links to it', async (t) => {
    const demo = new Server({ args: ['--demo'], env: { PUSHSSE_SECRET: undefined, PUSHSSE_API_KEY: undefined }, logged: false });
    atEnd(t, () => demo.stop());
    await demo.ready();
    const url = await eventually(() => /http:\/\/\S+\/#token=[\w.-]+(?=\s)/.exec(demo.output)?.[0], 'the address');
    const page = await open(t, url);
    await page.click('#selftest');
    assert.deepEqual((await verdicts(page, 'reach')).reach.state, 'good');
  });

  test('a stream may choose its heartbeat within bounds', async () => {
    const stream = await server.stream('chooser', { heartbeat: 100 });
    assert.equal(stream.hello.heartbeat, 100);
    for (let n = 0; n < 3; n++) await stream.next('pushsse.ping');
    stream.close();
    for (const heartbeat of ['', '99', '300001', '-1', '1s', '99999999999999999999'])
      assertRefused(await server.get(`/events?${query({ token: token('chooser'), heartbeat })}`), 400, /heartbeat/);
    assertRefused(await server.get('/events?heartbeat=100'), 401);
  });

  test('without --selftest nothing of it is there, and nobody chooses a heartbeat', async (t) => {
    const plain = await serve({}, t);
    for (const target of ['/selftest', '/selftest.css', '/selftest.js', '/selftest.html'])
      for (const method of ['GET', 'HEAD', 'POST', 'OPTIONS']) assert.equal((await plain.call('public', method, target)).status, 404, target);
    for (const target of ['/', '/demo.js', '/selftest.html']) assert.equal((await server.get(target)).status, 404, target);
    assert.equal((await server.get('/selftest', {}, 'api')).status, 404);
    for (const [target, type] of [['/selftest', 'text/html'], ['/selftest.css', 'text/css'], ['/selftest.js', 'text/javascript']]) {
      const answer = await server.get(target);
      assert.equal(answer.status, 200, target);
      assert.equal(answer.headers['content-type'], `${type}; charset=utf-8`);
      assert.match(answer.headers['content-security-policy'], /default-src 'self'/);
    }
    const stream = await plain.stream('chooser', { heartbeat: 1 });
    assert.equal(stream.hello.heartbeat, 15000);
    stream.close();
  });
});
