// Data that every way in and every way out must carry.
export const payloads = {
  'nothing': '',
  'a blank': ' ',
  'LF': '\n',
  'CR': '\r',
  'CRLF': '\r\n',
  'LF CR': '\n\r',
  'a CR inside': 'a\rb',
  'a forged event': 'a\r\nid: 9\r\n\r\nevent: x\r\ndata: forged\r\n\r\n',
  'forged by CR alone': 'a\r\rid: 9\rdata: forged\r\r',
  'forged by LF alone': 'a\n\nretry: 1\nevent: x\ndata: forged\n\n',
  'a byte order mark': '\ufeff',
  'a byte order mark first': '\ufeffdata: x',
  'what only looks like line ends': 'a\u2028b\u2029c\u0085d\ve\ff',
  'other controls': 'a\x01\x08\x1b\x7f\u009fb',
  'what looks like a field': 'data: x',
  'what looks like a retry': 'retry: 1',
  'what looks like a comment': ': no comment',
  'what looks like an escape': '\\n\\u0000%00&amp;+',
  'JSON': '{"a":["b\\n",null]}',
  'a JSON string': '"quoted \\" inside"',
  'markup': '<script>alert("&\'")</script>',
  'blanks around': '  two before, two behind  ',
  'line ends around': '\n\na\n\n',
  'every width of UTF-8': 'aé€😀\u{10ffff}\uffff',
  '64 KiB': 'é'.repeat(32 * 1024),
};

// As a line-based transport gives it back: CRLF and CR have become LF.
export const asLines = (data) => data.replace(/\r\n?/g, '\n');
