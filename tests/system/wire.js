// A TCP (or unix socket) client that sees every byte, and a strict reader of HTTP answers on top of it.
import assert from 'node:assert/strict';
import net from 'node:net';

export const PATIENCE = 15_000; // ms that anything here is waited for: long, since the machine may be busy

// What must never be found in a server's log: tokens, keys, query strings. The helpers add what they send.
export const secrets = new Set();

const shown = (bytes) => JSON.stringify(bytes.toString('latin1').slice(0, 2000));

// Waits until probe() is truthy and answers with that. It is asked again after 10 ms, later after 50: a page costs much.
export async function eventually(probe, what, ms = PATIENCE) {
  const end = Date.now() + ms;
  for (let pause = 10; ; pause = Math.min(1.2 * pause, 50)) {
    const got = await probe();
    if (got) return got;
    if (Date.now() > end) assert.fail(`not within ${ms} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

export class Wire {
  static connect(address, { paused = false } = {}) {
    const colon = address.lastIndexOf(':');
    const where = address.startsWith('unix:')
      ? { path: address.slice(5) }
      : { host: address.slice(0, colon).replace(/[[\]]/g, ''), port: Number(address.slice(colon + 1)) };
    return new Promise((resolve, reject) => {
      const socket = net.connect({ ...where, allowHalfOpen: true, noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new Wire(socket, paused));
      });
    });
  }

  constructor(socket, paused) {
    this.socket = socket;
    this.chunks = []; // as they were read, one entry for each read
    this.bytes = Buffer.alloc(0); // what nobody has taken yet
    this.ended = false; // the server closed its side, or reset
    this.watchers = new Set();
    const changed = () => this.watchers.forEach((look) => look());
    socket.on('data', (chunk) => {
      this.chunks.push(chunk);
      this.bytes = this.bytes.length ? Buffer.concat([this.bytes, chunk]) : chunk;
      changed();
    });
    const end = () => {
      this.ended = true;
      changed();
    };
    socket.on('end', end).on('error', end).on('close', end);
    if (paused) socket.pause();
  }

  send(bytes) {
    for (const [, path, query] of bytes.toString('latin1').matchAll(/^[A-Z]+ ([^\s?]*)\?(\S{12,}) HTTP/gm))
      secrets.add(path === '/online' ? `?${query}` : query); // uid=x alone is how a line names a stream
    this.socket.write(bytes);
    return this;
  }

  // One write for each piece, so that the server is likely to see them apart.
  async sendPieces(pieces) {
    for (const piece of pieces) {
      await new Promise((resolve) => this.socket.write(piece, resolve));
      await new Promise((resolve) => setImmediate(resolve));
    }
    return this;
  }

  finish() { // FIN; the other direction stays open
    this.socket.end();
    return this;
  }

  close() {
    this.socket.destroy();
  }

  pause() {
    this.socket.pause();
  }

  resume() {
    this.socket.resume();
  }

  // Waits until found() is truthy, and answers with it.
  async until(found, what, ms = PATIENCE) {
    const first = found();
    if (first) return first;
    return new Promise((resolve, reject) => {
      const done = (settle, value) => {
        clearTimeout(timer);
        this.watchers.delete(look);
        settle(value);
      };
      const look = () => {
        const got = found();
        if (got) done(resolve, got);
        else if (this.ended) done(reject, new Error(`closed before ${what}; got ${shown(this.bytes)}`));
      };
      const timer = setTimeout(
        () => done(reject, new Error(`not within ${ms} ms: ${what}; got ${shown(this.bytes)}`)), ms);
      this.watchers.add(look);
      look();
    });
  }

  closed(ms = PATIENCE) {
    return this.until(() => this.ended, 'the connection was closed', ms);
  }

  take(length) {
    const taken = this.bytes.subarray(0, length);
    this.bytes = this.bytes.subarray(length);
    return taken;
  }

  // The head of the next answer: {status, reason, version, headers, list}.
  async head(ms) {
    const end = await this.until(() => 1 + this.bytes.indexOf('\r\n\r\n'), 'the end of the head', ms);
    const text = this.take(end + 3).toString('latin1').slice(0, -4);
    const [line, ...lines] = text.split('\r\n');
    const [, version, status, reason] = /^(HTTP\/1\.[01]) (\d{3}) ([ -~]+)$/.exec(line) ?? assert.fail(`odd status line: ${line}`);
    const list = lines.map((entry) => {
      const [, name, value] = /^([A-Za-z0-9-]+): ?([ -~]*)$/.exec(entry) ?? assert.fail(`odd header line: ${entry}`);
      return [name.toLowerCase(), value];
    });
    return { version, status: Number(status), reason, list, headers: Object.fromEntries(list) };
  }

  // The next whole answer, with its body as text and, where it is JSON, parsed. Interim answers (100) have no body.
  async answer({ method = 'GET', ms = PATIENCE } = {}) {
    const head = await this.head(ms);
    assert.equal(head.headers['transfer-encoding'], undefined, 'this server has no need of chunks');
    const bodiless = method === 'HEAD' || head.status < 200 || head.status === 204;
    const length = head.headers['content-length'];
    let bytes = Buffer.alloc(0);
    if (!bodiless && length !== undefined) {
      assert.match(length, /^\d+$/);
      await this.until(() => this.bytes.length >= Number(length), `a body of ${length} bytes`, ms);
      bytes = this.take(Number(length));
    } else if (!bodiless) {
      await this.closed(ms);
      bytes = this.take(this.bytes.length);
    }
    const body = bytes.toString('utf8');
    const isJson = /^application\/json\b/.test(head.headers['content-type'] ?? '') && body !== '';
    return { ...head, body, json: isJson ? JSON.parse(body) : undefined };
  }

  async exchange(bytes, options) {
    this.send(bytes);
    return this.answer(options);
  }
}

// The bytes of a request. Headers that are undefined are left out; the body brings its Content-Length.
export function request(method, target, { headers = {}, body } = {}) {
  const content = body === undefined ? undefined : Buffer.from(body);
  const all = { host: 'push.test', 'content-length': content?.length, ...headers };
  const lines = Object.entries(all).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one) => `${name}: ${one}\r\n`));
  return Buffer.concat([Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`), content ?? Buffer.alloc(0)]);
}

// Every refusal says why in one line of JSON.
export function assertRefused(answer, status, mention) {
  assert.ok([status].flat().includes(answer.status), `expected ${status}, got ${answer.status} ${answer.body}`);
  assert.equal(typeof answer.json?.error, 'string', `no {"error":"..."} in: ${answer.body}`);
  assert.equal(answer.body.trimEnd().split('\n').length, 1, 'one line');
  if (mention) assert.match(answer.body, mention);
  return answer;
}
