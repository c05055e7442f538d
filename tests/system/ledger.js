// What a test under load needs to know who is to get what, without remembering each message: messages are numbered by their
// publisher, and for whom one is can be computed from its number.

// mulberry32 (T. Ettinger): small, and the same on every machine
export const generator = (state) => () => {
  state = (state + 0x6d2b79f5) | 0;
  let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
  mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
  return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
};

// The head and the body of an answer with Content-Length at the start of the bytes, or undefined while it is not whole.
export function wholeAnswer(bytes) {
  const head = bytes.indexOf('\r\n\r\n') + 4;
  if (head < 4) return undefined;
  const end = head + Number(/^content-length: (\d+)/im.exec(bytes.slice(0, head))?.[1] ?? NaN);
  if (!(bytes.length >= end)) return undefined;
  return { status: Number(bytes.slice(9, 12)), body: JSON.parse(bytes.slice(head, end)), end };
}

export const seqOf = (id) => Number(id.slice(id.indexOf('-') + 1));
