// Who may read: where a token is looked for, what makes it good, how secrets are changed without a restart.
import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { KEY, SECRET, cleanEnv, now, pushsse, run, serve, sign, temporary, token } from './server.js';
import { assertRefused, eventually, secrets } from './wire.js';

const server = await serve({ args: ['--cors-origin', 'https://site.test'] });

const ask = (headers, target = '/poll') => server.get(target, headers);
const withToken = (made) => ask({ authorization: `Bearer ${made}` });
const refusedAs = async (made, error) => assert.equal(assertRefused(await withToken(made), 401).json.error, error);

test('a token is taken from the header, then the query, then the cookie; the first that is there decides', async () => {
  const good = token('order');
  const bad = `${good.slice(0, -4)}AAAA`;
  const origin = 'https://site.test';
  const header = (made) => ({ authorization: `Bearer ${made}` });
  const cookie = (made) => ({ cookie: `a=b; pushsse=${made}; c=d`, origin });
  const inQuery = (made) => `/poll?token=${made}`;

  for (const [what, headers, target, status] of [
    ['header', header(good), '/poll', 200],
    ['query', {}, inQuery(good), 200],
    ['cookie', cookie(good), '/poll', 200],
    ['scheme in small letters', { authorization: `bearer ${good}` }, '/poll', 200],
    ['good header, bad query', header(good), inQuery(bad), 200],
    ['bad header, good query', header(bad), inQuery(good), 401],
    ['good query, bad cookie', cookie(bad), inQuery(good), 200],
    ['bad query, good cookie', cookie(good), inQuery(bad), 401],
    ['bad header, good cookie', { ...header(bad), ...cookie(good) }, '/poll', 401],
  ]) assert.equal((await ask(headers, target)).status, status, what);
});

test('a cookie counts only with an allowed origin', async () => {
  const cookie = `pushsse=${token('cookie')}`;
  assertRefused(await ask({ cookie }), 401);
  assertRefused(await ask({ cookie, origin: 'https://evil.test' }), [401, 403]);
  const { status, headers } = await ask({ cookie, origin: 'https://site.test' });
  assert.equal(status, 200);
  assert.equal(headers['access-control-allow-credentials'], 'true');
});

test('no token is token_missing, for streams and polls', async () => {
  for (const target of ['/events', '/poll']) assert.equal(assertRefused(await ask({}, target), 401).json.error, 'token_missing');
});

test('whatever is not a good token is token_invalid', async () => {
  const [head, claims, signature] = token('bad').split('.');
  const text = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const hs512 = `${text({ alg: 'HS512' })}.${claims}`;
  const cases = {
    'garbage': 'garbage',
    'two parts': `${head}.${claims}`,
    'four parts': `${head}.${claims}.${signature}.${signature}`,
    'an empty signature': `${head}.${claims}.`,
    'a cut signature': `${head}.${claims}.${signature.slice(0, -1)}`,
    'a signature of another secret': token('bad', {}, { secret: 'not-the-secret' }),
    'claims of another token': `${head}.${text({ sub: 'root' })}.${signature}`,
    'padding': `${head}.${claims}.${signature}=`,
    'plain base64': `${head}.${claims}.${signature.replace(/.$/, '/')}`,
    'alg none, unsigned': `${text({ alg: 'none' })}.${claims}.`,
    'alg none, signed': token('bad', {}, { header: { alg: 'none' } }),
    'alg HS512, truly': `${hs512}.${createHmac('sha512', SECRET).update(hs512).digest('base64url')}`,
    'alg HS512, by name': token('bad', {}, { header: { alg: 'HS512' } }),
    'alg hs256': token('bad', {}, { header: { alg: 'hs256' } }),
    'no alg': token('bad', {}, { header: { typ: 'JWT' } }),
    'a critical extension': token('bad', {}, { header: { alg: 'HS256', crit: ['b64'], b64: false } }),
    'no sub': sign({ exp: now() + 60 }),
    'an empty sub': sign({ sub: '', exp: now() + 60 }),
    'a sub that is no string': sign({ sub: { a: 1 }, exp: now() + 60 }),
    'a sub of 129 bytes': token('x'.repeat(129)),
    'a sub with a line end': token('a\nb'),
    'a sub with a NUL': token('a\0b'),
    'claims that are an array': sign(['sub']),
    'an exp that is no number': token('bad', { exp: 'tomorrow' }),
    'channels that are no array': token('bad', { channels: 'room' }),
    'nbf a minute ahead': token('bad', { nbf: now() + 60 }),
  };
  for (const [what, made] of Object.entries(cases)) {
    const answer = await withToken(made);
    assert.equal(`${answer.status} ${answer.json?.error}`, '401 token_invalid', what);
  }
});

