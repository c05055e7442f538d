// examples/php/: the page in plain PHP, in Chromium; and the excerpts for frameworks, with stand-ins for what they use.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openChromium } from './proxied.js';
import { freePort } from './proxy.js';
import { KEY, SECRET, cleanEnv, run, serve, temporary } from './server.js';
import { Wire, eventually } from './wire.js';

const examples = fileURLToPath(new URL('../../examples/php/', import.meta.url));
const files = temporary();
writeFileSync(path.join(files, 'secret'), SECRET);
writeFileSync(path.join(files, 'key'), KEY);

const settings = (server) => ({
  PUSHSSE_SECRET_FILE: path.join(files, 'secret'),
  PUSHSSE_API_KEY_FILE: path.join(files, 'key'),
  PUSHSSE_API: `http://${server.api}`,
});

test('every example is PHP', async () => {
  const all = readdirSync(examples, { recursive: true }).filter((name) => name.endsWith('.php'));
  assert.ok(all.length >= 10);
  for (const name of all) {
    const { code, stdout } = await run('php', ['-l', path.join(examples, name)]);
    assert.equal(code, 0, stdout);
  }
});

test('plain PHP: what the form sends is shown in the pages, and a page that was away gets it later', async (t) => {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const server = await serve({ args: ['--cors-origin', origin, '--retry', '100ms', '--first-ping', '50ms'] }, t);
  const site = spawn('php', ['-d', `session.save_path=${temporary()}`, '-S', `127.0.0.1:${port}`, '-t', path.join(examples, 'plain')],
    { env: { ...cleanEnv, ...settings(server), PUSHSSE_EVENTS: `http://${server.public}/events` }, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  site.stderr.on('data', (text) => (said += text));
  t.after(() => new Promise((resolve) => site.on('close', resolve).kill()));
  await eventually(() => Wire.connect(`127.0.0.1:${port}`).then((wire) => (wire.close(), true), () => false), `PHP listens: ${said}`);

  const page = await openChromium(t, `${origin}/`);
  const other = await page.context().browser().newPage(); // another browser's session: another user
  await other.addInitScript(() => (Math.random = () => 0)); // it waits no longer than it has to
  await other.goto(`${origin}/`);
  const isIn = (one, state) => one.waitForFunction((text) => document.getElementById('state').textContent === text, state);
  const messages = (one) => one.locator('#messages li').allTextContents();
  for (const one of [page, other]) await isIn(one, 'connected');
  const [uid, otherUid] = [await page.textContent('#uid'), await other.textContent('#uid')];
  const send = async (to, text) => {
    await page.evaluate(() => (document.getElementById('said').textContent = ''));
    await page.fill('[name=to]', to);
    await page.fill('[name=text]', text);
    await page.click('button');
    await page.waitForFunction(() => /streams$/.test(document.getElementById('said').textContent));
  };
  await send('', '<b>to all</b> é 😀');
  for (const one of [page, other]) await eventually(async () => (await messages(one))[0] === `${uid}: <b>to all</b> é 😀`, 'the message in the page');
  await send(otherUid, 'to the other');
  await eventually(async () => (await messages(other))[0] === `${uid}: to the other`, 'the message in the other page');

  await other.context().setOffline(true);
  await other.evaluate(() => push.reconnect());
  await isIn(other, 'not connected');
  await send(otherUid, 'while away');
  await other.context().setOffline(false);
  await isIn(other, 'connected');
  await eventually(async () => (await messages(other)).length >= 3, 'what was sent meanwhile');
  assert.deepEqual(await messages(other), ['while away', 'to the other', '<b>to all</b> é 😀'].map((text) => `${uid}: ${text}`));

  const forged = await page.evaluate(async () => (await fetch('send.php', { method: 'POST', body: new URLSearchParams({ to: '', text: 'x' }) })).status);
  assert.equal(forged, 403);
  const stranger = await fetch(`${origin}/token.php`);
  assert.deepEqual([stranger.status, await stranger.text()], [403, '']);
  assert.doesNotMatch(said, /Warning|Notice|Fatal|Deprecated/);
});

test('code written for web-msg-sender publishes as it is under --api-open, and with one line more with a key', async (t) => {
  const code = (url, line = '') => `
    $post_data = array('type' => 'publish', 'content' => '<b>news</b>', 'to' => '42');
    $ch = curl_init();
    curl_setopt($ch, CURLOPT_URL, '${url}');
    curl_setopt($ch, CURLOPT_POST, 1);
    curl_setopt($ch, CURLOPT_HEADER, 0);
    curl_setopt($ch, CURLOPT_RETURNTRANSFER, 1);
    curl_setopt($ch, CURLOPT_POSTFIELDS, $post_data);
    curl_setopt($ch, CURLOPT_HTTPHEADER, array("Expect:"));
    ${line}
    echo curl_exec($ch);`;
  const withKey = `curl_setopt($ch, CURLOPT_HTTPHEADER, ['Authorization: Bearer ' . trim(file('${path.join(files, 'key')}')[0])]);`;
  for (const [options, line] of [[{ args: ['--api-open'], env: { PUSHSSE_API_KEY: undefined } }, ''], [{}, withKey]]) {
    const server = await serve(options, t);
    const stream = await server.stream('42');
    const { stdout } = await run('php', ['-r', code(`http://${server.api}/`, line)]);
    assert.equal(stdout, 'ok');
    const { event, data } = await stream.next();
    assert.deepEqual([event, data], ['new_msg', '&lt;b&gt;news&lt;/b&gt;']);
  }
});

// The classes of each framework that its excerpt uses, and no more of them than that.
const standIns = {
  laravel: `
    namespace Illuminate\\Support { class ServiceProvider { public function __construct(public $app) {} } }
    namespace Illuminate\\Support\\Facades { class Route {
      static $all = [];
      static function middleware($name) { return new class { function group($routes) { $routes(); } }; }
      static function get($path, $action) { self::$all["GET $path"] = $action; }
      static function post($path, $action) { self::$all["POST $path"] = $action; }
    } }
    namespace Illuminate\\Http { class Request {
      function user() { return new class { function getAuthIdentifier() { return 42; } }; }
      function input($name) { return ['customer' => 7][$name]; }
    } }
    namespace {
      class App { public $made = []; function singleton($name, $make) { $this->made[$name] = $make(); } }
      class Answer { public $headers = []; function __construct(public $body) {} function header($n, $v) { $this->headers[$n] = $v; return $this; } }
      function env($name, $default) { return getenv($name) ?: $default; }
      function config($name) { return require "config/$name.php"; }
      function response($body = null) { return $body !== null ? new Answer($body) : new class { function json($value) { return new Answer($value); } }; }
      $app = new App;
      require 'app/Providers/PushsseServiceProvider.php';
      require 'app/Http/Controllers/PushsseController.php';
      require 'routes/web.php';
      (new App\\Providers\\PushsseServiceProvider($app))->register();
      $run = function ($route, ...$more) use ($app) {
        [$class, $action] = Illuminate\\Support\\Facades\\Route::$all[$route];
        return (new $class)->$action(new Illuminate\\Http\\Request, $app->made[Pushsse::class], ...$more);
      };
      $token = $run('GET /pushsse/token');
      $sent = $run('POST /orders/{order}/ship', 17);
      $again = $run('POST /orders/{order}/ship', 17);
    }`,
  thinkphp: `
    namespace think { class Service { public function __construct(public $app) {} } class Request { function post($name) { return ['customer' => 7][$name]; } } }
    namespace think\\facade {
      class Session { static function get($name) { return ['uid' => 42][$name]; } }
      class Route {
        static $all = [];
        static function get($path, $action) { self::$all["GET $path"] = $action; }
        static function post($path, $action) { self::$all["POST $path"] = $action; }
      }
    }
    namespace {
      class Config { function get($name) { return require "config/$name.php"; } }
      class App { public $config; public $made = []; function bind($name, $make) { $this->made[$name] = $make(); } }
      class Answer { function __construct(public $body, public $code = 200, public $headers = []) {} }
      function env($name, $default) { return getenv($name) ?: $default; }
      function response($body, $code, $headers = []) { return new Answer($body, $code, $headers); }
      function json($value) { return new Answer($value); }
      $app = new App;
      $app->config = new Config;
      require 'app/service/PushsseService.php';
      require 'app/controller/Push.php';
      require 'route/app.php';
      (new app\\service\\PushsseService($app))->register();
      $run = function ($route, ...$arguments) {
        [$class, $action] = explode('/', think\\facade\\Route::$all[$route]);
        $class = "app\\\\controller\\\\$class";
        return (new $class)->$action(...$arguments);
      };
      $pushsse = $app->made[Pushsse::class];
      $token = $run('GET push/token', $pushsse);
      $sent = $run('POST order/:order/ship', new think\\Request, $pushsse, 17);
      $again = $run('POST order/:order/ship', new think\\Request, $pushsse, 17);
    }`,
};

for (const [framework, code] of Object.entries(standIns))
  test(`${framework}: the controller makes a token that is taken, and publishes once`, async (t) => {
    const server = await serve({}, t);
    const stream = await server.stream('7');
    const script = path.join(files, `${framework}.php`);
    const last = code.lastIndexOf('}');
    writeFileSync(script, `<?php ${code.slice(0, last)} echo json_encode([$token->body, $token->headers, $sent->body, $again->body]); }`);
    const { code: status, stdout, stderr } = await run('sh', ['-c',
      'cd "$1" && exec php -d error_reporting=-1 -d display_errors=stderr -d auto_prepend_file="$2" "$3"',
      'sh', path.join(examples, framework), path.join(examples, 'Pushsse.php'), script], { env: { ...cleanEnv, ...settings(server) } });
    assert.deepEqual([status, stderr], [0, ''], stdout);
    const [token, headers, sent, again] = JSON.parse(stdout);
    assert.equal(headers['Cache-Control'], 'no-store');
    const own = await server.stream(null, { headers: { authorization: `Bearer ${token}` } });
    await server.publish({ to: '42', content: 'for the one who is logged in' });
    assert.deepEqual(await own.data(1), ['for the one who is logged in']);
    const { event, data } = await stream.next();
    assert.deepEqual([event, JSON.parse(data)], ['order', { id: 17, state: 'shipped' }]);
    assert.equal(again.id, sent.id);
  });
