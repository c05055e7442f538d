// What must hold in every browser engine, of pushsse.js and of the engine's own EventSource, against the real binary.
// open(t, url, opener) answers with a new page of the same user, which is closed after the test.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asLines, payloads } from './payloads.js';
import { Server, query, serve, temporary, token } from './server.js';
import { got, hasty, isOpen, numbers, quick, site, start, until } from './site.js';
import { eventually } from './wire.js';

const all = Object.values(payloads);

// A native EventSource that keeps all it gets. Chromium and WebKit take an id of any event, so it listens to all of them.
async function listen(page, names = []) {
  await page.evaluate(({ url, names }) => {
    window.native = { events: [], errors: 0 };
    window.source = new EventSource(url);
    const keep = ({ type, data, lastEventId }) => native.events.push({ type, data, lastEventId });
    for (const name of ['message', 'pushsse.hello', 'pushsse.ping', 'pushsse.reset', ...names]) source.addEventListener(name, keep);
    source.onerror = () => native.errors++;
  }, { url: `/events?${query({ token: token('42') })}`, names });
}

const heard = async (page, found, what) => {
  const look = () => page.evaluate(() => ({ ...native, readyState: source.readyState }));
  await eventually(async () => found(await look()), what).catch(async (error) => {
    throw new Error(`${error.message}: ${JSON.stringify(await look()).slice(-2000)}`);
  });
  return look();
};
const ofType = (events, ...types) => events.filter(({ type }) => types.includes(type));

