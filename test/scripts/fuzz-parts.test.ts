// What the fuzz rests on: the same seed makes the same requests, its client reads what a server may
// answer, and its judge finds what is planted.

import { describe, expect, it } from 'vitest'
import { type Broken, brokenOf, publishOf } from '../../scripts/fuzz/broken.ts'
import { createJudge, othersIn } from '../../scripts/fuzz/judge.ts'
import type { Request } from '../../scripts/fuzz/message.ts'
import { PRIVATE, toJson } from '../../scripts/fuzz/mutate.ts'
import { type Block, chanceOf, requestOf } from '../../scripts/fuzz/request.ts'
import type { Tenant } from '../../scripts/fuzz/tenant.ts'
import { SECRET } from '../../scripts/fuzz/values.ts'
import { type Answer, readAnswer } from '../../scripts/fuzz/wire.ts'
import { createChance } from '../../scripts/kit/chance.ts'
import { type Document, findPath, operationsOf } from '../../scripts/kit/document.ts'

const problem = {
  type: 'object',
  required: ['error_code', 'message', 'request_id'],
  properties: { error_code: { type: 'string' } },
}
const json = (schema: object) => ({ content: { 'application/json': { schema } } })
const document = {
  paths: {
    '/things': {
      post: {
        operationId: 'createThing',
        security: [{ bearer: ['configure'] }],
        requestBody: json({ type: 'object', properties: { id: { type: 'string' } } }),
        responses: { 201: json({ type: 'object' }) },
      },
    },
    '/things/{thing_id}': {
      get: {
        operationId: 'getThing',
        security: [{ bearer: ['read'] }],
        responses: {
          200: json({ type: 'object', required: ['id'] }),
          404: json({ $ref: '#/components/schemas/ConfigurationProblem' }),
        },
      },
    },
  },
  components: { schemas: { ConfigurationProblem: problem, GatewayProblem: problem } },
} as unknown as Document
const operations = operationsOf(document)

const key = { id: '000000000000', token: 'mr_000000000000_x' }
const tenantOf = (name: string): Tenant => ({
  name,
  ids: new Map([['thing_id', [`${name}-1`]]]),
  keys: { whole: key, narrow: key, revoked: key },
  stopped: `${name}-stopped`,
  rejected: [],
})
const block: Block = {
  tenants: [tenantOf('fza'), tenantOf('fzb')],
  secret: 'x'.repeat(32),
  listenerPort: 9,
  seed: 7,
  rare: [],
}
const shown = ({ method, target, what, body }: Request) => [method, target, what, String(body)]

describe('a request', () => {
  it('is the same for a seed and a number, and another for others', () => {
    const some = (seed: number) =>
      Array.from({ length: 50 }, (_, serial) =>
        shown(requestOf(operations, serial, { ...block, seed })),
      )
    expect(some(7)).toEqual(some(7))
    expect(some(7)).not.toEqual(some(8))
    expect(new Set(some(7).map(String)).size).toBeGreaterThan(20)
    expect(chanceOf(7, 1).whole(0, 1e9)).not.toBe(chanceOf(7, 2).whole(0, 1e9))
  })
  it('has numbers and depths that JSON.stringify cannot write', () => {
    expect(toJson({ a: '@raw:1E400@', b: '@raw:[[1]]@' })).toBe('{"a":1E400,"b":[[1]]}')
  })
})

describe('a path', () => {
  it('is found by its template, or by a spelling close to it', () => {
    expect(findPath(operations, '/things/a?b=c').kind).toBe('path')
    expect(findPath(operations, 'http://other.test/things/a').kind).toBe('path')
    expect(findPath(operations, '/Things/a').kind).toBe('nearly')
    expect(findPath(operations, '/things/a/').kind).toBe('nearly')
    expect(findPath(operations, '/things/a/b').kind).toBe('none')
    expect(findPath(operations, '/thing').kind).toBe('none')
  })
})

