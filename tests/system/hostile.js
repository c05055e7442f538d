// Messages that two readers may take differently, and what is to be said to them: one table, which http.test.js sends to
// the server itself and once/smuggling.test.js through proxies. Collected from RFC 9112 (mostly its sections 2 to 7 and
// 11), from the literature on request smuggling (CL.TE, TE.CL, TE.TE, CL.0, chunk extensions, downgrades) and from
// what other servers have taken. What parsers do with every prefix of a head is in tests/unit/test_http_request.c.
//
// Behind each comes a request that is hidden: it publishes by the compat form, on a path that no proxy passes on here.
// When it is served, and the table does not say that it is a request of its own, something was smuggled.
import { KEY, form } from './server.js';

const HIDDEN_UID = 'smuggled';

const host = 'Host: push.test\r\n';
const key = `Authorization: Bearer ${KEY}\r\n`;
const secret = `type=publish&to=${HIDDEN_UID}&content=hidden`;
const body = 'to=seen&content=x'; // 17 bytes, 11 in hexadecimal digits
const whole = `11\r\n${body}\r\n0\r\n\r\n`;

export const hidden = `POST / HTTP/1.1\r\n${host}${key}Content-Type: ${form}\r\nContent-Length: ${secret.length}\r\n\r\n${secret}`;

// How often it was served. (As the body of a form of /publish it is one more message, of another name.)
export const servedHidden = async (server) =>
  (await server.poll(HIDDEN_UID, { position: 'earliest' })).events.filter(({ event }) => event === 'new_msg').length;

const get = (lines, target = '/healthz', version = 'HTTP/1.1') => `GET ${target} ${version}\r\n${lines}\r\n`;
const post = (lines, content = '', version = 'HTTP/1.1') => `POST /publish ${version}\r\n${host}${key}Content-Type: ${form}\r\n${lines}\r\n${content}`;
const chunked = (content) => post('Transfer-Encoding: chunked\r\n', content);
const coded = (coding, content = whole) => post(`Transfer-Encoding:${coding}\r\n`, content);
const sized = (length) => post(`Content-Length:${length}\r\n`, body);

