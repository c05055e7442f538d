// The code of the README, as it stands there, under real PHP and in Chromium: only hosts, ports and paths are replaced.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chromium } from './browsers.js';
import { freePort } from './proxy.js';
import { KEY, SECRET, cleanEnv, run, serve, temporary } from './server.js';
import { Wire, eventually } from './wire.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
const browser = await chromium();

// The nth block of a language in a section.
function code(section, language, n = 0) {
  const [, text] = new RegExp(`^## ${section}$([^]*?)(?=^## |(?![^]))`, 'm').exec(readme) ?? [];
  const blocks = [...text.matchAll(new RegExp(`^( *)\`\`\`${language}\\n([^]*?)^ *\`\`\`$`, 'gm'))];
  assert.ok(blocks[n], `${section} has ${blocks.length} blocks of ${language}`);
  return blocks[n][2].replaceAll(new RegExp(`^${blocks[n][1]}`, 'gm'), '');
}

// A site under PHP's own server with the helper, the README's token.php, and a page, in which uid 42 is logged in. `adapt`
// puts a test's values into code of the README.
async function site(t, html, args = []) {
  const port = await freePort();
  const origin = `http://127.0.0.1:${port}`;
  const files = temporary();
  const server = await serve({ args: ['--cors-origin', origin, '--first-ping', '50ms', ...args] }, t);
  const values = [
    ['/etc/pushsse/secret', path.join(files, 'secret.txt')], ['/etc/pushsse/api-key', path.join(files, 'key.txt')],
    ['http://www.example.org:2130', `http://${server.public}`], ['http://127.0.0.1:2131', `http://${server.api}`],
    ['"/pushsse.js"', `"http://${server.public}/pushsse.js"`], ["'/events'", `'http://${server.public}/events'`],
    ["'key_file' =>", `'api' => 'http://${server.api}', 'key_file' =>`],
  ];
  const adapt = (text) => values.reduce((all, [from, to]) => all.replaceAll(from, to), text);
  writeFileSync(path.join(files, 'secret.txt'), SECRET);
  writeFileSync(path.join(files, 'key.txt'), KEY);
  copyFileSync(path.join(root, 'examples/php/Pushsse.php'), path.join(files, 'Pushsse.php'));
  writeFileSync(path.join(files, 'token.php'), adapt(code('From PHP', 'php', 1)));
  writeFileSync(path.join(files, 'page.php'), `<?php session_start(); $_SESSION['uid'] = 42; ?><!doctype html><link rel="icon" href="data:,">${adapt(html)}`);
  const php = spawn('php', ['-d', `session.save_path=${files}`, '-S', `127.0.0.1:${port}`, '-t', files], { env: cleanEnv, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  php.stderr.on('data', (text) => (said += text));
  t.after(() => new Promise((resolve) => php.on('close', resolve).kill()));
  await eventually(() => Wire.connect(`127.0.0.1:${port}`).then((wire) => (wire.close(), true), () => false), `PHP listens: ${said}`);

  const page = await browser.newPage();
  t.after(() => page.close());
  const logged = [];
  page.on('console', (message) => logged.push(message.text())).on('pageerror', (error) => logged.push(String(error)));
  await page.goto(`${origin}/page.php`);
  const execute = async (text) => {
    writeFileSync(path.join(files, 'run.php'), `<?php chdir('${files}'); ${text}`);
    const { code: status, stdout, stderr } = await run('php', ['-d', 'display_errors=stderr', path.join(files, 'run.php')]);
    assert.deepEqual([status, stderr], [0, '']);
    return stdout;
  };
  return { server, page, logged, adapt, execute };
}

test('From PHP, and in the page', async (t) => {
  const { server, logged, adapt, execute } = await site(t, code('In the page', 'html'));
  await server.settled('42', 1);
  await execute(adapt(code('From PHP', 'php')));
  const expected = ['message Your order has been shipped.', 'order 7', 'message hello', 'message Maintenance at noon.', 'the end: bye'];
  await eventually(() => logged.length >= expected.length, `${expected.length} lines`).catch(() => {});
  assert.deepEqual(logged, expected);
});

test('From web-msg-sender', async (t) => {
  const html = `<meta charset="utf-8"><p id="content"></p><p id="online_box"></p>${code('From web-msg-sender', 'html')}`;
  const { server, page, logged, adapt, execute } = await site(t, html);
  const shows = (selector, expected) => eventually(async () => (await page.innerHTML(selector)) === expected, expected).catch(async (error) => {
    throw new Error(`${error.message}: ${await page.innerHTML(selector)} ${logged}`);
  });
  await shows('#online_box', '当前<b>1</b>人在线，共打开<b>1</b>个页面');
  assert.equal(await execute(adapt(`
    $ch = curl_init();
    curl_setopt($ch, CURLOPT_URL, 'http://127.0.0.1:2131/');
    curl_setopt($ch, CURLOPT_POST, 1);
    curl_setopt($ch, CURLOPT_RETURNTRANSFER, 1);
    curl_setopt($ch, CURLOPT_POSTFIELDS, array('type' => 'publish', 'content' => '<b>news</b>', 'to' => '42'));
    curl_setopt($ch, CURLOPT_HTTPHEADER, array('Expect:'));
    ${code('From web-msg-sender', 'php')}
    echo curl_exec($ch);`)), 'ok');
  await shows('#content', '&lt;b&gt;news&lt;/b&gt;');
  const { code: status, stderr } = await run('sh', ['-n', '-c', code('From web-msg-sender', 'sh')]);
  assert.deepEqual([status, stderr, logged], [0, '', []]);
  assert.equal((await server.apiCall('POST', '/disconnect', { uid: '42' })).status, 200);
});
