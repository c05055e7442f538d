// WebKit, Safari's engine, in its MiniBrowser. Its pages are windows, and none of them is ever hidden.
import { Browser } from '../browsers.js';
import { behaves } from '../engine.js';
import { polyfilled } from '../polyfill.js';

const browser = await Browser.launch('webkit');
const open = (...page) => browser.open(...page);

behaves('WebKit', open);
polyfilled('WebKit', open);
