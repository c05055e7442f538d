// Servers with a --data-dir, and what they leave there.
import assert from 'node:assert/strict';
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';

// Without a word, and without a chance to write anything.
export async function kill(server) {
  server.killed = true;
  server.child.kill('SIGKILL');
  assert.equal(await server.exit, 'SIGKILL');
  process.off('exit', server.kill);
  server.assertLogClean();
}

// A stream that its test has left open must not keep this process.
export function closing(t, server) {
  const open = server.stream.bind(server);
  server.stream = async (...args) => {
    const stream = await open(...args);
    t.after(() => stream.close());
    return stream;
  };
  return server;
}

export const segments = (directory) => readdirSync(directory).filter((name) => name.endsWith('.segment')).sort();
const sizeOf = (file) => statSync(file, { throwIfNoEntry: false })?.size ?? 0; // it may be gone since it was listed
export const bytesOf = (directory) => readdirSync(directory).reduce((sum, name) => sum + sizeOf(path.join(directory, name)), 0);
