// A reader of one event stream: every byte as it came, and what a conforming parser makes of it.
import assert from 'node:assert/strict';
import { createParser } from 'eventsource-parser';
import { PATIENCE, Wire, request } from './wire.js';

// Feeds `bytes` to the parser in steps of `step` bytes; answers the events that it dispatched.
export function parse(bytes, step = bytes.length) {
  const events = [];
  const feed = incrementally((event) => events.push(event));
  for (let i = 0; i < bytes.length; i += step) feed(bytes.subarray(i, i + step));
  return events;
}

function incrementally(onEvent, onRetry) {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const parser = createParser({
    onEvent: ({ id, event = 'message', data }) => onEvent({ id, event, data }),
    onRetry,
    onError: (error) => { throw error; },
  });
  return (bytes) => parser.feed(decoder.decode(bytes, { stream: true }));
}

const isKeptQuiet = ({ event }) => event === 'pushsse.ping' || event === 'pushsse.online';

export class Stream {
  static async open(address, target, { headers, paused } = {}) {
    const wire = await Wire.connect(address, { paused });
    wire.send(request('GET', target, { headers: { accept: 'text/event-stream', ...headers } }));
    return new Stream(wire).begin();
  }

  constructor(wire) {
    this.wire = wire;
    this.events = []; // all of them, in order
    this.at = 0; // those before it were looked at by next()
    this.retries = [];
    this.raw = []; // the body
  }

  async begin() {
    this.head = await this.wire.head();
    this.status = this.head.status;
    assert.equal(this.status, 200, `the stream was refused: ${this.head.status}`);
    this.feed = incrementally((event) => this.events.push(event), (retry) => this.retries.push(retry));
    this.drain = () => {
      const bytes = this.wire.take(this.wire.bytes.length);
      if (!bytes.length) return;
      this.raw.push(bytes);
      this.feed(bytes);
    };
    this.wire.watchers.add(this.drain); // the first of them, so that the others see what was parsed
    this.drain();
    this.first = await this.until(() => this.events[0], 'the first event');
    if (this.first.event === 'pushsse.hello') {
      this.at = 1;
      this.hello = JSON.parse(this.first.data);
    }
    return this;
  }

  get body() {
    return Buffer.concat(this.raw);
  }

  // The position: the id of the last event that was dispatched.
  get cursor() {
    return this.events.findLast(({ id }) => id)?.id;
  }

  get messages() {
    return this.events.filter(({ event }) => !event.startsWith('pushsse.'));
  }

  until(found, what, ms) {
    return this.wire.until(found, what, ms);
  }

  // The next event of this name; without a name, the next one that is neither ping nor online. What lies before it is
  // passed over when a name is given.
  next(name, ms = PATIENCE) {
    return this.until(() => {
      while (this.at < this.events.length) {
        const event = this.events[this.at++];
        if (name ? event.event === name : !isKeptQuiet(event)) return event;
      }
    }, name ?? 'the next event', ms);
  }

  async data(count) {
    const all = [];
    while (all.length < count) all.push((await this.next()).data);
    return all;
  }

  closed(ms) {
    return this.wire.closed(ms);
  }

  close() {
    this.wire.close();
  }
}
