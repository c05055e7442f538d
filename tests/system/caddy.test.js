// Caddy in front: deploy/Caddyfile. It has no timeout for silence, and a reload leaves streams as they are.
import { behaves } from './proxied.js';

await behaves('caddy', { cuts: false, idles: false });
