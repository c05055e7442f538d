// What the documents list, and what the sources list, are the same.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

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
