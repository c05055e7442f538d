// examples/php/Pushsse.php, run by PHP against the server: what it publishes arrives once, and what fails says why.
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { KEY, SECRET, cleanEnv, run, serve, temporary } from './server.js';
import { eventually } from './wire.js';

const helper = fileURLToPath(new URL('../../examples/php/Pushsse.php', import.meta.url));
const files = temporary();
const server = await serve({ args: ['--first-ping', '30s', '--heartbeat', '30s'] });

writeFileSync(path.join(files, 'secret'), `${SECRET}\nan-older-secret\n`);
writeFileSync(path.join(files, 'key'), `  ${KEY}\n`);

// Runs PHP that finds a $pushsse, and answers with what it printed. Nothing secret may be in that, nor any warning.
async function php(code, { api = `http://${server.api}`, config = {}, env = {} } = {}) {
  const script = path.join(files, `${Math.random()}.php`);
  const all = { api, secret_file: path.join(files, 'secret'), key_file: path.join(files, 'key'), ...config };
  writeFileSync(script, `<?php require '${helper}'; $pushsse = new Pushsse(json_decode(getenv('CONFIG'), true)); ${code}`);
  const strict = ['-d', 'error_reporting=-1', '-d', 'display_errors=stderr', '-d', 'zend.exception_ignore_args=0'];
  const { code: status, stdout, stderr } = await run('php', [...strict, script], { env: { ...cleanEnv, CONFIG: JSON.stringify(all), ...env } });
  for (const secret of [KEY, SECRET]) assert.ok(!stdout.includes(secret) && !stderr.includes(secret), `${stdout}${stderr}`);
  assert.deepEqual([status, stderr], [0, ''], stdout);
  return stdout;
}

const json = async (expression, options) => JSON.parse(await php(`echo json_encode(${expression});`, options));

// What it throws: "class code message".
const thrown = (statement, options) => php(`
  try { ${statement}; echo 'nothing was thrown'; }
  catch (Exception $e) { echo get_class($e), ' ', $e->getCode(), ' ', $e->getMessage(); }`, options);

const arrived = async (uid, on = server) => (await on.poll(uid, { position: 'earliest' })).events.map(({ data }) => data);

test('it publishes to one, to several, to a channel and to everyone', async () => {
  const one = await server.stream('1', { claims: { channels: ['room'] } });
  const two = await server.stream('2');
  const said = await json(`[
    $pushsse->publish(['to' => '1', 'content' => 'to one']),
    $pushsse->publish(['to' => [7 => 1, 9 => '2'], 'content' => 'to several', 'event' => 'order']),
    $pushsse->publish(['channel' => 'room', 'content' => "to a channel\\né 😀 </script>", 'ttl' => 60]),
    $pushsse->publish(['content' => 'to everyone', 'ttl' => 0]),
    $pushsse->publish(['to' => 'nobody', 'content' => ''])]`);
  assert.deepEqual(said.map(({ status, streams }) => [status, streams]), [['ok', 1], ['ok', 2], ['ok', 1], ['ok', 2], ['offline', 0]]);
  assert.deepEqual(await one.data(4), ['to one', 'to several', 'to a channel\né 😀 </script>', 'to everyone']);
  assert.deepEqual(await two.data(2), ['to several', 'to everyone']);
  assert.equal(one.messages[1].event, 'order');
  assert.equal(one.messages[0].id, said[0].id);
});

test('all calls of a process share one connection', async () => {
  const connections = async () => (await server.apiCall('GET', '/stats')).json.total.connections;
  const before = await connections();
  await php(`for ($i = 0; $i < 5; $i++) { $pushsse->publish(['to' => 'kept', 'content' => $i]); $pushsse->online(['kept']); }`);
  assert.equal((await connections()) - before, 2); // PHP's, and the one that asks now
});

test('its token opens a stream, with its channels, until it expires', async () => {
  const token = await php(`echo $pushsse->token('é 42', 3600, ['room', 7]);`);
  const authorization = `Bearer ${token}`;
  const stream = await server.stream(null, { headers: { authorization } });
  assert.ok(stream.hello.exp > Date.now() / 1000 + 3500);
  await server.publish({ to: 'é 42', content: 'a' });
  await server.publish({ channel: ['7'], content: 'b' });
  assert.deepEqual(await stream.data(2), ['a', 'b']);
  assert.equal((await server.get('/events?channel=other', { authorization })).status, 403);
  const old = await php(`echo $pushsse->token('42', -60);`);
  assert.equal((await server.get('/events', { authorization: `Bearer ${old}` })).json.error, 'token_expired');
  assert.match(await thrown(`$pushsse->token('')`), /^InvalidArgumentException/);
});

