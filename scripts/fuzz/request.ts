// A request of one operation: valid, or with one thing wrong. A function of the seed, the request's
// number, and the ids that answers have told so far.

import { type Chance, createChance } from '../kit/chance.ts'
import { complete } from './complete.ts'
import type { Operation } from './document.ts'
import { AUTHORIZATIONS, CONTENT_TYPES, METHODS, TEXTS } from './hostile.ts'
import { type Mutated, mutateBytes, mutateUrl, mutateValue, toJson } from './mutate.ts'
import { type Caller, callerOf, type Tenant } from './tenant.ts'
import { draw, SECRET, type World } from './values.ts'

export type Request = {
  serial: number
  operation: Operation
  caller: Caller
  tenant: Tenant
  method: string
  target: string
  /** Each character is a byte. */
  headers: [name: string, value: string][]
  body: Buffer | undefined
  /** What is wrong with it, in words; '' if nothing is meant to be. */
  what: string
  /** Whether it names something by an id of another tenant. */
  isForeign: boolean
}

/** What there is of requests with a body, beyond their share of the operations. */
const WITH_BODY = 0.35

export type Block = {
  tenants: Tenant[]
  secret: string
  listenerPort: number
  seed: number
  /** Operations that have hardly ever succeeded so far. */
  rare: Operation[]
}

/** What there is of requests for the rare operations, beyond their share. */
const RARE = 0.15

/** The chance of one request: it draws what it draws, whatever the others drew. */
export const chanceOf = (seed: number, serial: number): Chance =>
  createChance(Math.imul(seed, 0x9e3779b1) ^ Math.imul(serial, 0x85ebca6b))

/** Request number `serial`, for one of the operations. */
export function requestOf(operations: Operation[], serial: number, block: Block): Request {
  const chance = chanceOf(block.seed, serial)
  // In a body there is more to be wrong than elsewhere.
  const withBody = operations.filter(({ body }) => body)
  const { rare } = block
  const some = chance.happens(WITH_BODY) ? withBody : operations
  const operation = chance.pick(rare.length > 0 && chance.happens(RARE) ? rare : some)
  const tenant = chance.pick(block.tenants)
  const others = block.tenants.filter((one) => one !== tenant)
  const { scope } = operation
  const caller = callerOf({ scope, tenant, others, serial }, { chance, secret: block.secret })
  const { listenerPort } = block
  const { name: marker, keys, ids: ownIds } = tenant
  const world: World = { chance, marker, listenerPort, ids: ownIds, key: keys.whole }
  const isForeign = operation.path.includes('{') && chance.happens(0.08)
  const owner = isForeign ? chance.pick(others) : tenant
  const found = fillPath(operation, idsFor(operation, owner, chance), world)
  const request: Request = {
    serial,
    operation,
    caller,
    tenant,
    method: operation.method,
    what: '',
    target: found.path + queryOf(operation, world),
    headers: headersOf(operation, caller, world),
    body: undefined,
    isForeign: isForeign && found.isKnown,
  }
  const value =
    operation.body && complete(operation.id, draw(operation.body.schema, '', world), world)
  request.body = value === undefined ? undefined : bytesOf(operation, value)
  if (chance.happens(0.6)) mutate(request, value, chance)
  return request
}

/** The bytes of a request as they go over the wire. */
export function toBytes({ method, target, headers, body }: Request): Buffer {
  const isChunked = headers.some(([name]) => name === 'transfer-encoding')
  const length: [string, string][] =
    body && !isChunked ? [['content-length', String(body.length)]] : []
  const lines = [...headers, ...length].map(([name, value]) => `${name}: ${value}\r\n`)
  const head = Buffer.from(`${method} ${target} HTTP/1.1\r\n${lines.join('')}\r\n`, 'latin1')
  if (!body) return head
  if (!isChunked) return Buffer.concat([head, body])
  const size = Buffer.from(`${body.length.toString(16)}\r\n`)
  const chunk = body.length > 0 ? [size, body, Buffer.from('\r\n')] : []
  return Buffer.concat([head, ...chunk, Buffer.from('0\r\n\r\n')])
}

/** UTF-8 as the characters of a header. */
const inHeader = (text: string) => Buffer.from(text).toString('latin1')

/** Ids that fit together: of an integration that can be updated, of a rejected event's owner. */
function idsFor({ id, path }: Operation, tenant: Tenant, chance: Chance): Tenant['ids'] {
  const { ids, stopped } = tenant
  if (chance.happens(0.3)) return ids
  if (id === 'updateIntegration') return new Map([['integration_id', [stopped]]])
  const isOwned = ({ parameter }: { parameter: string }) => path.includes(`{${parameter}}`)
  const pairs = path.includes('{event_id}') ? tenant.rejected.filter(isOwned) : []
  if (pairs.length === 0) return ids
  const { parameter, owner, event } = chance.pick(pairs)
  return new Map([
    [parameter, [owner]],
    ['event_id', [event]],
  ])
}

function fillPath({ path, parameters }: Operation, ids: Tenant['ids'], world: World) {
  const { chance } = world
  let isKnown = false
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    const known = ids.get(name) ?? []
    if (known.length > 0 && chance.happens(0.9)) {
      isKnown = true
      return encodeURIComponent(chance.pick(known))
    }
    const parameter = parameters.find((one) => one.name === name)
    return encodeURIComponent(String(draw(parameter?.schema ?? {}, name, world)))
  })
  return { path: filled, isKnown }
}

function queryOf({ parameters }: Operation, world: World): string {
  const query = parameters
    .filter(
      ({ in: place, required }) => place === 'query' && (required || world.chance.happens(0.5)),
    )
    .map(({ name, schema }) => `${name}=${encodeURIComponent(String(draw(schema, name, world)))}`)
  return query.length > 0 ? `?${query.join('&')}` : ''
}

function headersOf(operation: Operation, caller: Caller, world: World): Request['headers'] {
  const { chance, marker } = world
  const headers: Request['headers'] = [['host', 'fuzz.test']]
  if (caller.authorization !== undefined) headers.push(['authorization', caller.authorization])
  for (const { in: place, name, required, schema } of operation.parameters) {
    if (place !== 'header') continue
    // A token of several tenants, or another's, says nothing of the one that is meant.
    const isOptional = !required && (name !== 'tenant' || caller.tenants.join() === marker)
    if (isOptional && chance.happens(name === 'tenant' ? 0.2 : 0.8)) continue
    if (name === 'tenant' && !required && chance.happens(0.2)) {
      headers.push(['x-twc-tenant', marker])
    } else if (name === 'tenant') headers.push([name, marker])
    else headers.push([name, inHeader(String(draw(schema, name, world)))])
  }
  if (operation.body) headers.push(['content-type', operation.body.type])
  return headers
}

function bytesOf({ body }: Operation, value: unknown): Buffer {
  if (body?.type === 'application/json') return Buffer.from(toJson(value))
  // A mutation may have made anything of the fields of a form.
  const isFields = typeof value === 'object' && value !== null
  const fields = Object.entries(isFields ? value : { value }).map(
    ([key, of]) => [key, String(of)] as [string, string],
  )
  return Buffer.from(new URLSearchParams(fields).toString())
}

function mutate(request: Request, value: unknown, chance: Chance): void {
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
