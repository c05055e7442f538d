// A world for www/pushsse.js without a browser: a clock that only tests move, a server that only tests speak for, and
// as many tabs as a test opens. Nothing waits: a world is where it is until the test goes on.
import { readFileSync } from 'node:fs';
import vm from 'node:vm';

const source = readFileSync(new URL('../../www/pushsse.js', import.meta.url), 'utf8');
const script = new vm.Script(`${source}\nPushSSE;`, { filename: 'pushsse.js' });

class Target {
  constructor() {
    this.listeners = [];
  }

  addEventListener(type, listener, settings) {
    if (!this.listeners.some((l) => l.type === type && l.listener === listener)) this.listeners.push({ type, listener, once: settings?.once });
  }

  removeEventListener(type, listener) {
    this.listeners = this.listeners.filter((l) => l.type !== type || l.listener !== listener);
  }

  // As in a browser, what a listener throws stops nothing; here it is kept.
  fire(type, event = {}) {
    event.type ??= type;
    for (const l of this.listeners.filter((l) => l.type === type)) {
      if (!this.listeners.includes(l)) continue;
      if (l.once) this.removeEventListener(type, l.listener);
      try {
        if (typeof l.listener === 'function') l.listener.call(this, event);
        else l.listener.handleEvent(event);
      } catch (error) {
        (this.thrown ??= []).push(error);
      }
    }
  }
}

export class World {
  constructor() {
    this.time = 1_000; // performance.now()
    this.date = 1_790_000_000_000; // Date.now(), which may be set
    this.timers = new Map();
    this.timerId = 0;
    this.streams = []; // every EventSource ever made
    this.requests = []; // every XMLHttpRequest that was sent
    this.locks = new Map(); // name: {holder, queue}
    this.channels = new Set();
    this.tabs = [];
    this.random = () => 0.5;
  }

  // Runs what is due within so many ms, in order; microtasks after each.
  async pass(ms) {
    const end = this.time + ms;
    await this.settle();
    for (;;) {
      const [id, timer] = [...this.timers].filter(([, t]) => !t.tab.frozen).sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
      if (id === undefined || timer.at > end) break;
      this.date += Math.max(0, timer.at - this.time);
      this.time = Math.max(this.time, timer.at);
      this.timers.delete(id);
      timer.step();
      await this.settle();
    }
    this.date += end - this.time;
    this.time = end;
  }

  async settle() {
    for (let i = 0; i < 20; i++) await Promise.resolve();
  }

  get open() { // connections that are under way
    return this.streams.filter((s) => s.readyState !== 2).length + this.requests.filter((r) => r.open).length;
  }

  get stream() {
    return this.streams.at(-1);
  }

  get request() {
    return this.requests.at(-1);
  }

  tab(options) {
    const tab = new Tab(this, options);
    this.tabs.push(tab);
    return tab;
  }
}

class Tab {
  constructor(world, { without = [], performance = { now: () => world.time }, storage = {}, hidden = false } = {}) {
    const tab = this;
    this.world = world;
    this.storage = storage;
    this.targets = [];
    const target = (made = new Target()) => (this.targets.push(made), made);
    const document = (this.document = target());
    Object.assign(document, {
      visibilityState: hidden ? 'hidden' : 'visible',
      createElement: () => {
        let href = '';
        return { get href() { return href; }, set href(url) { href = new URL(url, 'https://page.test/a/b.html').href; } };
      },
      createDocumentFragment() {
        const made = new Target();
        made.dispatchEvent = (event) => made.fire(event.type, event);
        tab.emitter = made;
        return made;
      },
      createEvent: () => ({ initEvent(type) { Object.defineProperty(this, 'type', { value: String(type) }); } }),
    });

    this.window = Object.assign(target(), {
      document,
      location: { origin: 'https://page.test' },
      performance,
      setTimeout: (step, ms = 0) => {
        if (!(ms < 2 ** 31)) ms = 0; // as browsers do
        world.timers.set(++world.timerId, { at: world.time + Math.max(0, ms || 0), step, tab });
        return world.timerId;
      },
      clearTimeout: (id) => world.timers.delete(id),
      Date: { now: () => world.date },
      Math: Object.assign(Object.create(Math), { random: () => world.random() }),
      atob,
      AbortController,
      navigator: { locks: new Locks(world, tab) },
      EventSource: class extends Target {
        constructor(url, { withCredentials } = {}) {
          super();
          Object.assign(this, { url, tab, withCredentials, readyState: 0, query: new URL(url).searchParams });
          world.streams.push(this);
        }

        close() {
          this.readyState = 2;
        }

        // What the server or the network does to it:
        send(event, data = '', id = this.lastId ?? '') {
          if (this.readyState === 2) return;
          this.lastId = id;
          this.fire(event, { data: typeof data === 'string' ? data : JSON.stringify(data), lastEventId: id });
        }

        hello(id, more) {
          this.readyState = 1;
          this.send('pushsse.hello', { v: 1, heartbeat: 15000, reset: null, exp: null, ...more }, id);
        }

        fail(readyState = 0) {
          if (this.readyState === 2) return;
          this.readyState = readyState;
          this.onerror?.({});
        }
      },
      XMLHttpRequest: class {
        open(method, url) {
          this.url = url;
          this.query = new URL(url).searchParams;
        }

        setRequestHeader(name, value) {
          if (/[^\x21-\x7e ]/.test(value)) throw new SyntaxError('header');
          (this.headers ??= {})[name] = value;
        }

        send() {
          this.open = true;
          this.tab = tab;
          world.requests.push(this);
        }

        abort() {
          this.open = false;
        }

        progress() { // some bytes of the answer have come
          if (this.open) this.onprogress?.();
        }

        getResponseHeader(name) {
          return this.received?.[name] ?? null;
        }

        answer(status, body = '', received = {}) {
          if (!this.open) return;
          this.open = false;
          Object.assign(this, { status, received, responseText: typeof body === 'string' ? body : JSON.stringify(body) });
          if (status) this.onload?.();
          else this.onerror?.();
        }

        events(lastEventId, events = [], more) {
          this.answer(200, { v: 1, lastEventId, reset: null, more: false, events: events.map(([id, data, event = 'message']) => ({ id, event, data })), ...more });
        }
      },
      BroadcastChannel: class {
        constructor(name) {
          Object.assign(this, { name, tab });
          world.channels.add(this);
        }

        postMessage(data) {
          const text = JSON.stringify(data);
          for (const other of world.channels)
            if (other !== this && other.name === this.name)
              Promise.resolve().then(() => world.channels.has(other) && !other.tab.frozen && other.onmessage?.({ data: JSON.parse(text) }));
        }

        close() {
          world.channels.delete(this);
        }
      },
    });
    Object.defineProperty(this.window, 'sessionStorage', {
      get() {
        if (tab.storage === null) throw new Error('denied');
        return tab.storage;
      },
    });
    for (const name of without) name === 'locks' ? delete this.window.navigator.locks : delete this.window[name];
    this.window.window = this.window;
    vm.createContext(this.window);
    this.PushSSE = script.runInContext(this.window);
  }

