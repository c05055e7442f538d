// The npm package event-source-polyfill, its very file, as a client in a page: by fetch() as in browsers of today, and by
// XMLHttpRequest as in old ones, where it asks for padding. open() is that of engine.js.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { asLines, payloads } from './payloads.js';
import { query, serve, token } from './server.js';
import { numbers, quick, site } from './site.js';
import { eventually } from './wire.js';

const file = readFileSync(new URL('node_modules/event-source-polyfill/src/eventsource.js', import.meta.url), 'utf8');

// How it connects depends on what it finds in the browser.
const ways = {
  'fetch()': { lacks: [] },
  'fetch(), with padding': { lacks: [], fields: { padding: '1' } },
  XMLHttpRequest: { lacks: ['Response'] },
  'XMLHttpRequest, with padding': { lacks: ['Response', 'XMLHttpRequestEventTarget.prototype.ontimeout'], padded: 'true' },
};

// A page with an EventSourcePolyfill that keeps all it gets. No answer for as long as heartbeatTimeout: it connects anew.
async function listen(t, open, server, { lacks, url, ...options }) {
  const at = await site(t, server);
  at.files['/polyfill.js'] = file;
  const page = await open(t, `${at.url}/page`);
  await page.evaluate(async ({ lacks, url, options }) => {
    for (const name of lacks) {
      const names = name.split('.');
      const last = names.pop();
      delete names.reduce((object, name) => object[name], window)[last];
    }
    await import(`${location.origin}/polyfill.js`);
    window.kept = { events: [], errors: [], opened: 0 };
    window.source = new EventSourcePolyfill(url, options);
    const keep = ({ type, data, lastEventId }) => kept.events.push({ type, data, lastEventId });
    for (const name of ['message', 'note', 'pushsse.hello', 'pushsse.ping', 'pushsse.reset']) source.addEventListener(name, keep);
    source.onopen = () => kept.opened++;
    source.onerror = ({ status }) => kept.errors.push({ status, readyState: source.readyState });
  }, { lacks, url, options: { heartbeatTimeout: 5000, ...options } });
  const look = () => page.evaluate(() => kept);
  const until = (found, what) => eventually(async () => found(await look()), what).catch(async (error) => {
    throw new Error(`${error.message}: ${JSON.stringify(await look()).slice(-2000)}`);
  });
  const streams = () => at.requests.filter(({ path }) => path === '/events');
  return { at, look, until, streams };
}

const ofType = ({ events }, ...types) => events.filter(({ type }) => types.includes(type));

// They mostly wait for its reconnecting, which takes a second; so they run side by side.
export function polyfilled(engine, open) {
  describe(`${engine}: event-source-polyfill`, { concurrency: true }, () => {
    for (const [way, { lacks, fields, padded }] of Object.entries(ways))
      test(`by ${way}: every payload, named events, and the way back by lastEventId`, async (t) => {
        const server = await serve({ args: quick }, t);
        await server.publish({ to: '42', content: 'earlier' });
        const url = `/events?${query({ lastEventId: 'earliest', token: token('42'), ...fields })}`;
        const { at, look, until, streams } = await listen(t, open, server, { lacks, url });
        await until((kept) => ofType(kept, 'message').length === 1 && ofType(kept, 'pushsse.ping').length, 'what was earlier, and a ping');
        const sent = [];
        for (const [i, content] of Object.values(payloads).entries()) {
          const type = ['message', 'note'][i % 2];
          sent.push({ type, data: asLines(content), lastEventId: (await server.publish({ to: '42', content, event: type })).id });
        }
        await until((kept) => ofType(kept, 'message', 'note').length > sent.length, 'all of them');
        assert.deepEqual(ofType(await look(), 'message', 'note').slice(1), sent);
        at.cut();
        await server.publish({ to: '42', content: 'meanwhile' });
        await until((kept) => ofType(kept, 'message').at(-1).data === 'meanwhile', 'what was published meanwhile');
        const kept = await look();
        assert.equal(ofType(kept, 'message', 'note').length, sent.length + 2);
        assert.deepEqual([kept.opened, ofType(kept, 'pushsse.reset')], [2, []]);
        const asked = streams().map(({ query }) => [query.getAll('lastEventId'), query.get('padding')]);
        const padding = padded ?? fields?.padding ?? null;
        assert.deepEqual(asked, [[['earliest'], padding], [[asked[1][0][0]], padding]]);
        assert.notEqual(asked[1][0][0], 'earliest');
      });

    test('it stays while there are heartbeats, and leaves a server that is silent', async (t) => {
      const server = await serve({ args: quick }, t);
      const options = { lacks: [], url: '/events', headers: { Authorization: `Bearer ${token('42')}` }, heartbeatTimeout: 1000 };
      const { look, until } = await listen(t, open, server, options);
      const ofLast = ({ events }) => events.slice(events.findLastIndex(({ type }) => type === 'pushsse.hello'));
      await until((kept) => ofLast(kept).length > 4, 'one stream, longer than its timeout'); // a busy browser may leave some
      const { errors: { length: left } } = await look();
      server.child.kill('SIGSTOP');
      await until(({ errors }) => errors.length > left, 'it leaves').finally(() => server.child.kill('SIGCONT'));
      for (const content of numbers(5)) await server.publish({ to: '42', content });
      await until((kept) => ofType(kept, 'message').length >= 5, 'all of them');
      const kept = await look();
      assert.deepEqual(ofType(kept, 'message').map(({ data }) => data), numbers(5));
      assert.deepEqual(ofType(kept, 'pushsse.reset'), []);
    });

    test('it takes a refused token for final, in the query and in the header', async (t) => {
      const server = await serve({ args: quick }, t);
      for (const options of [{ url: '/events?token=nonsense' }, { url: '/events', headers: { Authorization: 'Bearer nonsense' } }]) {
        const { look, until, streams } = await listen(t, open, server, { lacks: [], ...options });
        await until(({ errors }) => errors.length, 'an error');
        assert.deepEqual([(await look()).errors, streams().length], [[{ status: 401, readyState: 2 }], 1]);
      }
    });
  });
}
