// Every call that the server makes fails once, is interrupted once, and does half of its work once: see ../faults.js. Within some
// seconds here, in an order that differs each time; FAULTS=all (`make faults`): all of them, and more.
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, test } from 'node:test';
import { MODES, Orders, faultyBinary, faultyServer, round } from '../faults.js';
import { KEY, now } from '../server.js';
import { eventually, request } from '../wire.js';

const all = process.env.FAULTS === 'all';
const binary = await faultyBinary();
const QUIET_ROUNDS = 4; // in a row without a hit: all is done
const TIME = { fail: 8000, interrupt: 4000, shorten: 3000, drain: 5000 }; // ms that is taken for it
const time = (what) => (all ? 1_000_000 : TIME[what]);
const options = { timeout: all ? 1_200_000 : 80_000 };

function place(t) {
  const directory = mkdtempSync(path.join(tmpdir(), 'pushsse-faults-'));
  const orders = new Orders(path.join(directory, 'orders'));
  orders.set({ random: Math.floor(Math.random() * 2 ** 40) });
  t.after(() => {
    orders.close();
    rmSync(directory, { recursive: true, force: true });
  });
  const data = path.join(directory, 'data');
  mkdirSync(data, { mode: 0o700 });
  return { orders, data };
}

// Rounds until nothing new is hit, or time is up. Answers how often each call was hit.
async function explore(server, orders, mode, ms, variants = 1) {
  const counts = {}, end = Date.now() + ms;
  const played = [];
  let quiet = 0, rounds = 0;
  for (; quiet < QUIET_ROUNDS && Date.now() < end; rounds++) {
    const late = rounds % 2 === 1;
    const { hit, one } = await round(server, orders, { mode: MODES[mode], armed: 1, skip: quiet ? 0 : 60, variant: rounds % variants, late });
    played.push(one);
    quiet = hit ? 0 : quiet + 1;
    if (hit) counts[hit] = (counts[hit] ?? 0) + 1;
  }
  return { played, counts, rounds, whole: quiet === QUIET_ROUNDS };
}