test('a uid has up to 128 bytes of UTF-8', async () => {
  for (const uid of ['x'.repeat(128), 'é'.repeat(64), '😀 with blanks & "quotes"', '0'])
    assert.equal((await withToken(token(uid))).status, 200, uid);
});

test('exp and nbf may be missed by 30 seconds', async () => {
  await refusedAs(token('late', { exp: now() - 35 }), 'token_expired');
  assert.equal((await withToken(token('late', { exp: now() - 25 }))).status, 200);
  assert.equal((await withToken(token('early', { nbf: now() + 25 }))).status, 200);
  assert.equal((await withToken(sign({ sub: 'forever' }))).status, 200);
});

test('an expired token with a wrong signature is invalid, not expired', () =>
  refusedAs(token('late', { exp: now() - 100 }, { secret: 'not-the-secret' }), 'token_invalid'));

test('channels beyond the token are 403, a subset is obeyed', async () => {
  const claims = { channels: ['room.1', 'room.2'] };
  for (const path of ['/events', '/poll'])
    assertRefused(await server.get(`${path}?token=${token('chan', claims)}&channel=room.3`), 403);
  const both = await server.stream('chan', { claims });
  const one = await server.stream('chan', { claims, channel: 'room.2' });
  await server.publish({ channel: 'room.1', content: 'first' });
  await server.publish({ channel: 'room.2', content: 'second' });
  assert.deepEqual(await both.data(2), ['first', 'second']);
  assert.deepEqual(await one.data(1), ['second']);
});

test('every line of the secret file is tried, and SIGHUP reads it again', async (t) => {
  const [older, newer, newest] = ['older', 'newer', 'newest'].map((age) => `the-${age}-secret-0123456789-0123456789`);
  const keys = ['first', 'second'].map((age) => `the-${age}-key-0123456789-0123456789`);
  [older, newer, newest, ...keys].forEach((secret) => secrets.add(secret));
  const files = temporary();
  const file = (name, ...lines) => {
    writeFileSync(path.join(files, name), `${lines.join('\n')}\n`, { mode: 0o600 });
    return path.join(files, name);
  };
  const rotating = await serve({
    args: ['--secret-file', file('secret', newer, older), '--api-key-file', file('key', keys[0])],
    env: { PUSHSSE_SECRET: undefined, PUSHSSE_API_KEY: undefined },
  }, t);
  const status = async (secret) => (await rotating.get(`/poll?token=${token('rotation', {}, { secret })}`)).status;
  const publish = (key) => rotating.tryPublish({ to: 'rotation', content: key.slice(4, 7) }, { authorization: `Bearer ${key}` });

  assert.deepEqual([await status(newer), await status(older), await status(newest)], [200, 200, 401]);
  assert.equal((await publish(keys[0])).status, 200);
  assertRefused(await publish(keys[1]), 401);
  const stream = await rotating.stream(null, { token: token('rotation', {}, { secret: older }) });

  file('secret', newest, newer);
  file('key', ...keys.slice(1));
  rotating.child.kill('SIGHUP');
  await eventually(async () => (await status(newest)) === 200, 'the new secret counts');
  assert.deepEqual([await status(newer), await status(older)], [200, 401]);
  await eventually(async () => (await publish(keys[1])).status === 200, 'the new key counts');
  assertRefused(await publish(keys[0]), 401);
  assert.deepEqual(await stream.data(1), ['sec'], 'an open stream stays open');

  file('secret', '');
  rotating.child.kill('SIGHUP');
  await eventually(() => /secret/i.test(rotating.log.split('\n').slice(-3).join()), 'a word on the empty file');
  assert.equal(await status(newest), 200, 'a file without a secret changes nothing');
});

