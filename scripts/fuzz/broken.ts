// Bytes over a raw socket that are not HTTP, have two readings as HTTP, or are only its beginning.
// Each has the number of its requests that a strict server may carry out.

import type { Chance } from '../kit/chance.ts'

export type Broken = {
  what: string
  pieces: Buffer[]
  /** The most successes. */
  most: number
  /** Whether our side closes its half after the last piece. */
  end: boolean
  /** Whether the server has all it needs to answer or close at once. */
  isWhole: boolean
}

/** A publish that would be stored, with a key of its own. */
type Publish = { head: (more?: string) => string; body: string }

/** A publish for a tenant by a token; `key` makes it one event of its own. */
export function publishOf(tenant: string, token: string, key: string): Publish {
  const body = '{"raw":1}'
  const headers = [
    ...['POST /events/order.raw HTTP/1.1', 'host: fuzz.test', `authorization: Bearer ${token}`],
    ...[`tenant: ${tenant}`, 'team: fuzz', 'service: fuzz', 'entity-id: 1'],
    `idempotency-key: ${key}`,
  ]
  return { head: (more = '') => `${headers.join('\r\n')}\r\n${more}`, body }
}

/** One of the shapes, at random. `publish(n)` is the nth publish of this exchange. */
export function brokenOf(chance: Chance, publish: (nth: number) => Publish): Broken {
  return chance.pick(shapes)(chance, publish)
}

type Shape = (chance: Chance, publish: (nth: number) => Publish) => Broken

const whole = ({ head, body }: Publish) =>
  `${head(`content-length: ${body.length}\r\n`)}\r\n${body}`

/** Complete and wrong: none of it may be carried out. */
const wrong =
  (what: string, make: (publish: Publish, second: string, chance: Chance) => string): Shape =>
  (chance, publish) => ({
    what,
    most: 0,
    end: chance.happens(0.3),
    isWhole: true,
    pieces: [Buffer.from(make(publish(0), whole(publish(1)), chance), 'latin1')],
  })

