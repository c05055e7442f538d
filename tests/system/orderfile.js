// What a shim in the server (fault.c, each.c) is told to do, and tells: 8 bytes each, in a file that it maps.
import { closeSync, openSync, readSync, writeFileSync, writeSync } from 'node:fs';

export class OrderFile {
  #names;

  // `names` in the shim's order; behind them there is room for so many of the shim's own.
  constructor(file, names, room = 0) {
    this.file = file;
    this.#names = names;
    writeFileSync(file, Buffer.alloc(8 * (names.length + room)));
    this.fd = openSync(file, 'r+');
  }

  set(orders) {
    for (const [name, value] of Object.entries(orders)) {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64LE(BigInt(value));
      writeSync(this.fd, bytes, 0, 8, 8 * this.#names.indexOf(name));
    }
  }

  get(name) {
    const bytes = Buffer.alloc(8);
    readSync(this.fd, bytes, 0, 8, 8 * this.#names.indexOf(name));
    return Number(bytes.readBigInt64LE());
  }

  close() {
    closeSync(this.fd);
  }
}
