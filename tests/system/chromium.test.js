// Chromium, whose engine is Blink.
import { chromium } from './browsers.js';
import { behaves } from './engine.js';
import { polyfilled } from './polyfill.js';

const browser = await chromium();
const tabs = await browser.newContext();
const open = async (t, url) => {
  const page = await tabs.newPage();
  t.after(() => page.close());
  await page.goto(url);
  return page;
};

behaves('Chromium', open);
polyfilled('Chromium', open);
