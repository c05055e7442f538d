// nginx in front, TLS and HTTP/2 outside, as the README tells to set it up.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import http2 from 'node:http2';
import net from 'node:net';
import path from 'node:path';
import { after, test } from 'node:test';
import { KEY, cleanEnv, form, query, run, serve, temporary, token } from './server.js';
import { Wire, eventually } from './wire.js';

const server = await serve({ args: ['--first-ping', '100ms', '--heartbeat', '300ms'] });
const directory = temporary();
const port = await freePort();
await startNginx();

function freePort() {
  return new Promise((resolve) => {
    const probe = net.createServer().listen(0, '127.0.0.1', () => {
      const { port: found } = probe.address();
      probe.close(() => resolve(found));
    });
  });
}

async function startNginx() {
  const made = await run('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
    '-subj', '/CN=push.test', '-keyout', path.join(directory, 'key.pem'), '-out', path.join(directory, 'cert.pem')]);
  assert.equal(made.code, 0, made.stderr);
  mkdirSync(path.join(directory, 'temp'));
  const temps = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path temp/${name};`).join(' ');
  writeFileSync(path.join(directory, 'nginx.conf'), `
    daemon off;
    worker_processes 1;
    pid nginx.pid;
    error_log stderr warn;
    ${process.getuid?.() === 0 ? `user ${process.env.USER ?? 'root'};` : ''}
    events { worker_connections 256; }
    http {
      ${temps}
      log_format noargs '$request_method $uri $status';
      access_log access.log noargs;
      upstream pushsse { server ${server.public}; }
      server {
        listen 127.0.0.1:${port} ssl http2;
        ssl_certificate cert.pem;
        ssl_certificate_key key.pem;
        gzip on;
        gzip_types *;
        location /push/ {
          proxy_pass http://pushsse/;
          proxy_http_version 1.1;
          proxy_set_header Connection "";
          proxy_read_timeout 120s;
        }
        location /old/ { # HTTP/1.0 to the upstream, and buffering left on: X-Accel-Buffering must turn it off
          proxy_pass http://pushsse/;
        }
      }
    }`);
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
    return Wire.connect(`127.0.0.1:${port}`).then((wire) => (wire.close(), true), () => false);
  }, `nginx listens: ${said}`);
}

const origin = `https://127.0.0.1:${port}`;

// One HTTP/2 request: {status, headers, text(), until(found)}; what it received grows while it is open.
function h2(t, method, target, { headers = {}, body } = {}) {
  const session = http2.connect(origin, { rejectUnauthorized: false });
  t.after(() => session.destroy());
  const stream = session.request({ ':method': method, ':path': target, ...headers });
  const got = { status: undefined, headers: undefined, text: '', ended: false, failure: undefined };
  stream.setEncoding('utf8');
  stream.on('response', (all) => Object.assign(got, { status: all[':status'], headers: all }));
  stream.on('data', (text) => (got.text += text)).on('close', () => (got.ended = true)).on('error', (error) => (got.failure = error));
  session.on('error', (error) => (got.failure = error));
  stream.end(body);
  got.until = (found, what) => eventually(() => (assert.ifError(got.failure), found(got)), `${what}: ${got.text}`);
  return got;
}

const events = (uid, prefix = '/push') => `${prefix}/events?${query({ token: token(uid) })}`;

for (const prefix of ['/push', '/old'])
  test(`a stream through ${prefix}/ over HTTP/2 brings hello, messages and pings at once`, async (t) => {
    const stream = h2(t, 'GET', events('h2', prefix));
    await stream.until(({ text }) => text.includes('event: pushsse.hello\n'), 'hello');
    assert.equal(stream.status, 200);
    assert.equal(stream.headers['content-type'], 'text/event-stream');
    assert.equal(stream.headers['content-encoding'], undefined);
    await stream.until(({ text }) => text.includes('event: pushsse.ping\n'), 'a ping');
    for (const content of ['one', 'two', 'x'.repeat(200_000)]) {
      await server.publish({ to: 'h2', content });
      await stream.until(({ text }) => text.includes(`data: ${content}\n\n`), 'the message');
    }
  });

test('curl reads a stream over HTTP/2 as it comes', async (t) => {
  const curl = spawn('curl', ['-sS', '-k', '-N', '--http2', '-w', 'version %{http_version}', '--max-time', '30', `${origin}${events('curl')}`], { env: cleanEnv });
  t.after(() => curl.kill('SIGKILL'));
  let text = '';
  curl.stdout.on('data', (more) => (text += more));
  await eventually(() => text.includes('pushsse.hello'), 'hello');
  await server.publish({ to: 'curl', content: 'through nginx' });
  await eventually(() => text.includes('data: through nginx\n\n'), 'the message');
  await server.apiCall('POST', '/disconnect', 'uid=curl');
  await eventually(() => text.includes('event: pushsse.bye\n') && text.includes('version 2'), 'the end');
});

test('long-polls work through it, and park', async (t) => {
  const first = h2(t, 'GET', `/push/poll?${query({ token: token('h2-poll') })}`);
  await first.until(({ ended }) => ended, 'the position');
  const { lastEventId } = JSON.parse(first.text);
  const parked = h2(t, 'GET', `/push/poll?${query({ token: token('h2-poll'), lastEventId, wait: 30 })}`);
  await server.settled('h2-poll', 1);
  await server.publish({ to: 'h2-poll', content: 'woken' });
  await parked.until(({ ended }) => ended, 'the answer');
  assert.equal(JSON.parse(parked.text).events[0].data, 'woken');
});

test('a reader that leaves nginx leaves the server', async (t) => {
  const stream = h2(t, 'GET', events('h2-leaver'));
  await stream.until(({ text }) => text.includes('pushsse.hello'), 'hello');
  const session = http2.connect(origin, { rejectUnauthorized: false });
  const leaving = session.request({ ':path': events('h2-leaver') });
  leaving.on('error', () => {}).resume();
  await server.settled('h2-leaver', 2);
  session.destroy();
  await server.settled('h2-leaver', 1);
});

test('nothing of the API can be reached through it', async (t) => {
  for (const target of ['/push/publish', '/push/disconnect', '/old/publish']) {
    const answer = h2(t, 'POST', target, { headers: { authorization: `Bearer ${KEY}`, 'content-type': form }, body: 'to=x&uid=x&content=x' });
    await answer.until(({ ended }) => ended, 'an answer');
    assert.equal(answer.status, 404, target);
  }
});

test('no token is in the access log of nginx', async () => {
  assert.doesNotMatch(readFileSync(path.join(directory, 'access.log'), 'latin1'), /eyJ|token=/);
});
