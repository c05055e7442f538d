// Smuggling through proxies: hostile.js and its like in HTTP/2, sent to nginx and HAProxy as deploy/ sets them up, in front
// of the API listener, whose requests have effects. Whatever a proxy makes of them, and whatever it answers itself:
// what is hidden in a request is never served, and nobody ever gets an answer to what another one has asked.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import tls from 'node:tls';
import { accepted, hidden, refused, servedHidden } from '../hostile.js';
import { proxyOf, reachable, upstreamFor } from '../proxy.js';
import { ask } from '../proxied.js';
import { KEY, form, serve } from '../server.js';
import { Wire } from '../wire.js';

const PATHS = ['publish', 'healthz', 'online']; // what the proxies pass on here; the hidden request's path is none of them
const BATCH = 64; // attacks at a time
const SILENCE = 1000; // ms after which a proxy that has said nothing waits for more

function dial(proxy, alpn) {
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port: proxy.port, rejectUnauthorized: false, ALPNProtocols: [alpn], allowHalfOpen: true });
    socket.once('error', reject).once('secureConnect', () => resolve(new Wire(socket.off('error', reject))));
  });
}

// Sends it, and waits for what can come of it.
async function attack(proxy, alpn, bytes) {
  const wire = await dial(proxy, alpn);
  wire.socket.write(bytes);
  await Promise.race([wire.closed(60_000).catch(() => {}), pause(SILENCE)]);
  const got = wire.bytes.toString('latin1');
  wire.close();
  return got;
}

// ---- HTTP/2 by hand (RFC 9113): no library sends what these cases are about.

const frame = (type, flags, stream, payload) => {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
};

// A string literal without Huffman (RFC 7541 5.2).
function literal(text) {
  const bytes = Buffer.from(text, 'latin1');
  const length = bytes.length < 127 ? [bytes.length] : [127, ((bytes.length - 127) & 127) | 128, (bytes.length - 127) >> 7];
  return Buffer.concat([Buffer.from(length), bytes]);
}

function h2(fields, body) {
  const all = [[':method', 'POST'], [':scheme', 'https'], [':path', '/publish'], [':authority', 'push.test'],
    ['authorization', `Bearer ${KEY}`], ['content-type', form]];
  for (const [name, value] of fields) {
    const at = all.findIndex(([known]) => name.startsWith(':') && known === name);
    if (at < 0) all.push([name, value]);
    else all[at] = [name, value];
  }
  const block = Buffer.concat(all.flatMap(([name, value]) => [Buffer.of(0), literal(name), literal(value)]));
  return Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), frame(4, 0, 0, Buffer.alloc(0)), frame(1, 4, 1, block),
    frame(0, 1, 1, Buffer.from(body, 'latin1'))]);
}

const inside = `x\r\n\r\n${hidden}`;
const downgrades = {
  'as it should be': h2([], 'to=seen&content=over HTTP/2'),
  'H2.CL': h2([['content-length', '0']], hidden),
  'H2.CL that is longer': h2([['content-length', '9999']], hidden),
  'H2.CL twice': h2([['content-length', '0'], ['content-length', `${hidden.length}`]], hidden),
  'H2.CL with a sign': h2([['content-length', '+0']], hidden),
  'H2.TE': h2([['transfer-encoding', 'chunked']], `0\r\n\r\n${hidden}`),
  'H2.TE in capitals': h2([['Transfer-Encoding', 'chunked']], `0\r\n\r\n${hidden}`),
  'H2.TE in a value': h2([['x', 'y\r\nTransfer-Encoding: chunked']], `0\r\n\r\n${hidden}`),
  'H2.TE in a value by a bare LF': h2([['x', 'y\nTransfer-Encoding: chunked']], `0\r\n\r\n${hidden}`),
  'H2.TE in a name': h2([['x: y\r\nTransfer-Encoding', 'chunked']], `0\r\n\r\n${hidden}`),
  'H2.TE by a name with a blank': h2([['transfer-encoding ', 'chunked']], `0\r\n\r\n${hidden}`),
  'connection: transfer-encoding': h2([['connection', 'transfer-encoding'], ['transfer-encoding', 'chunked']], `0\r\n\r\n${hidden}`),
  'a request in a value': h2([['x', inside]], ''),
  'a request in a name': h2([[`x: ${inside}`, 'y']], ''),
  'a request in the path': h2([[':path', `/healthz HTTP/1.1\r\nHost: a\r\n\r\n${hidden}`]], ''),
  'a request in the method': h2([[':method', `GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n${hidden}POST`]], ''),
  'a request in the authority': h2([[':authority', inside]], ''),
  'a request in the scheme': h2([[':scheme', `https ${inside}`]], ''),
  'a blank in the path': h2([[':path', '/healthz HTTP/1.1 x']], hidden),
  'a pseudo-header behind the others': h2([['x', 'y'], [':protocol', 'websocket']], hidden),
  'host beside the authority': h2([['host', 'evil.test']], hidden),
  'GET with a body': h2([[':method', 'GET'], [':path', '/healthz']], hidden),
  'CONNECT': h2([[':method', 'CONNECT']], hidden),
};

// Each of these asks for a uid that nobody else asks for, so an answer that is another's shows.
const victim = async (proxy, number) => {
  const uid = `victim-${number}`;
  const { status, text } = await ask(proxy.origin, 'GET', `/online?uid=${uid}`, { headers: { authorization: `Bearer ${KEY}` } });
  assert.equal(status, 200, text);
  assert.deepEqual(Object.keys(JSON.parse(text).online), [uid], 'the answer to another request');
};

for (const kind of ['nginx', 'haproxy'])
  test(`nothing is smuggled through ${kind}`, async (t) => {
    const server = await serve({ apiListen: upstreamFor(kind) }, t);
    reachable(server.api);
    const proxy = await proxyOf(kind, { upstream: server.api, paths: PATHS }, t);
    const attacks = [
      ...[...refused, ...accepted].map(({ what, bytes }) => [what, 'http/1.1', bytes]),
      ...Object.entries(downgrades).map(([what, bytes]) => [what, 'h2', bytes]),
    ];
    let victims = 0;
    await victim(proxy, victims++);
    for (let from = 0; from < attacks.length; from += BATCH) {
      const under = attacks.slice(from, from + BATCH).map(async ([what, alpn, bytes]) => {
        const got = await attack(proxy, alpn, bytes);
        assert.doesNotMatch(got, /\r\n\r\noffline/, `${what}: the hidden request was answered`);
      });
      while (await Promise.race([Promise.all(under), pause(20, 'more')]) === 'more') await victim(proxy, victims++);
      await victim(proxy, victims++);
      assert.equal(await servedHidden(server), 0, `one of: ${attacks.slice(from, from + BATCH).map(([what]) => what).join(', ')}`);
    }
    // and that it would be seen: the hidden request itself publishes, where it may
    const wire = await server.connect('api');
    assert.equal((await wire.exchange(hidden)).body, 'offline');
    assert.equal(await servedHidden(server), 1);
    const { events } = await server.poll('seen', { position: 'earliest' });
    assert.ok(events.some(({ data }) => data === 'over HTTP/2'), 'so do those of HTTP/2');
    assert.ok(events.length >= 5, `requests that are well formed get through: ${events.length}`);
  });
