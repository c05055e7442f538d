// The client script in a real browser against the real binary: several tabs, networks that hold streams back, pages that
// are hidden or frozen, servers that come and go.
import assert from 'node:assert/strict';
import http from 'node:http';
import { gzipSync } from 'node:zlib';
import { after, test } from 'node:test';
import { chromium } from 'playwright-core';
import { Chromium } from './devtools.js';
import { Server, run, serve, token } from './server.js';
import { eventually } from './wire.js';

const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
});
after(() => browser.close());

const quick = ['--first-ping', '50ms', '--heartbeat', '300ms', '--retry', '100ms'];
const hasty = { minDelay: 50, maxDelay: 300, helloTimeout: 500 };

// A site of its own origin: pages, and beside them the server's public listener, as behind a proxy. `site.hold` keeps the
// bytes of streams back; `site.tokens` are what /push-token answers, the last one for ever.
async function site(t, server, tokens = [token('42')]) {
  const made = { hold: false, tokens: [...tokens], asked: 0, streams: 0, polls: 0 };
  const listener = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://site');
    if (pathname === '/push-token') {
      made.asked++;
      return response.end(made.tokens.length > 1 ? made.tokens.shift() : made.tokens[0]);
    }
    if (/^\/page/.test(pathname)) {
      response.setHeader('content-type', 'text/html');
      return response.end('<!doctype html><link rel="icon" href="data:,"><script src="/pushsse.js"></script>');
    }
    made.streams += pathname === '/events';
    made.polls += pathname === '/poll';
    const mute = made.hold && pathname === '/events';
    const [host, port] = server.public.split(':');
    const upstream = http.request({ host, port, path: request.url, headers: request.headers, agent: false }, (answer) => {
      if (mute) return answer.resume();
      response.writeHead(answer.statusCode, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
    });
    upstream.on('error', () => response.destroy());
    response.on('close', () => upstream.destroy());
    upstream.end();
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  t.after(() => (listener.closeAllConnections(), listener.close()));
  made.url = `http://127.0.0.1:${listener.address().port}`;
  return made;
}

async function context(t) {
  const made = await browser.newContext();
  t.after(() => made.close());
  return made;
}

// A tab with a PushSSE that keeps all it dispatches.
async function open(where, at, options = {}, { names = [], fixed } = {}) {
  const page = await where.newPage();
  page.wrong = [];
  page.on('pageerror', (error) => page.wrong.push(String(error)));
  await page.goto(`${at.url}/page`);
  await page.evaluate(({ options, names, fixed }) => {
    const push = new PushSSE('/events', { token: fixed ?? (() => fetch('/push-token').then((r) => r.text())), ...options });
    window.push = push;
    window.got = { messages: [], errors: [], states: [], resets: [] };
    for (const name of ['message', ...names]) push.addEventListener(name, (e) => got.messages.push(e.data));
    push.onerror = (e) => got.errors.push({ status: e.status, reason: e.reason, willRetry: e.willRetry });
    push.onstate = (e) => got.states.push(e.transport ? `${e.state} ${e.transport}` : e.state);
    push.onreset = (e) => got.resets.push(e.reason);
  }, { options: { ...hasty, ...options }, names, fixed });
  return page;
}

const got = (page) => page.evaluate(() => ({ ...window.got, readyState: push.readyState, transport: push.transport, cursor: push.cursor, state: push.state, url: push.url }));
const until = (page, found, what) => eventually(async () => found(await got(page)), what).catch(async (error) => {
  throw new Error(`${error.message}: ${JSON.stringify(await got(page))}`);
});
const isOpen = (page, transport) => until(page, (g) => g.readyState === 1 && (!transport || g.transport === transport), `open ${transport ?? ''}`);

// As the browser does it to a tab that nobody looks at.
async function visibility(page, state) {
  await page.evaluate((state) => {
    Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, state);
}

const numbers = (count, from = 0) => Array.from({ length: count }, (_, n) => String(from + n));

test('the script is served with ETag and cache headers, to pages of any origin, and is small', async (t) => {
  const server = await serve({}, t);
  for (const [target, type] of [['/pushsse.js', 'text/javascript'], ['/pushsse.mjs', 'text/javascript'], ['/pushsse.d.ts', 'text/plain'], ['/compat.js', 'text/javascript']]) {
    const { status, headers, body } = await server.get(target);
    assert.deepEqual([status, headers['content-type']], [200, `${type}; charset=utf-8`]);
    assert.match(headers.etag, /^"[0-9a-f]{16}"$/);
    assert.match(headers['cache-control'], /^public, max-age=\d+$/);
    assert.deepEqual([headers['access-control-allow-origin'], headers['cross-origin-resource-policy']], ['*', 'cross-origin']);
    assert.ok(gzipSync(body, { level: 9 }).length < 5000, `${target}: ${gzipSync(body, { level: 9 }).length}`);
    for (const known of [headers.etag, `W/${headers.etag}`, `"other", ${headers.etag}`]) {
      const again = await server.call('public', 'HEAD', target, { headers: { 'if-none-match': known } });
      assert.deepEqual([again.status, again.headers.etag], [304, headers.etag]);
    }
    assert.equal((await server.get(target, { 'if-none-match': '"0123456789abcdef"' })).status, 200);
    assert.equal((await server.get(target, {}, 'api')).status, target === '/' ? 200 : 404);
  }
  const listed = await serve({ args: ['--cors-origin', 'https://a.test'] }, t);
  const { list } = await listed.get('/pushsse.mjs', { origin: 'https://a.test' });
  assert.deepEqual(list.filter(([name]) => name === 'access-control-allow-origin'), [['access-control-allow-origin', 'https://a.test']]);
});

test('three lines in a page, classic and as a module from another origin', async (t) => {
  const server = await serve({ args: quick }, t);
  const at = await site(t, server);
  const page = await open(await context(t), at, {}, { names: ['order'] });
  await isOpen(page, 'sse');
  await server.publish({ to: '42', content: 'one' });
  await server.publish({ to: '42', event: 'order', content: 'two' });
  await until(page, (g) => g.messages.length === 2, 'both');
  const { messages, url } = await got(page);
  assert.deepEqual([messages, url], [['one', 'two'], `${at.url}/events`]);
  const names = await page.evaluate(async (from) => {
    const module = await import(`${from}/pushsse.mjs`);
    return [typeof module.default, module.default === module.PushSSE, module.PushSSE === PushSSE];
  }, `http://${server.public}`);
  assert.deepEqual(names, ['function', true, false]);
  assert.deepEqual(page.wrong, []);
});

test('100 messages, while streams are held back and let through again: nothing is lost, nothing comes twice', async (t) => {
  const server = await serve({ args: quick }, t);
  const at = await site(t, server);
  const page = await open(await context(t), at);
  await isOpen(page, 'sse');
  let n = 0;
  const some = async (count) => {
    for (; count; count--) await server.publish({ to: '42', content: String(n++) });
  };
  await some(20);
  at.hold = true;
  await page.evaluate(() => push.reconnect());
  await some(20);
  await isOpen(page, 'poll');
  await some(30);
  at.hold = false;
  await page.evaluate(() => dispatchEvent(new Event('online')));
  await some(10);
  await isOpen(page, 'sse');
  await some(20);
  await until(page, (g) => g.messages.length >= 100, 'all of them');
  assert.deepEqual((await got(page)).messages, numbers(100));
  assert.deepEqual(page.wrong, []);

  at.hold = true;
  const polls = at.polls;
  await page.evaluate(() => { sessionStorage.setItem(`pushsse:${push.url}`, Date.now() + 600_000); push.close(); });
  const again = await page.evaluate(() => new Promise((resolve) => {
    const other = new PushSSE('/events', { token: () => fetch('/push-token').then((r) => r.text()) });
    other.onopen = () => (resolve(other.transport), other.close());
  }));
  assert.deepEqual([again, at.polls > polls], ['poll', true], 'it is remembered');
});

test('a token that expires in the middle is replaced; one that cannot be is an error', async (t) => {
  const server = await serve({ args: quick }, t);
  const soon = () => token('42', { exp: Date.now() / 1000 + 2 }); // time to connect: one that comes late lives on for the skew
  const at = await site(t, server, [soon(), token('42')]);
  const where = await context(t);
  const page = await open(where, at);
  await isOpen(page, 'sse');
  await until(page, (g) => g.errors.some((e) => e.reason === 'token_expired' && e.willRetry), 'it expires');
  await server.publish({ to: '42', content: 'after' });
  await until(page, (g) => g.messages.includes('after'), 'the message');
  assert.equal(at.asked, 2);

  const fixed = await open(where, at, {}, { fixed: soon() });
  await until(fixed, (g) => g.readyState === 2, 'closed');
  assert.deepEqual((await got(fixed)).errors.at(-1), { status: 401, reason: 'token_expired', willRetry: false });
  const forged = await open(where, at, {}, { fixed: 'no.good.token' });
  await until(forged, (g) => g.readyState === 2, 'closed');
  assert.deepEqual((await got(forged)).errors.at(-1), { status: 401, reason: 'token_invalid', willRetry: false });
  const refused = await open(where, at, { channels: ['not-mine'] });
  await until(refused, (g) => g.readyState === 2, 'closed');
  assert.deepEqual((await got(refused)).errors.at(-1), { status: 403, reason: 'channel_not_allowed', willRetry: false });
});

test('a user who is disconnected is told so, in all tabs, and they stay closed', async (t) => {
  const server = await serve({ args: quick }, t);
  const at = await site(t, server);
  const where = await context(t);
  const pages = [await open(where, at, { share: true }), await open(where, at, { share: true }), await open(where, at)];
  for (const page of pages) await isOpen(page);
  await server.apiCall('POST', '/disconnect', 'uid=42&reason=out');
  for (const page of pages) {
    await until(page, (g) => g.readyState === 2, 'closed');
    assert.deepEqual((await got(page)).errors.at(-1), { status: 0, reason: 'bye', willRetry: false });
  }
  await server.settled('42', 0);
});

test('the server restarts: the page is told to load its state anew, and goes on', async (t) => {
  const before = await new Server({ args: quick }).ready();
  const at = await site(t, before);
  const page = await open(await context(t), at);
  await isOpen(page);
  await before.publish({ to: '42', content: 'before' });
  await until(page, (g) => g.messages.length === 1, 'the first');
  before.kill();
  await before.exit;
  await until(page, (g) => g.readyState === 0, 'lost');
  const later = await serve({ args: quick, listen: before.public }, t);
  await later.publish({ to: '42', content: 'meanwhile' });
  await until(page, (g) => g.messages.length === 2, 'what was published meanwhile');
  const { resets, messages } = await got(page);
  assert.deepEqual([resets, messages], [['restart'], ['before', 'meanwhile']]);
});

test('offline and back', async (t) => {
  const server = await serve({ args: quick }, t);
  const at = await site(t, server);
  const where = await context(t);
  const page = await open(where, at);
  await isOpen(page, 'sse');
  await where.setOffline(true);
  // Chromium's emulation leaves open streams alone; a page that looks for itself finds that it cannot connect.
  await page.evaluate(() => push.reconnect());
  await until(page, (g) => g.states.includes('waiting'), 'waiting');
  await server.publish({ to: '42', content: 'meanwhile' });
  await where.setOffline(false);
  await isOpen(page);
  await until(page, (g) => g.messages.length === 1, 'what came meanwhile');
});

// The same in tabs of one window, where those behind are hidden, and may be frozen.
async function openTab(chromium, at, options = {}) {
  const tab = await chromium.open(`${at.url}/page`);
  await tab.evaluate(`
    push = new PushSSE('/events', Object.assign({token: () => fetch('/push-token').then((r) => r.text())}, ${JSON.stringify({ ...hasty, ...options })}));
    messages = [];
    push.onmessage = (e) => messages.push(e.data);
    1`);
  tab.until = (expression) => eventually(() => tab.evaluate(expression), expression).catch(async (error) => {
    throw new Error(`${error.message}: ${await tab.evaluate('JSON.stringify([push.state, push.transport, messages.length])')}`);
  });
  return tab;
}

test('a tab that is hidden closes, and comes back with what it has missed; one that is frozen holds nothing', async (t) => {
  const server = await serve({ args: quick }, t);
  const at = await site(t, server);
  const chromium = await Chromium.launch(t);
  const tab = await openTab(chromium, at, { pauseHidden: 50 });
  await tab.until('push.readyState === 1');
  const front = await chromium.open('data:text/html,in front');
  await front.front();
  await tab.until('push.state === "paused"');
  await server.settled('42', 0);
  await server.publish({ to: '42', content: 'one' });
  await tab.front();
  await tab.until('messages.length === 1');

  const stays = await openTab(chromium, at, { pauseHidden: false });
  await stays.until('push.readyState === 1');
  await front.front();
  await tab.until('push.state === "paused"');
  await server.settled('42', 1);
  await stays.freeze();
  await server.settled('42', 0);
  await server.publish({ to: '42', content: 'two' });
  await stays.thaw();
  await stays.until('messages.length === 1');
  await tab.front();
  await tab.until('messages.join() === "one,two"');
});

test('four tabs share one connection; the leader is closed, then frozen, then reloaded: each gets each message once', async (t) => {
  const server = await serve({ args: quick }, t);
  const at = await site(t, server);
  const chromium = await Chromium.launch(t);
  const tabs = [];
  for (let i = 0; i < 4; i++) {
    tabs.push(await openTab(chromium, at, { share: true, pauseHidden: false }));
    await tabs[i].until('push.readyState === 1');
  }
  await server.settled('42', 1);
  assert.deepEqual(await Promise.all(tabs.map((tab) => tab.evaluate('push.transport'))), ['sse', 'shared', 'shared', 'shared']);
  let n = 0;
  const some = async (count) => {
    for (; count; count--) await server.publish({ to: '42', content: String(n++) });
  };
  const leader = (among) => eventually(async () => {
    for (const tab of among) if (await tab.evaluate('push.transport === "sse"')) return tab;
  }, 'a leader');
  await some(25);
  await tabs[0].close();
  const three = tabs.slice(1);
  await some(25);
  const second = await leader(three);
  await three.find((tab) => tab !== second).front();
  await second.until('document.hidden');
  await second.freeze();
  await some(25);
  await leader(three.filter((tab) => tab !== second));
  await second.thaw();
  await some(25);
  for (const tab of three) await tab.until('messages.length >= 100');
  for (const tab of three) assert.deepEqual(await tab.evaluate('messages'), numbers(100));
  await server.settled('42', 1);
  const last = await leader(three);
  const rest = three.filter((tab) => tab !== last);
  await last.send('Page.reload');
  await leader(rest);
  await some(1);
  for (const tab of rest) await tab.until('messages.at(-1) === "100"');
  await server.settled('42', 1);
});

test('a leader that is hidden for long gives its lead to the tab that is looked at', async (t) => {
  const server = await serve({ args: quick }, t);
  const at = await site(t, server);
  const chromium = await Chromium.launch(t);
  const first = await openTab(chromium, at, { share: true, pauseHidden: 100 });
  await first.until('push.transport === "sse"');
  const second = await openTab(chromium, at, { share: true, pauseHidden: 100 });
  await second.front();
  await second.until('push.transport === "sse"');
  await server.publish({ to: '42', content: 'x' });
  for (const tab of [first, second]) await tab.until('messages.length === 1');
  await server.settled('42', 1);
});

test('a leader that hangs is relieved by a tab that is looked at', async (t) => {
  const server = await serve({ args: quick }, t);
  const at = await site(t, server);
  const where = await context(t);
  const [hung, other] = [await open(where, at, { share: true, pauseHidden: false }), await open(where, at, { share: true, pauseHidden: false })];
  await isOpen(hung, 'sse');
  await isOpen(other, 'shared');
  const hanging = hung.evaluate(() => { for (const end = Date.now() + 6_000; Date.now() < end;); }).catch(() => {});
  await visibility(other, 'visible');
  await isOpen(other, 'sse');
  await server.publish({ to: '42', content: 'x' });
  await until(other, (g) => g.messages.length === 1, 'the message');
  await hanging;
  await until(hung, (g) => g.transport === 'shared' && g.messages.length === 1, 'the other follows');
  await server.settled('42', 1);
});

test('the page of web-msg-sender runs with its script tag changed and its uid replaced by a token', async (t) => {
  const server = await serve({ args: [...quick, '--api-open', '--cors-origin', '*'] }, t);
  const page = await (await context(t)).newPage();
  const wrong = [];
  page.on('pageerror', (error) => wrong.push(String(error)));
  const html = `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,">
<script src="http://${server.public}/pushsse.js"></script><script src="http://${server.public}/compat.js"></script>
<p id="content"></p><center id="online_box"></center>
<script>
var uid = '${token('42')}';
// From here on it is the page's own code, but for jQuery.
var socket = io('http://${server.public}');
socket.on('connect', function(){
  socket.emit('login', uid);
});
socket.on('new_msg', function(msg){
  document.getElementById('content').innerHTML = '收到消息：' + msg;
});
socket.on('update_online_count', function(online_stat){
  document.getElementById('online_box').innerHTML = online_stat;
});
</script>`;
  const listener = http.createServer((request, response) => response.setHeader('content-type', 'text/html').end(html));
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  t.after(() => (listener.closeAllConnections(), listener.close()));
  await page.goto(`http://127.0.0.1:${listener.address().port}/`);
  const shows = (selector, expected) => eventually(async () => (await page.innerHTML(selector)) === expected, expected).catch(async (error) => {
    throw new Error(`${error.message}: ${await page.innerHTML(selector)} ${wrong}`);
  });
  await shows('#online_box', '当前<b>1</b>人在线，共打开<b>1</b>个页面');

  // The PHP snippet of its manual.
  const php = `$to_uid = '42'; $push_api_url = 'http://${server.api}/';
    $post_data = array('type' => 'publish', 'content' => '<b>这个是推送的测试数据</b>', 'to' => $to_uid);
    $ch = curl_init();
    curl_setopt($ch, CURLOPT_URL, $push_api_url);
    curl_setopt($ch, CURLOPT_POST, 1);
    curl_setopt($ch, CURLOPT_HEADER, 0);
    curl_setopt($ch, CURLOPT_RETURNTRANSFER, 1);
    curl_setopt($ch, CURLOPT_POSTFIELDS, $post_data);
    curl_setopt($ch, CURLOPT_HTTPHEADER, array('Expect:'));
    echo curl_exec($ch);`;
  assert.equal((await run('php', ['-r', php])).stdout, 'ok');
  await shows('#content', '收到消息：&lt;b&gt;这个是推送的测试数据&lt;/b&gt;');
  const second = await server.stream('43');
  await shows('#online_box', '当前<b>2</b>人在线，共打开<b>2</b>个页面');
  second.close();
  assert.deepEqual(wrong, []);
});
