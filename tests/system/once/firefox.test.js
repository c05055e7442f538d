// Firefox, whose engine is Gecko.
import { Browser } from '../browsers.js';
import { behaves } from '../engine.js';
import { polyfilled } from '../polyfill.js';

const browser = await Browser.launch('firefox');
const open = (...page) => browser.open(...page);

behaves('Firefox', open, { tabs: true });
polyfilled('Firefox', open);
