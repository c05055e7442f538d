// www/pushsse.js with share: true, several tabs: who has the connection, and that each tab gets each message once.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { World } from './world.js';

const jwt = (claims) => `h.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.s`;
const token = jwt({ sub: '42' });

const live = (world) => world.streams.filter((s) => s.readyState !== 2);
const sole = (world) => {
  assert.equal(live(world).length, 1, `${live(world).length} streams`);
  return live(world)[0];
};
const ids = (got) => got.messages.map(([id]) => id);

// A world with so many tabs, the first of which leads.
async function tabs(t, count, options, names) {
  const world = new World();
  const all = [];
  world.join = async (more, tabOptions, hears = names) => {
    const tab = world.tab(tabOptions);
    const got = Object.assign(tab.push({ token, share: true, ...options, ...more }, hears), { tab });
    all.push(got);
    await world.pass(100);
    return got;
  };
  for (let i = 0; i < count; i++) await world.join();
  t.after(async () => {
    for (const { push, tab } of all) if (!tab.frozen) push.close();
    await world.settle();
    const gone = all.filter(({ tab }) => tab.frozen).length;
    assert.ok([...world.timers.values()].every(({ tab }) => tab.frozen), 'timers');
    assert.deepEqual([world.open, world.channels.size], [0, 0], 'connections, channels');
    if (!gone) for (const lock of world.locks.values()) assert.deepEqual([lock.holder, lock.queue], [null, []], 'locks');
    for (const { tab } of all) if (!tab.frozen) assert.deepEqual([tab.listeners, tab.emitter.thrown], [0, undefined]);
  });
  return { world, all };
}

test('five tabs, one connection, and each tab gets each message once', async (t) => {
  const { world, all } = await tabs(t, 5);
  const stream = sole(world);
  stream.hello('e-1');
  await world.settle();
  for (let i = 2; i < 6; i++) stream.send('message', `${i}`, `e-${i}`);
  await world.settle();
  for (const got of all) assert.deepEqual(got.messages, [2, 3, 4, 5].map((i) => [`e-${i}`, `${i}`]));
  assert.deepEqual(all.map((got) => got.push.transport), ['sse', 'shared', 'shared', 'shared', 'shared']);
  assert.deepEqual(all.map((got) => got.push.readyState), [1, 1, 1, 1, 1]);
  assert.equal(world.streams.length, 1);
});

for (const how of ['closes', 'dies', 'freezes', 'goes into the back-forward cache', 'hangs'])
  test(`the leader ${how}: another takes over with its own cursor`, async (t) => {
    const { world, all } = await tabs(t, 3);
    const [leader, ...others] = all;
    sole(world).hello('e-1');
    sole(world).send('message', 'x', 'e-2');
    await world.settle();
    if (how === 'closes') leader.push.close();
    else if (how === 'dies') leader.tab.kill();
    else if (how === 'freezes') leader.tab.document.fire('freeze');
    else if (how === 'hangs') leader.tab.frozen = true;
    else leader.tab.window.fire('pagehide', { persisted: true });
    await world.pass(how === 'hangs' ? 24_000 : 200);
    const stream = live(world).find((s) => s.tab !== leader.tab);
    assert.equal(stream.query.get('lastEventId'), 'e-2');
    stream.hello('e-2');
    stream.send('message', 'y', 'e-3');
    await world.settle();
    for (const got of others) assert.deepEqual(ids(got), ['e-2', 'e-3']);
    if (how === 'hangs') {
      leader.tab.frozen = false; // it thaws: it hears that the lock was taken
      await world.pass(200);
      assert.equal(sole(world), stream);
      stream.send('message', 'z', 'e-4');
      await world.pass(200); // and that it has missed something
      assert.deepEqual([sole(world).tab, sole(world).query.get('lastEventId')], [leader.tab, 'e-2']);
    }
  });

test('a visible tab finds a silent leader in seconds', async (t) => {
  const { world, all } = await tabs(t, 2);
  sole(world).hello('e-1');
  await world.settle();
  all[0].tab.frozen = true;
  all[1].tab.show('visible');
  await world.pass(3_200);
  assert.equal(live(world).at(-1).tab, all[1].tab);
  all[0].tab.frozen = false;
});

test('who has missed something takes the lead; what the others have is not told to them again', async (t) => {
  const { world, all } = await tabs(t, 2);
  sole(world).hello('e-1');
  sole(world).send('message', 'x', 'e-5');
  await world.settle();
  const late = await world.join({ lastEventId: 'e-3' });
  const stream = sole(world);
  assert.deepEqual([stream.tab, stream.query.get('lastEventId')], [late.tab, 'e-3']);
  stream.hello('e-3');
  for (const seq of [4, 5, 6]) stream.send('message', `${seq}`, `e-${seq}`);
  await world.settle();
  assert.deepEqual(ids(late), ['e-4', 'e-5', 'e-6']);
  for (const got of all.slice(0, 2)) assert.deepEqual(ids(got), ['e-5', 'e-6']);

  for (const channel of world.channels) if (channel.tab === all[0].tab) channel.kept = channel.onmessage, channel.onmessage = null;
  stream.send('message', '7', 'e-7'); // the first tab does not hear it
  await world.settle();
  for (const channel of world.channels) if (channel.kept) channel.onmessage = channel.kept;
  stream.send('message', '8', 'e-8');
  await world.pass(4_000);
  const replay = sole(world);
  assert.deepEqual([replay.tab, replay.query.get('lastEventId')], [all[0].tab, 'e-6']);
  replay.hello('e-6');
  for (const seq of [7, 8]) replay.send('message', `${seq}`, `e-${seq}`);
  await world.settle();
  for (const got of all) assert.deepEqual(ids(got).slice(-3), ['e-6', 'e-7', 'e-8']);
});

