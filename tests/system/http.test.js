// HTTP/1.1 and 1.0 to the byte: what is refused and how, what order answers come in, when connections are cut.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accepted, refused, servedHidden } from './hostile.js';
import { KEY, form, now, serve, sign, token } from './server.js';
import { assertRefused, request } from './wire.js';

const quick = ['--request-timeout', '400ms', '--idle-timeout', '400ms'];
const SOON = 8000; // ms: any load of the machine, and less than the timeouts are by default
const server = await serve({ args: ['--max-message', '64k', '--cors-origin', 'https://site.test', '--cors-origin', 'http://other.test:8080'] });

const get = (lines, target = '/healthz') => `GET ${target} HTTP/1.1\r\n${lines}\r\n`;
const host = 'Host: push.test\r\n';
const post = (lines, body = '') =>
  `POST /publish HTTP/1.1\r\n${host}Authorization: Bearer ${KEY}\r\nContent-Type: ${form}\r\n${lines}\r\n${body}`;
const chunked = (body) => post('Transfer-Encoding: chunked\r\n', body);

for (const { what, bytes, status } of refused)
  test(`${what}: refused with ${status}, and nothing behind it is taken for a request`, async () => {
    const wire = await server.connect('api');
    wire.send(bytes);
    const { status: got, headers } = await wire.answer({ method: `${bytes.subarray(0, 4)}` });
    assert.equal(got, status);
    assert.equal(headers['content-type'], 'application/json');
    assert.equal(headers.connection, 'close');
    await wire.closed();
    assert.equal(wire.bytes.toString(), '', 'one answer and no more');
  });

test('none of these published what was hidden in it', async () => assert.equal(await servedHidden(server), 0));

test('a refusal is the same when the bytes come one by one', async () => {
  await Promise.all(refused.filter(({ bytes }) => bytes.length < 600).map(async ({ what, bytes, status }) => {
    const wire = await server.connect('api');
    wire.socket.on('error', () => {}); // it may have closed before the last byte
    for (const byte of bytes.subarray(0, 400)) {
      if (wire.bytes.length || wire.ended) break;
      await new Promise((resolve) => wire.socket.write(Buffer.of(byte), () => resolve()));
    }
    assert.equal((await wire.head()).status, status, what);
    wire.close();
  }));
  assert.equal(await servedHidden(server), 0);
});

for (const { what, bytes, statuses, served } of accepted)
  test(`${what}: taken, and what comes behind is ${served ? 'the next request' : 'none'}`, async () => {
    const before = await servedHidden(server);
    const wire = await server.connect('api');
    wire.send(bytes);
    for (const status of statuses) assert.equal((await wire.answer()).status, status);
    if (served) assert.equal((await wire.answer()).body, 'offline');
    else await wire.closed();
    assert.equal(wire.bytes.toString(), '', 'no more answers');
    assert.equal((await servedHidden(server)) - before, served ? 1 : 0);
  });

test('an unknown path is 404, on both listeners', async () => {
  for (const listener of ['public', 'api']) assertRefused(await server.get('/nothing', {}, listener), 404);
});

test('a method that a path does not have is 405 and says which it has', async () => {
  for (const [listener, method, target, allowed] of [
    ['public', 'DELETE', '/events', 'GET'], ['public', 'POST', '/poll', 'GET'], ['public', 'PUT', '/healthz', 'GET'],
    ['api', 'GET', '/publish', 'POST'], ['api', 'GET', '/disconnect', 'POST'], ['api', 'POST', '/stats', 'GET'],
  ]) {
    const answer = assertRefused(
      await server.call(listener, method, target, { headers: { authorization: `Bearer ${KEY}` }, body: method === 'GET' ? undefined : '' }), 405);
    assert.ok(answer.headers.allow?.split(/, */).includes(allowed), `${method} ${target}: Allow: ${answer.headers.allow}`);
  }
});

test('an Accept that leaves event-stream out is 406, any other opens the stream', async () => {
  const target = () => `/events?token=${token('accept')}`;
  for (const accept of ['application/json', 'text/html, image/*', 'text/event-stream;q=0'])
    assertRefused(await server.get(target(), { accept }), 406);
  for (const accept of ['*/*', 'text/*', 'text/html, text/event-stream', undefined])
    await server.stream('accept', { headers: { accept } });
});

