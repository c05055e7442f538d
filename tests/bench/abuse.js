// `make abuse`: how long messages take to streams that are open, without and during each of tests/system/attacks.js, and
// what memory the server has taken at most. One line an attack; KIND=word for those whose names have it, SECONDS=n (3),
// STREAMS=n (1000), RATE=n publishes a second to single uids (500). Run it alone on the machine.
//
// The server's one worker has a core, and the generator another one with the attacker, which runs only when nothing else would:
// what the attacker takes must not be what the generator waits for. Eight connections publish, so that what one answer takes
// does not hold up the publishes after it. Quiet and abused are measured by turns on one server, ROUNDS times (3) each; the ratio
// is that of the medians. By turns with these, another server is attacked, which runs on the same core when nothing else would:
// "beside" is what the machine alone does to messages.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { attacks } from '../system/attacks.js';
import { KEY, SECRET, Server, cleanEnv } from '../system/server.js';
import { eventually } from '../system/wire.js';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const { KIND = '', SECONDS = '3', STREAMS = '1000', RATE = '500', ROUNDS = '3', BUILD = 'build' } = process.env;
const SETTLE = '3000'; // ms between the last stream and the first publish, in which the attack begins
const LIMIT = 2; // times the quiet p99
const MEGA = 1024 * 1024;

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];

async function measure(server, settle = '200') {
  const args = ['-c', '1', `${BUILD}/loadgen`, '--public', server.public, '--api', server.api, '--mode', 'unicast', '--streams', STREAMS,
    '--rate', RATE, '--connections', '8', '--seconds', SECONDS, '--settle', settle, '--pid', `${server.child.pid}`];
  const env = { ...cleanEnv, PUSHSSE_SECRET: SECRET, PUSHSSE_API_KEY: KEY };
  const { stdout } = await promisify(execFile)('taskset', args, { env });
  return Object.fromEntries(stdout.trim().split(/\s+/).map((pair) => pair.split('=')).map(([name, value]) => [name, Number(value)]));
}

// The streams are there before the attack on one of the servers begins: during one, it may turn others away.
async function attacked(name, server, victim = server) {
  const measuring = measure(server, SETTLE);
  await eventually(async () => (await server.apiCall('GET', '/stats')).json.streams >= Number(STREAMS), 'streams');
  const attacker = spawn('taskset', ['-c', '1', 'chrt', '-i', '0', process.execPath, here('../system/attacks.js'), name, victim.public, victim.api],
    { env: cleanEnv, stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    return await measuring;
  } finally {
    attacker.kill('SIGTERM');
    await once(attacker, 'exit');
  }
}

async function row(name) {
  const begin = (...idle) => new Server({ args: ['--workers', '1'], wrapper: ['taskset', '-c', '0', ...idle], logged: false }).ready();
  const [server, bystander] = await Promise.all([begin(), begin('chrt', '-i', '0')]);
  const quiet = [];
  const abused = [];
  const beside = [];
  for (let i = 0; i < Number(ROUNDS); i++) {
    quiet.push((await measure(server)).p99_us);
    abused.push((await attacked(name, server)).p99_us);
    beside.push((await attacked(name, server, bystander)).p99_us);
  }
  const peak = parseInt(server.status('VmHWM'), 10) / 1024;
  const bound = (await server.apiCall('GET', '/stats')).json.limits.memory / MEGA;
  await Promise.all([server.stop(), bystander.stop()]);
  const [before, during, machine] = [quiet, abused, beside].map(median);
  const kept = during <= LIMIT * before && peak < bound;
  return [name.padEnd(42), before, during, (during / before).toFixed(2), machine, peak.toFixed(1), bound.toFixed(0), kept ? 'kept' : 'MISSED'];
}

const print = (cells) => console.log(cells.map((cell, i) => (i ? String(cell).padStart(9) : cell)).join(' '));

console.log(`# ${STREAMS} streams, ${RATE} publishes a second to single uids, ${SECONDS} s, medians of ${ROUNDS}; at most ${LIMIT} times the quiet p99`);
print(['attack'.padEnd(42), 'quiet us', 'p99 us', 'ratio', 'beside us', 'peak MB', 'bound MB', '']);
for (const name of Object.keys(attacks).filter((one) => one.includes(KIND))) print(await row(name));
process.exit(0);
