// Starts the real binary on free ports, speaks to it, and at the end looks at how it leaves and what it has logged.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Stream } from './stream.js';
import { PATIENCE, Wire, eventually, request, secrets } from './wire.js';

const here = path.dirname(fileURLToPath(import.meta.url));

export const BIN = path.resolve(process.env.PUSHSSE_BIN ?? path.join(here, '../../pushsse'));
export const SECRET = 'a-secret-that-only-tests-know-0123456789';
export const KEY = 'an-api-key-that-only-tests-know-9876543210';
export const form = 'application/x-www-form-urlencoded';

// The runner ends a file that takes too long with SIGTERM; its servers go with it.
process.once('SIGTERM', () => process.exit(1));

// The environment without what could change the server's options.
export const cleanEnv = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PUSHSSE_')));

// The leak checker traces the process; without root's rights it may not do so otherwise.
const traceable = process.getuid() === 0 ? {} : { PUSHSSE_CORE_DUMPS: '1' };

const base64url = (value) => Buffer.from(value).toString('base64url');
export const now = () => Math.floor(Date.now() / 1000);

// A token by hand (RFC 7515), so that nothing of the server's own is used to check it.
export function sign(claims, { secret = SECRET, header = { alg: 'HS256', typ: 'JWT' } } = {}) {
  const signed = `${base64url(JSON.stringify(header))}.${base64url(JSON.stringify(claims))}`;
  const made = `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
  secrets.add(made);
  return made;
}

export const token = (uid, claims = {}, options) =>
  sign({ sub: uid, iat: now() - 10, exp: now() + 3600, ...claims }, options);

// What open(left) answers, where a token is to have so few seconds left. A busy machine may take longer than that, and the
// token is refused: then with more.
export async function inTime(open) {
  for (let left = 2; ; left *= 2) {
    try {
      return await open(left);
    } catch (error) {
      if (left > 4 || !/\b401\b/.test(error.message)) throw error;
    }
  }
}

// ?a=1&b=2&b=3 of {a: 1, b: [2, 3]}; undefined is left out.
export function query(fields) {
  const all = new URLSearchParams();
  for (const [name, value] of Object.entries(fields))
    if (value !== undefined) for (const one of [value].flat()) all.append(name, one);
  return all.toString();
}

const temporaries = [];

// A directory that is gone at the end, when no server writes to it any more.
export function temporary() {
  const directory = mkdtempSync(path.join(tmpdir(), 'pushsse-'));
  if (!temporaries.length) process.once('exit', () => temporaries.forEach((one) => rmSync(one, { recursive: true, force: true })));
  temporaries.push(directory);
  return directory;
}

// Runs a program to its end: {code, stdout, stderr}.
export async function run(file, args = [], { env = cleanEnv, input, ms = PATIENCE } = {}) {
  const running = promisify(execFile)(file, args, { env, timeout: ms, killSignal: 'SIGKILL', maxBuffer: 1 << 26 });
  running.child.stdin.on('error', () => {}).end(input);
  const { code = 0, killed, signal, stdout, stderr } = await running.catch((error) => error);
  assert.ok(!killed, `${file} ${args.join(' ')} did not end within ${ms} ms`);
  return { code: signal ?? code, stdout, stderr };
}

// Runs the binary where it is to end by itself.
export const pushsse = (args, env = {}) => run(BIN, args, { env: { ...cleanEnv, ...env } });

export class Server {
  constructor({ args = [], env = {}, wrapper = [], binary = BIN, logged = true, listen = '127.0.0.1:0', apiListen = '127.0.0.1:0' } = {}) {
    const command = [...wrapper, binary, '--listen', listen, '--api-listen', apiListen, '--drain', '200ms', ...args];
    this.logged = logged; // is the log to be searched for secrets? Not under --demo, which prints a token on purpose
    this.log = '';
    this.output = '';
    this.child = spawn(command[0], command.slice(1), {
      env: { ...cleanEnv, ...traceable, PUSHSSE_SECRET: SECRET, PUSHSSE_API_KEY: KEY, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout.on('data', (text) => (this.output += text));
    this.child.stderr.on('data', (text) => (this.log += text));
    this.exit = new Promise((resolve) => {
      this.child.on('error', (error) => resolve(String(error)));
      this.child.on('close', (code, signal) => resolve(signal ?? code));
    }).then((status) => (this.exited = status));
    this.kill = () => this.child.kill('SIGKILL');
    process.once('exit', this.kill);
  }

  async ready() {
    const address = (listener) => new RegExp(`listener"?[=:]"?${listener}"?[ ,]"?address"?[=:]"?([^\\s",]+)`).exec(this.log)?.[1];
    await eventually(() => this.exited !== undefined || (address('public') && address('api')), `ready: ${this.log}`);
    assert.equal(this.exited, undefined, `it ended with ${this.exited}: ${this.log}`);
    this.public = address('public');
    this.api = address('api');
    return this;
  }

  // It is told to go. A second time would end it at once, with another status.
  terminate(signal = 'SIGTERM') {
    this.leaving = true;
    this.child.kill(signal);
  }

  // SIGTERM, and what must hold then: it leaves in time, with 0, and has logged nothing secret.
  async stop({ ms = PATIENCE } = {}) {
    if (this.exited === undefined && !this.leaving) this.terminate();
    const timer = setTimeout(this.kill, ms);
    const status = await this.exit;
    clearTimeout(timer);
    process.off('exit', this.kill);
    assert.equal(status, 0, `after SIGTERM it ended with ${status}; its log:\n${this.log.slice(-4000)}`);
    this.assertLogClean();
  }

  assertLogClean() {
    if (!this.logged) return;
    for (const secret of [SECRET, KEY, ...secrets])
      assert.ok(!this.log.includes(secret), `the log holds ${secret}`);
    for (const line of this.log.split('\n'))
      assert.doesNotMatch(line, /token=|lastEventId=|Bearer |eyJ[\w-]{10}/, 'the log holds a part of a query or a token');
  }

  // A line of its /proc/PID/status; what is a size begins with its kB.
  status(field) {
    return new RegExp(`^${field}:[ \\t]*(.*)$`, 'm').exec(readFileSync(`/proc/${this.child.pid}/status`, 'latin1'))[1].trim();
  }

  connect(listener = 'public', options) {
    return Wire.connect(this[listener], options);
  }

  // One request on a connection of its own.
  async call(listener, method, target, { headers, body, ms } = {}) {
    const wire = await this.connect(listener);
    const bytes = request(method, target, { headers: { connection: 'close', ...headers }, body });
    const answer = await wire.exchange(bytes, { method, ms });
    wire.close();
    return answer;
  }

  get(target, headers, listener = 'public') {
    return this.call(listener, 'GET', target, { headers });
  }

  // Opens a stream for a uid. `position` goes into the query; `headers` may bring Last-Event-ID or another token.
  stream(uid, { claims, position, headers, paused, ...fields } = {}) {
    const target = `/events?${query({ token: uid === null ? undefined : token(uid, claims), lastEventId: position, ...fields })}`;
    return Stream.open(this.public, target, { headers, paused });
  }

  // With a position, and without `wait`, it asks what is there now.
  pollTarget(uid, { claims, position, wait = position === undefined ? undefined : 0, ...fields } = {}) {
    return `/poll?${query({ token: uid === null ? undefined : token(uid, claims), lastEventId: position, wait, ...fields })}`;
  }

  async poll(uid, options, headers) {
    const answer = await this.get(this.pollTarget(uid, options), headers);
    assert.equal(answer.status, 200, answer.body);
    return answer.json;
  }

  async position(uid) {
    return (await this.poll(uid, { wait: 0 })).lastEventId; // who waits is there for a while afterwards
  }

  // A call of the API with the key. `body`: an object goes as JSON, a string as a form.
  apiCall(method, target, body, headers) {
    const isText = body === undefined || typeof body === 'string' || Buffer.isBuffer(body);
    return this.call('api', method, target, {
      headers: { authorization: `Bearer ${KEY}`, 'content-type': body === undefined ? undefined : isText ? form : 'application/json', ...headers },
      body: isText ? body : JSON.stringify(body),
    });
  }

  tryPublish(fields, headers) {
    return this.apiCall('POST', '/publish', fields, headers);
  }

  async publish(fields, headers) {
    const answer = await this.tryPublish(fields, headers);
    assert.equal(answer.status, 200, answer.body);
    return answer.json;
  }

  async online(...uids) {
    return (await this.apiCall('GET', `/online?${query({ uid: uids })}`)).json.online;
  }

  // Waits until that uid has so many streams, as seen by the publisher.
  settled(uid, streams) {
    return eventually(async () => (await this.online(uid))[uid] === streams, `${uid} has ${streams} streams`);
  }
}

// A server for this file, or with t for this test; it is stopped and judged afterwards.
export async function serve(options, t) {
  const server = new Server(options);
  (t?.after.bind(t) ?? after)(() => server.stop());
  return server.ready();
}
