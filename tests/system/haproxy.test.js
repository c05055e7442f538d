// HAProxy in front: deploy/haproxy.cfg.
import { behaves } from './proxied.js';

await behaves('haproxy');