const shapes: Shape[] = [
  wrong('a request line', (_, __, chance) => `${chance.pick(requestLines)}\r\nhost: a\r\n\r\n`),
  wrong('CL and TE', ({ head }, second) => {
    return `${head('content-length: 5\r\ntransfer-encoding: chunked\r\n')}\r\n0\r\n\r\n${second}`
  }),
  wrong('TE and CL', ({ head }, second) => {
    return `${head('transfer-encoding: chunked\r\ncontent-length: 5\r\n')}\r\n0\r\n\r\n${second}`
  }),
  wrong('TE spelled otherwise', ({ head }, second, chance) => {
    return `${head(`${chance.pick(codings)}\r\ncontent-length: 9\r\n`)}\r\n${'{"raw":1}'}${second}`
  }),
  wrong('two lengths', ({ head, body }, second) => {
    return `${head('content-length: 9\r\ncontent-length: 0\r\n')}\r\n${body}${second}`
  }),
  wrong('an invalid length', ({ head, body }, second, chance) => {
    return `${head(`content-length: ${chance.pick(lengths)}\r\n`)}\r\n${body}${second}`
  }),
  wrong('a header over two lines', ({ head, body }) => {
    return `${head('content-length: 9\r\nx-a: b\r\n \tc\x00\r\n')}\r\n${body}`
  }),
  wrong('a bare line feed', ({ head, body }) => `${head('content-length: 9\n')}\n${body}`),
  wrong('a bare carriage return', ({ head, body }) => {
    return `${head('content-length: 9\r\nx-a: b\rx-b: c\r\n')}\r\n${body}`
  }),
  wrong('a blank in a header name', ({ head, body }) => {
    return `${head('content-length : 9\r\n')}\r\n${body}`
  }),
  wrong('a header without a colon', ({ head, body }) => {
    return `${head('content-length: 9\r\nnothing\r\n')}\r\n${body}`
  }),
  wrong('headers that are too large', ({ head, body }) => {
    return `${head(`content-length: 9\r\nx-a: ${'a'.repeat(70_000)}\r\n`)}\r\n${body}`
  }),
  wrong('too many headers', ({ head, body }) => {
    return `${head(`content-length: 9\r\n${'x-a: b\r\n'.repeat(9_000)}`)}\r\n${body}`
  }),
  wrong('an invalid chunk', ({ head }, _, chance) => {
    return `${head('transfer-encoding: chunked\r\n')}\r\n${chance.pick(chunks)}`
  }),
  wrong('TLS', () => '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'),
  wrong('HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  wrong('noise', (_, __, chance) => {
    const bytes = Array.from({ length: 200 }, () => String.fromCharCode(chance.whole(0, 255)))
    return `${bytes.join('')}\r\n\r\n`
  }),
  (chance, publish) => {
    const count = chance.whole(2, 8)
    const all = Array.from({ length: count }, (_, nth) => whole(publish(nth))).join('')
    return { ...plain('pipelined', all), most: count }
  },
  (chance, publish) => {
    const { head, body } = publish(0)
    const text = `${head(`content-length: ${body.length + chance.whole(1, 90)}\r\n`)}\r\n${body}`
    return { ...plain('a body that is cut off', text), most: 0, end: true }
  },
  (chance, publish) => {
    const text = whole(publish(0))
    const cut = text.slice(0, chance.whole(1, text.length - 1))
    return { ...plain('half a request', cut), most: 0, end: chance.happens(0.5), isWhole: false }
  },
  (chance, publish) => {
    const text = whole(publish(0))
    const step = Math.ceil(text.length / chance.whole(10, 40))
    const pieces = (text.match(new RegExp(`.{1,${step}}`, 'gs')) ?? []).map((one) =>
      Buffer.from(one),
    )
    return { ...plain('slow', text), pieces, most: 1 }
  },
  (_, publish) => ({ ...plain('half closed', whole(publish(0))), most: 1, end: true }),
]

const plain = (what: string, text: string): Broken => ({
  what,
  pieces: [Buffer.from(text)],
  most: 0,
  end: false,
  isWhole: true,
})

const requestLines = [
  ...['GET', 'GET /', 'GET / HTTP/9.9', 'GET  / HTTP/1.1', 'GET /\x00 HTTP/1.1', ' GET / HTTP/1.1'],
  ...['GET /a b HTTP/1.1', 'GET \\ HTTP/1.1', 'CONNECT fuzz.test:80 HTTP/1.1', 'GET * HTTP/1.1'],
  ...['get / http/1.1', 'POST events/order.raw HTTP/1.1', `GET /${'a'.repeat(70_000)} HTTP/1.1`],
  ...[
    'GET / HTTP/1.1 HTTP/1.1',
    'GET / HTTP/1.',
    'GET / ICAP/1.0',
    '\x7fET / HTTP/1.1',
    'GET\t/\tHTTP/1.1',
  ],
]
const codings = [
  ...[
    'transfer-encoding: xchunked',
    'transfer-encoding: chunked, identity',
    'transfer-encoding:\x0bchunked',
  ],
  ...['transfer-encoding: chunked\r\ntransfer-encoding: x', 'transfer-encoding: x, chunked'],
]
const lengths = [
  '-1',
  '+9',
  '9 9',
  '0x9',
  '9,9',
  '9e0',
  '',
  '99999999999999999999',
  '9\x00',
  'nine',
]
const chunks = [
  ...['zz\r\nabc\r\n0\r\n\r\n', '-1\r\n\r\n', 'fffffffffffffffff\r\n', '9\r\n{"raw":1}0\r\n\r\n'],
  ...[
    '9\n{"raw":1}\n0\n\n',
    '9 9\r\n{"raw":1}\r\n0\r\n\r\n',
    '\r\n\r\n',
    '0x9\r\n{"raw":1}\r\n0\r\n\r\n',
  ],
]