test('`pushsse token` prints a token that anyone can check', async () => {
  const { code, stdout } = await pushsse(['token', 'anna', '--ttl', '90s', '--channel', 'room.1', '--channel', 'room.2'], { PUSHSSE_SECRET: SECRET });
  assert.equal(code, 0);
  const made = stdout.trim();
  secrets.add(made);
  const [head, claims, signature] = made.split('.');
  assert.equal(signature, createHmac('sha256', SECRET).update(`${head}.${claims}`).digest('base64url'));
  assert.equal(JSON.parse(Buffer.from(head, 'base64url')).alg, 'HS256');
  const { sub, iat, exp, channels } = JSON.parse(Buffer.from(claims, 'base64url'));
  assert.deepEqual({ sub, channels, lives: Math.round(exp - iat) }, { sub: 'anna', channels: ['room.1', 'room.2'], lives: 90 });
  assert.ok(Math.abs(iat - now()) <= 5);
  const stream = await server.stream(null, { token: made, channel: 'room.2' });
  await server.publish({ to: 'anna', content: 'hello' });
  assert.deepEqual(await stream.data(1), ['hello']);
});

test('`pushsse token` signs with the first line of the file, for an hour, and says what is wrong', async () => {
  const file = path.join(temporary(), 'secret');
  writeFileSync(file, `${SECRET}\nanother-secret-0123456789-0123456789\n`);
  const made = (await pushsse(['token', 'ünï "x"', '--secret-file', file])).stdout.trim();
  secrets.add(made);
  const { sub, iat, exp } = JSON.parse(Buffer.from(made.split('.')[1], 'base64url'));
  assert.deepEqual([sub, Math.round(exp - iat)], ['ünï "x"', 3600]);
  assert.equal((await withToken(made)).status, 200);
  for (const args of [['token'], ['token', ''], ['token', 'x'.repeat(129)], ['token', 'a', '--ttl', 'soon'], ['token', 'a', '--nonsense']]) {
    const wrong = await pushsse(args, { PUSHSSE_SECRET: SECRET });
    assert.equal(wrong.code, 2, args.join(' '));
    assert.equal(wrong.stderr.trim().split('\n').length, 1, wrong.stderr);
  }
});

test('a token made by PHP with hash_hmac opens a stream', async () => {
  const php = `
    $b64 = fn($s) => rtrim(strtr(base64_encode($s), '+/', '-_'), '=');
    $signed = $b64('{"alg":"HS256","typ":"JWT"}') . '.' . $b64(json_encode(['sub' => 'from-php', 'iat' => time(), 'exp' => time() + 600]));
    echo $signed . '.' . $b64(hash_hmac('sha256', $signed, getenv('SECRET'), true));`;
  const { stdout } = await run('php', ['-r', php], { env: { ...cleanEnv, SECRET } });
  secrets.add(stdout);
  const stream = await server.stream(null, { token: stdout });
  await server.publish({ to: 'from-php', content: 'bonjour' });
  assert.deepEqual(await stream.data(1), ['bonjour']);
});

test('the log names a stream by uid and the first 8 digits of its token\'s hash', async () => {
  const made = token('logged');
  (await server.stream(null, { token: made })).close();
  const digits = createHash('sha256').update(made).digest('hex');
  await eventually(() => server.log.includes(digits.slice(0, 8)), 'the stream is in the log');
  assert.ok(!server.log.includes(digits.slice(0, 9)), 'no more than 8');
  assert.match(server.log, /\blogged\b/);
  assert.ok(!server.log.includes(KEY));
});
