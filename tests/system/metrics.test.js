// GET /metrics: what Prometheus reads, judged by its own promtool, and the dashboard and alerts that are made of it.
import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { KEY, pushsse, run, serve, temporary, token } from './server.js';
import { assertRefused, eventually, request } from './wire.js';

const quiet = ['--first-ping', '30s', '--heartbeat', '30s'];
const authorization = `Bearer ${KEY}`;

// {'name{label="value"}': number}
async function scrape(server) {
  const { status, body } = await server.get('/metrics', { authorization }, 'api');
  assert.equal(status, 200);
  return Object.fromEntries(body.split('\n').filter((line) => line && !line.startsWith('#')).map((line) => {
    const [, sample, value] = /^(\w+(?:\{[^}]*\})?) ([\d.]+)$/.exec(line) ?? assert.fail(line);
    return [sample, Number(value)];
  }));
}

test('promtool has nothing to say about it, with a journal or without', async (t) => {
  for (const more of [[], ['--data-dir', path.join(temporary(), 'journal')]]) {
    const server = await serve({ args: [...quiet, ...more] }, t);
    await server.publish({ content: 'x' });
    const { headers, body } = await server.get('/metrics', { authorization }, 'api');
    assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
    assert.equal(headers['cache-control'], 'no-store');
    assert.deepEqual(await run('promtool', ['check', 'metrics'], { input: body }), { code: 0, stdout: '', stderr: '' });
    assert.equal(/pushsse_journal/.test(body), more.length > 0);
  }
});

test('it takes the key, on the API listener alone', async (t) => {
  const server = await serve({ args: quiet }, t);
  assertRefused(await server.get('/metrics', {}, 'api'), 401, /key_missing/);
  assertRefused(await server.get('/metrics', { authorization: `${authorization}x` }, 'api'), 401, /key_invalid/);
  assert.equal((await server.get('/metrics', { authorization })).status, 404, 'not on the public listener');
  const head = await server.call('api', 'HEAD', '/metrics', { headers: { authorization } });
  assert.deepEqual([head.status, head.body], [200, '']);
});

test('it tells what has happened', async (t) => {
  const server = await serve({ args: ['--data-dir', path.join(temporary(), 'journal'), ...quiet] }, t);
  const stream = await server.stream('1');
  const position = await server.position('1');
  const poll = await server.connect();
  poll.send(request('GET', server.pollTarget('2', { position, wait: 30 })));
  await eventually(async () => (await scrape(server))['pushsse_streams{transport="poll"}'] === 1, 'the poll waits');
  await server.publish({ content: 'to everyone' });
  await server.publish({ to: '1', content: 'to one' });
  await server.publish({ to: 'nobody', content: 'x' });
  assertRefused(await server.tryPublish({ content: 'x', ttl: 'x' }), 400);
  assert.equal((await server.apiCall('POST', '/', 'type=publish&to=nobody&content=x')).body, 'offline');
  assert.equal((await server.apiCall('POST', '/', 'type=publish&to=')).body, 'fail');
  assertRefused(await server.get(`/events?token=${token('1', { exp: 1 })}`), 401);
  await stream.until(() => stream.events.filter(({ event }) => event === 'message').length === 2, 'its messages');
  assert.equal((await poll.answer()).json.events.length, 1);
  const seen = await eventually(async () => {
    const now = await scrape(server);
    return now.pushsse_fanout_seconds_count > 0 && now;
  }, 'the fan-out was timed');
  assert.deepEqual(Object.keys(seen).filter((name) => name.startsWith('pushsse_publishes')).map((name) => seen[name]), [2, 2, 2, 0]);
  const expected = {
    'pushsse_streams{transport="sse"}': 1, 'pushsse_streams{transport="poll"}': 0,
    'pushsse_streams_opened_total{transport="sse"}': 1, 'pushsse_streams_opened_total{transport="poll"}': 2,
    'pushsse_streams_closed_total{reason="answered"}': 1, 'pushsse_streams_closed_total{reason="client"}': 0,
    'pushsse_refused_requests_total{code="401",reason="token_expired"}': 1,
    'pushsse_refused_requests_total{code="400",reason="invalid_field"}': 1,
    'pushsse_deliveries_total': 3, 'pushsse_retained_messages': 4,
    'pushsse_journal_failing': 0, 'pushsse_draining': 0,
  };
  for (const [name, value] of Object.entries(expected)) assert.equal(seen[name], value, name);
  const { stdout: version } = await pushsse(['--version']);
  assert.equal(seen[`pushsse_build_info{version="${version.trim().split(' ')[1]}"}`], 1);
  assert.ok(seen.pushsse_journal_records_total >= 4);
  assert.ok(Math.abs(seen.process_start_time_seconds - Date.now() / 1000) < 300);
  assert.ok(seen.pushsse_poll_turns_total > 5 && seen.pushsse_sent_bytes_total > 500 && seen.process_cpu_seconds_total > 0);
  assert.ok(seen.pushsse_max_connections >= seen.pushsse_max_streams && seen.pushsse_connections >= 2);
  for (const histogram of ['pushsse_fanout_seconds', 'pushsse_journal_sync_seconds']) {
    const buckets = Object.entries(seen).filter(([name]) => name.startsWith(`${histogram}_bucket`)).map(([, count]) => count);
    assert.equal(buckets.length, 19);
    assert.deepEqual(buckets, [...buckets].sort((a, b) => a - b), 'they are cumulative');
    assert.equal(buckets.at(-1), seen[`${histogram}_count`]);
    assert.ok(seen[`${histogram}_count`] > 0 && seen[`${histogram}_sum`] > 0);
  }
  stream.close();
  await eventually(async () => (await scrape(server))['pushsse_streams{transport="sse"}'] === 0, 'its end is seen');
});
