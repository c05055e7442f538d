// What deploy/ and doc/operations.md have for Prometheus and Grafana, by Debian's Prometheus itself.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { KEY, run, serve, temporary } from '../server.js';
import { eventually } from '../wire.js';

const deployed = (name) => fileURLToPath(new URL(`../../../deploy/${name}`, import.meta.url));
const read = (name) => readFileSync(new URL(`../../../${name}`, import.meta.url), 'utf8');
const dashboard = JSON.parse(read('deploy/grafana-pushsse.json'));
const expressions = dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr]));

// The configuration of the document, with a server and a key file of the test's own.
function configuration(home, api) {
  const [, yaml] = /```yaml\n(scrape_configs:[^]*?)```/.exec(read('doc/operations.md'));
  const key = path.join(home, 'api-key');
  writeFileSync(key, `${KEY}\n`, { mode: 0o600 });
  const file = path.join(home, 'prometheus.yml');
  const own = yaml.replace('/etc/prometheus/pushsse-key', key).replace('127.0.0.1:2121', api)
    .replace('pushsse-rules.yml', deployed('prometheus-rules.yml')).replace(/scrape_interval: \S+/, 'scrape_interval: 1s');
  assert.notEqual(own, yaml);
  writeFileSync(file, own);
  return file;
}