describe('the judge', () => {
  const judge = createJudge(document, operations)
  const [fza] = block.tenants as [Tenant]
  const asked = (changes: Partial<Request> = {}): Request => ({
    serial: 1,
    operation: operations[1] as Request['operation'],
    tenant: fza,
    caller: { kind: 'right', authorization: 'Bearer a', tenants: ['fza'], mayPass: true },
    method: 'GET',
    target: '/things/1',
    headers: [],
    body: undefined,
    what: '',
    isForeign: false,
    ...changes,
  })
  const answered = (status: number, body: unknown, headers: object = {}): Answer => ({
    status,
    ms: 1,
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    headers: new Map(Object.entries({ 'content-type': 'application/json', ...headers })),
  })
  const checksOf = (request: Request, answer: Answer) =>
    judge.faultsOf(request, answer).map(({ check }) => check)
  const missing = { error_code: 'not_found', message: 'No.', request_id: '1' }

  it('takes what is documented', () => {
    expect(checksOf(asked(), answered(200, { id: '1' }))).toEqual([])
    expect(checksOf(asked(), answered(404, missing))).toEqual([])
    expect(checksOf(asked({ target: '/THINGS/1' }), answered(404, missing))).toEqual([])
    expect(checksOf(asked({ method: 'PUT' }), answered(405, missing))).toEqual([])
    const byHttp = answered(400, '', { connection: 'close' })
    expect(checksOf(asked({ headers: [['host', 'a\x00']] }), byHttp)).toEqual([])
  })
  it.each([
    ['a 5xx of getThing', asked(), answered(500, missing)],
    ['a 5xx of getThing', asked(), answered(503, missing)],
    ['a status that is not documented', asked(), answered(201, { id: '1' })],
    ['a body of another shape', asked(), answered(200, { name: '1' })],
    ['a body of another shape', asked(), answered(404, { error: 'No.' })],
    ['a content type', asked(), answered(200, { id: '1' }, { 'content-type': 'text/html' })],
    ['the inside of the program', asked(), answered(200, { id: 'at file:///src/a.ts' })],
    ['a secret in an answer', asked(), answered(200, { id: `${SECRET}1` })],
    ['a secret in an answer', asked(), answered(200, { id: btoa(`a:${SECRET}1`) })],
    ['a secret in an answer', asked(), answered(200, { id: Buffer.from(SECRET).toString('hex') })],
    [
      'a status that is not documented',
      asked({ headers: [['host', 'fuzz.test']] }),
      answered(400, '', { connection: 'close' }),
    ],
    ['a credential in an answer', asked(), answered(200, { id: 'mr_0123456789ab_x' })],
    ['a header of a request', asked(), answered(200, { id: '1' }, { 'x-injected': '1' })],
    ["another's id", asked({ isForeign: true }), answered(200, { id: '1' })],
    [
      'a private target was taken',
      asked({ what: `callback_url: ${PRIVATE}` }),
      answered(200, { id: '1' }),
    ],
    [
      'a token that may not',
      asked({ caller: { ...asked().caller, mayPass: false } }),
      answered(200, { id: '1' }),
    ],
  ])('finds %s', (check, request, answer) => {
    expect(checksOf(request, answer)).toContain(check)
  })
  it("finds another tenant's name unless it was asked for", () => {
    const answer = answered(200, { id: 'fzb-1' })
    expect(othersIn(asked(), answer, ['fza', 'fzb'])).toEqual(['fzb'])
    expect(othersIn(asked({ target: '/things/fzb-1' }), answer, ['fza', 'fzb'])).toEqual([])
    expect(othersIn(asked(), answered(200, { id: 'fza-1' }), ['fza', 'fzb'])).toEqual([])
  })
})

describe('the client', () => {
  const read = (text: string, options = { isHead: false, isClosed: false }) =>
    readAnswer(Buffer.from(text), options)
  it('reads an answer by its length, in chunks, or to the end', () => {
    const counted = read('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1')
    expect([counted?.status, String(counted?.body), counted?.end]).toEqual([200, 'ab', 40])
    const chunked =
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n'
    expect(String(read(chunked)?.body)).toBe('abc')
    expect(read(chunked.slice(0, -4))).toBeUndefined()
    const open = 'HTTP/1.1 200 OK\r\n\r\nab'
    expect(read(open)).toBeUndefined()
    expect(String(read(open, { isHead: false, isClosed: true })?.body)).toBe('ab')
    expect(
      read('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n', { isHead: true, isClosed: false })?.end,
    ).toBe(38)
  })
})

describe('broken HTTP', () => {
  it('has every shape, and no more than eight events', () => {
    const chance = createChance(1)
    const all = Array.from(
      { length: 500 },
      (): Broken => brokenOf(chance, (nth) => publishOf('fza', 'token', `key-${nth}`)),
    )
    expect(new Set(all.map(({ what }) => what)).size).toBe(22)
    for (const { most, pieces } of all) {
      expect(most).toBeLessThanOrEqual(8)
      expect(Buffer.concat(pieces).length).toBeGreaterThan(0)
    }
  })
})
