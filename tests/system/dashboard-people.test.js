// The dashboard's table of who is online: pages, search, kicking, and uids that are hostile.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectPeople, host, open, screenshot, shows, text } from './dashboard.js';
import { eventually } from './wire.js';

test('who is online is listed, and can be kicked with a reason', async (t) => {
  const server = await host(t);
  const [ann, again, bob] = [await server.stream('ann'), await server.stream('ann'), await server.stream('bob')];
  const page = await open(server);
  await expectPeople(page, [['ann', '2'], ['bob', '1']]);
  await page.getByRole('button', { name: 'Kick ann' }).click();
  await page.locator('#kick').waitFor();
  await screenshot(page, 'kick');
  await page.click('#kick-no');
  assert.deepEqual(await server.online('ann'), { ann: 2 }, 'nothing has happened');

  await page.getByRole('button', { name: 'Kick ann' }).click();
  await page.fill('#reason', 'too <b>loud</b>');
  await page.keyboard.press('Enter');
  for (const stream of [ann, again]) {
    assert.deepEqual(JSON.parse((await stream.next('pushsse.bye')).data), { reason: 'too <b>loud</b>' });
    await stream.closed();
  }
  await shows(page, '#result', /^ann was disconnected: 2 streams closed\.$/);
  await expectPeople(page, [['bob', '1']]);
  await shows(page, '#reasons tr[data-reason=kicked] td:last-child', /^2$/);
  assert.ok(!bob.wire.ended);
  const carol = await server.stream('carol');
  await expectPeople(page, [['bob', '1'], ['carol', '1']]); // without being asked
  carol.close();
});

const hostile = [
  '"><svg onload=alert(3)>',
  '&lt;b&gt; &amp; "quoted" \'too\'',
  '10',
  '9',
  '</td></table><img src=x onerror=alert(1)>',
  '<script>alert(2)</script>',
  '__proto__',
  'constructor',
  'javascript:alert(4)',
  'x'.repeat(128),
  '\u202eright to left',
  '\u{1f600}', // as UTF-16 it would come before the next one
].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));

for (const [colorScheme, width] of [['light', 390], ['dark', 390], ['dark', 1280]])
  test(`what is hostile is shown as text, and fits into ${width} px (${colorScheme})`, async (t) => {
    const server = await host(t);
    const readers = {};
    for (const uid of hostile) readers[` ${uid}`] = await server.stream(uid);
    const page = await open(server, { width, colorScheme });
    await expectPeople(page, hostile.map((uid) => [uid, '1']));
    assert.equal(await page.locator('#online :is(img, script, svg, b)').count(), 0);
    await eventually(async () => /L/.test(await page.locator('#chart-streams .plot .l0').getAttribute('d')), 'a line');
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'no horizontal scrolling');
    await screenshot(page, `${width}-${colorScheme}`);
    const uid = '<script>alert(2)</script>';
    await page.locator('#online tr').nth(hostile.indexOf(uid)).getByRole('button').click();
    assert.equal(await text(page, '#kick-uid'), uid);
    assert.ok(await page.evaluate(() => document.querySelector('#kick').scrollWidth <= innerWidth));
    await page.click('#kick-yes');
    await readers[` ${uid}`].next('pushsse.bye');
    await shows(page, '#result', /^<script>alert\(2\)<\/script> was disconnected: 1 stream closed\.$/);
    await expectPeople(page, hostile.filter((one) => one !== uid).map((one) => [one, '1']));
  });

test('pages, and search by a uid or how it begins', async (t) => {
  const server = await host(t);
  const uids = ['a', ...Array.from({ length: 30 }, (_, n) => `user${n}`), 'z', 'é'].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (const uid of uids) await server.stream(uid);
  const page = await open(server);
  const expected = (list) => list.map((uid) => [uid, '1']);
  await expectPeople(page, expected(uids.slice(0, 20)));
  assert.ok(await page.isDisabled('#first'));
  await page.click('#next');
  await expectPeople(page, expected(uids.slice(20)));
  assert.ok(await page.isDisabled('#next'));
  await page.click('#first');
  await expectPeople(page, expected(uids.slice(0, 20)));

  const search = async (what) => {
    await page.fill('#query', what);
    await page.keyboard.press('Enter');
  };
  await search('user2');
  await expectPeople(page, expected(['user2', ...Array.from({ length: 10 }, (_, n) => `user2${n}`)]));
  await search('user');
  await expectPeople(page, [['user', '0'], ...expected(uids.filter((uid) => uid.startsWith('user')).slice(0, 20))]);
  await page.click('#next');
  await expectPeople(page, expected(uids.filter((uid) => uid.startsWith('user')).slice(20)));
  await search('é');
  await expectPeople(page, expected(['é']));
  await search('nobody');
  await expectPeople(page, [['nobody', '0']]); // who is away can be kicked too: the tokens are refused
  assert.equal(await page.locator('#online tr').innerText().then((text) => /not online/.test(text)), true);
  await page.getByRole('button', { name: 'Kick nobody' }).click();
  await page.click('#kick-yes');
  await shows(page, '#result', /^nobody was disconnected: 0 streams closed\.$/);
  await page.fill('#query', '');
  await expectPeople(page, expected(uids.slice(0, 20)));
});
