// better-sse: the kept library for server-sent events in Node.js, as its documentation shows it: a channel for everyone,
// and for each uid a channel of its own. A peer of pushsse. Its directory of modules: argument 1.
import { createRequire } from 'node:module';
import http from 'node:http';

const { createChannel, createSession } = createRequire(`${process.argv[2]}/`)('better-sse');

const everyone = createChannel();
const users = new Map(); // uid -> channel
// It writes no blank behind "data:", the load generator looks for one; and it would make JSON of a text.
const options = { serializer: text => ` ${text}`, keepAlive: 15000 };

const subscribe = async (request, response) => {
  const uid = new URL(request.url, 'http://bench').searchParams.get('token');
  const session = await createSession(request, response, options);
  if (!users.has(uid)) users.set(uid, createChannel());
  users.get(uid).register(session);
  everyone.register(session);
};

const publish = (request, response) => {
  const parts = [];
  request.on('data', part => parts.push(part));
  request.on('end', () => {
    const fields = new URLSearchParams(Buffer.concat(parts).toString());
    const channel = fields.get('to') ? users.get(fields.get('to')) : everyone;
    channel?.broadcast(fields.get('content'));
    response.end('ok');
  });
};

const listen = (name, handler) => {
  const server = http.createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, handler);
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
    process.stderr.write(`better-sse listener=${name} address=127.0.0.1:${server.address().port}\n`));
};
listen('public', subscribe);
listen('api', publish);
