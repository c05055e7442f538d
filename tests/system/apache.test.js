// Apache httpd in front: deploy/apache-pushsse.conf. After a reload its old children keep their streams.
import { behaves } from './proxied.js';

await behaves('apache', { cuts: false });
