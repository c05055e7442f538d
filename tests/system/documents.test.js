// What the documents list, and what the sources list, are the same.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { pushsse, run } from './server.js';

const read = (name) => readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8');
// The rows of the first table below a heading, each a list of its cells.
const table = (text, heading) => {
  const lines = text.slice(text.indexOf(`\n${heading}\n`)).split('\n');
  const rows = lines.slice(lines.findIndex((line) => line.startsWith('|')));
  return rows.slice(2, rows.findIndex((line) => !line.startsWith('|')))
    .map((row) => row.split(/(?<!\\)\|/).slice(1, -1).map((cell) => cell.trim()));
};
const words = (cell) => [...cell.matchAll(/`([^`]+)`/g)].map(([, word]) => word);

test('protocol.md has the error words of refusal.h, with their statuses', () => {
  const known = [...read('refusal.h').matchAll(/REFUSAL\(\w+, (\d+), "(\w+)"\)/g)].map(([, status, word]) => `${status} ${word}`);
  const told = table(read('doc/protocol.md'), '## Error words').flatMap(([status, cell]) => words(cell).map((word) => `${status} ${word}`));
  assert.ok(known.length > 30);
  assert.deepEqual([...new Set(told)].sort(), known.sort());
});

// What --help lists: [{name, argument, standard}].
const helped = async () => {
  const { stdout } = await pushsse(['--help']);
  return [...stdout.matchAll(/^  --([a-z-]+)(?: ([A-Z\[\]:]+))? +\S.*?(?: \[(.*)\])?$/gm)]
    .filter(([line]) => !/--help \|/.test(line))
    .map(([, name, argument, standard]) => ({ name, argument, standard }));
};

test('the man page has the options of --help, in their order, with their defaults; mandoc has no complaint', async () => {
  const page = fileURLToPath(new URL('../../pushsse.1', import.meta.url));
  const lint = await run('mandoc', ['-Tlint', '-Wstyle', page]);
  assert.deepEqual((lint.stdout + lint.stderr).split('\n').filter((line) => /pushsse\.1:/.test(line)), []);
  const items = read('pushsse.1').split(/^\.(?:It Fl -|Sh )/m).slice(1);
  const options = await helped();
  const told = items.filter((item) => /^[a-z][a-z-]+(?: Ar|\n)/.test(item)).map((item) => item.split(/[ \n]/)[0]);
  assert.ok(options.length > 35);
  assert.deepEqual(told, options.map(({ name }) => name));
  for (const { name, argument, standard } of options) {
    const item = items.find((one) => one.split(/[ \n]/)[0] === name);
    assert.equal(/^\S+ Ar /.test(item), argument !== undefined, `${name} has an argument`);
    if (/^[\d.:]+[a-zA-Z]*$|^(always|info|text)$/.test(standard ?? ''))
      assert.match(item, new RegExp(`\\b${standard}\\b`), `the default of ${name}`);
  }
});

test('the man page has the commands of --help', async () => {
  const { stdout } = await pushsse(['--help']);
  const commands = [...stdout.matchAll(/^  pushsse ([a-z]+(?: [a-z]+)?)/gm)].map(([, command]) => command.split(' '));
  assert.ok(commands.length >= 3);
  for (const word of commands.flat()) assert.match(read('pushsse.1'), new RegExp(`^\\.Cm .*\\b${word}\\b`, 'm'), word);
});

test('--help has the fixed limits of protocol.md, with their answers', async () => {
  const { stdout } = await pushsse(['--help']);
  const fixed = stdout.slice(stdout.indexOf('Fixed limits'));
  const rows = table(read('doc/protocol.md'), '## Limits').filter(([, limit]) => /^[\d.]/.test(limit));
  assert.ok(rows.length > 8);
  for (const [what, limit, answer] of rows)
    for (const told of [...limit.replaceAll(',', '').replaceAll(/ KiB/g, 'k').matchAll(/\d[\d.]*k?/g), ...answer.matchAll(/\b[45]\d\d\b/g)])
      assert.match(fixed, new RegExp(`(?<![\\d.])${told[0].replace('.', '\\.')}(?![\\dk])`), `${what}: ${told[0]}`);
});

test('no document names an option that is not there', async () => {
  const known = new Set([...(await helped()).map(({ name }) => name), 'help', 'version']);
  // Options of other programs that are shown with ours, in lines that begin with those.
  const others = /^\s*(curl|npm|systemctl|journalctl|runuser|install|docker|podman|systemd-\S+|promtool|rsync|tar|apt|dpkg\S*)\b/;
  const documents = ['README.md', 'SECURITY.md', ...readdirSync(new URL('../../doc', import.meta.url)).filter((name) => /\.md$/.test(name)).map((name) => `doc/${name}`)];
  for (const document of documents)
    for (const line of read(document).split('\n').filter((one) => !others.test(one)))
      for (const [, name] of line.matchAll(/`--([a-z][a-z-]+)/g))
        assert.ok(known.has(name), `${document}: --${name}`);
});

test('operations.md says of each log event what to do, and of no other', () => {
  const sources = readdirSync(new URL('../../', import.meta.url)).filter((name) => /\.c$/.test(name)).map(read).join('\n');
  const logged = [...sources.matchAll(/(?:logger_write|begin|log_stream)\([^;]*?LOG_(?:ERROR|WARN|INFO|DEBUG),\s*"(\w+)"/g)].map(([, name]) => name)
    .concat([...sources.matchAll(/"((?:poll|stream)_closed)"/g)].map(([, name]) => name));
  const told = table(read('doc/operations.md'), '## The log').flatMap(([cell]) => words(cell));
  assert.deepEqual([...new Set(told)].sort(), [...new Set(logged)].sort());
});

test('operations.md says of each alert what to do', () => {
  const alerts = [...read('deploy/prometheus-rules.yml').matchAll(/alert: (\w+)/g)].map(([, name]) => name);
  const told = table(read('doc/operations.md'), '## Watching it').flatMap(([cell]) => words(cell));
  assert.deepEqual(told, [...new Set(told)]);
  assert.deepEqual(told.sort(), alerts.sort());
});

test('the README names the targets that the Makefile tells of', () => {
  const told = [...read('Makefile').matchAll(/^# make ([a-z]+) /gm)].map(([, target]) => target);
  assert.ok(told.length >= 10);
  for (const target of told) assert.match(read('README.md'), new RegExp(`make ${target}\\b`), target);
});

test('the README lists each module once, below those that its header knows', () => {
  const readme = read('README.md');
  const chapter = readme.slice(readme.indexOf('## Reading order'), readme.indexOf('## Limits'));
  const listed = [...chapter.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell]) => words(cell)).map((name) => name.replace(/\.[ch]$/, ''));
  const inside = ['hub_state', 'journal_state'];     // told of beside the tables
  const shared = ['journal', 'options', 'conn'];     // the README says so
  const names = readdirSync(new URL('../../', import.meta.url)).filter((name) => /\.[ch]$/.test(name));
  const modules = [...new Set(names.map((name) => name.slice(0, -2)))].filter((name) => !inside.includes(name));
  assert.deepEqual([...listed].sort(), modules.sort());
  for (const [place, name] of listed.entries()) {
    if (!names.includes(`${name}.h`)) continue;
    for (const [, known] of read(`${name}.h`).matchAll(/^#include "(\w+)\.h"/gm))
      assert.ok(shared.includes(known) || listed.indexOf(known) < place, `${name}.h knows ${known}.h, which the README lists below it`);
  }
});
