// What a stranger, or a back end that has gone wild, may do to a server: run as `node attacks.js NAME PUBLIC API
// [SHARE]` until SIGTERM; SHARE is that of the connections that are meant. Bounded in connections; as fast as the server lets it, where speed is the point. once/abuse.test.js and
// tests/bench/abuse.js look at what becomes of streams meanwhile.
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { KEY, form, token } from './server.js';

let where; // {public, api}: host:port
let share = 1;
const sockets = new Set();

// A connection that is opened again, after a moment, when the server has ended it.
function hold(listener, begin, again = 50) {
  const colon = where[listener].lastIndexOf(':');
  const socket = net.connect({ host: where[listener].slice(0, colon), port: Number(where[listener].slice(colon + 1)), noDelay: true });
  sockets.add(socket);
  socket.on('error', () => {}).on('connect', () => begin(socket)).on('close', () => {
    sockets.delete(socket);
    if (again >= 0) setTimeout(hold, again, listener, begin, again);
  });
  return socket;
}

const many = (count, listener, begin, again) => {
  for (let i = 0; i < Math.max(4, count * share); i++) hold(listener, begin, again);
};

// Each connection sends a piece now and then.
const drip = (first, piece, ms) => (socket) => {
  socket.write(first);
  const timer = setInterval(() => socket.write(piece), ms);
  socket.on('close', () => clearInterval(timer)).resume();
};

// Sends `bytes` again whenever an answer, or a part of one, has come.
const repeat = (bytes) => (socket) => {
  socket.on('data', () => socket.writableLength < 65536 && socket.write(bytes));
  socket.write(bytes);
};

const head = (method, target, lines = '') => `${method} ${target} HTTP/1.1\r\nHost: a\r\n${lines}\r\n`;
const get = (target, lines) => head('GET', target, lines);
const publish = (body, lines = '') =>
  head('POST', '/publish', `Authorization: Bearer ${KEY}\r\nContent-Type: ${form}\r\nContent-Length: ${body.length}\r\n${lines}`) + body;

export const attacks = {
  'slow headers': () => many(1000, 'public', drip('GET /events HTTP/1.1\r\n', 'X: y\r\n', 500)),
  'slow bodies': () => many(100, 'api', drip(publish('').replace('Content-Length: 0', 'Content-Length: 1000000'), 'x'.repeat(1000), 200)),
  'slow readers': () => {
    const target = `/poll?token=${token('slow-reader')}&lastEventId=earliest&wait=0`;
    hold('api', (socket) => socket.resume().write(publish(`to=slow-reader&content=${'x'.repeat(200_000)}`).repeat(3)), -1);
    many(200, 'public', (socket) => socket.pause().write(get(target).repeat(50)));
    many(200, 'public', (socket) => socket.pause().write(get(`/events?token=${token('slow-reader')}&lastEventId=earliest`)));
  },
  'half-open connections': () => many(2000, 'public', () => {}),
  'a flood of connections': () => many(64, 'public', (socket) => socket.destroy(), 0),
  'a flood of streams that are left at once': () =>
    many(32, 'public', (socket) => socket.on('data', () => socket.destroy()).write(get(`/events?token=${token('fickle')}`)), 0),
  'a flood of 401': () => many(16, 'public', repeat(get(`/poll?token=${'x'.repeat(200)}`))),
  'a flood of 401 with long tokens': () => many(16, 'public', repeat(get(`/poll?token=${token('x').replace(/\.[^.]*$/, `.${'x'.repeat(7000)}`)}`))),
  'giant requests': () => {
    many(16, 'public', (socket) => socket.resume().write(get('/healthz', `X: ${'y'.repeat(100_000)}\r\n`)), 0);
    many(16, 'public', (socket) => socket.resume().write(get(`/${'y'.repeat(100_000)}`)), 0);
    many(8, 'api', (socket) => socket.resume().write(publish(`content=${'y'.repeat(4_000_000)}`)), 0);
  },
  'tiny requests': () => many(16, 'public', repeat(get('/').repeat(20))),
  'idle connections': () => many(4000, 'public', (socket) => socket.resume().write(get('/healthz'))),
  'pipelined publishes': () => many(8, 'api', repeat(publish('to=nobody&content=x').repeat(20))),
  'no descriptors': () => many(19_900, 'public', () => {}, 1000),
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  where = { public: process.argv[3], api: process.argv[4] };
  share = Number(process.argv[5] ?? 1);
  process.once('SIGTERM', () => process.exit(0));
  attacks[process.argv[2]]();
  setTimeout(() => process.stdout.write('under way\n'), 500);
  setTimeout(() => process.exit(0), 60_000); // when nobody has ended it
}