test('a name that one tab alone listens to is heard, whoever leads', async (t) => {
  const { world, all } = await tabs(t, 1);
  sole(world).hello('e-1');
  const other = await world.join({}, {}, ['order']);
  sole(world).send('order', 'a', 'e-2');
  await world.settle();
  assert.deepEqual(other.messages, [['e-2', 'a']]);
  const third = await world.join({ lastEventId: 'e-2' }); // leads, and knew nothing of orders
  assert.equal(sole(world).tab, third.tab);
  sole(world).hello('e-2');
  sole(world).send('order', 'b', 'e-3');
  await world.settle();
  assert.deepEqual(other.messages.at(-1), ['e-3', 'b']);
  assert.deepEqual(all[0].messages, []);
  assert.deepEqual(ids(third), []);
});

test('another user, other channels, another URL: nothing is shared', async (t) => {
  const { world } = await tabs(t, 1);
  await world.join({ token: jwt({ sub: '43' }) });
  await world.join({ token: jwt({ sub: '42', channels: ['a'] }) });
  await world.join({ channels: ['b'] });
  await world.join({ token: 'no-jwt' });
  await world.join({ token: undefined });
  assert.equal(live(world).length, 6);
});

test('when a new token is of another user, the tab leaves the group', async (t) => {
  const { world, all } = await tabs(t, 2);
  let uid = '42';
  const third = await world.join({ token: () => jwt({ sub: uid }) });
  sole(world).hello('e-1');
  uid = '43';
  await world.pass(10_000); // a token that was not used is not that old
  third.tab.window.fire('pagehide');
  third.tab.window.fire('pageshow');
  await world.pass(200);
  assert.equal(live(world).length, 2);
  live(world).find((s) => s.tab === all[0].tab).send('message', 'for 42', 'e-2');
  await world.settle();
  assert.deepEqual(third.messages, []);
});

test('without locks, or where they are refused, each tab has its own connection', async (t) => {
  for (const without of [['locks'], ['BroadcastChannel']]) {
    const { world } = await tabs(t, 0);
    await world.join({}, { without });
    await world.join({}, { without });
    assert.equal(live(world).length, 2, without[0]);
  }
  const { world } = await tabs(t, 0);
  const alone = [];
  for (let i = 0; i < 2; i++) {
    const tab = world.tab();
    tab.window.navigator.locks.broken = true;
    const got = tab.push({ token, share: true });
    alone.push(got.push);
    await world.pass(200);
  }
  assert.equal(live(world).length, 2, 'a sandbox');
  for (const push of alone) push.close();
});

test('a leader that is hidden too long gives its lead to a tab that is looked at; where none is, all is closed', async (t) => {
  const { world, all } = await tabs(t, 2, { pauseHidden: 60_000 });
  const keep = async (ms) => {
    for (; ms > 0; ms -= 10_000) {
      await world.pass(10_000);
      live(world)[0]?.send('pushsse.ping', '1', 'e-1');
    }
  };
  sole(world).hello('e-1');
  all[0].tab.show('hidden');
  await keep(50_000);
  assert.equal(sole(world).tab, all[0].tab);
  await keep(10_000);
  await world.pass(200);
  assert.equal(sole(world).tab, all[1].tab);
  sole(world).hello('e-1');
  sole(world).send('message', 'x', 'e-2');
  await world.settle();
  assert.deepEqual([ids(all[0]), all[0].push.transport], [['e-2'], 'shared']);
  all[1].tab.show('hidden');
  await keep(70_000);
  assert.deepEqual([live(world).length, all.map((got) => got.push.state)], [0, ['paused', 'paused']]);
  assert.equal(world.timers.size, 0);
  all[0].tab.show('visible');
  await world.pass(200);
  assert.deepEqual([sole(world).tab, sole(world).query.get('lastEventId')], [all[0].tab, 'e-2']);
});

test('bye ends all tabs; a restart resets all, and none gets a message twice', async (t) => {
  const { world, all } = await tabs(t, 3);
  sole(world).hello('a-1');
  sole(world).send('message', 'x', 'a-2');
  await world.settle();
  sole(world).fail();
  await world.pass(2_000);
  sole(world).hello('b-1', { reset: 'restart' });
  for (const seq of [2, 3]) sole(world).send('message', 'y', `b-${seq}`);
  await world.settle();
  for (const got of all) assert.deepEqual([got.resets, ids(got)], [['restart'], ['a-2', 'b-2', 'b-3']]);
  sole(world).send('pushsse.bye', { reason: 'out' });
  await world.pass(1_000);
  assert.deepEqual(all.map((got) => [got.push.readyState, got.errors.at(-1).reason, got.errors.at(-1).willRetry]), Array(3).fill([2, 'bye', false]));
  assert.equal(world.open, 0);
});

test('a token function is asked once by a tab that opens and leads', async (t) => {
  let calls = 0;
  const { world } = await tabs(t, 1, { token: () => { calls++; return token; } });
  assert.deepEqual([calls, live(world).length], [1, 1]);
});
