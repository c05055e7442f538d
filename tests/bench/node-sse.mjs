// node-sse: what many write by hand: a push server of forty lines in Node.js, http module only. A peer of pushsse.
// No tokens, no history, no heartbeats' bookkeeping; a stream reads its uid and what is for everyone.
import http from 'node:http';

const streams = new Map(); // uid -> set of responses
let id = 0;

const subscribe = (request, response) => {
  const uid = new URL(request.url, 'http://bench').searchParams.get('token');
  const own = streams.get(uid) ?? new Set();
  streams.set(uid, own.add(response));
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  response.write('event: hello\ndata: 1\n\n');
  response.on('close', () => own.delete(response));
};

const publish = (request, response) => {
  const parts = [];
  request.on('data', part => parts.push(part));
  request.on('end', () => {
    const fields = new URLSearchParams(Buffer.concat(parts).toString());
    const block = Buffer.from(`id: ${++id}\ndata: ${fields.get('content')}\n\n`);
    const to = fields.get('to');
    for (const own of to ? [streams.get(to) ?? []] : streams.values()) for (const stream of own) stream.write(block);
    response.end('ok');
  });
};

setInterval(() => {
  for (const own of streams.values()) for (const stream of own) stream.write(':\n\n');
}, 15000);

const listen = (name, handler) => {
  const server = http.createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, handler);
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
    process.stderr.write(`node listener=${name} address=127.0.0.1:${server.address().port}\n`));
};
listen('public', subscribe);
listen('api', publish);
