// What the compiler was asked for is in the binary that `make` builds (readelf), and a compiler that knows none of it builds
// all the same.
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { BIN, run, serve, temporary } from '../server.js';

const root = path.join(import.meta.dirname, '../../..');
const readelf = async (...options) => (await run('readelf', [...options, '-W', BIN])).stdout;

test('the binary is static, position-independent, read-only where it can be, and guarded', async () => {
  const segments = await readelf('-hl'), dynamic = await readelf('-d'), symbols = await readelf('-s');
  assert.match(segments, /Type: +DYN/, 'position-independent');
  assert.doesNotMatch(segments, /INTERP/, 'static: no loader');
  assert.doesNotMatch(dynamic, /NEEDED|TEXTREL/);
  assert.match(segments, /GNU_RELRO/);
  assert.match(dynamic, /BIND_NOW/);
  assert.match(segments, /GNU_STACK .* RW +0x/, 'no code on the stack');
  assert.doesNotMatch(segments, /LOAD .* RWE /, 'nothing is both writable and code');
  for (const guard of ['__stack_chk_fail', '__snprintf_chk', '__memcpy_chk']) assert.match(symbols, new RegExp(`FUNC .* ${guard}$`, 'm'));
});

test('it is found at another address each time', async (t) => {
  const places = new Set();
  for (let i = 0; i < 3; i++) {
    const server = await serve({}, t);
    places.add(/^(\w+)-.* r-xp .*pushsse$/m.exec(readFileSync(`/proc/${server.child.pid}/maps`, 'latin1'))[1]);
  }
  assert.equal(places.size, 3);
});

test('a compiler that knows none of these flags is asked for none', async () => {
  const plain = path.join(temporary(), 'cc');
  writeFileSync(plain, '#!/bin/sh\nfor a; do case $a in -f*|-static-pie|-Wl,*|*FORTIFY*) echo "unknown option $a" >&2; exit 1;; esac; done\nexec cc "$@"\n');
  chmodSync(plain, 0o755);
  const probe = async (compiler) => (await run('sh', [path.join(root, 'hardening.sh'), compiler, '-O2'], { ms: 60000 })).stdout;
  assert.equal(await probe(plain), 'CFLAGS += \nLDFLAGS = -static\n');
  assert.match(await probe('cc'), /^CFLAGS \+= -fPIE .*FORTIFY_SOURCE=2\nLDFLAGS = -static-pie .*-z,now/);
});