describe('each call', { concurrency: 2 }, () => {
  for (const journal of [false, true])
    for (const mode of Object.keys(MODES))
      test(`${mode}, ${journal ? 'with' : 'without'} a journal`, options, async (t) => {
        const { orders, data } = place(t);
        const server = faultyServer(binary, orders, journal ? { data } : {});
        t.after(() => server.kill());
        await server.ready();
        const { played, counts, rounds, whole } = await explore(server, orders, mode, time(mode), 2);
        t.diagnostic(`${rounds} rounds${whole ? '' : ', not all'}: ${JSON.stringify(counts)}`);
        await server.stop({ ms: 30_000 });
        assert.doesNotMatch(server.log, /Sanitizer|runtime error/);
        if (!journal) return;
        const next = faultyServer(binary, orders, { data });
        t.after(() => next.kill());
        await next.ready();
        for (const one of played) await one.checkAgain(next);
        await next.stop();
      });

  // ---- the start and the end

  const SOON = 30_000; // ms
  const ended = (server) => Promise.race([server.exit, new Promise((_, reject) => setTimeout(() => reject(new Error('it hangs')), SOON).unref())]);
  const ofMemory = /^(malloc|calloc|realloc|strdup|posix_memalign|fdopendir|pthread_\w+)$/;

  // A start in which one call is hit. Answers which.
  async function begin(t, orders, args, data, what) {
    orders.order(what);
    const server = faultyServer(binary, orders, { args, data });
    t.after(() => server.kill());
    const started = await Promise.race([server.ready().then(() => true, () => false), ended(server).then(() => false)]);
    const hit = orders.end();
    const line = server.log.split('\n').filter((text) => text && !text.startsWith('time='));
    const said = `${what.mode} ${hit}: status ${server.exited}: ${server.log}`;
    if (started) {
      assert.equal((await server.publish({ to: 'a', content: 'x' })).status, 'offline', said);
      await server.stop({ ms: SOON });
      assert.doesNotMatch(server.log, /Sanitizer|runtime error/, said);
    } else {
      await ended(server);
      assert.equal(what.mode, MODES.fail, `it is to start all the same: ${said}`);
      assert.ok(server.exited === 1 || server.exited === 2, said);
      assert.equal(line.length, 1, said);
      assert.match(line[0], /^pushsse: ./, said);
      if (!ofMemory.test(hit)) assert.doesNotMatch(line[0], /no memory/, said);
    }
    return hit;
  }

  for (const mode of Object.keys(MODES))
    test(`${mode}: at the start`, options, async (t) => {
      const { orders, data } = place(t);
      const counts = {}, end = Date.now() + time(mode);
      const secret = path.join(data, '../secret');
      writeFileSync(secret, 'a-secret-that-only-tests-know-0123456789\n');
      let number = 0;
      for (let quiet = 0; quiet < QUIET_ROUNDS && Date.now() < end; number++) {
        const args = ['--secret-file', secret, '--api-listen', number % 4 === 3 ? `unix:${data}/../socket` : '127.0.0.1:0'];
        const hit = await begin(t, orders, args, number % 3 === 0 ? undefined : number % 3 === 1 ? `${data}${number}` : data,
          { mode: MODES[mode], armed: 1, skip: quiet || number % 2 ? 0 : 80, variant: number });
        quiet = hit ? 0 : quiet + 1;
        if (hit) counts[hit] = (counts[hit] ?? 0) + 1;
      }
      t.diagnostic(`${number} starts: ${JSON.stringify(counts)}`);
    });

  test('while it drains', options, async (t) => {
    const { orders, data } = place(t);
    const counts = {}, until = Date.now() + time('drain');
    let number = 0;
    for (let quiet = 0; quiet < QUIET_ROUNDS && Date.now() < until; number++) {
      const mode = Object.values(MODES)[number % 3];
      orders.order({});
      const server = faultyServer(binary, orders, { data });
      t.after(() => server.kill());
      await server.ready();
      const stream = await server.stream('a'), watch = await server.connect('api');
      const parked = (await server.connect()).send(request('GET', server.pollTarget('b', { position: await server.position('b'), wait: 20 })));
      watch.send(request('GET', '/stats?stream=1', { headers: { authorization: `Bearer ${KEY}` } }));
      const answer = await server.publish({ to: 'c', content: `${number}` });
      orders.order({ mode, armed: 1, skip: 50, variant: number });
      server.terminate();
      const late = server.tryPublish({ to: 'c', content: `late ${number}` }).catch(() => ({}));
      assert.equal(await ended(server), 0, `${mode} ${orders.end()}: ${server.log}`);
      const hit = orders.end();
      for (const one of [stream, parked, watch]) one.close();
      assert.doesNotMatch(server.log, /Sanitizer|runtime error/);
      const next = faultyServer(binary, orders, { data });
      t.after(() => next.kill());
      await next.ready();
      const kept = (await next.poll('c', { position: 'earliest' })).events.map(({ data: content }) => content);
      assert.ok(kept.includes(`${number}`), `${hit}: ${answer.id} is not there`);
      const { status } = await late;
      if (status === 200 || status >= 400) assert.equal(kept.includes(`late ${number}`), status === 200, `${hit}: a late one was answered ${status}`);
      await next.stop({ ms: SOON });
      quiet = hit ? 0 : quiet + 1;
      if (hit) counts[hit] = (counts[hit] ?? 0) + 1;
    }
    t.diagnostic(`${number} times: ${JSON.stringify(counts)}`);
  });

  // ---- the day's clock

  test('the day\'s clock jumps, and no deadline with it', options, async (t) => {
    const HOUR = 3_600_000;
    const { orders, data } = place(t);
    const server = faultyServer(binary, orders, { data, args: ['--heartbeat', '300ms'] });
    t.after(() => server.kill());
    await server.ready();
    const soon = { exp: now() + 600 };
    // The server has seen it: between two pings of a new stream there are some ticks.
    const jump = async (shift) => {
      orders.set({ shift });
      const stream = await server.stream('a', { claims: { exp: now() + 10 * 3600 } });
      for (let i = 0; i < 2; i++) await stream.next('pushsse.ping');
      stream.close();
    };
    const first = await server.publish({ to: 'a', content: 'before', key: 'k', ttl: 600 });
    for (const shift of [2 * HOUR, -2 * HOUR]) {
      await jump(shift);
      const { events } = await server.poll('a', { position: 'earliest', claims: { exp: now() + 10 * 3600 } });
      assert.deepEqual(events.map(({ data: content }) => content), ['before'], 'what is retained counts by the monotonic clock');
      assert.equal((await server.publish({ to: 'a', content: 'before', key: 'k' })).id, first.id, 'so do keys');
      assert.equal((await server.get(server.pollTarget('a', { position: 'earliest', claims: soon }))).status, shift > 0 ? 401 : 200, 'tokens run out by the day');
      const answer = await server.get(server.pollTarget('b', { claims: { nbf: now() - 60, exp: now() + 10 * 3600 } }));
      assert.equal(answer.status, shift > 0 ? 200 : 401, 'and begin by it');
    }
    await server.apiCall('POST', '/disconnect', { uid: 'k' });
    assert.equal((await server.get(server.pollTarget('k', { claims: { iat: now() - 3 * 3600 } }))).status, 401);
    await jump(0);
    await server.apiCall('POST', '/disconnect', { uid: 'k' });
    await jump(-2 * HOUR);
    await server.apiCall('POST', '/disconnect', { uid: 'k' });
    assert.equal((await server.get(server.pollTarget('k', { claims: { iat: now() - 60 } }))).status, 401, 'a kick lasts when the clock is set back');
    await server.publish({ to: 'a', content: 'for ten minutes', ttl: 600 });
    await server.stop({ ms: SOON });

    // What is on the disk runs out by the day's clock.
    const restart = async (shift) => {
      orders.set({ shift });
      const next = faultyServer(binary, orders, { data });
      t.after(() => next.kill());
      await next.ready();
      const { events } = await next.poll('a', { position: 'earliest', claims: { exp: now() + 10 * 3600 } });
      const known = await next.publish({ to: 'z', content: 'before', key: 'k' });
      await next.stop({ ms: SOON });
      return [events.map(({ data: content }) => content), known.id === first.id];
    };
    assert.deepEqual(await restart(-3 * HOUR), [['before', 'for ten minutes'], true]);
    assert.deepEqual(await restart(0), [['before'], true], 'the other one was published two hours ago');
    assert.deepEqual(await restart(HOUR), [[], false]);
  });

  test('it ends in time with a clock that was set forward, and nobody to read its log', options, async (t) => {
    const { orders, data } = place(t);
    const server = faultyServer(binary, orders, { data, args: ['--log-level', 'debug'] });
    t.after(() => server.kill());
    await server.ready();
    server.child.stderr.pause();
    for (let i = 0; i < 60; i++) // 64 KiB and more: the pipe is full
      await Promise.all(Array.from({ length: 20 }, async () => (await server.stream(`uid-that-is-rather-long-${'x'.repeat(60)}`)).close()));
    orders.set({ shift: 3_600_000 });
    server.terminate();
    await eventually(() => server.child.exitCode !== null, 'it has ended');
    server.child.stderr.resume();
    assert.equal(server.child.exitCode, 0);
  });
});
