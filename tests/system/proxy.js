// Starts the proxies of deploy/: the very files, in which a few values, named here, are replaced for a test. Each runs
// in the foreground, without privileges, in a directory of its own, and is ended by its pid.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import dgram from 'node:dgram';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { cleanEnv, temporary } from './server.js';
import { PATIENCE, Wire, eventually } from './wire.js';

const deploy = fileURLToPath(new URL('../../deploy/', import.meta.url));
const NOBODY = 65534;
const asRoot = process.getuid?.() === 0;
const unprivileged = asRoot ? { uid: NOBODY, gid: NOBODY } : {};

export const SITE = 'the site itself';

// A file of deploy/, with values replaced. What is not there cannot be replaced: then the file and the test disagree.
function copied(name, values) {
  let text = readFileSync(path.join(deploy, name), 'utf8');
  for (const [from, to] of values) {
    assert.ok(text.includes(from), `${name} has no "${from}"`);
    text = text.replaceAll(from, to);
  }
  return text;
}

// The lines that a file of deploy/ tells to put elsewhere: comments that are indented and begin with a directive.
const elsewhere = (text, directives) =>
  [...text.matchAll(/^# {5}(\w+) .*$/gm)].filter(([, name]) => directives.includes(name)).map(([line]) => line.slice(2)).join('\n');

export function freePort() {
  return new Promise((resolve) => {
    const probe = net.createServer().listen(0, '127.0.0.1', () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

// Where a server is to listen so that the proxy, which is another user, can reach it as its file in deploy/ says.
export function upstreamFor(kind) {
  if (!kinds[kind].socket) return '127.0.0.1:0';
  const directory = temporary();
  chmodSync(directory, 0o755);
  return `unix:${directory}/public.sock`;
}

// What its umask would do: lets other users write to its socket.
export const reachable = (address) => address.startsWith('unix:') && chmodSync(address.slice(5), 0o777);

class Proxy {
  constructor(kind) {
    this.kind = kind;
    this.directory = mkdtempSync(path.join(tmpdir(), 'pushsse-'));
    this.said = '';
    this.endings = [];
    if (asRoot) chownSync(this.directory, NOBODY, NOBODY);
    for (const name of ['site', 'logs', 'temp']) this.folder(name);
    this.write('site/index.html', `<!doctype html><title>${SITE}</title>`);
    const home = { HOME: this.directory, XDG_DATA_HOME: this.directory, XDG_CONFIG_HOME: this.directory };
    this.env = { ...cleanEnv, PATH: `${cleanEnv.PATH}:/usr/sbin`, ...home };
  }

  at(...names) {
    return path.join(this.directory, ...names);
  }

  folder(name) {
    mkdirSync(this.at(name));
    if (asRoot) chownSync(this.at(name), NOBODY, NOBODY);
  }

  write(name, text) {
    writeFileSync(this.at(name), text, { mode: 0o644 });
    return this.at(name);
  }

  // A program to its end, as the proxy's user.
  execute(command, ...args) {
    return new Promise((resolve, reject) => {
      execFile(command, args, { env: this.env, cwd: this.directory, timeout: PATIENCE, killSignal: 'SIGKILL', ...unprivileged },
        (error, stdout, stderr) => (error ? reject(new Error(`${error.message}${stdout}${stderr}`)) : resolve(stdout + stderr)));
    });
  }

  async certificate() {
    await this.execute('openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2',
      '-subj', '/CN=push.test', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', this.at('key.pem'), '-out', this.at('cert.pem'));
    this.write('both.pem', readFileSync(this.at('cert.pem'), 'utf8') + readFileSync(this.at('key.pem'), 'utf8'));
    chmodSync(this.at('both.pem'), 0o644);
  }

  async start(options, t) {
    this.port = await freePort();
    this.origin = `https://127.0.0.1:${this.port}`;
    await this.certificate();
    const { command, reload } = await kinds[this.kind].start(this, options);
    Object.assign(this, { command, reload }); // reload() is done when the proxy has been told
    process.once('exit', () => this.kill());
    (t?.after.bind(t) ?? after)(async () => {
      await this.stop();
      rmSync(this.directory, { recursive: true, force: true });
    });
    return this.run();
  }

  async run() {
    const { command } = this;
    this.child = spawn(command[0], command.slice(1),
      { env: this.env, cwd: this.directory, stdio: ['ignore', 'pipe', 'pipe'], detached: true, ...unprivileged });
    for (const stream of [this.child.stdout, this.child.stderr]) stream.on('data', (text) => (this.said += text)).unref();
    this.child.on('error', (error) => (this.said += error));
    this.child.unref(); // when a hook fails those behind it do not run, and this one must not keep the file from ending
    this.gone = new Promise((resolve) => this.child.on('close', resolve));
    await eventually(() => {
      assert.equal(this.child.exitCode ?? this.child.signalCode, null, this.said);
      return Wire.connect(`127.0.0.1:${this.port}`).then((wire) => (wire.close(), true), () => false);
    }, `${this.kind} listens: ${this.said}`);
    return this;
  }

  // It and its workers, which are in its process group.
  kill() {
    const pid = this.child?.pid;
    if (!pid || this.child.exitCode !== null || this.child.signalCode !== null) return;
    process.kill(-pid, 'SIGTERM');
    if (!kinds[this.kind].stubborn) return;
    for (const worker of readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Number))
      try {
        process.kill(Number(worker), 'SIGKILL');
      } catch (error) {
        if (error.code !== 'ESRCH') throw error; // it heeded SIGTERM after all
      }
  }

  async end() {
    this.child.ref();
    this.kill();
    await this.gone;
  }

  async restart() {
    await this.end();
    await this.run();
  }

  async stop() {
    await this.end();
    for (const end of this.endings.splice(0)) end();
  }

  // Everything that it has logged and said.
  logs() {
    return [this.said, ...readdirSync(this.at('logs')).map((name) => readFileSync(this.at('logs', name), 'latin1'))].join('\n');
  }
}

const certificate = (proxy) => [
  ['/etc/ssl/certs/www.example.org.pem', proxy.at('cert.pem')],
  ['/etc/ssl/private/www.example.org.key', proxy.at('key.pem')],
];

const bufferings = {
  off: 'proxy_buffering off;',
  left: '',
  wrong: 'proxy_buffering on; proxy_ignore_headers X-Accel-Buffering;',
};

// How each is run around its file in deploy/. The options, all of them optional:
// idle: the silence after which it cuts a stream; grace: how long it leaves streams after a reload, or (caddy) when
// it stops; paths (nginx, haproxy): what it passes on, in place of what deploy/ names; buffering (nginx): `off` as in deploy/, `left` at its default, with HTTP/1.0 as of old, or `wrong`: it holds
// streams back, whatever pushsse says.
const kinds = {
  nginx: {
    socket: true,
    start(proxy, { upstream, idle = '120s', grace = '30s', buffering = 'off', paths }) {
      const site = copied('nginx-pushsse.conf', [
        ...certificate(proxy), ['unix:/run/pushsse/public.sock', upstream], ['listen 443', `listen 127.0.0.1:${proxy.port}`],
        ['/var/www/html', proxy.at('site')], ['/var/log/nginx', proxy.at('logs')], ['proxy_read_timeout 120s', `proxy_read_timeout ${idle}`],
        ['proxy_buffering off;', bufferings[buffering]],
        ...(paths ? [['(events|poll|pushsse\\.m?js|compat\\.js)', `(${paths.join('|')})`]] : []),
        ...(buffering === 'left' ? [['proxy_http_version 1.1;', 'proxy_http_version 1.0;']] : []),
      ]);
      proxy.write('site.conf', site);
      const main = elsewhere(site, ['worker_rlimit_nofile', 'worker_shutdown_timeout', 'events']);
      assert.match(main, /worker_shutdown_timeout 30s/);
      const limited = main.replace('30s', grace).replace('65536', '1024').replace('32768', '512'); // of the machine
      const temps = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path temp/${name};`).join(' ');
      proxy.write('nginx.conf', `
        daemon off; worker_processes 1; pid nginx.pid; error_log stderr warn;
        ${limited}
        http { ${temps} access_log logs/site.log; gzip on; gzip_types *; gzip_min_length 1; include site.conf; }`);
      const command = ['nginx', '-p', proxy.directory, '-c', 'nginx.conf', '-e', 'stderr'];
      return { command, reload: () => proxy.execute(...command, '-s', 'reload') };
    },
  },

  apache: {
    socket: true,
    stubborn: true, // after a reload, old children that have streams pay no heed to SIGTERM for ten seconds
    start(proxy, { upstream, idle = '120s' }) {
      const site = copied('apache-pushsse.conf', [
        ...certificate(proxy), ['unix:/run/pushsse/public.sock', upstream], ['*:443', `127.0.0.1:${proxy.port}`],
        ['/var/www/html', proxy.at('site')], ['/var/log/apache2', proxy.at('logs')], ['timeout=120s', `timeout=${idle}`],
      ]);
      proxy.write('site.conf', site);
      const debians = ['authz_core', 'filter', 'deflate', 'reqtimeout', 'mime', 'dir', 'socache_shmcb']; // they are on from the start
      const modules = [...debians, ...site.match(/a2enmod (.*)/)[1].split(' ')];
      const load = modules.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`);
      const sizes = elsewhere(site, ['ServerLimit', 'ThreadLimit', 'ThreadsPerChild', 'MaxRequestWorkers', 'H2MaxWorkers']);
      assert.match(sizes, /H2MaxWorkers/);
      proxy.write('apache.conf', `
        ServerRoot ${proxy.directory}
        ServerName push.test
        PidFile apache.pid
        DefaultRuntimeDir ${proxy.directory}
        Mutex file:${proxy.directory}
        Listen 127.0.0.1:${proxy.port}
        ${load.join('\n')}
        TypesConfig /etc/mime.types
        ErrorLog logs/error.log
        StartServers 1
        MinSpareThreads 1
        ${sizes}
        RequestReadTimeout header=20-40,MinRate=500 body=20,MinRate=500
        SetOutputFilter DEFLATE
        DirectoryIndex index.html
        Include site.conf`);
      const command = ['apache2', '-d', proxy.directory, '-f', 'apache.conf'];
      return { command: [...command, '-D', 'FOREGROUND'], reload: () => proxy.execute(...command, '-k', 'graceful') };
    },
  },

  caddy: {
    async start(proxy, { upstream, grace = '3s' }) {
      const admin = `127.0.0.1:${await freePort()}`;
      const file = proxy.write('Caddyfile', copied('Caddyfile', [
        ['grace_period 3s', `grace_period ${grace}\n\tadmin ${admin}\n\tauto_https disable_redirects`],
        ['www.example.org {', `${proxy.origin} {\n\ttls ${proxy.at('cert.pem')} ${proxy.at('key.pem')}`],
        ['reverse_proxy 127.0.0.1:2120', `reverse_proxy ${upstream}`], ['/var/www/html', proxy.at('site')], ['/var/log/caddy', proxy.at('logs')],
      ]));
      return {
        command: ['caddy', 'run', '--config', file],
        reload: () => proxy.execute('caddy', 'reload', '--config', file, '--address', admin, '--force'),
      };
    },
  },

  haproxy: {
    async start(proxy, { upstream, idle = '120s', grace = '30s', paths }) {
      const page = readFileSync(proxy.at('site/index.html'));
      const site = http.createServer((request, response) => response.setHeader('content-type', 'text/html').end(page));
      await new Promise((resolve) => site.listen(0, '127.0.0.1', resolve));
      const log = dgram.createSocket('udp4', (line) => (proxy.said += `${line}\n`)); // syslog
      await new Promise((resolve) => log.bind(0, '127.0.0.1', resolve));
      for (const one of [site, log]) one.unref();
      proxy.endings.push(() => (site.close(), log.close()));
      proxy.write('haproxy.cfg', copied('haproxy.cfg', [
        ['/etc/haproxy/www.example.org.pem', proxy.at('both.pem')], ['bind :443', `bind 127.0.0.1:${proxy.port}`],
        ['server pushsse 127.0.0.1:2120', `server pushsse ${upstream}`], ['127.0.0.1:8080', `127.0.0.1:${site.address().port}`],
        ...(paths ? [['path /events /poll /pushsse.js /pushsse.mjs /compat.js', `path ${paths.map((name) => `/${name}`).join(' ')}`]] : []),
        ['log /dev/log', `log 127.0.0.1:${log.address().port}`], ['120s', idle],
        ['hard-stop-after 30s', `hard-stop-after ${grace}`], ['maxconn 20000', 'maxconn 200'], // the machine's descriptors
        ['user haproxy', ''], ['group haproxy', ''], ['chroot /var/lib/haproxy', '#'], // these need root
      ]));
      return { command: ['haproxy', '-W', '-f', 'haproxy.cfg'], reload: () => proxy.child.kill('SIGUSR2') };
    },
  },
};

// One call starts a proxy in front of a server's public listener: proxyOf('nginx', {upstream: server.public}).
// proxyOf('nginx', {upstream: server.public, buffering: 'wrong'}) starts one that clients have to get around.
export function proxyOf(kind, options, t) {
  return new Proxy(kind).start(options, t);
}
