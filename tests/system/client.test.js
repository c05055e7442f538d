// The client script in Chromium against the real binary, beyond what engine.js asks of every browser: tabs that are hidden
// or frozen, a network that is away, and how the script is served.
import assert from 'node:assert/strict';
import http from 'node:http';
import { gzipSync } from 'node:zlib';
import { test } from 'node:test';
import { chromium } from './browsers.js';
import { Chromium } from './devtools.js';
import { run, serve, token } from './server.js';
import { got, hasty, isOpen, numbers, quick, site, start, until } from './site.js';
import { eventually } from './wire.js';

const browser = await chromium();

async function context(t) {
  const made = await browser.newContext();
  t.after(() => made.close());
  return made;
}

async function open(where, at, ...rest) {
  const page = await where.newPage();
  await page.goto(`${at.url}/page`);
  return start(page, ...rest);
}

// As the browser does it to a tab that nobody looks at.
async function visibility(page, state) {
  await page.evaluate((state) => {
    Object.defineProperty(document, 'visibilityState', { value: state, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, state);
}

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
  assert.deepEqual((await got(page)).wrong, []);
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

test('a tab that is opened behind another pauses like one that was left', async (t) => {
  const server = await serve({ args: quick }, t);
  const at = await site(t, server);
  at.files['/driver.js'] = `push = new PushSSE('/events', { token: '${token('42')}', pauseHidden: 300 });`; // before the page has been loaded
  const chromium = await Chromium.launch(t);
  const front = await chromium.open('data:text/html,in front');
  await front.front();
  const behind = await chromium.open(`${at.url}/page?driver=/driver.js`, { background: true });
  assert.equal(await behind.evaluate('document.visibilityState'), 'hidden');
  await eventually(() => behind.evaluate('push.state === "paused"'), 'paused');
  await server.settled('42', 0);
});

test('a page in the back-forward cache holds no stream, and comes back as it was, with what it has missed', async (t) => {
  const server = await serve({ args: quick }, t);
  const at = await site(t, server);
  const chromium = await Chromium.launch(t);
  for (const share of [false, true]) {
    const tab = await openTab(chromium, at, { pauseHidden: false, share });
    await tab.until('push.readyState === 1');
    await tab.evaluate("addEventListener('pageshow', (e) => (restored = e.persisted))");
    await tab.send('Page.navigate', { url: 'data:text/html,elsewhere' });
    await server.settled('42', 0);
    await server.publish({ to: '42', content: 'meanwhile' });
    const { entries } = await tab.send('Page.getNavigationHistory');
    void tab.send('Page.navigateToHistoryEntry', { entryId: entries.at(-2).id });
    await eventually(() => tab.evaluate('restored').catch(() => false), 'restored');
    await tab.until('messages.join() === "meanwhile"');
    await tab.close();
    await server.settled('42', 0);
  }
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

test('a leader that crashes is followed by another, and nothing is lost or doubled', async (t) => {
  const server = await serve({ args: quick }, t);
  const at = await site(t, server);
  const chromium = await Chromium.launch(t);
  const tabs = [];
  for (let i = 0; i < 3; i++) {
    tabs.push(await openTab(chromium, at, { share: true, pauseHidden: false }));
    await tabs[i].until(`push.transport === "${i ? 'shared' : 'sse'}"`);
  }
  let n = 0;
  const some = async (count) => {
    for (; count; count--) await server.publish({ to: '42', content: String(n++) });
  };
  await some(20);
  void tabs[0].send('Page.crash').catch(() => {});
  await some(20);
  for (const tab of tabs.slice(1)) {
    await tab.until('messages.length >= 40');
    assert.deepEqual(await tab.evaluate('messages'), numbers(40));
  }
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
  await hung.evaluate(() => { setTimeout(() => { for (const end = Date.now() + 6_000; Date.now() < end;); }); });
  await visibility(other, 'visible');
  await isOpen(other, 'sse');
  await server.publish({ to: '42', content: 'x' });
  await until(other, (g) => g.messages.length === 1, 'the message');
  await until(hung, (g) => g.transport === 'shared' && g.messages.length === 1, 'the other follows');
  await server.settled('42', 1);
});

test('the page of web-msg-sender runs with its script tag changed and its uid replaced by a token', async (t) => {
  const server = await serve({ args: [...quick, '--api-open', '--cors-origin', '*'], env: { PUSHSSE_API_KEY: undefined } }, t);
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