test('it tells who is online, also of thousands, and disconnects', async () => {
  const stream = await server.stream('here');
  assert.deepEqual(await json(`$pushsse->online(['here', 'a b&c=é', 12])`), { 'here': 1, 'a b&c=é': 0, '12': 0 });
  assert.deepEqual(await json(`$pushsse->online([])`), []);
  const many = await json(`$pushsse->online(array_merge(range(1, 2500), ['here']))`);
  assert.deepEqual([Object.keys(many).length, many.here, many[2500]], [2501, 1, 0]);
  const said = await json(`[$before = $pushsse->token('here'), $pushsse->disconnect('here', 'gone'), usleep(2000), $pushsse->token('here')]`);
  assert.equal(said[1], 1);
  assert.deepEqual(JSON.parse((await stream.next('pushsse.bye')).data), { reason: 'gone' });
  const status = async (token) => (await server.get('/poll?wait=0', { authorization: `Bearer ${token}` })).status;
  assert.deepEqual([await status(said[0]), await status(said[3])], [401, 200]);
});

test('a stream that starts at its position gets what was published since', async () => {
  const position = await php(`echo $pushsse->position();`);
  await server.publish({ to: 'later', content: 'meanwhile' });
  const stream = await server.stream('later', { position });
  assert.deepEqual(await stream.data(1), ['meanwhile']);
});

test('a server that was down and comes back gets it once', async (t) => {
  const gate = net.createServer((socket) => socket.on('error', () => {}).once('data', () => socket.destroy())); // it hears the first try, and is gone
  await new Promise((resolve) => gate.listen(0, '127.0.0.1', resolve));
  const { port } = gate.address();
  const tried = new Promise((resolve) => gate.once('connection', (socket) => socket.once('close', resolve)));
  const publishing = json(`$pushsse->publish(['to' => 'down', 'content' => 'once'])`, { api: `http://127.0.0.1:${port}`, config: { attempts: 20 } });
  await tried;
  await new Promise((resolve) => gate.close(resolve));
  const late = await serve({ apiListen: `127.0.0.1:${port}` }, t);
  assert.equal((await publishing).status, 'offline');
  assert.deepEqual(await arrived('down', late), ['once']);
});

// A relay in front of the API that spoils the first answer, after the server has given it.
async function relay(t, spoil) {
  let requests = 0;
  const between = http.createServer((request, response) => {
    const onward = http.request(`http://${server.api}${request.url}`, { method: request.method, headers: request.headers }, (answer) => {
      if (++requests === 1) answer.resume().on('end', () => spoil(response));
      else answer.pipe(response.writeHead(answer.statusCode, answer.headers));
    });
    request.pipe(onward);
  });
  await new Promise((resolve) => between.listen(0, '127.0.0.1', resolve));
  t.after(() => (between.close(), between.closeAllConnections()));
  return { api: `http://127.0.0.1:${between.address().port}`, requests: () => requests };
}

for (const [what, spoil] of Object.entries({
  'is lost': (response) => response.destroy(),
  'is cut': (response) => response.writeHead(200, { 'content-length': 100 }).write('{"status":', () => response.destroy()),
  'comes from a proxy, 502': (response) => response.writeHead(502).end('<h1>Bad Gateway</h1>'),
  'is 507': (response) => response.writeHead(507).end('{"error":"no_memory"}'),
}))
  test(`when the answer ${what} it asks again with the same key, and the message arrives once`, async (t) => {
    const { api, requests } = await relay(t, spoil);
    const uid = `its answer ${what}`;
    const answer = await json(`$pushsse->publish(['to' => '${uid}', 'content' => 'once'])`, { api });
    assert.ok(answer.id);
    assert.deepEqual([requests(), await arrived(uid)], [2, ['once']]);
  });