  // A PushSSE that keeps all it dispatches.
  push(options = {}, names = []) {
    const push = new this.PushSSE('/events', { pauseHidden: false, ...options });
    const got = { push, messages: [], errors: [], states: [], resets: [], opened: 0 };
    for (const name of ['message', ...names]) push.addEventListener(name, (e) => got.messages.push([e.lastEventId, e.data]));
    push.onopen = () => got.opened++;
    push.onerror = ({ status, reason, willRetry, delay, message }) => got.errors.push({ status, reason, willRetry, delay, message });
    push.onstate = ({ state, transport }) => got.states.push(transport ? `${state} ${transport}` : state);
    push.onreset = ({ reason }) => got.resets.push(reason);
    return got;
  }

  show(visibilityState) {
    this.document.visibilityState = visibilityState;
    this.document.fire('visibilitychange');
  }

  // It is gone, as when a process dies: nothing of it runs again, and the browser passes its locks on.
  kill() {
    this.frozen = true;
    for (const channel of this.world.channels) if (channel.tab === this) this.world.channels.delete(channel);
    for (const stream of this.world.streams) if (stream.tab === this) stream.readyState = 2;
    this.window.navigator.locks.drop();
  }

  get listeners() { // on what outlives a PushSSE
    return this.targets.reduce((sum, target) => sum + target.listeners.length, 0);
  }
}

class Locks {
  constructor(world, tab) {
    Object.assign(this, { world, tab, broken: false });
  }

  request(name, { steal, signal }, callback) {
    if (this.broken) return Promise.reject(Object.assign(new Error('sandbox'), { name: 'SecurityError' }));
    const lock = this.world.locks.get(name) ?? { holder: null, queue: [] };
    this.world.locks.set(name, lock);
    return new Promise((resolve, reject) => {
      const abort = () => reject(Object.assign(new Error('lock'), { name: 'AbortError' }));
      const entry = { tab: this.tab, callback, resolve, abort };
      signal?.addEventListener('abort', () => {
        if (!lock.queue.includes(entry)) return;
        lock.queue = lock.queue.filter((other) => other !== entry);
        abort();
      });
      if (steal) {
        lock.holder?.abort();
        lock.holder = null;
        lock.queue.unshift(entry);
      } else lock.queue.push(entry);
      this.next(lock);
    });
  }

  next(lock) {
    if (lock.holder || !lock.queue.length) return;
    const entry = (lock.holder = lock.queue.shift());
    Promise.resolve().then(async () => {
      const result = await entry.callback({});
      if (lock.holder === entry) lock.holder = null;
      entry.resolve(result);
      this.next(lock);
    });
  }

  drop() {
    for (const lock of this.world.locks.values()) {
      lock.queue = lock.queue.filter(({ tab }) => tab !== this.tab);
      if (lock.holder?.tab === this.tab) lock.holder = null;
      this.next(lock);
    }
  }
}