test('pipelined requests are answered in order, parked ones too', async () => {
  const wire = await server.connect();
  const position = await server.position('pipe');
  wire.send(Buffer.concat([
    request('GET', '/healthz'), request('GET', '/nothing'), request('HEAD', '/healthz'),
    request('GET', server.pollTarget('pipe', { position, wait: 20 })), request('GET', '/healthz')]));
  assert.equal((await wire.answer()).status, 200);
  assert.equal((await wire.answer()).status, 404);
  assert.equal((await wire.answer({ method: 'HEAD' })).status, 200);
  await server.settled('pipe', 1);
  assert.equal(wire.bytes.length, 0, 'nothing overtakes the parked poll');
  await server.publish({ to: 'pipe', content: 'now' });
  assert.equal((await wire.answer()).json.events[0].data, 'now');
  assert.equal((await wire.answer()).body.trim(), 'ok');
});

for (const [what, behind] of [['a request', request('GET', '/healthz')], ['half a request', 'GET /hea'], ['10 KB', Buffer.alloc(10_000, '\r\n')], ['100 KB', Buffer.alloc(100_000, '\r\n')]])
  test(`a client that leaves a parked poll behind which it sent ${what} is noticed`, async () => {
    const uid = `leaves ${what}`;
    const position = await server.position(uid);
    const wire = await server.connect();
    wire.send(request('GET', server.pollTarget(uid, { position, wait: 50 })));
    await server.settled(uid, 1);
    wire.send(behind).finish();
    await server.settled(uid, 0);
    wire.close();
  });

test('OPTIONS with a body ends its connection: the body is no request', async () => {
  for (const [listener, target] of [['api', '/publish'], ['public', '/events']]) {
    const wire = await server.connect(listener);
    const body = request('GET', '/healthz');
    const { headers } = await wire.exchange(request('OPTIONS', target, { headers: { connection: 'keep-alive' }, body }));
    assert.equal(headers.connection, 'close', target);
    await wire.closed();
    assert.equal(wire.bytes.toString(), '', 'one answer and no more');
  }
});

test('what is pipelined behind a refusal, or a preflight, is answered at once', async () => {
  for (const [listener, method, target, status] of [
    ['public', 'GET', '/nothing', 404], ['public', 'DELETE', '/poll', 405], ['public', 'GET', '/poll', 401], ['public', 'OPTIONS', '/poll', 204],
    ['public', 'GET', '/poll?token=x&channel=%', 400], ['api', 'GET', '/stats', 401], ['api', 'POST', '/', 401],
  ]) {
    const wire = await server.connect(listener);
    wire.send(Buffer.concat([request(method, target), request('GET', '/healthz')]));
    for (const expected of [status, 200]) assert.equal((await wire.answer()).status, expected, `${method} ${target}`);
  }
});

test('pipelined bodies end where they say, whatever follows', async () => {
  const wire = await server.connect('api');
  const bare = 'to=body&content=GET / HTTP/1.1';
  wire.send(post(`Content-Length: ${bare.length}\r\n`, bare) +
    chunked('5;x="y"\r\nto=bo\r\n0C\r\ndy&content=2\r\n0\r\nTrailer: z\r\n\r\n') + `\r\n${get(host)}`);
  for (let i = 0; i < 2; i++) assert.equal((await wire.answer()).json.status, 'offline');
  assert.equal((await wire.answer()).body.trim(), 'ok');
  const { events } = await server.poll('body', { position: 'earliest' });
  assert.deepEqual(events.map(({ data }) => data), ['GET / HTTP/1.1', '2']);
});

test('a request is understood however it is cut into packets', async () => {
  const wire = await server.connect('api');
  for (const bytes of [post('Content-Length: 14\r\n', 'to=cut&content='.slice(0, 14)), chunked('e\r\nto=cut&content\r\n1\r\n=\r\n0\r\n\r\n')]) {
    await wire.sendPieces(bytes.match(/[^]/g).map((byte) => Buffer.from(byte)));
    await wire.answer();
  }
  wire.send(get(host));
  assert.equal((await wire.answer()).body.trim(), 'ok');
});