// Refused with this status, and the connection is closed: nothing behind it is taken for a request.
const malformed = {
  400: {
    // ---- the request line
    'two empty lines in front': `\r\n\r\n${get(host)}`,
    'a bare LF in front': `\n${get(host)}`,
    'a bare CR in front': `\r${get(host)}`,
    'a blank in front': ` ${get(host)}`,
    'only bare LF': 'GET /healthz HTTP/1.1\nHost: push.test\n\n',
    'only bare CR': 'GET /healthz HTTP/1.1\rHost: push.test\r\r',
    'a bare LF behind the request line': `GET /healthz HTTP/1.1\n${host}\r\n`,
    'two blanks before the target': `GET  /healthz HTTP/1.1\r\n${host}\r\n`,
    'two blanks before the version': `GET /healthz  HTTP/1.1\r\n${host}\r\n`,
    'a tab before the target': `GET\t/healthz HTTP/1.1\r\n${host}\r\n`,
    'a blank behind the version': `GET /healthz HTTP/1.1 \r\n${host}\r\n`,
    'a blank in the target': get(host, '/healthz ?'),
    'a request behind a blank in the target': get(host, '/healthz HTTP/1.1 x'),
    'a NUL in the target': get(host, '/health\0z'),
    'a tab in the target': get(host, '/health\tz'),
    'a DEL in the target': get(host, '/health\x7fz'),
    'a byte above 127 in the target': get(host, '/health\xe9z'),
    'a fragment in the target': get(host, '/healthz#a'),
    'no target': `GET HTTP/1.1\r\n${host}\r\n`,
    'a target that is no path': get(host, 'healthz'),
    'an asterisk with GET': get(host, '*'),
    'an authority with GET': get(host, 'push.test:443'),
    'CONNECT': `CONNECT push.test:443 HTTP/1.1\r\n${host}\r\n`,
    'an absolute target without a host': get(host, 'http:///healthz'),
    'an absolute target with a user': get(host, 'http://user@push.test/healthz'),
    'an absolute target of another scheme': get(host, 'ftp://push.test/healthz'),
    'a method that is no token': `G@T /healthz HTTP/1.1\r\n${host}\r\n`,
    'a NUL in the method': `G\0T /healthz HTTP/1.1\r\n${host}\r\n`,
    'a colon in the method': `GET: /healthz HTTP/1.1\r\n${host}\r\n`,
    'HTTP/0.9': 'GET /healthz\r\n\r\n',
    'HTTP/0.9 that is POST': 'POST /publish\r\n\r\n',
    'a version in small letters': get(host, '/healthz', 'http/1.1'),
    'a version of two digits': get(host, '/healthz', 'HTTP/1.10'),
    'a version of one number': get(host, '/healthz', 'HTTP/1'),
    'a version with a sign': get(host, '/healthz', 'HTTP/+1.1'),
    'a version with a blank': get(host, '/healthz', 'HTTP/1. 1'),
    'another protocol': get(host, '/healthz', 'ICY/1.1'),
    'TLS on the plain port': '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
    'binary noise': '\0\x01\x02\xff\xfe\r\n\r\n',
    // ---- Host
    'no Host': get(''),
    'two Hosts': get(host + host),
    'two Hosts that differ': get(`${host}Host: evil.test\r\n`),
    'two Hosts in HTTP/1.0': get(host + host, '/healthz', 'HTTP/1.0'),
    'a Host with a blank': get('Host: push.test evil.test\r\n'),
    'a Host with a comma and a blank': get('Host: push.test, evil.test\r\n'),
    'a Host with a path': get('Host: push.test/x\r\n'),
    'a Host with a user': get('Host: user@push.test\r\n'),
    'a Host with a backslash': get('Host: push.test\\evil.test\r\n'),
    // ---- Authorization
    'two keys': post(`${key}Content-Length: ${body.length}\r\n`, body),
    'two keys, the first wrong': get(`${host}Authorization: Bearer x\r\n${key}`, '/stats'),
    'two keys, the second wrong': get(`${host}${key}authorization: Bearer x\r\n`, '/stats'),
    // ---- header lines
    'a bare LF behind a header': get('Host: push.test\nX: y\r\n'),
    'a bare LF for the empty line': `GET /healthz HTTP/1.1\r\n${host}\n`,
    'a bare CR for the empty line': `GET /healthz HTTP/1.1\r\n${host}\r\r\n`,
    'a bare CR in a value': get(`${host}X: a\rb\r\n`),
    'two CRs behind a value': get(`${host}X: a\r\r\n`),
    'a NUL in a value': get(`${host}X: a\0b\r\n`),
    'a control byte in a value': get(`${host}X: a\x01b\r\n`),
    'a DEL in a value': get(`${host}X: a\x7fb\r\n`),
    'a control byte in a name': get(`${host}X\x01: a\r\n`),
    'a byte above 127 in a name': get(`${host}X\xe9: a\r\n`),
    'a blank in a name': get(`${host}X Y: a\r\n`),
    'a blank before the colon': get(`${host}X : a\r\n`),
    'a folded header': get(`${host}X: a\r\n b\r\n`),
    'a header folded by a tab': get(`${host}X: a\r\n\tb\r\n`),
    'a folded first header': get(` X: a\r\n${host}`),
    'a header without a colon': get(`${host}X\r\n`),
    'a header without a name': get(`${host}: a\r\n`),
    'a header line of blanks': get(`${host} \r\n`),
    // ---- both lengths
    'CL.TE': post(`Content-Length: ${whole.length}\r\nTransfer-Encoding: chunked\r\n`, whole),
    'TE.CL': post(`Transfer-Encoding: chunked\r\nContent-Length: ${whole.length}\r\n`, whole),
    'CL.TE whose body ends by the chunks': post('Content-Length: 6\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    'TE.CL whose body ends by the length': post('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', '5c\r\n'),
    'Content-Length: 0 and chunks': post('Content-Length: 0\r\nTransfer-Encoding: chunked\r\n', whole),
    'a length and the coding identity': post(`Content-Length: ${body.length}\r\nTransfer-Encoding: identity\r\n`, body),
    'a length and an empty coding': post(`Content-Length: ${body.length}\r\nTransfer-Encoding:\r\n`, body),
    // ---- Content-Length
    'the same Content-Length twice': post('Content-Length: 17\r\nContent-Length: 17\r\n', body),
    'two Content-Lengths, the shorter first': post('Content-Length: 0\r\nContent-Length: 17\r\n', body),
    'two Content-Lengths, the longer first': post('Content-Length: 17\r\nContent-Length: 0\r\n', body),
    'a list of Content-Lengths': sized(' 17, 17'),
    'a list of two Content-Lengths': sized(' 0,17'),
    'an empty Content-Length': sized(''),
    'a Content-Length of blanks': sized('   '),
    'a signed Content-Length': sized(' +17'),
    'a negative Content-Length': sized(' -17'),
    'a Content-Length of minus zero': sized(' -0'),
    'a hexadecimal Content-Length': sized(' 0x11'),
    'an octal Content-Length with 0o': sized(' 0o21'),
    'a Content-Length with hex digits': sized(' 1a'),
    'a Content-Length with an exponent': sized(' 17e0'),
    'a Content-Length with a fraction': sized(' 17.0'),
    'a Content-Length with an underscore': sized(' 1_7'),
    'a Content-Length with a blank inside': sized(' 1 7'),
    'a Content-Length in quotes': sized(' "17"'),
    'a Content-Length with a parameter': sized(' 17;x'),
    'a Content-Length behind a vertical tab': sized(' \x0b17'),
    'a Content-Length behind a NUL': sized(' \x0017'),
    'a Content-Length before a NUL': sized(' 17\0'),
    'a Content-Length of other digits': sized(' \xd9\xa1\xd9\xa7'),
    'a blank before the colon of Content-Length': post('Content-Length : 17\r\n', body),
    'a tab before the colon of Content-Length': post('Content-Length\t: 17\r\n', body),
    'a folded Content-Length': post('Content-Length:\r\n 17\r\n', body),
    'a Content-Length behind a bare LF': post('X: y\nContent-Length: 17\r\n', body),
    'a Content-Length behind a bare CR': post('X: y\rContent-Length: 17\r\n', body),
    // ---- Transfer-Encoding
    'chunked twice': coded(' chunked, chunked'),
    'two Transfer-Encodings': post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', whole),
    'chunked and another Transfer-Encoding': post('Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n', whole),
    'another Transfer-Encoding and chunked': post('Transfer-Encoding: cow\r\nTransfer-Encoding: chunked\r\n', whole),
    'a misspelt chunked': coded(' xchunked'),
    'chunked and a rest': coded(' chunkedx'),
    'chunk': coded(' chunk'),
    'chunked behind a vertical tab': coded(' \x0bchunked'),
    'chunked behind a form feed': coded('\x0cchunked'),
    'chunked behind a NUL': coded(' \0chunked'),
    'chunked before a NUL': coded(' chunked\0'),
    'chunked before a DEL': coded(' chunked\x7f'),
    'chunked behind a no-break space': coded(' \xa0chunked'),
    'chunked behind a BOM': coded(' \xef\xbb\xbfchunked'),
    'chunked in quotes': coded(' "chunked"'),
    'chunked in single quotes': coded(" 'chunked'"),
    'chunked with a parameter': coded(' chunked;x=y'),
    'chunked and a colon': coded(': chunked'),
    'chunked that is not last': coded(' chunked, gzip'),
    'chunked before identity': coded(' chunked, identity'),
    'only identity': coded(' identity', body),
    'only gzip': coded(' gzip', body),
    'an empty Transfer-Encoding': coded('', body),
    'a blank before the colon of Transfer-Encoding': post('Transfer-Encoding : chunked\r\n', whole),
    'a tab before the colon of Transfer-Encoding': post('Transfer-Encoding\t: chunked\r\n', whole),
    'a blank before Transfer-Encoding': post(' Transfer-Encoding: chunked\r\n', whole),
    'a vertical tab before Transfer-Encoding': post('\x0bTransfer-Encoding: chunked\r\n', whole),
    'a folded Transfer-Encoding': coded('\r\n chunked'),
    'a Transfer-Encoding that goes on folded': coded(' chunked\r\n folded'),
    'a Transfer-Encoding behind a bare LF': post('X: y\nTransfer-Encoding: chunked\r\n', whole),
    'a Transfer-Encoding behind a bare CR': post('X: y\rTransfer-Encoding: chunked\r\n', whole),
    'a Transfer-Encoding behind CR CR LF': post('X: y\r\r\nTransfer-Encoding: chunked\r\n', whole),
    'a Transfer-Encoding with a semicolon for its colon': post('Transfer-Encoding; chunked\r\n', whole),
    'a Transfer-Encoding with a blank for its hyphen': post('Transfer Encoding: chunked\r\n', whole),
    'chunks in HTTP/1.0': post('Transfer-Encoding: chunked\r\n', whole, 'HTTP/1.0'),
    // ---- chunks
    'no chunk size': chunked('\r\n0\r\n\r\n'),
    'a chunk size that is no number': chunked('zz\r\n'),
    'a chunk size with a sign': chunked(`+11\r\n${body}\r\n0\r\n\r\n`),
    'a negative chunk size': chunked('-1\r\n'),
    'a chunk size with 0x': chunked(`0x11\r\n${body}\r\n0\r\n\r\n`),
    'a chunk size with a comma': chunked(`1,1\r\n${body}\r\n0\r\n\r\n`),
    'a chunk size with an underscore': chunked(`1_1\r\n${body}\r\n0\r\n\r\n`),
    'a blank before a chunk size': chunked(` 11\r\n${body}\r\n0\r\n\r\n`),
    'a blank behind a chunk size': chunked(`11 \r\n${body}\r\n0\r\n\r\n`),
    'a tab behind a chunk size': chunked(`11\t\r\n${body}\r\n0\r\n\r\n`),
    'a NUL behind a chunk size': chunked(`11\0\r\n${body}\r\n0\r\n\r\n`),
    'a chunk size beyond 64 bits': chunked(`10000000000000011\r\n${body}\r\n0\r\n\r\n`),
    'a chunk size of all bits': chunked(`ffffffffffffffff\r\n${body}\r\n0\r\n\r\n`),
    'a chunk size of many zeros': chunked(`${'0'.repeat(40)}11\r\n${body}\r\n0\r\n\r\n`),
    'a chunk longer than it says': chunked(`10\r\n${body}\r\n0\r\n\r\n`),
    'a chunk without its line end': chunked(`11\r\n${body}0\r\n\r\n`),
    'a bare LF behind a chunk size': chunked(`11\n${body}\r\n0\r\n\r\n`),
    'a bare CR behind a chunk size': chunked(`11\r${body}\r\n0\r\n\r\n`),
    'CR CR LF behind a chunk size': chunked(`11\r\r\n${body}\r\n0\r\n\r\n`),
    'a bare LF behind a chunk': chunked(`11\r\n${body}\n0\r\n\r\n`),
    'a bare CR behind a chunk': chunked(`11\r\n${body}\r0\r\n\r\n`),
    'two bytes of noise behind a chunk': chunked(`11\r\n${body}xx0\r\n\r\n`),
    'a bare LF behind the last chunk': chunked(`11\r\n${body}\r\n0\n\r\n`),
    'a bare LF at the end': chunked(`11\r\n${body}\r\n0\r\n\n`),
    'a bare LF in a chunk extension': chunked(`11;x\n${body}\r\n0\r\n\r\n`), // TERM.EXT and EXT.TERM
    'a bare CR in a chunk extension': chunked(`11;x\ry\r\n${body}\r\n0\r\n\r\n`),
    'a NUL in a chunk extension': chunked(`11;x\0\r\n${body}\r\n0\r\n\r\n`),
    'a bare LF in the extension of the last chunk': chunked(`11\r\n${body}\r\n0;\n\r\n`),
    'a blank before a chunk extension': chunked(`11 ;x\r\n${body}\r\n0\r\n\r\n`),
    'too much of chunk extensions': chunked(`11;${'x'.repeat(17_000)}\r\n${body}\r\n0\r\n\r\n`),
    'a trailer without a colon': chunked(`11\r\n${body}\r\n0\r\nX\r\n\r\n`),
    'a trailer with a blank before its colon': chunked(`11\r\n${body}\r\n0\r\nX : y\r\n\r\n`),
    'a folded trailer': chunked(`11\r\n${body}\r\n0\r\nX: y\r\n z\r\n\r\n`),
    'a bare LF behind a trailer': chunked(`11\r\n${body}\r\n0\r\nX: y\n\r\n`),
    'a NUL in a trailer': chunked(`11\r\n${body}\r\n0\r\nX: \0\r\n\r\n`),
    'too much of trailers': chunked(`11\r\n${body}\r\n0\r\n${'X: yyyyyyyyyyyy\r\n'.repeat(1500)}\r\n`),
    // ---- a body where none is expected
    'a body with GET': get(`${host}Content-Length: ${hidden.length}\r\n`),
    'chunks with GET': get(`${host}Transfer-Encoding: chunked\r\n`) + `${hidden.length.toString(16)}\r\n`,
    'a body with HEAD': get(`${host}Content-Length: ${hidden.length}\r\n`).replace('GET', 'HEAD'),
  },
  413: {
    'a Content-Length of 2^63': sized(' 9223372036854775808'),
    'a Content-Length beyond 64 bits': sized(' 18446744073709551633'), // 17, when it is cut to 64
    'a Content-Length of many zeros': sized(' 00000000000000000017'),
    'a Content-Length above the limit': sized(' 999999999'),
  },
  414: { 'a long target': get(host, `/healthz?${'a'.repeat(20_000)}`), 'a target that does not end': `GET /${'a'.repeat(20_000)}` },
  417: {
    'an unknown expectation': post('Expect: the-spanish-inquisition\r\nContent-Length: 17\r\n', body),
    'a list of expectations': post('Expect: 100-continue, else\r\nContent-Length: 17\r\n', body),
  },
  431: {
    'a long header': get(`${host}X: ${'a'.repeat(100_000)}\r\n`),
    'a long name': get(`${host}${'a'.repeat(100_000)}: X\r\n`),
    'too many headers': get(host + 'A: b\r\n'.repeat(1000)),
    'a method that does not end': 'G'.repeat(30_000),
  },
  501: {
    'another coding beneath chunked': coded(' gzip, chunked'),
    'identity beneath chunked': coded(' identity, chunked'),
    'an unknown coding beneath chunked': coded(' cow , chunked'),
  },
  505: {
    'HTTP/0.9 with its version': get(host, '/healthz', 'HTTP/0.9'),
    'HTTP/2.0': get(host, '/healthz', 'HTTP/2.0'),
    'HTTP/3.0': get(host, '/healthz', 'HTTP/3.0'),
    'the preface of HTTP/2': 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
  },
};

export const refused = Object.entries(malformed).flatMap(([status, cases]) =>
  Object.entries(cases).map(([what, bytes]) => ({ what, bytes: Buffer.from(bytes + hidden, 'latin1'), status: Number(status) })));

const CLOSES = 'closes'; // then nothing behind it is a request
const SERVED = 'served'; // the hidden one is a request of its own, which comes next

// Taken by all who keep to the RFC: the statuses of the answers, and what becomes of what comes behind.
export const accepted = [
  ['an empty line in front', `\r\n${get(host)}`, [200], SERVED],
  ['HTTP/1.2', get(host, '/healthz', 'HTTP/1.2'), [200], SERVED],
  ['an empty Host', get('Host:\r\n'), [200], SERVED],
  ['an absolute target, whatever Host says', get('Host: evil.test\r\n', 'http://push.test/healthz'), [200], SERVED],
  ['blanks around a value', get('Host:  \t push.test \t \r\n'), [200], SERVED],
  ['two requests at once', get(host) + get(host), [200, 200], SERVED],
  ['a body of no bytes with GET', get(`${host}Content-Length: 0\r\n`), [200], SERVED],
  ['Content-Length: 0 before a request', post('Content-Length: 0\r\n'), [400], SERVED],
  ['a Content-Length with zeros in front', sized(' 0017'), [200], SERVED],
  ['a Content-Length between blanks', sized('\t 17 \t'), [200], SERVED],
  ['an empty line behind a body', `${sized(' 17')}\r\n`, [200], SERVED],
  ['no length at all', post(''), [400], SERVED],
  ['headers that end in underscores', post('Content_Length: 17\r\nTransfer_Encoding: chunked\r\n'), [400], SERVED],
  ['Connection that names Content-Length', post('Connection: Content-Length\r\nContent-Length: 17\r\n', body), [200], SERVED],
  ['Connection that names Transfer-Encoding', post('Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n', whole), [200], SERVED],
  ['Upgrade: h2c', post('Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nContent-Length: 17\r\n', body), [200], SERVED],
  ['Upgrade: websocket', get(`${host}Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n`), [200], SERVED],
  ['chunks', chunked(whole), [200], SERVED],
  ['chunked in another case', coded(' ChUnKeD'), [200], SERVED],
  ['a chunk size with zeros in front', chunked(`0000011\r\n${body}\r\n000\r\n\r\n`), [200], SERVED],
  ['chunk extensions', chunked(`11;x;y=z;q="\xe9;\\""\r\n${body}\r\n0;last\r\n\r\n`), [200], SERVED],
  ['trailers that would be framing', chunked(`11\r\n${body}\r\n0\r\nContent-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n`), [200], SERVED],
  ['X-HTTP-Method-Override', get(`${host}X-HTTP-Method-Override: POST\r\n`), [200], SERVED],
  ['HTTP/1.0', post('Content-Length: 17\r\n', body, 'HTTP/1.0'), [200], CLOSES],
  ['Connection: close', get(`${host}Connection: close\r\n`), [200], CLOSES],
  ['a preflight with a body', get(`${host}Content-Length: ${hidden.length}\r\n`).replace('GET', 'OPTIONS'), [204], CLOSES],
].map(([what, bytes, statuses, behind]) => ({ what, bytes: Buffer.from(bytes + hidden, 'latin1'), statuses, served: behind === SERVED }));
