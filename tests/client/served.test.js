// What is served of www/*.js: small, read by old browsers, and no other program than the source.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const from = createRequire(path.join(root, 'tests/system/')); // where the packages are
const acorn = from('acorn');

const strip = (file) => execFileSync('awk', ['-f', 'www/strip.awk', file], { cwd: root, encoding: 'utf8' });
const tree = (text, options) => JSON.stringify(acorn.parse(text, { ecmaVersion: 5, ...options }), (key, value) => (key === 'start' || key === 'end' ? undefined : value));

for (const name of ['pushsse.js', 'compat.js'])
  test(`${name} is ECMAScript 5, and what is stripped is the same program`, () => {
    const source = readFileSync(path.join(root, 'www', name), 'utf8');
    const served = strip(`www/${name}`);
    assert.equal(tree(served), tree(source));
    assert.match(served, /^\/\*! pushsse.*\*\/\n/, 'its name and licence');
    assert.equal(served.match(/^\/\*/gm).length, 1, 'no other comment');
    const size = execFileSync('gzip', ['-9', '-c'], { input: `${served}export{PushSSE,PushSSE as default};\n` }).length;
    assert.ok(size < 5000, `${size} bytes with gzip -9`);
    tree(`${served}export { x as default }; var x;`, { ecmaVersion: 6, sourceType: 'module' });
  });

test('the types are good for what the manual shows, and refuse what is wrong', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'pushsse-'));
  t.after(() => rmSync(directory, { recursive: true }));
  const check = (text) => {
    const file = path.join(directory, 'page.ts');
    writeFileSync(file, `import PushSSE, { PushSSE as Named, type PushOptions } from ${JSON.stringify(path.join(root, 'www/pushsse'))};\n${text}`);
    const tsc = path.join(path.dirname(from.resolve('typescript/package.json')), 'bin/tsc');
    try {
      execFileSync(process.execPath, [tsc, '--noEmit', '--strict', '--skipLibCheck', '--lib', 'es2020,dom', '--target', 'es2020', '--module', 'es2020', '--moduleResolution', 'bundler', file], { encoding: 'utf8' });
      return '';
    } catch (error) {
      return error.stdout;
    }
  };
  assert.equal(check(`
const options: PushOptions = { share: true, pauseHidden: false, transports: ['poll'], channels: ['a'] };
const push = new PushSSE('/events', { ...options, token: (reason) => reason === 'start' ? 'x' : fetch('/push-token').then((r) => r.text()) });
push.addEventListener('order', (e) => console.log(e.data.length, e.lastEventId, e.target.cursor), { once: true });
push.addEventListener('reset', (e) => { const reason: 'restart' | 'gap' = e.reason; });
push.onerror = (e) => { if (!e.willRetry) console.log(e.status.toFixed(), e.reason); };
push.onstate = ({ state, transport }) => console.log(state, transport);
push.onmessage = null;
const level: 0 | 1 | 2 = push.readyState, closed: boolean = push.readyState === push.CLOSED;
push.reconnect();
push.close();
new Named('/events');`), '');
  assert.match(check(`const push = new PushSSE('/events', { token: 5 }); push.cursor = 'x'; push.onreset = (e) => e.data;`), /TokenReason[^]*cursor[^]*data/);
});