test('a connection serves several requests, until either side says close', async () => {
  const wire = await server.connect();
  for (let i = 0; i < 3; i++) {
    const answer = await wire.exchange(request('GET', '/healthz'));
    assert.equal(answer.version, 'HTTP/1.1');
    assert.notEqual(answer.headers.connection, 'close');
  }
  const last = await wire.exchange(request('GET', '/healthz', { headers: { connection: 'close' } }));
  assert.equal(last.headers.connection, 'close');
  await wire.closed();
});

test('HTTP/1.0 is answered and closed, and kept only when it asks for it', async () => {
  const wire = await server.connect();
  const answer = await wire.exchange('GET /healthz HTTP/1.0\r\n\r\n');
  assert.equal(answer.status, 200);
  await wire.closed();
  const kept = await server.connect();
  const first = await kept.exchange('GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n');
  if (/keep-alive/i.test(first.headers.connection)) assert.equal((await kept.exchange('GET /healthz HTTP/1.0\r\n\r\n')).status, 200);
  await kept.closed();
});

test('a client that sends FIN after its request is still answered', async () => {
  const wire = await server.connect();
  wire.send(request('GET', '/healthz')).finish();
  assert.equal((await wire.answer()).status, 200);
  await wire.closed();
});

test('HEAD answers what GET does, without the body', async () => {
  const wire = await server.connect();
  const full = await wire.exchange(request('GET', '/healthz'));
  const head = await wire.exchange(request('HEAD', '/healthz'), { method: 'HEAD' });
  assert.equal(head.status, 200);
  assert.equal(head.headers['content-length'], full.headers['content-length']);
  assert.equal((await wire.exchange(request('GET', '/healthz'))).body, full.body, 'no body came between');
});

test('the absolute form of a target is understood', async () => {
  assert.equal((await server.get('http://push.test/healthz')).status, 200);
});

test('Expect: 100-continue is answered at once, in any case and at any size', async () => {
  for (const [expect, size] of [['100-continue', 27], ['100-Continue', 1], ['100-CONTINUE', 60_000]]) {
    const content = `to=expect&content=${'x'.repeat(size)}`;
    for (const [framing, body] of [
      [`Content-Length: ${content.length}`, content],
      ['Transfer-Encoding: chunked', `${content.length.toString(16)}\r\n${content}\r\n0\r\n\r\n`],
    ]) {
      const wire = await server.connect('api');
      const interim = await wire.exchange(post(`${framing}\r\nExpect: ${expect}\r\n`));
      assert.equal(interim.status, 100);
      assert.equal((await wire.exchange(body)).status, 200);
    }
  }
});

test('there is no 100 Continue for HTTP/1.0, nor for a body that is too large', async () => {
  const old = await server.connect('api');
  old.send(post('Content-Length: 16\r\nExpect: 100-continue\r\n', 'to=old&content=x').replace('HTTP/1.1', 'HTTP/1.0'));
  assert.equal((await old.answer()).status, 200);
  const large = await server.connect('api');
  assertRefused(await large.exchange(post('Content-Length: 100000000\r\nExpect: 100-continue\r\n')), 413);
});

test('an allowed origin is echoed on every answer, errors included', async () => {
  const origin = 'https://site.test';
  for (const target of [`/poll?token=${token('cors')}`, '/poll', '/nothing', '/healthz']) {
    const { headers } = await server.get(target, { origin });
    assert.equal(headers['access-control-allow-origin'], origin, target);
    assert.match(headers.vary, /origin/i, target);
  }
  const stream = await server.stream('cors', { headers: { origin: 'http://other.test:8080' } });
  assert.equal(stream.head.headers['access-control-allow-origin'], 'http://other.test:8080');
});

test('another origin is not allowed, nor is what only looks like an allowed one', async () => {
  for (const origin of ['https://evil.test', 'https://site.test.evil.test', 'http://site.test', 'https://site.test:444', 'null']) {
    const answer = await server.get(`/poll?token=${token('cors')}`, { origin });
    assertRefused(answer, 403);
    assert.equal(answer.headers['access-control-allow-origin'], undefined);
  }
});

