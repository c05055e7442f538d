// socket.io: what web-msg-sender speaks, here by the package for Node.js and over its WebSocket, its default options.
// A peer of pushsse. A stream is in a room of its uid. The directory of its modules: argument 1.
import { createRequire } from 'node:module';
import http from 'node:http';

const { Server } = createRequire(`${process.argv[2]}/`)('socket.io');

const listen = (name, handler) => {
  const server = http.createServer({ keepAliveTimeout: 0, requestTimeout: 0 }, handler);
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () =>
    process.stderr.write(`socket.io listener=${name} address=127.0.0.1:${server.address().port}\n`));
  return server;
};

const io = new Server(listen('public'));
io.on('connection', socket => socket.join(socket.handshake.query.token));

listen('api', (request, response) => {
  const parts = [];
  request.on('data', part => parts.push(part));
  request.on('end', () => {
    const fields = new URLSearchParams(Buffer.concat(parts).toString());
    const to = fields.get('to');
    (to ? io.to(to) : io).emit('new_msg', fields.get('content'));
    response.end('ok');
  });
});