// `tabs`: are its pages tabs of one window, so that those behind are hidden?
export function behaves(engine, open, { tabs = false } = {}) {
  const page = async (t, at, ...rest) => start(await open(t, `${at.url}/page`), ...rest);

  test(`${engine}: EventSource hears every payload, byte for byte, and named events`, async (t) => {
    const server = await serve({ args: quick }, t);
    const at = await site(t, server);
    const native = await open(t, `${at.url}/page`);
    await listen(native, ['note', 'ünï cödé']);
    await heard(native, ({ events }) => ofType(events, 'pushsse.hello').length, 'hello');
    const sent = [];
    for (const content of all)
      for (const event of ['message', 'note', 'ünï cödé'].slice(0, content.length > 1000 ? 1 : 3))
        sent.push({ type: event, data: asLines(content), lastEventId: (await server.publish({ to: '42', content, event })).id });
    const { events } = await heard(native, ({ events }) => ofType(events, 'message', 'note', 'ünï cödé').length >= sent.length, 'all of them');
    assert.deepEqual(ofType(events, 'message', 'note', 'ünï cödé'), sent);
    await heard(native, ({ events }) => ofType(events, 'pushsse.ping').length, 'a heartbeat');
  });

  test(`${engine}: EventSource comes back with its Last-Event-ID, and nothing is lost or comes twice`, async (t) => {
    const server = await serve({ args: [...quick, '--max-age', '400ms'] }, t);
    const at = await site(t, server);
    const native = await open(t, `${at.url}/page`);
    await listen(native);
    await heard(native, ({ events }) => events.length, 'hello');
    let sent = 0;
    const times = () => at.count('/events');
    await eventually(async () => {
      await server.publish({ to: '42', content: String(sent++) });
      return times() > 2;
    }, 'it came back, and again');
    at.cut(); // not in order, as by --max-age
    const before = times();
    await eventually(async () => {
      await server.publish({ to: '42', content: String(sent++) });
      return times() > before;
    }, 'it came back once more');
    const { events } = await heard(native, ({ events }) => ofType(events, 'message').length >= sent, 'all of them');
    assert.deepEqual(ofType(events, 'message').map(({ data }) => data), numbers(sent));
    assert.deepEqual(ofType(events, 'pushsse.reset'), []);
    const positions = at.requests.filter(({ path }) => path === '/events').map(({ headers }) => headers['last-event-id']);
    assert.deepEqual([positions[0], positions.slice(1).every(Boolean)], [undefined, true], String(positions));
    t.diagnostic(`${sent} messages, ${positions.length} connections`);
  });

  test(`${engine}: EventSource takes a refused token for final, and a full server not`, async (t) => {
    const server = await serve({ args: [...quick, '--max-streams', '1'] }, t);
    const at = await site(t, server);
    const native = await open(t, `${at.url}/page`);
    const ends = (url) => native.evaluate((url) => new Promise((resolve) => {
      const source = new EventSource(url);
      source.onerror = () => (resolve(source.readyState), source.close());
    }), url);
    assert.equal(await ends('/events?token=nonsense'), 2);
    await server.stream('first');
    assert.equal(await ends(`/events?${query({ token: token('42') })}`), 0);
  });

  for (const transport of ['sse', 'poll'])
    test(`${engine}: every payload by ${transport}, and events of any name`, async (t) => {
      const server = await serve({ args: quick }, t);
      const at = await site(t, server);
      const push = await page(t, at, { transports: [transport] }, { names: ['note', 'ünï cödé'] });
      await isOpen(push, transport);
      for (const [i, content] of all.entries()) await server.publish({ to: '42', content, event: ['message', 'note', 'ünï cödé'][i % 3] });
      await until(push, (g) => g.messages.length >= all.length, 'all of them');
      const { messages, wrong, url } = await got(push);
      assert.deepEqual([messages, wrong, url], [all.map(asLines), [], `${at.url}/events`]);
    });

  test(`${engine}: streams end of age, are cut, and the server restarts with its data: nothing is lost or comes twice`, async (t) => {
    const args = [...quick, '--data-dir', temporary()];
    const before = await new Server({ args: [...args, '--max-age', '400ms'] }).ready();
    const at = await site(t, before);
    const push = await page(t, at);
    await isOpen(push);
    let n = 0;
    const some = async (server, count, enough = () => true) => {
      for (const least = n + count; n < least || !enough(); n++) await server.publish({ to: '42', content: String(n) });
    };
    await some(before, 20, () => at.count('/events') > 1);
    await before.stop();
    const later = await serve({ args, listen: before.public }, t);
    await some(later, 15);
    await isOpen(push);
    at.cut();
    await some(later, 15);
    await until(push, (g) => g.messages.length >= n, 'all of them');
    const { messages, resets, wrong } = await got(push);
    assert.deepEqual([messages, resets, wrong], [numbers(n), [], []]);
    t.diagnostic(`${n} messages, ${at.count('/events')} streams, ${at.count('/poll')} polls`);
  });

  test(`${engine}: 100 messages, while streams are held back and let through again: nothing is lost, nothing comes twice`, async (t) => {
    const server = await serve({ args: quick }, t);
    const at = await site(t, server);
    const push = await page(t, at, { helloTimeout: 500 });
    await isOpen(push, 'sse');
    let n = 0;
    const some = async (count) => {
      for (; count; count--) await server.publish({ to: '42', content: String(n++) });
    };
    await some(20);
    at.hold = true;
    await push.evaluate(() => push.reconnect());
    await some(20);
    await isOpen(push, 'poll');
    await some(30);
    at.hold = false;
    await push.evaluate(() => void dispatchEvent(new Event('online')));
    await some(10);
    await isOpen(push, 'sse');
    await some(20);
    await until(push, (g) => g.messages.length >= 100, 'all of them');
    const { messages, wrong } = await got(push);
    assert.deepEqual([messages, wrong], [numbers(100), []]);

    at.hold = true;
    const polls = at.count('/poll');
    await push.evaluate(() => { sessionStorage.setItem(`pushsse:${push.url}`, Date.now() + 600_000); push.close(); });
    const again = await push.evaluate(() => new Promise((resolve) => {
      const other = new PushSSE('/events', { token: () => fetch('/push-token').then((r) => r.text()) });
      other.onopen = () => (resolve(other.transport), other.close());
    }));
    assert.deepEqual([again, at.count('/poll') > polls], ['poll', true], 'it is remembered');
  });

  test(`${engine}: whatever the server answers, no exception, no loop without delay; and when it is well again, so is the page`, async (t) => {
    const server = await serve({ args: quick }, t);
    const at = await site(t, server);
    const answers = (status, type, body, headers) => (response) => response.writeHead(status, { ...(type && { 'content-type': type }), ...headers }).end(body);
    const stream = 'text/event-stream';
    at.bad = {
      html: answers(200, 'text/html', '<!doctype html><p>Log in to the wireless network'),
      nothing: answers(204),
      empty: answers(200, stream, ''),
      error: answers(500, 'text/html', '<h1>500</h1>'),
      busy: answers(503, 'application/json', '{"error":"full"}'),
      missing: answers(404, 'text/plain', 'no'),
      redirect: answers(302, '', '', { location: '/page' }),
      half: answers(200, stream, 'event: pushsse.hello\nid: e-1\ndata: {"v":1,'),
      garbage: answers(200, stream, Buffer.from([0xff, 0xfe, 0, 10, 10, 58, 10, 100, 97, 116, 97, 10, 10])),
      json: answers(200, 'application/json', '[1,{"events":[null],"lastEventId":5}]'),
      cut: (response) => response.socket.destroy(),
      short: (response) => response.writeHead(200, { 'content-length': 1000 }).write('{"v":1', () => response.socket.destroy()),
    };
    const kinds = Object.keys(at.bad);
    const began = performance.now();
    const push = await open(t, `${at.url}/page`);
    await push.evaluate(({ kinds, given, options }) => {
      window.all = {};
      for (const kind of kinds) {
        const one = new PushSSE(`/${kind}/events`, { token: given, ...options });
        all[kind] = { one, errors: [], messages: [] };
        one.onerror = (e) => all[kind].errors.push(`${e.status} ${e.reason} ${e.willRetry}`);
        one.onmessage = (e) => all[kind].messages.push(e.data);
      }
    }, { kinds, given: token('42'), options: { ...hasty, pauseHidden: false } });
    const look = () => push.evaluate(() => Object.entries(all).map(([kind, { one, errors, messages }]) => ({ kind, state: one.state, errors, messages })));
    const untilAll = (found, what) => eventually(async () => (await look()).every(found), what).catch(async (error) => {
      throw new Error(`${error.message}: ${JSON.stringify((await look()).filter((one) => !found(one)))}`);
    });
    await untilAll(({ errors }) => errors.length > 2, 'three errors each');
    const most = (2 * (performance.now() - began)) / hasty.minDelay; // a stream and a probe each time
    for (const kind of kinds) assert.ok(at.count(`/${kind}`) < most, `${at.count(`/${kind}`)} requests, ${kind}`);
    assert.ok((await look()).every(({ errors }) => errors.every((error) => error.endsWith('true'))), JSON.stringify(await look()));
    for (const kind of kinds.slice(4)) await push.evaluate((kind) => all[kind].one.close(), kind); // six connections are all there are
    at.bad = {};
    const well = ({ kind }) => kinds.indexOf(kind) < 4;
    await untilAll((one) => !well(one) || one.state === 'open', 'open');
    await server.publish({ to: '42', content: 'well again' });
    await untilAll((one) => !well(one) || one.messages.join() === 'well again', 'the message');
    await push.evaluate(() => Object.values(all).forEach(({ one }) => one.close()));
    await server.settled('42', 0);
    assert.deepEqual(await push.evaluate(() => wrong), []);
  });

  test(`${engine}: a token that expires in the middle is replaced; one that cannot be is an error`, async (t) => {
    const server = await serve({ args: quick }, t);
    const soon = () => token('42', { exp: Date.now() / 1000 - 29.2 }); // of the 30 s that are granted, 0.8 are left
    const at = await site(t, server, [soon, token('42')]);
    const push = await page(t, at);
    await until(push, (g) => g.errors.some((e) => e.reason === 'token_expired' && e.willRetry), 'it expires');
    await server.publish({ to: '42', content: 'after' });
    await until(push, (g) => g.messages.includes('after'), 'the message');
    assert.equal(at.asked, 2);

    for (const [fixed, options, status, reason] of [
      [soon, {}, 401, 'token_expired'],
      ['no.good.token', {}, 401, 'token_invalid'],
      [undefined, { channels: ['not-mine'] }, 403, 'channel_not_allowed'],
    ]) {
      const other = await page(t, at, options, { fixed });
      await until(other, (g) => g.readyState === 2, 'closed');
      assert.deepEqual((await got(other)).errors.at(-1), { status, reason, willRetry: false });
    }
  });

  test(`${engine}: a user who is disconnected is told so, in all tabs, and they stay closed`, async (t) => {
    const server = await serve({}, t);
    const at = await site(t, server);
    const pages = [await page(t, at, { share: true }), await page(t, at, { share: true }), await page(t, at)];
    for (const [i, transport] of ['sse', 'shared', 'sse'].entries()) await isOpen(pages[i], transport);
    await server.settled('42', 2);
    await server.apiCall('POST', '/disconnect', 'uid=42&reason=out');
    for (const push of pages) {
      await until(push, (g) => g.readyState === 2, 'closed');
      assert.deepEqual((await got(push)).errors.at(-1), { status: 0, reason: 'bye', willRetry: false });
    }
    await server.settled('42', 0);
  });

  test(`${engine}: the server restarts: the page is told to load its state anew, and goes on`, async (t) => {
    const before = await new Server({ args: quick }).ready();
    const at = await site(t, before);
    const push = await page(t, at);
    await isOpen(push);
    await before.publish({ to: '42', content: 'before' });
    await until(push, (g) => g.messages.length === 1, 'the first');
    before.kill();
    await before.exit;
    await until(push, (g) => g.readyState === 0, 'lost');
    const later = await serve({ args: quick, listen: before.public }, t);
    await later.publish({ to: '42', content: 'meanwhile' });
    await until(push, (g) => g.messages.length === 2, 'what was published meanwhile');
    const { resets, messages } = await got(push);
    assert.deepEqual([resets, messages], [['restart'], ['before', 'meanwhile']]);
  });

  test(`${engine}: tabs share one connection; when the one that has it is closed, the others go on`, async (t) => {
    const server = await serve({ args: quick }, t);
    const at = await site(t, server);
    const pages = [];
    for (let i = 0; i < 3; i++) {
      pages.push(await page(t, at, { share: true }));
      await isOpen(pages[i]);
    }
    await server.settled('42', 1);
    assert.deepEqual(await Promise.all(pages.map((push) => push.evaluate(() => push.transport))), ['sse', 'shared', 'shared']);
    let n = 0;
    const some = async (count) => {
      for (; count; count--) await server.publish({ to: '42', content: String(n++) });
    };
    await some(20);
    await pages[0].close();
    const rest = pages.slice(1);
    await some(20);
    await eventually(async () => (await Promise.all(rest.map((push) => push.evaluate(() => push.transport)))).includes('sse'), 'another leads');
    await some(10);
    for (const push of rest) {
      await until(push, (g) => g.messages.length >= 50, 'all of them');
      const { messages, wrong } = await got(push);
      assert.deepEqual([messages, wrong], [numbers(50), []]);
    }
    await server.settled('42', 1);
  });

  if (tabs)
    test(`${engine}: a tab that is hidden closes, and comes back with what it has missed`, async (t) => {
      const server = await serve({ args: quick }, t);
      const at = await site(t, server);
      const push = await page(t, at, { pauseHidden: 50 });
      await isOpen(push);
      const front = await open(t, `${at.url}/page`, push); // so it is in front again afterwards
      await until(push, (g) => g.state === 'paused', 'paused');
      await server.settled('42', 0);
      await server.publish({ to: '42', content: 'meanwhile' });
      await front.close();
      await until(push, (g) => g.messages.length === 1, 'the message');
    });
}
