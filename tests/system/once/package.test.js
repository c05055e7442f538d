// One version everywhere; a tarball that is the same each time; a Debian package that comes and goes without a trace. The
// package is what `make deb` has built (tests/run does so before); it is installed in a copy of this machine that is
// thrown away, which takes root.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { before, test } from 'node:test';
import { pushsse, run, serve, temporary } from '../server.js';

const root = path.join(import.meta.dirname, '../../..');
const version = /PUSHSSE_VERSION "(.*)"/.exec(readFileSync(path.join(root, 'version.h'), 'utf8'))[1];
const digest = (file) => createHash('sha256').update(readFileSync(file)).digest('hex');
let deb;

async function ok(file, args, options = {}) {
  const got = await run(file, args, { ms: 80000, ...options });
  assert.equal(got.code, 0, `${file} ${args.join(' ')}\n${got.stdout}\n${got.stderr}`);
  return got.stdout;
}

before(() => {
  deb = readdirSync(path.join(root, 'build')).filter((name) => /^pushsse_.*\.deb$/.test(name)).map((name) => path.join(root, 'build', name));
  assert.equal(deb.length, 1, 'one package, by `make deb`');
  assert.equal(process.getuid(), 0, 'installing takes root: run these tests as root');
});

test('the version is one: --version, /stats, man page, changelog, tarball, package', async (t) => {
  assert.equal((await pushsse(['--version'])).stdout, `pushsse ${version}\n`);
  const server = await serve({}, t);
  assert.equal((await server.apiCall('GET', '/stats')).json.version, version);
  assert.match(readFileSync(path.join(root, 'CHANGELOG.md'), 'utf8'), new RegExp(`^## \\[${version.replaceAll('.', '\\.')}\\] - (unreleased|\\d{4}-\\d\\d-\\d\\d)$`, 'm'));
  assert.equal(await ok('dpkg-deb', ['-f', deb[0], 'Version']), `${version}\n`);
  assert.ok(existsSync(path.join(root, 'build', `pushsse-${version}.tar.gz`)));
  const page = await ok('sh', ['-c', 'dpkg-deb --fsys-tarfile "$0" | tar -xOf - ./usr/share/man/man1/pushsse.1.gz | gzip -d', deb[0]]);
  assert.match(page, new RegExp(`^\\.Os pushsse ${version}$`, 'm'));
});

test('the tarball has what git tracks, and is the same bytes each time, also when it is made from itself', async () => {
  const home = temporary(), name = `pushsse-${version}`, first = path.join(home, `${name}.tar.gz`), again = path.join(home, 'again');
  await ok('sh', [path.join(root, 'deploy/dist.sh'), first]);
  const files = (await ok('tar', ['-tzf', first])).trim().split('\n');
  const tracked = (await ok('git', ['-C', root, 'ls-files'])).trim().split('\n');
  assert.deepEqual(files.sort(), tracked.map((file) => `${name}/${file}`).sort());
  await ok('tar', ['-xzf', first, '-C', home]);
  mkdirSync(again);
  await ok('sh', [path.join(home, name, 'deploy/dist.sh'), path.join(again, `${name}.tar.gz`)]);
  assert.equal(digest(path.join(again, `${name}.tar.gz`)), digest(first));
});

test('lintian has nothing to say of the package', async () => {
  assert.equal(await ok('lintian', ['-EI', '--allow-root', '--fail-on', 'error,warning,info', deb[0]]), '');
});

test('the package is installed, brings keys of its own, serves as its user, and leaves nothing behind', async () => {
  const home = temporary(), script = path.join(home, 'inside');
  // Everything is written to memory above the machine's files, in a name space of its own.
  writeFileSync(script, `set -e
    mount -t tmpfs tmpfs ${home}; mkdir ${home}/upper ${home}/work ${home}/root
    mount -t overlay overlay -o lowerdir=/,upperdir=${home}/upper,workdir=${home}/work ${home}/root
    cp ${deb[0]} ${home}/root/root/pushsse.deb; mount --rbind /dev ${home}/root/dev; mount -t proc proc ${home}/root/proc
    exec chroot ${home}/root sh -ec '
      export LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive
      ! [ -e /etc/pushsse ] && ! [ -e /usr/bin/pushsse ]
      rm -f /var/lib/dpkg/lock* # another process may hold them, outside
      dpkg --no-triggers --force-unsafe-io -i /root/pushsse.deb >/dev/null 2>&1
      stat -c "%a %U %G %n" /etc/pushsse /etc/pushsse/*
      test "$(wc -c < /etc/pushsse/secret)" = 45 && ! cmp -s /etc/pushsse/secret /etc/pushsse/api-key
      systemd-analyze verify /lib/systemd/system/pushsse.service /lib/systemd/system/pushsse.socket && echo units verified
      pushsse --user pushsse --listen 127.0.0.1:0 --api-listen 127.0.0.1:0 --secret-file /etc/pushsse/secret \\
        --api-key-file /etc/pushsse/api-key --data-dir /var/lib/pushsse 2>/root/log & pid=$!
      until grep -q listener=api /root/log; do kill -0 $pid; sleep 0.1; done
      curl -sf -H "Authorization: Bearer $(cat /etc/pushsse/api-key)" -d content=x \\
        "$(sed -n "s/.*listener=api address=/http:\\/\\//p" /root/log)/publish" | sed "s/\\"id\\":\\"[^\\"]*\\",//"; echo
      grep -c level=warn /root/log || true
      kill $pid; wait $pid
      cp /etc/pushsse/secret /root/before; chgrp www-data /etc/pushsse; dpkg --no-triggers --force-unsafe-io -i /root/pushsse.deb >/dev/null 2>&1; cmp /etc/pushsse/secret /root/before && stat -c %G /etc/pushsse && echo an upgrade keeps the keys
      dpkg --no-triggers --force-unsafe-io -P pushsse >/dev/null 2>&1
      for left in /etc/pushsse /usr/bin/pushsse /var/lib/pushsse /lib/systemd/system/pushsse.service; do ! [ -e $left ] || echo left: $left; done'`);
  chmodSync(script, 0o755);
  assert.deepEqual((await ok('unshare', ['--mount', 'sh', script])).trim().split('\n'), [
    '750 root pushsse /etc/pushsse', '640 root pushsse /etc/pushsse/api-key', '644 root root /etc/pushsse/pushsse.conf',
    '640 root pushsse /etc/pushsse/secret', 'units verified', '{"status":"ok","streams":0}', '0', 'www-data', 'an upgrade keeps the keys']);
});
