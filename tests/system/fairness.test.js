// Who sends many requests at once waits with most of them until others have had their turn.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { KEY, form, serve } from './server.js';
import { eventually } from './wire.js';

const MANY = 300; // requests in one write
const VISIT = 48; // of which at most so many come before another's

const stats = `GET /stats HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${KEY}\r\n\r\n`;
const publish = (content) => {
  const body = `content=${content}`;
  return `POST /publish HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer ${KEY}\r\nContent-Type: ${form}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
};

// What all of them send, the server has before it looks at any of it.
async function atOnce(server, bytes) {
  const wires = await Promise.all(bytes.map(([listener]) => server.connect(listener)));
  server.child.kill('SIGSTOP');
  await eventually(() => /\) T /.test(readFileSync(`/proc/${server.child.pid}/stat`, 'latin1')), 'it stands still');
  for (const [i, wire] of wires.entries()) await wire.sendPieces([bytes[i][1]]);
  server.child.kill('SIGCONT');
  return wires;
}

test('a flood of requests comes after what a publisher asks', async (t) => {
  const server = await serve({ args: ['--workers', '1'] }, t);
  const flood = ['public', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(MANY)];
  const wires = await atOnce(server, [flood, flood, flood, ['api', stats]]);
  const { json } = await wires[3].answer();
  assert.ok(json.total.requests <= VISIT, `${json.total.requests} before it`);
  for (const wire of wires.slice(0, 3)) for (let i = 0; i < MANY; i++) assert.equal((await wire.answer()).status, 404);
});

test('publishers that send many at once go on by turns', async (t) => {
  const server = await serve({ args: ['--workers', '1'] }, t);
  const stream = await server.stream('reader');
  const many = (name) => ['api', Array.from({ length: MANY }, (_, i) => publish(`${name}${i}`)).join('')];
  const wires = await atOnce(server, [many('a'), many('b'), ['api', publish('c0')]]);
  const data = await stream.data(2 * MANY + 1);
  for (const name of ['a', 'b'])
    assert.deepEqual(data.filter((one) => one.startsWith(name)), Array.from({ length: MANY }, (_, i) => `${name}${i}`));
  assert.ok(data.indexOf('c0') <= VISIT, `${data.indexOf('c0')} before it`);
  assert.ok(data.indexOf('b0') <= VISIT, `${data.indexOf('b0')} before it`);
  for (const wire of wires.slice(0, 2)) for (let i = 0; i < MANY; i++) assert.equal((await wire.answer()).status, 200);
});

test('long answers that are asked for at once leave turns to a publisher', async (t) => {
  const server = await serve({ args: ['--workers', '1'] }, t);
  await server.publish({ content: 'x'.repeat(100_000), to: 'reader' });
  const poll = `GET ${server.pollTarget('reader', { position: 'earliest', wait: 0 })} HTTP/1.1\r\nHost: a\r\n\r\n`;
  const wires = await atOnce(server, [...Array(8).fill(['public', poll.repeat(20)]), ['api', stats.repeat(VISIT)]]);
  let answer;
  for (let i = 0; i < VISIT; i++) answer = await wires[8].answer();
  assert.ok(answer.json.total.polls < 80, `${answer.json.total.polls} polls before it`);
});