async function prometheus(t, file, home) {
  const child = spawn('prometheus', [`--config.file=${file}`, `--storage.tsdb.path=${path.join(home, 'tsdb')}`, '--web.listen-address=127.0.0.1:0']);
  let log = '';
  child.stderr.on('data', (text) => (log += text));
  const ended = once(child, 'close');
  t.after(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const address = await eventually(() => /msg="Listening on" address=(\S+)/.exec(log)?.[1], 'Prometheus listens');
  return async (query) => {
    const answer = await fetch(`http://${address}/api/v1/query?${new URLSearchParams({ query })}`);
    const { status, error, data } = await answer.json();
    assert.equal(status, 'success', `${query}: ${error}`);
    return data.result;
  };
}

test('Prometheus scrapes as doc/operations.md says, and every expression of the dashboard has an answer', async (t) => {
  const home = temporary();
  const server = await serve({ args: ['--data-dir', path.join(home, 'data')] }, t);
  const file = configuration(home, server.api);
  assert.equal((await run('promtool', ['check', 'config', file])).code, 0);
  const query = await prometheus(t, file, home);
  const stream = await server.stream('1');
  await eventually(async () => (await query('pushsse_streams{transport="sse"}'))[0]?.value[1] === '1', 'the stream is seen');
  await server.publish({ content: 'x' });
  for (const [title, expression] of expressions) {
    const plain = expression.replaceAll('$instance', '.*').replaceAll('$__rate_interval', '1m');
    await eventually(async () => {
      await server.get('/nothing'); // so that something is refused, all the time
      return (await query(plain)).length > 0;
    }, `${title}: ${plain}`);
  }
  const { body } = await server.get('/metrics', { authorization: `Bearer ${KEY}` }, 'api');
  for (const [, name] of JSON.stringify(expressions).concat(read('deploy/prometheus-rules.yml')).matchAll(/\b((?:pushsse|process)_\w+?)(?:_bucket|_count)?[{[ ]/g))
    assert.match(body, new RegExp(`^# TYPE ${name} `, 'm'), name);
  stream.close();
});

// An alert, the series that are to set it off, and the same that are not.
const ALERTS = [
  ['PushsseDown', ['up{job="pushsse"}', '0x10'], ['up{job="pushsse"}', '1x10']],
  ['PushsseStorageFailing', ['pushsse_journal_failing', '1x10'], ['pushsse_journal_failing', '0x10']],
  ['PushssePublishesFail', ['pushsse_publishes_total{result="failed"}', '0+1x10'], ['pushsse_publishes_total{result="ok"}', '0+1x10']],
  ['PushsseTurnsStreamsAway', ['pushsse_refused_requests_total{code="200",reason="full"}', '0+1x10'], ['pushsse_refused_requests_total{code="404",reason="not_found"}', '0+1x10']],
  ['PushsseShedsRequests', ['pushsse_refused_requests_total{code="503",reason="too_many_requests"}', '0+1x10'], ['pushsse_refused_requests_total{code="503",reason="busy"}', '0+1x10']],
  ['PushsseNearlyFull', ['pushsse_streams{transport="sse"}', '86x10', 'pushsse_streams{transport="poll"}', '0x10', 'pushsse_max_streams', '100x10'],
    ['pushsse_streams{transport="sse"}', '84x10', 'pushsse_streams{transport="poll"}', '0x10', 'pushsse_max_streams', '100x10']],
  ['PushsseConnectionsNearlyFull', ['pushsse_connections', '91x10', 'pushsse_max_connections', '100x10'], ['pushsse_connections', '90x10', 'pushsse_max_connections', '100x10']],
  ['PushsseAcceptPaused', ['pushsse_accept_pauses_total', '0+1x10'], ['pushsse_accept_pauses_total', '7x10']],
  ['PushsseReadersCut', ['pushsse_streams_closed_total{reason="lag"}', '0+9x20', 'pushsse_streams{transport="sse"}', '100x20'],
    ['pushsse_streams_closed_total{reason="client"}', '0+9x20', 'pushsse_streams{transport="sse"}', '100x20']],
  ['PushsseRefusesTokens', ['pushsse_refused_requests_total{code="401",reason="token_invalid"}', '0+200x20', 'pushsse_streams_opened_total{transport="sse"}', '0+60x20'],
    ['pushsse_refused_requests_total{code="401",reason="token_invalid"}', '0+60x20', 'pushsse_streams_opened_total{transport="sse"}', '0+60x20']],
  ...[['PushsseFanoutSlow', 'pushsse_fanout_seconds'], ['PushsseDiskSlow', 'pushsse_journal_sync_seconds']].map(([alert, name]) => [alert,
    [`${name}_bucket{le="0.262144"}`, '0x30', `${name}_bucket{le="2.097152"}`, '0+9x30', `${name}_bucket{le="+Inf"}`, '0+9x30'],
    [`${name}_bucket{le="0.262144"}`, '0+9x30', `${name}_bucket{le="2.097152"}`, '0+9x30', `${name}_bucket{le="+Inf"}`, '0+9x30']]),
  ['PushsseRestarts', ['process_start_time_seconds{job="pushsse"}', '1 2 3 4 4 4 4 4 4 4 4'], ['process_start_time_seconds{job="pushsse"}', '1 1 2 2 3 3 3 3 3 3 3']],
];

test('each alert is set off by what it is about, and not by what it is not', async () => {
  const rules = deployed('prometheus-rules.yml');
  const known = [...read('deploy/prometheus-rules.yml').matchAll(/alert: (\w+)/g)].map(([, name]) => name);
  assert.deepEqual(ALERTS.map(([name]) => name).sort(), known.sort());
  const series = (list) => Array.from({ length: list.length / 2 }, (_, i) => ({ series: list[2 * i], values: list[2 * i + 1] }));
  // promtool compares whole alerts, with labels and texts; how many there are is asked by ALERTS, so that none is copied here.
  const asked = (alert, list, count) => ({
    interval: '1m', input_series: series(list),
    promql_expr_test: [{
      expr: `count(ALERTS{alertname="${alert}",alertstate="firing"}) or vector(0)`, eval_time: list[1].includes('x30') ? '30m' : '10m',
      exp_samples: [{ labels: '{}', value: count }],
    }],
  });
  const file = path.join(temporary(), 'alerts.yml'); // JSON is YAML
  const tests = ALERTS.flatMap(([alert, bad, good]) => [asked(alert, bad, 1), asked(alert, good, 0)]);
  writeFileSync(file, JSON.stringify({ rule_files: [rules], evaluation_interval: '1m', tests }));
  const { code, stdout, stderr } = await run('promtool', ['test', 'rules', file]);
  assert.equal(code, 0, stdout + stderr);
});
