// POST /publish and the compat form on /: every body that real clients send, every field, every refusal.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { asLines, payloads } from './payloads.js';
import { KEY, cleanEnv, form, run, serve, temporary } from './server.js';
import { assertRefused, eventually, request } from './wire.js';

const MiB = 1 << 20;
const server = await serve({ args: ['--first-ping', '30s', '--heartbeat', '30s'] });
const url = `http://${server.api}/publish`;
const files = temporary();

const auth = { authorization: `Bearer ${KEY}` };
const retained = async (uid) => (await server.poll(uid, { position: 'earliest' })).events;
const lastData = async (uid) => (await retained(uid)).at(-1)?.data;
const published = (answer) => {
  assert.equal(answer.status, 200, answer.body);
  return answer.json;
};

// multipart/form-data by hand: parts are [name, value, extra header lines]
const BOUNDARY = '------------------------d74496d66958873e';
const multipart = (parts) => Buffer.concat([
  ...parts.flatMap(([name, value, extra = '']) => [
    Buffer.from(`--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n${extra}\r\n`), Buffer.from(value), Buffer.from('\r\n')]),
  Buffer.from(`--${BOUNDARY}--\r\n`)]);
const asMultipart = { 'content-type': `multipart/form-data; boundary=${BOUNDARY}` };
const asJson = { 'content-type': 'application/json' };
const percent = (bytes) => [...Buffer.from(bytes)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('');

// One function for each way to say the same fields; values are bytes.
const bodies = {
  'a form': (fields) => [Object.entries(fields).map(([name, value]) => `${name}=${percent(value)}`).join('&'), {}],
  'multipart': (fields) => [multipart(Object.entries(fields)), asMultipart],
  'JSON': (fields) => [
    Buffer.concat(['{', ...Object.entries(fields).flatMap(([name, value], i) => [i ? ',' : '', `"${name}":"`, value, '"']), '}'].map((piece) => Buffer.from(piece))), asJson],
};

// ---- real clients, as they are

const php = async (code) => {
  const script = path.join(files, `${Math.random()}.php`);
  writeFileSync(script, `<?php $url = getenv('URL'); $key = getenv('KEY'); ${code}`);
  const { code: status, stdout, stderr } = await run('php', ['-d', 'error_reporting=E_ALL & ~E_DEPRECATED', '-d', 'display_errors=stderr', script], { env: { ...cleanEnv, URL: url, KEY } });
  assert.deepEqual([status, stderr], [0, '']);
  return stdout;
};

const phpCurl = (options, headers = '') => `
  $c = curl_init($url);
  curl_setopt_array($c, [CURLOPT_HTTPHEADER => ["Authorization: Bearer $key", ${headers}], CURLOPT_RETURNTRANSFER => true, CURLOPT_TIMEOUT => 10, ${options}]);
  echo curl_exec($c), curl_error($c);`;

const phpContents = (version) => `
  echo file_get_contents($url, false, stream_context_create(['http' => ['method' => 'POST', 'protocol_version' => ${version}, 'timeout' => 10,
    'header' => "Authorization: Bearer $key\\r\\nContent-Type: ${form}",
    'content' => http_build_query(['to' => 'php', 'content' => "é &\\r\\n😀"])]]));`;

const phpClients = {
  'curl with an array': phpCurl(`CURLOPT_POSTFIELDS => ['to' => 'php', 'content' => "é &\\r\\n😀"]`),
  'curl with http_build_query': phpCurl(`CURLOPT_POSTFIELDS => http_build_query(['to' => ['php'], 'content' => "é &\\r\\n😀"])`),
  'curl with JSON': phpCurl(`CURLOPT_POSTFIELDS => json_encode(['to' => 'php', 'content' => "é &\\r\\n😀"])`, `'Content-Type: application/json'`),
  'curl with a READFUNCTION': `
    $body = http_build_query(['to' => 'php', 'content' => "é &\\r\\n😀"]);
    $read = function ($c, $f, $max) use (&$body) { $piece = substr($body, 0, 7); $body = substr($body, 7); return $piece; };
    ${phpCurl('CURLOPT_POST => true, CURLOPT_READFUNCTION => $read', `'Transfer-Encoding: chunked', 'Content-Type: ${form}', 'Expect: 100-continue'`)}`,
  'curl with HTTP/2 wanted': phpCurl(`CURLOPT_HTTP_VERSION => CURL_HTTP_VERSION_2_0, CURLOPT_POSTFIELDS => ['to' => 'php', 'content' => "é &\\r\\n😀"]`),
  'file_get_contents over HTTP/1.1': phpContents('1.1'),
  'file_get_contents over HTTP/1.0': phpContents('1.0'),
};

for (const [what, code] of Object.entries(phpClients))
  test(`PHP publishes by ${what}`, async () => {
    const { status, id } = JSON.parse(await php(code));
    assert.deepEqual([status, await retained('php').then((all) => all.at(-1))], ['offline', { id, event: 'message', data: 'é &\n😀' }]);
  });

test('PHP publishes by fsockopen over HTTP/1.0, closing without a look at the answer', async () => {
  const [host, port] = server.api.split(':');
  await php(`
    $body = http_build_query(['to' => 'php-socket', 'content' => 'written and gone']);
    $f = fsockopen('${host}', ${port}, $errno, $error, 10);
    fwrite($f, "POST /publish HTTP/1.0\\r\\nAuthorization: Bearer $key\\r\\nContent-Type: ${form}\\r\\nContent-Length: " . strlen($body) . "\\r\\n\\r\\n" . $body);
    fclose($f);`);
  await eventually(async () => (await lastData('php-socket')) === 'written and gone', 'it is published all the same');
});

test('PHP publishes 1 MiB by curl, with an array', async () => {
  const { id } = JSON.parse(await php(phpCurl(`CURLOPT_POSTFIELDS => ['to' => 'php-large', 'content' => str_repeat('é', 524288)]`)));
  const [event] = await retained('php-large');
  assert.ok(event.id === id && event.data === 'é'.repeat(MiB / 2));
});

const curlClients = {
  'fields': ['-d', 'to=curl', '-d', 'content=hello'],
  'encoded fields': ['--data-urlencode', 'to=curl', '--data-urlencode', 'content=hello'],
  'multipart': ['-F', 'to=curl', '-F', 'content=hello'],
  'a file as content': ['-F', 'to=curl', '-F', 'content=<-'],
  'an uploaded file': ['-F', 'to=curl', '-F', 'content=@-;type=text/plain;filename=x.txt'],
  'JSON': ['--json', '{"to":"curl","content":"hello"}'],
  'chunks': ['-d', 'to=curl&content=hello', '-H', 'Transfer-Encoding: chunked'],
  'chunked multipart and Expect': ['-F', 'to=curl', '-F', 'content=hello', '-H', 'Transfer-Encoding: chunked', '-H', 'Expect: 100-continue', '--expect100-timeout', '60'],
  'HTTP/1.0': ['-0', '-d', 'to=curl&content=hello'],
  'an upgrade to h2c': ['--http2', '-d', 'to=curl&content=hello'],
};

for (const [what, args] of Object.entries(curlClients))
  test(`curl publishes by ${what}`, async () => {
    const { stdout } = await run('curl', ['-sS', '--max-time', '10', '-H', `Authorization: Bearer ${KEY}`, ...args, url], { input: 'hello' });
    const { id } = JSON.parse(stdout);
    assert.deepEqual((await retained('curl')).at(-1), { id, event: 'message', data: 'hello' });
  });

test('Guzzle puts a Content-Length into each part', async () => {
  const body = multipart([['to', 'guzzle', 'Content-Length: 6\r\n'], ['content', 'é--\r\n--x', 'Content-Length: 10\r\n']]);
  published(await server.tryPublish(body, asMultipart));
  assert.equal(await lastData('guzzle'), 'é--\n--x');
});

// ---- bodies

for (const [kind, encode] of Object.entries(bodies)) {
  if (kind !== 'JSON')
    test(`${kind} carries every payload`, async () => {
      for (const [what, data] of Object.entries(payloads)) {
        published(await server.tryPublish(...encode({ to: `all ${kind}`, content: data })));
        assert.equal(await lastData(`all ${kind}`), asLines(data), what);
      }
    });

  test(`${kind} is read right however it is cut into packets`, async () => {
    const wire = await server.connect('api');
    const [body, headers] = encode({ to: `cut ${kind}`, content: 'a😀é' });
    const bytes = request('POST', '/publish', { headers: { ...auth, 'content-type': form, ...headers }, body });
    for (let at = bytes.length - Buffer.from(body).length; at < bytes.length; at++) {
      await wire.sendPieces([bytes.subarray(0, at), bytes.subarray(at)]);
      published(await wire.answer());
    }
    assert.equal(await lastData(`cut ${kind}`), 'a😀é');
  });

  test(`${kind} with bytes that are no UTF-8, or with NUL, is refused by field`, async () => {
    const bad = {
      'a lone continuation': [0x80], 'Latin-1': [0xe9], 'a cut sequence': [0x61, 0xe2, 0x82], 'an overlong slash': [0xc0, 0xaf],
      'an overlong NUL': [0xc0, 0x80], 'a surrogate': [0xed, 0xa0, 0x80], 'beyond Unicode': [0xf4, 0x90, 0x80, 0x80], 'FF': [0xff], 'NUL': [0x61, 0, 0x62],
    };
    for (const [what, bytes] of Object.entries(bad))
      for (const field of ['content', 'event', 'to', 'channel']) {
        const fields = { to: 'bad-utf8', content: 'x', [field]: Buffer.from(bytes) };
        const answer = await server.tryPublish(...encode(fields));
        assertRefused(answer, 400);
        assert.deepEqual([answer.json.error, answer.json.field], ['invalid_field', field], what);
        assert.doesNotMatch(answer.body, /[^ -~\s]/, what);
      }
    assert.deepEqual(await retained('bad-utf8'), []);
  });

  test(`${kind} holds 1 MiB of content and not a byte more`, async () => {
    const largest = { to: `large ${kind}`, content: 'x'.repeat(MiB) };
    published(await server.tryPublish(...encode(largest)));
    assert.equal((await lastData(`large ${kind}`)).length, MiB);
    assertRefused(await server.tryPublish(...encode({ ...largest, content: 'x'.repeat(MiB + 1) })), 413);
  });
}

test('1 MiB of JSON escapes is 1 MiB of content', async () => {
  const content = '\\u00e9'.repeat(MiB / 2);
  published(await server.tryPublish(`{"to":"escaped","content":"${content}"}`, asJson));
  assert.ok((await lastData('escaped')) === 'é'.repeat(MiB / 2));
});

test('JSON strings are unescaped, and wrong ones refused', async () => {
  published(await server.tryPublish('{"to":"json","content":"\\u00e9\\ud83d\\ude00\\/\\"\\\\\\n\\t\\b"}', asJson));
  assert.equal(await lastData('json'), 'é😀/"\\\n\t\b');
  for (const content of ['"\\ud83d"', '"\\ude00\\ud83d"', '"\\u0000"', '"\\x41"', '"a\nb"', '"open', "'x'", '{"a":1}', '["a"]', 'nope'])
    assert.equal(assertRefused(await server.tryPublish(`{"to":"json","content":${content}}`, asJson), 400).json.field, 'content', content);
  for (const body of ['', 'null', '[]', '"x"', '{', '{}x', '{"content":"x",}', '{"content" "x"}', '{"a":'.repeat(10_000)])
    assertRefused(await server.tryPublish(body, asJson), 400);
  assert.equal((await retained('json')).length, 1);
});

test('a malformed field is named when its name fits into an answer, and too many are none', async () => {
  const error = async (...body) => assertRefused(await server.tryPublish(...body), 400).json;
  assert.deepEqual(await error('content=x&to=%'), { error: 'invalid_field', field: 'to', reason: 'malformed, or not UTF-8' });
  for (const name of [Buffer.from([0xff]), Buffer.alloc(129, 'a'), Buffer.alloc(MiB, '\x01')])
    assert.deepEqual(await error(Buffer.concat([name, Buffer.from('=%')])), { error: 'malformed_body' });
  assert.deepEqual(await error(`content=x${'&a='.repeat(4096)}`), { error: 'malformed_body' });
});

test('a charset beside the type is UTF-8, in any case and quoted or not, or 415', async () => {
  const json = '{"to":"charset","content":"x"}';
  const way = { 'application/json': json, 'Application/JSON': json, [form]: 'to=charset&content=x' };
  for (const [type, body] of Object.entries(way)) {
    for (const charset of ['utf-8', 'UTF-8', '"utf-8"', '"Utf-8"'])
      for (const parameter of [`; charset=${charset}`, `;Charset=${charset}`])
        published(await server.tryPublish(body, { 'content-type': type + parameter }));
    for (const charset of ['latin1', 'ISO-8859-1', '"latin1"', 'utf-16'])
      assert.equal(assertRefused(await server.tryPublish(body, { 'content-type': `${type}; charset=${charset}` }), 415).json.error, 'unsupported_media_type');
  }
  assert.equal((await retained('charset')).length, 24);
});

test('a body that is encoded is 415, `identity` is not encoded', async () => {
  for (const coding of ['gzip', 'deflate', 'br', 'identity, gzip'])
    assert.equal(assertRefused(await server.tryPublish('to=coded&content=x', { 'content-encoding': coding }), 415).json.error, 'unsupported_media_type');
  for (const coding of ['identity', 'Identity'])
    published(await server.tryPublish('to=coded&content=x', { 'content-encoding': coding }));
  assert.equal((await retained('coded')).length, 2);
});

test('a body without a type is read as a form', async () => {
  published(await server.tryPublish('to=typeless&content=x', { 'content-type': undefined }));
  assert.equal(await lastData('typeless'), 'x');
});

test('other types of body are 415', async () => {
  for (const type of ['text/plain', 'application/xml', 'multipart/mixed; boundary=x', 'application/jsonx'])
    assertRefused(await server.tryPublish('content=x', { 'content-type': type }), 415);
});

test('multipart that is cut, without a boundary, or without names is refused', async () => {
  const whole = multipart([['to', 'parts'], ['content', 'x']]);
  for (const [body, headers] of [
    [whole.subarray(0, -6), asMultipart], [whole.subarray(0, 40), asMultipart], ['', asMultipart], ['no part at all', asMultipart],
    [whole, { 'content-type': 'multipart/form-data' }], [whole, { 'content-type': 'multipart/form-data; boundary=' }],
    [whole, { 'content-type': 'multipart/form-data; boundary=other' }], [whole, { 'content-type': `multipart/form-data; boundary=${'x'.repeat(500)}` }],
    [whole.toString().replace('; name="content"', ''), asMultipart], [whole.toString().replace(/Content-Disposition.*/, 'X: y'), asMultipart],
  ]) assertRefused(await server.tryPublish(body, headers), 400);
  assert.deepEqual(await retained('parts'), []);
});

test('a body beyond every bound is 413 before it comes', async () => {
  const wire = await server.connect('api');
  wire.send(`POST /publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEY}\r\nContent-Type: ${form}\r\nContent-Length: 99999999999\r\n\r\n`);
  assertRefused(await wire.answer(), 413);
});

test('--max-message bounds the content, chunked or not', async (t) => {
  const small = await serve({ args: ['--max-message', '1k'] }, t);
  published(await small.tryPublish({ content: 'x'.repeat(1024) }));
  assertRefused(await small.tryPublish({ content: 'x'.repeat(1025) }), 413);
  const wire = await small.connect('api');
  wire.send(`POST /publish HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${KEY}\r\nContent-Type: ${form}\r\nTransfer-Encoding: chunked\r\n\r\n`);
  const chunk = `1000\r\n${'content='.padEnd(4096, 'x')}\r\n`;
  for (let i = 0; i < 64 && !wire.ended; i++) await wire.sendPieces([chunk]);
  assertRefused(await wire.answer(), 413);
});

// ---- fields

test('`to` may be said in every way, once or several times', async () => {
  const streams = await Promise.all(['u1', 'u2'].map((uid) => server.stream(uid)));
  const ways = [
    'to=u1&to=u2&content=', 'to[]=u1&to[]=u2&content=', 'to%5B0%5D=u1&to%5B1%5D=u2&content=', 'to[5]=u2&to[]=u1&content=',
    [multipart([['to[]', 'u1'], ['to[]', 'u2'], ['content', '']]), asMultipart],
    [multipart([['to[0]', 'u1'], ['to[1]', 'u2'], ['content', '']]), asMultipart],
    { to: ['u1', 'u2'], content: '' }, { to: ['u2', 'u1', 'u2'], content: '' }, { content: '', to: ['u1', 'nobody', 'u2'] },
    '&to=u1&&content=&to=u2&',
  ];
  for (const way of ways) {
    const { status, streams: count } = published(await server.tryPublish(...[way].flat()));
    assert.deepEqual([status, count], ['ok', 2], String(way));
  }
  for (const stream of streams) assert.deepEqual(await stream.data(ways.length), ways.map(() => ''));
});

test('a stream that is reached in several ways gets a message once', async () => {
  const claims = { channels: ['c1', 'c2'] };
  const stream = await server.stream('twice', { claims });
  const neighbour = await server.stream('beside', { claims, channel: 'c2' });
  const { streams } = await server.publish({ to: ['twice', 'twice'], channel: ['c1', 'c2'], content: 'once' });
  assert.equal(streams, 2);
  await server.publish('to=twice&channel=c1&channel[]=c2&content=again');
  assert.deepEqual(await stream.data(2), ['once', 'again']);
  assert.deepEqual(await neighbour.data(2), ['once', 'again']);
  const replay = await server.stream('twice', { claims, position: 'earliest' });
  await server.publish({ to: 'twice', content: 'last' });
  for (const one of [stream, replay]) assert.deepEqual((await one.until(() => one.messages.at(-1)?.data === 'last' && one.messages, 'the last')).map(({ data }) => data), ['once', 'again', 'last']);
  assert.deepEqual((await server.poll('twice', { claims, position: 'earliest' })).events.length, 3);
});

test('`data` is another name of `content`, and numbers are text', async () => {
  await server.publish({ to: 'names', data: 'by data' });
  await server.publish('to=names&data=by+form');
  await server.publish({ to: 7, content: 'to a number' });
  assert.deepEqual((await retained('names')).map(({ data }) => data), ['by data', 'by form']);
  assert.equal(await lastData('7'), 'to a number');
});

test('the answer names the message, and status is offline when none of the named uids is there', async () => {
  await server.stream('here');
  const there = await server.publish({ to: ['here', 'gone'], content: 'x' });
  const gone = await server.publish({ to: 'gone', content: 'y' });
  const channel = await server.publish({ channel: 'empty', content: 'z' });
  assert.deepEqual(Object.keys(there), ['status', 'id', 'streams']);
  assert.deepEqual([there, gone, channel].map(({ status, streams }) => `${status} ${streams}`), ['ok 1', 'offline 0', 'ok 0']);
  assert.deepEqual(await retained('gone'), [{ id: there.id, event: 'message', data: 'x' }, { id: gone.id, event: 'message', data: 'y' }]);
});

test('`ttl` bounds how long a message waits for those who are away', async () => {
  const stream = await server.stream('ttl');
  const begin = Date.now();
  for (const ttl of [0, '1', 3600]) await server.publish({ to: 'ttl', content: `${ttl}`, ttl });
  assert.deepEqual(await stream.data(3), ['0', '1', '3600']);
  const kept = (await retained('ttl')).map(({ data }) => data);
  if (Date.now() - begin < 1000) assert.deepEqual(kept, ['1', '3600']); // unless the machine was asleep meanwhile
  await eventually(async () => (await retained('ttl')).map(({ data }) => data).join() === '3600', 'a second later');
  for (const ttl of ['soon', '-1', '1.5.2', '1e99', ' ']) assertRefused(await server.tryPublish({ to: 'ttl', content: 'x', ttl }), 400, /ttl/);
});

test('the same `key` publishes once and answers with the first id', async () => {
  const first = await server.publish({ to: 'idem', content: '1', key: 'order-17' });
  const second = await server.publish({ to: 'idem', content: '2', key: 'order-17' });
  const other = await server.publish('to=idem&content=3&key=order-18');
  assert.equal(second.id, first.id);
  assert.notEqual(other.id, first.id);
  assert.deepEqual((await retained('idem')).map(({ data }) => data), ['1', '3']);
  const together = await Promise.all(Array.from({ length: 8 }, () => server.publish({ to: 'idem', content: '4', key: 'order-19' })));
  assert.equal(new Set(together.map(({ id }) => id)).size, 1);
});

test('a wrong field is 400 and named', async () => {
  const wrong = {
    event: ['open', 'error', 'pushsse.hello', 'pushsse.x', 'a\nb', 'a\rb', 'a\0b'],
    to: ['x'.repeat(129), 'a\nb', 'a\u007fb', { a: 1 }, [['a']], [''].concat(['a\0'])],
    channel: ['x'.repeat(129), 'a\tb', { a: 1 }],
    content: [undefined, { a: 1 }, ['a'], null],
    key: [{ a: 1 }],
  };
  for (const [field, values] of Object.entries(wrong))
    for (const value of values)
      assertRefused(await server.tryPublish({ to: 'wrong', content: 'x', [field]: value }), 400, new RegExp(field));
  for (const body of ['to=wrong&content[a]=x', 'to[a][b]=wrong&content=x', 'to=wrong&content[]=x', 'to=wrong'])
    assertRefused(await server.tryPublish(body), 400, /content|to/);
  for (const value of ['%zz', 'a%', '%4'])
    assert.equal(assertRefused(await server.tryPublish(`to=wrong&content=${value}`), 400).json.field, 'content', value);
  assert.deepEqual(await retained('wrong'), []);
});

test('event names have any other form', async () => {
  const stream = await server.stream('events');
  const names = ['message', 'note', 'opened', 'ÉVÈNEMENT 😀', 'a: b', 'pushsse', ' x'];
  for (const event of names) await server.publish({ to: 'events', content: 'x', event });
  await stream.data(names.length);
  assert.deepEqual(stream.messages.map(({ event }) => event), names);
});

test('without the right key nothing is published, and the answer is 401', async () => {
  for (const authorization of [undefined, '', 'Bearer', 'Bearer ', `Bearer ${KEY}x`, `Bearer ${KEY.slice(0, -1)}`, `Basic ${KEY}`, KEY, `Bearer ${'x'.repeat(5000)}`])
    assertRefused(await server.tryPublish({ to: 'keyless', content: 'x' }, { authorization }), 401);
  assertRefused(await server.call('api', 'POST', `/publish?key=${KEY}`, { headers: { 'content-type': form }, body: 'to=keyless&content=x' }), 401);
  assert.deepEqual(await retained('keyless'), []);
});

test('nothing of the API answers on the public listener', async () => {
  for (const [method, target] of [['POST', '/publish'], ['POST', '/disconnect'], ['GET', '/online?uid=1'], ['GET', '/stats'], ['GET', '/metrics'], ['POST', '/']]) {
    const { status } = await server.call('public', method, target, { headers: { ...auth, 'content-type': form }, body: method === 'POST' ? 'type=publish&to=x&content=x' : undefined });
    assert.equal(status, 404, `${method} ${target}`);
  }
});

test('publishing never waits behind readers: a hundred at once on one connection, answered in order', async () => {
  const stream = await server.stream('burst');
  const wire = await server.connect('api');
  wire.send(Buffer.concat(Array.from({ length: 100 }, (_, i) =>
    request('POST', '/publish', { headers: { ...auth, 'content-type': form }, body: `to=burst&content=${i}` }))));
  const ids = [];
  for (let i = 0; i < 100; i++) ids.push(published(await wire.answer()).id);
  assert.deepEqual(await stream.data(100), ids.map((_, i) => `${i}`));
  assert.deepEqual(stream.messages.map(({ id }) => id), ids);
});

test('what a client publishes over many connections, each closed without a look at the answer, stays in order', async (t) => {
  const own = await serve({ args: ['--workers', '2'] }, t);
  const stream = await own.stream('hasty');
  for (let i = 0; i < 30; i++) {
    const wire = await own.connect('api');
    const body = `to=hasty&content=${i}`;
    await wire.sendPieces([request('POST', '/publish', { headers: { ...auth, 'content-type': form }, body })]);
    wire.close();
    await wire.closed();
  }
  assert.deepEqual(await stream.data(30), Array.from({ length: 30 }, (_, i) => `${i}`));
});

// ---- the compat form

const compat = (fields, { method = 'POST', headers, on = server } = {}) => {
  const text = typeof fields === 'string' ? fields : new URLSearchParams({ type: 'publish', ...fields }).toString();
  return method === 'POST'
    ? on.call('api', 'POST', '/', { headers: { ...auth, 'content-type': form, ...headers }, body: text })
    : on.call('api', method, `/?${text}`, { headers: { ...auth, ...headers } });
};
const word = async (...args) => {
  const { status, body } = await compat(...args);
  return `${status} ${body}`;
};

test('the compat form answers exactly ok, offline or fail', async () => {
  const stream = await server.stream('compat');
  assert.equal(await word({ to: 'compat', content: 'by post' }), '200 ok');
  assert.equal(await word({ to: 'compat', content: 'by get' }, { method: 'GET' }), '200 ok');
  assert.equal(await word({ to: 'compat-away', content: 'kept' }), '200 offline');
  assert.equal(await word({ to: '0', content: 'the uid 0' }), '200 offline');
  for (const wrong of ['', 'type=publish', 'type=publish&to=compat', 'type=other&to=compat&content=x', 'to=compat&content=x', 'type=publish&to[]=compat&content=x',
    'type=publish&to=compat&content[]=x', 'type[]=publish&to=compat&content=x', 'type=publish&to=compat&content=%ff', 'type=publish&to=compat&content=%00'])
    assert.equal(await word(wrong), '200 fail', wrong);
  assert.deepEqual(await stream.data(2), ['by post', 'by get']);
  assert.ok(stream.messages.every(({ event }) => event === 'new_msg'));
  assert.equal(await lastData('compat-away'), 'kept');
  assert.equal(await lastData('0'), 'the uid 0');
});

test('the compat form speaks to everyone without a uid', async (t) => {
  const own = await serve({}, t);
  const streams = [await own.stream('1'), await own.stream('2')];
  for (const fields of [{ to: '', content: 'x' }, { content: 'x' }]) assert.equal(await word(fields, { on: own }), '200 ok');
  for (const stream of streams) assert.deepEqual(await stream.data(2), ['x', 'x']);
});

test('the compat form takes multipart too, as PHP sends an array', async () => {
  const { stdout } = await run('curl', ['-sS', '-H', `Authorization: Bearer ${KEY}`, '-F', 'type=publish', '-F', 'to=compat-form', '-F', 'content=x', `http://${server.api}/`]);
  assert.equal(stdout, 'offline');
  assert.equal(await lastData('compat-form'), 'x');
});

test('the compat form escapes as htmlspecialchars of PHP does', async () => {
  for (const content of ['<b>"Tom" & \'Jerry\'</b>', '&amp; &lt; &#039;', 'é😀 `=/', '']) {
    const { stdout } = await run('php', ['-r', 'echo htmlspecialchars(getenv("CONTENT"));'], { env: { ...cleanEnv, CONTENT: content } });
    if ((await compat({ to: 'compat-escape', content })).body !== 'fail') assert.equal(await lastData('compat-escape'), stdout);
    else assert.equal(content, '', 'only nothing may fail');
  }
});

test('the compat form wants the key', async () => {
  for (const authorization of [undefined, 'Bearer wrong']) {
    assert.equal(await word({ to: 'compat', content: 'x' }, { headers: { authorization } }), '401 fail');
    assert.equal(await word({ to: 'compat', content: 'x' }, { method: 'GET', headers: { authorization } }), '401 fail');
  }
});