test('it gives up after some attempts, and when its time is up', async (t) => {
  const publish = `$pushsse->publish(['to' => 'x', 'content' => 'x'])`;
  assert.match(await thrown(publish, { api: 'http://127.0.0.1:9' }),
    /^PushsseException 0 pushsse: POST \/publish: no answer from http:\/\/127\.0\.0\.1:9: .*connect.*\(tried 4 times\)$/i);
  const hung = [];
  const silent = net.createServer((socket) => hung.push(socket.on('error', () => {}).resume()));
  await new Promise((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.after(() => silent.close());
  const waiting = (config) => thrown(publish, { api: `http://127.0.0.1:${silent.address().port}`, config });
  const patient = waiting({ timeout: 60, attempts: 1 });
  assert.match(await Promise.race([patient, waiting({ timeout: 0.4 })]), /^PushsseException 0 .*timed out.*\(tried 1 times\)$/i);
  await eventually(() => hung.length === 2, 'both have asked');
  hung.forEach((socket) => socket.destroy());
  assert.match(await patient, /^PushsseException 0 (?!.*timed out)/i, 'it has waited on');
});

test('what is refused is not tried again, and says why', async () => {
  const refused = async () => (await server.apiCall('GET', '/stats')).json.total.refused;
  const before = await refused();
  assert.equal(await thrown(`$pushsse->publish(['to' => 'x'])`), 'PushsseException 400 pushsse: POST /publish: 400 invalid_field, content, missing');
  assert.match(await thrown(`$pushsse->publish(['to' => 'x', 'content' => 'x', 'event' => 'open'])`), /^PushsseException 400 .* invalid_field, event, /);
  assert.equal(await thrown(`$pushsse->online(['x'])`, { config: { key: 'wrong' } }), 'PushsseException 401 pushsse: GET /online: 401 key_invalid');
  assert.equal((await refused()) - before, 3);
  assert.match(await thrown(`$pushsse->publish(['to' => 'x', 'content' => "\\xff"])`), /^JsonException/);
  assert.match(await thrown(`$pushsse->online(['x'])`, { api: `http://${server.public}` }), /^PushsseException 404 /);
});

test('an empty `to` or `channel` is refused before it goes to everyone', async () => {
  const everyone = await server.stream('bystander');
  for (const empty of ['null', `''`, '[]'])
    for (const audience of ['to', 'channel'])
      assert.match(await thrown(`$pushsse->publish(['${audience}' => ${empty}, 'content' => 'x'])`), /^InvalidArgumentException 0 pushsse: `(to|channel)` is empty/);
  await server.publish({ to: 'bystander', content: 'end' });
  assert.deepEqual(await everyone.data(1), ['end']);
});

test('neither dumps nor errors nor their traces show a key, and http_proxy does not get it', async () => {
  const own = { key: KEY, secret: SECRET };
  assert.match(await php(`var_dump($pushsse); print_r($pushsse);`, { config: own }), /api/);
  await php(`try { $pushsse->call('GET', '/nowhere'); } catch (Exception $e) { echo $e, print_r($e->getTrace(), true); }`, { config: own });
  assert.equal(await json(`$pushsse->online(['x'])`, { env: { http_proxy: 'http://127.0.0.1:9' } }).then((all) => all.x), 0);
  assert.match(await thrown(`$pushsse->online(['x'])`, { config: { key_file: '/nowhere' } }), /^PushsseException 0 pushsse: cannot read \/nowhere/);
  assert.match(await thrown(`$pushsse->online(['x'])`, { config: { key: ' ' } }), /^InvalidArgumentException 0 pushsse: `key` is empty/);
});

test('it works over a unix socket', async (t) => {
  const socket = `unix:${temporary()}/api.sock`;
  const own = await serve({ apiListen: socket }, t);
  assert.equal((await json(`$pushsse->publish(['to' => 'x', 'content' => 'by socket'])`, { api: socket })).status, 'offline');
  assert.deepEqual(await arrived('x', own), ['by socket']);
});

test('it keeps to the syntax of PHP 7.4', async () => {
  // What came later and would be tempting; an attribute on a line of its own is a comment to 7.4.
  const { stdout } = await run('php', ['-r', `
    $later = ['T_MATCH', 'T_NULLSAFE_OBJECT_OPERATOR', 'T_ENUM', 'T_READONLY', 'T_ATTRIBUTE'];
    foreach (token_get_all(file_get_contents('${helper}')) as $token)
      if (is_array($token) && in_array(token_name($token[0]), $later)) echo token_name($token[0]), ' ', $token[2], "\\n";`]);
  assert.match(stdout, /^(T_ATTRIBUTE \d+\n)?$/);
});
