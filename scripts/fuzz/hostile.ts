// Hostile values: texts, numbers, times, and spellings of addresses that are not public. Lists, so
// that a new one is a line.

/** Replaced, with its quotes, by its contents: numbers that JSON.stringify cannot write. */
export const raw = (json: string): string => `@raw:${json}@`

export const TEXTS = [
  ...['', ' ', '\u0000', 'a\u0000b', '\u0001\u001f', '\u007f\u0085', '\t', 'a\nb', '\u2028'],
  ...['\ud83d', 'a\udc00', '\udc00\ud83d', '\ufffd', '\ufeff', 'e\u0301', 'ıİßﬁ', '😀𝒳', '\u200b'],
  ...['\u202eabc\u2066', 'a'.repeat(256), 'a'.repeat(1_025), 'ü'.repeat(256), '😀'.repeat(128)],
  ...["'; drop table event; --", '" or 1=1', '\\', '%', '%00', '%2f', '../../etc', '.', '..', '*'],
  ...['{{7*7}}', '<script>', '\r\nx-injected: 1', '__proto__', 'constructor', 'toString'],
  ...[
    'null',
    'NaN',
    '1e999',
    '-0',
    '9'.repeat(400),
    'A',
    '-',
    '_',
    '/',
    '#',
    '?',
    '&a=b',
    ',',
    ';',
  ],
]

export const LONG_TEXT = 'x'.repeat(100_000)

export const NUMBERS: unknown[] = [
  ...[-1, 0, 1, 1.5, 101, 2 ** 31, 2 ** 53, 1e308, -1e308, 5e-324, raw('-0'), raw('1E400')],
  ...[raw('123456789012345678901234567890'), raw('0.10000000000000000000000001'), raw('1e-400')],
]

export const OTHER_TYPES: unknown[] = [null, true, 0, '', 'a', [], {}, [null], [[]], { a: 1 }]

export const TIMES = [
  ...['2026-02-30T00:00:00Z', '2016-12-31T23:59:60Z', '9999-12-31T23:59:59Z', '2026-01-01'],
  ...['0000-01-01T00:00:00Z', '-000001-01-01T00:00:00Z', '+275760-09-13T00:00:00.001Z'],
  ...['2026-01-01T24:00:00Z', '2026-01-01T00:00:00+99:99', '2026-01-01T00:00:00-00:00', '1e3'],
  ...['2026-01-01t00:00:00z', '2026-01-01T00:00:00.1234567890123456789Z', '2026-01-01 00:00:00Z'],
  ...['1900-02-29T00:00:00Z', '2026-13-01T00:00:00Z', 'now', 'infinity', '1969-12-31T23:59:59Z'],
  ...['2300-01-01T00:00:00Z', '2026-01-01T00:00Z', '2026-W01-1T00:00:00Z', 'epoch'],
]

/** Each leads to this machine, its network or a metadata service; all must be refused. */
export const PRIVATE_HOSTS = [
  ...['127.0.0.1', '127.1', '0', '0.0.0.0', '2130706433', '0x7f000001', '0x7f.1', '0177.0.0.1'],
  ...['127.0.0.1.', '127.000.000.001', '0x7f.0x0.0x0.0x1', '017700000001', '%31%32%37.0.0.1'],
  ...['127.255.255.254', '１２７.0.0.1', '127。0。0。1', 'localhost', 'LOCALHOST', 'localhost.'],
  ...['ⓛocalhost', 'loc%61lhost', '[::1]', '[::]', '[0:0:0:0:0:0:0:1]', '[::ffff:127.0.0.1]'],
  ...['[::ffff:7f00:1]', '[::127.0.0.1]', '[64:ff9b::7f00:1]', '[2002:7f00:1::]', '[fe80::1]'],
  ...['[fc00::1]', '[fd00:ec2::254]', '[ff02::1]', '10.0.0.1', '172.16.0.1', '192.168.0.1'],
  ...['169.254.169.254', '2852039166', '0xa9fea9fe', '100.64.0.1', '168.63.129.16', '224.0.0.1'],
  ...['255.255.255.255', '192.0.2.1', '198.18.0.1', '240.0.0.1', '192.0.0.192', 'inside.fuzz.test'],
]

export const METHODS = [
  ...['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND', 'PURGE'],
  ...['QUERY', 'get', 'Post', 'FOO'],
]

export const CONTENT_TYPES = [
  ...['text/plain', 'application/xml', 'application/x-www-form-urlencoded', 'multipart/form-data'],
  ...['application/json; charset=utf-16', 'APPLICATION/JSON', 'application/x-ndjson', '', '/', ';'],
]

export const AUTHORIZATIONS = [
  ...['', 'Bearer', 'Bearer ', 'bearer x', 'Basic Og==', 'Basic !!!', 'Bearer a b', 'Bearer ..'],
  ...['Bearer a.b.c', 'Bearer eyJhbGciOiJub25lIn0.e30.', 'Negotiate', 'Bearer mr_000000000000_x'],
  ...[`Bearer ${'a'.repeat(8_000)}`, 'Bearer \xff', 'Bearer null', 'Digest username="a"'],
]