test('OPTIONS answers 204 with what a preflight asks for', async () => {
  for (const target of ['/events', '/poll']) {
    const { status, headers } = await server.call('public', 'OPTIONS', target, {
      headers: { origin: 'https://site.test', 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization,last-event-id' },
    });
    assert.equal(status, 204);
    assert.equal(headers['access-control-allow-origin'], 'https://site.test');
    assert.match(headers['access-control-allow-methods'], /\bGET\b/);
    assert.match(headers['access-control-allow-headers'], /authorization/i);
    assert.match(headers['access-control-allow-headers'], /last-event-id/i);
  }
});

test('--cors-origin * allows every origin, but without cookies', async (t) => {
  const open = await serve({ args: ['--cors-origin', '*'] }, t);
  const { headers } = await open.get(`/poll?token=${token('cors')}`, { origin: 'https://any.test' });
  assert.ok(['*', 'https://any.test'].includes(headers['access-control-allow-origin']));
  assert.equal(headers['access-control-allow-credentials'], undefined);
  const byCookie = await open.get('/poll', { origin: 'https://any.test', cookie: `pushsse=${token('cors')}` });
  assertRefused(byCookie, [401, 403]);
});

test('a slow sender of headers is cut at --request-timeout, however busy it keeps the line', async (t) => {
  const cut = await serve({ args: quick }, t);
  const wire = await cut.connect();
  wire.send('GET /healthz HTTP/1.1\r\n');
  const drip = setInterval(() => wire.socket.write('A: b\r\n', () => {}), 50);
  t.after(() => clearInterval(drip));
  await wire.closed(SOON);
});

test('a body that does not come is cut at --request-timeout, and nothing of it is published', async (t) => {
  const cut = await serve({ args: quick }, t);
  const wire = await cut.connect('api');
  wire.send(post('Content-Length: 100\r\n', 'to=half&content=half'));
  await wire.closed(SOON);
  assert.deepEqual((await cut.poll('half', { position: 'earliest' })).events, []);
});

test('an idle connection is closed after --idle-timeout, before and after a request', async (t) => {
  const cut = await serve({ args: quick }, t);
  const silent = await cut.connect();
  const used = await cut.connect();
  await used.exchange(request('GET', '/healthz'));
  await Promise.all([silent.closed(SOON), used.closed(SOON)]);
});

test('streams and parked polls are not idle', async (t) => {
  const cut = await serve({ args: [...quick, '--heartbeat', '10s'] }, t);
  const stream = await cut.stream('patient');
  const position = await cut.position('patient');
  const polling = cut.poll('patient', { position, wait: 20 });
  const idle = await cut.connect();
  await idle.closed(SOON);
  await cut.publish({ to: 'patient', content: 'still here' });
  assert.equal((await stream.next('message')).data, 'still here');
  assert.equal((await polling).events[0].data, 'still here');
});

test('a body that ends too early is not published', async () => {
  for (const bytes of [post('Content-Length: 100\r\n', 'to=short&content=short'), chunked('16\r\nto=short&content=short\r\n')]) {
    const wire = await server.connect('api');
    wire.send(bytes).finish();
    await wire.closed();
  }
  assert.deepEqual((await server.poll('short', { position: 'earliest' })).events, []);
});

test('10,000 parameters are answered', async () => {
  const many = (text) => text.repeat(10_000);
  assertRefused(await server.get(`/poll?${many('a=1&')}`), 414);
  assert.equal((await server.get(`/poll?token=${token('many')}&${many('&').slice(0, 8000)}`)).status, 200);
  const answer = await server.tryPublish(`to=many&${many('a=1&')}content=x`);
  assert.ok([200, 400].includes(answer.status), answer.body);
});

test('tokens of 8 KiB are answered, in the query and in the header', async () => {
  for (const long of [sign({ sub: 'long', exp: now() + 60, filler: 'x'.repeat(6000) }), 'x'.repeat(8192)]) {
    const expected = long.startsWith('x') ? 401 : 200;
    assert.equal((await server.get(`/poll?token=${long}`)).status, expected);
    assert.equal((await server.get('/poll', { authorization: `Bearer ${long}` })).status, expected);
  }
});

test('two tokens in the header are refused, whichever is good', async () => {
  const line = (text) => `Authorization: Bearer ${text}\r\n`;
  for (const lines of [line(token('one')) + line('x'), line('x') + line(token('two')), line(token('same')).repeat(2)]) {
    const wire = await server.connect();
    wire.send(get(host + lines, '/poll?wait=0'));
    assertRefused(await wire.answer(), 400, /malformed_request/);
    await wire.closed();
  }
});

test('after all this, both listeners are well', async () => {
  for (const listener of ['public', 'api']) assert.equal((await server.get('/healthz', {}, listener)).body.trim(), 'ok');
});
