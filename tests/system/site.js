// A site of its own origin: a page, and beside it the server's public listener, as behind a proxy. And what the tests do
// with a PushSSE in that page, in any browser: a `page` is what has evaluate(function, argument).
import http from 'node:http';
import { token } from './server.js';
import { eventually } from './wire.js';

export const quick = ['--first-ping', '50ms', '--heartbeat', '500ms', '--retry', '100ms'];
export const hasty = { minDelay: 50, maxDelay: 300, helloTimeout: 5000 }; // a busy machine is no mute stream

// A page that keeps its errors. ?driver=URL: that script too.
const html = (driver) => `<!doctype html><link rel="icon" href="data:,"><script>
wrong = [];
addEventListener('error', (e) => wrong.push(String(e.message)));
addEventListener('unhandledrejection', (e) => wrong.push(String(e.reason)));
</script><script src="/pushsse.js"></script>${driver ? `<script src="${driver}"></script>` : ''}`;

// `hold` keeps the bytes of streams back; cut() ends those that there are; `tokens` are what /push-token answers, the last
// one for ever; a function makes it then. `requests` are those to the server, `files` what else the site has. What is asked
// for below /KIND/ is answered by bad[KIND](response), if there is that, else as if it was not below it.
export async function site(t, server, tokens = [token('42')]) {
  const made = { hold: false, tokens: [...tokens], asked: 0, requests: [], files: {}, bad: {}, open: new Set() };
  const listener = http.createServer((request, response) => {
    const [, kind, rest] = /^\/([a-z]+)(\/(?:events|poll)\?.*)/.exec(request.url) ?? [];
    if (kind) {
      made.requests.push({ path: `/${kind}` });
      if (made.bad[kind]) return made.bad[kind](response);
      request.url = rest;
    }
    const { pathname, searchParams } = new URL(request.url, 'http://site');
    if (pathname === '/push-token') {
      made.asked++;
      const next = made.tokens.length > 1 ? made.tokens.shift() : made.tokens[0];
      return response.end(next.call ? next() : next);
    }
    if (pathname === '/page') return response.setHeader('content-type', 'text/html').end(html(searchParams.get('driver')));
    if (made.files[pathname]) return response.setHeader('content-type', 'text/javascript').end(made.files[pathname]);
    made.requests.push({ path: pathname, query: searchParams, headers: request.headers });
    const isStream = pathname === '/events';
    const mute = made.hold && isStream;
    const [host, port] = server.public.split(':');
    const upstream = http.request({ host, port, path: request.url, headers: request.headers, agent: false }, (answer) => {
      answer.on('error', () => response.destroy());
      if (mute) return answer.resume();
      response.writeHead(answer.statusCode, answer.headers);
      response.flushHeaders();
      answer.pipe(response);
    });
    upstream.on('error', () => response.destroy());
    if (isStream) made.open.add(response);
    response.on('close', () => (made.open.delete(response), upstream.destroy()));
    upstream.end();
  });
  await new Promise((resolve) => listener.listen(0, '127.0.0.1', resolve));
  t.after(() => (listener.closeAllConnections(), listener.close()));
  made.url = `http://127.0.0.1:${listener.address().port}`;
  made.count = (path) => made.requests.filter((request) => request.path === path).length;
  made.cut = () => made.open.forEach((response) => response.socket.resetAndDestroy());
  return made;
}

// A PushSSE that keeps all that it dispatches.
export async function start(page, options = {}, { names = [], fixed } = {}) {
  await page.evaluate(({ options, names, fixed }) => {
    const push = new PushSSE('/events', { token: fixed ?? (() => fetch('/push-token').then((r) => r.text())), ...options });
    window.push = push;
    window.got = { messages: [], errors: [], states: [], resets: [] };
    for (const name of ['message', ...names]) push.addEventListener(name, (e) => got.messages.push(e.data));
    push.onerror = (e) => got.errors.push({ status: e.status, reason: e.reason, willRetry: e.willRetry });
    push.onstate = (e) => got.states.push(e.transport ? `${e.state} ${e.transport}` : e.state);
    push.onreset = (e) => got.resets.push(e.reason);
  }, { options: { ...hasty, ...options }, names, fixed: fixed?.call ? fixed() : fixed });
  return page;
}

export const got = (page) => page.evaluate(() => {
  const { readyState, transport, cursor, state, url } = push;
  return { ...window.got, readyState, transport, cursor, state, url, wrong: window.wrong };
});

export const until = (page, found, what) => eventually(async () => found(await got(page)), what).catch(async (error) => {
  throw new Error(`${error.message}: ${JSON.stringify(await got(page))}`);
});

export const isOpen = (page, transport) => until(page, (g) => g.readyState === 1 && (!transport || g.transport === transport), `open ${transport ?? ''}`);

export const numbers = (count, from = 0) => Array.from({ length: count }, (_, n) => String(from + n));
