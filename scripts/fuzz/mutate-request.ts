// Makes one thing wrong with a request: a header, its path, its method, its body.

import type { Chance } from '../kit/chance.ts'
import { AUTHORIZATIONS, CONTENT_TYPES, METHODS, TEXTS } from './hostile.ts'
import { bytesOf, inHeader, type Request } from './message.ts'
import { type Mutated, mutateBytes, mutateUrl, mutateValue } from './mutate.ts'
import { SECRET } from './values.ts'
/** Changes a request with a body from `value` in one way; `what` names it. */
export function mutate(request: Request, value: unknown, chance: Chance): void {
  const { operation, headers } = request
  const ways: (() => string)[] = [
    ...Array(3).fill(() => mutateHeader(request, chance)),
    ...Array(3).fill(() => mutatePath(request, chance)),
    () => {
      request.method = chance.pick(METHODS)
      return `the method ${request.method}`
    },
  ]
  if (operation.body) {
    const ofValue = () => {
      const mutated = mutateValue(value, chance)
      request.body = bytesOf(operation, mutated.value)
      return mutated.what
    }
    ways.push(...Array(9).fill(ofValue))
    const elsewhere = mutateUrl(value, chance)
    const ofUrl = ({ value: of, what }: Mutated<unknown>) => {
      request.body = bytesOf(operation, of)
      return what
    }
    if (elsewhere) ways.push(...Array(6).fill(() => ofUrl(elsewhere)))
    ways.push(...Array(3).fill(() => changeBytes()))
    ways.push(() => {
      request.headers = headers.filter(([name]) => name !== 'content-type')
      request.headers.push(['content-type', chance.pick(CONTENT_TYPES)])
      return 'another content type'
    })
    ways.push(() => {
      headers.push(['transfer-encoding', 'chunked'])
      return 'chunked'
    })
  }
  request.what = chance.pick(ways)()

  function changeBytes(): string {
    const mutated = mutateBytes(String(request.body), chance)
    request.body = mutated.value
    return `the body: ${mutated.what}`
  }
}

function mutateHeader(request: Request, chance: Chance): string {
  const { headers } = request
  const at = chance.whole(1, headers.length - 1)
  const [name, value] = headers[at] ?? ['x-unknown', '']
  const texts: (() => string)[] = [
    () => inHeader(chance.pick(TEXTS)).replace(/\r\n/g, ' '),
    () => value + inHeader(chance.pick(TEXTS)).replace(/\r\n/g, ' '),
    () => `\xff\xfe${value}`,
    () => `${'h'.repeat(chance.pick([300, 9_000, 20_000]))}`,
  ]
  const ways: (() => string)[] = [
    () => {
      headers.splice(at, 1)
      return `no header ${name}`
    },
    () => {
      headers.push([name, chance.pick([value, `${value}x`, 'other'])])
      return `the header ${name} twice`
    },
    () => {
      headers[at] = [name, chance.pick(texts)()]
      return `the header ${name}`
    },
    () => {
      headers[at] = [name.toUpperCase(), value]
      return `the header ${name} in capitals`
    },
    () => {
      const other = chance.pick(request.operation.parameters.filter((one) => one.in === 'header'))
      headers.push([other?.name ?? 'accept', inHeader(chance.pick(TEXTS)).replace(/\r\n/g, ' ')])
      return `one more header ${other?.name ?? 'accept'}`
    },
    () => {
      headers.push(...extra(chance))
      return `the header ${headers.at(-1)?.[0]}, too`
    },
    () => {
      request.headers = headers.filter(([one]) => one !== 'authorization')
      request.headers.push(['authorization', chance.pick(AUTHORIZATIONS)])
      request.caller = { kind: 'another token', authorization: '', tenants: [], mayPass: false }
      return 'another authorization'
    },
  ]
  return chance.pick(ways)()
}

const extra = (chance: Chance): Request['headers'] =>
  chance.pick<Request['headers']>([
    [['expect', '100-continue']],
    [['content-encoding', 'gzip']],
    [['x-twc-tenant', 'somebody']],
    [['if-match', '"1", "2"']],
    [['if-none-match', '*']],
    [['accept', 'image/png']],
    [['accept', 'application/x-ndjson']],
    [['range', 'bytes=0-1']],
    [['x-http-method-override', 'DELETE']],
    [['x-forwarded-host', `${SECRET}.test`]],
    [['connection', 'close']],
    [
      ['upgrade', 'h2c'],
      ['connection', 'Upgrade, HTTP2-Settings'],
    ],
    [['cookie', 'a=b; a=c']],
    [['content-type', 'text/plain']],
  ])

function mutatePath(request: Request, chance: Chance): string {
  const [path = '', query = ''] = request.target.split(/(?=\?)/)
  const segments = path.split('/')
  const at = chance.whole(1, segments.length - 1)
  const text = encodeURIComponent(chance.pick(TEXTS.filter((one) => one.isWellFormed())))
  const bits = [
    '%00',
    '%2f',
    '%2F..%2f',
    '%ff',
    '%',
    '%zz',
    '%c0%af',
    '%ed%a0%bd',
    '..',
    '.',
    ';a=b',
  ]
  const ways: (() => string)[] = [
    ...Array(3).fill(() => segments.with(at, text).join('/')),
    ...Array(3).fill(() => segments.with(-1, chance.pick(bits)).join('/')),
    ...Array(2).fill(() => `${path}${chance.pick(bits)}`),
    () => segments.with(at, (segments[at] as string).toUpperCase()).join('/'),
    () => `${path}/`,
    () => `/${path}`,
    () => path.replace(/[a-z]/, (letter) => `%${letter.charCodeAt(0).toString(16)}`),
    () => `${path}/${'x'.repeat(5_000)}`,
    () => `http://other.test${path}`,
    () => segments.toSpliced(at, 0, '..').join('/'),
    () => `${path}?limit=${text}&limit=2&before=${text}&__proto__=1`,
    () => `${path}?${text}`,
    () => `${path}?limit=${chance.pick(['-1', '0', '1e3', '01', '99999'])}`,
  ]
  const changed = chance.pick(ways)()
  request.target = changed.includes('?') ? changed : changed + query
  return 'the path'
}
