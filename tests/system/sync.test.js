// What strace sees: no answer of 200 goes out before an fdatasync that began after the message's record was written, nor
// before what leads to the record is on the disk: its segment's header and name, and the directory itself.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { BIN, KEY, Server, form, run, temporary } from './server.js';
import { request } from './wire.js';

const PUBLISHERS = 8, EACH = 40;
const CALLS = /^(\d+) +(\d+\.\d+) (write|sendmsg|sendto|fdatasync|fsync|openat)\((.*)$/;

// Finished calls of the trace, in the order in which they ended: {call, file, text, began, ended, result}. Times are
// the numbers of their lines: strace writes a line when a call begins, and another one when it ends later.
function callsOf(trace) {
  const open = new Map(), calls = [];
  const finish = (call, text, ended) => {
    const result = Number(/ = (-?\d+)/.exec(text.slice(text.lastIndexOf(') ')))?.[1] ?? NaN);
    calls.push({ ...call, text: call.text + text, ended, result });
  };
  trace.split('\n').forEach((line, number) => {
    const resumed = /^(\d+) +\d+\.\d+ <\.\.\. (\w+) resumed>(.*)$/.exec(line);
    if (resumed) {
      const call = open.get(resumed[1]);
      open.delete(resumed[1]);
      if (call) finish(call, resumed[3], number);
      return;
    }
    const [, thread, , name, rest] = CALLS.exec(line) ?? [];
    if (!thread) return;
    const call = { name, file: /^\d+<([^>]*)>/.exec(rest)?.[1], text: '', began: number };
    if (rest.endsWith(' <unfinished ...>')) open.set(thread, { ...call, text: rest.slice(0, -' <unfinished ...>'.length) });
    else finish(call, rest, number);
  });
  return calls;
}

test('with --fsync always, each answer is sent after a sync of its record', async (t) => {
  const directory = temporary(), trace = path.join(temporary(), 'trace');
  mkdirSync(path.join(directory, 'journal'), { mode: 0o700 });
  const works = await run('strace', ['-o', '/dev/null', 'true']);
  assert.equal(works.code, 0, `strace cannot trace here: ${works.stderr}`);
  // -y names the file of a descriptor; -s is long enough for a batch of all publishers, and for an answer.
  const server = new Server({ args: ['--data-dir', path.join(directory, 'journal'), '--fsync', 'always', '--first-ping', '30s', '--heartbeat', '30s', '--workers', '2'],
    wrapper: ['strace', '-f', '-ttt', '-y', '-s', '70000', '-e', 'trace=write,sendmsg,sendto,fdatasync,fsync,openat', '-e', 'signal=none', '-o', trace],
    env: { ASAN_OPTIONS: 'detect_leaks=0' } }); // it cannot look for leaks while somebody traces it
  // The signal is for what strace runs; strace takes none before that ends, and then ends as that did.
  const traced = () => Number(readFileSync(`/proc/${server.child.pid}/task/${server.child.pid}/children`, 'latin1'));
  server.terminate = () => process.kill(traced(), 'SIGTERM');
  process.off('exit', server.kill);
  process.once('exit', (server.kill = () => process.kill(traced(), 'SIGKILL')));
  t.after(() => (server.exited === undefined ? server.stop() : undefined));
  await server.ready();
  const answers = new Map(); // content: id
  await Promise.all(Array.from({ length: PUBLISHERS }, async (_, publisher) => {
    const wire = await server.connect('api');
    for (let i = 0; i < EACH; i++) {
      const content = `message-${publisher}-${i}-end`;
      const answer = await wire.exchange(request('POST', '/publish', { headers: { authorization: `Bearer ${KEY}`, 'content-type': form }, body: `to=a&content=${content}` }));
      assert.equal(answer.status, 200);
      answers.set(content, answer.json.id);
    }
    wire.close();
  }));
  await server.stop(); // then the trace is whole
  const calls = callsOf(readFileSync(trace, 'latin1'));
  const inSegment = ({ file }) => file?.endsWith('.segment');
  const writes = calls.filter((call) => call.name === 'write' && inSegment(call));
  const syncs = calls.filter((call) => call.name === 'fdatasync' && inSegment(call) && call.result === 0);
  const sent = calls.filter(({ name, text }) => (name === 'sendmsg' || name === 'sendto') && text.includes('HTTP/1.1 200'));
  const [header, record] = writes;
  const before = (name, file) => calls.find((call) => call.name === name && call.file === file && call.result === 0 && call.ended < record.began);
  assert.ok(syncs[0].began > header.ended && syncs[0].ended < record.began, 'the header is synced before a record is written');
  assert.ok(before('fsync', path.join(directory, 'journal'))?.began > header.ended, "so is the segment's name");
  assert.ok(before('fsync', directory), "so is the directory's, which somebody else has made");
  let grouped = 0;
  for (const [content, id] of answers) {
    const write = writes.find(({ text }) => text.includes(content));
    assert.ok(write && write.result > 0, `the record of ${content} was written`);
    const answer = sent.find(({ text }) => text.includes(`\\"id\\":\\"${id}\\"`));
    assert.ok(answer, `the answer of ${content} was sent`);
    const sync = syncs.find(({ began, ended, file }) => file === write.file && began > write.ended && ended < answer.began);
    assert.ok(sync, `${content}: written ${write.ended}, answered ${answer.began}, and no sync between them`);
    grouped += [...answers.keys()].filter((other) => write.text.includes(other)).length > 1;
  }
  assert.equal(answers.size, PUBLISHERS * EACH);
  assert.ok(syncs.length < answers.size, `${syncs.length} syncs for ${answers.size} messages`);
  t.diagnostic(`${answers.size} answers, ${syncs.length} syncs; ${grouped} messages were written with others`);
});

test('the trace of one that answers first is told from that', () => {
  const line = (n, rest) => `7 ${1700000000 + n}.000000 ${rest}`;
  const calls = callsOf([
    line(1, 'write(9</x/0000000001.segment>, "message-1-end", 13) = 13'),
    line(2, 'fdatasync(9</x/0000000001.segment> <unfinished ...>'),
    `8 1700000003.000000 sendmsg(5<socket:[1]>, {msg_iov=[{iov_base="HTTP/1.1 200 OK"}]}, MSG_NOSIGNAL) = 15`,
    line(4, '<... fdatasync resumed>) = 0')].join('\n'));
  assert.deepEqual(calls.map(({ name, began, ended, result }) => [name, began, ended, result]),
    [['write', 0, 0, 13], ['sendmsg', 2, 2, 15], ['fdatasync', 1, 3, 0]]);
  assert.equal(calls[2].file, '/x/0000000001.segment');
});
