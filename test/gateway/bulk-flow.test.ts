// Bulk publishes that do not go well: clients that stall, break off or read nothing, a service that
// is killed or stops, a database that is away, limits of rate and of number.

import { randomUUID } from 'node:crypto'
import { PassThrough, Readable } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { call, publish } from '../../scripts/kit/client.ts'
import { until } from '../../scripts/kit/until.ts'
import { limits } from '../../src/config.ts'
import { type BulkServices, publishLines } from '../../src/gateway/bulk.ts'
import type { NewEvent } from '../../src/log/event.ts'
import { useDatabase } from '../helpers/database.ts'
import { anEvent } from '../helpers/factory.ts'
import { startService, useService } from '../helpers/service.ts'
import { lineOf, openBulk, sendBulk } from './bulk-client.ts'

const database = useDatabase()
const service = useService('serve', database)
const keyed = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, i) => `${prefix}-${i}`)
const bodyOf = (keys: string[], payload?: string) =>
  keys.map((key) => lineOf(key, payload)).join('')

async function storedKeys(prefix: string): Promise<string[]> {
  const { rows } = await database.pool.query(
    'select idempotency_key as key from event where idempotency_key like $1 order by position',
    [`${prefix}-%`],
  )
  return rows.map(({ key }) => key)
}

async function madeKey(more: object): Promise<string> {
  const { body } = await call<{ token: string; id: string }>(`${service.url}/api/v1/api-keys`, {
    body: JSON.stringify({ name: 'k', tenants: ['dodici'], scopes: ['publish'], ...more }),
  })
  return body.token
}

describe('a bulk body', () => {
  it('is answered while it is sent', async () => {
    const bulk = openBulk(service.url)
    for (let n = 1; n <= 3; n++) {
      bulk.request.write(lineOf(randomUUID()))
      await until(`answer ${n}`, () => bulk.answers.length === n)
    }
    bulk.request.end()
    expect(await bulk.whole).toBe(true)
  })

  it('that breaks off has stored its whole lines, and not the last piece', async () => {
    const bulk = openBulk(service.url)
    const piece = lineOf('half-2').trimEnd()
    bulk.request.write(lineOf('half-0') + lineOf('half-1') + piece)
    await until('two answers', () => bulk.answers.length === 2)
    bulk.request.destroy()
    await publish(service.url, { key: 'after', payload: '{}' })
    expect(await storedKeys('half')).toEqual(['half-0', 'half-1'])
  })

  it('ends at the stop of the service, which answers what it has stored', async () => {
    const own = await startService('serve', { DATABASE_URL: database.url })
    const bulk = openBulk(own.url)
    const keys = keyed('stop', 100_000)
    Readable.from(keys.map((key) => lineOf(key))).pipe(bulk.request)
    await until('some answers', () => bulk.answers.length > 1_000)
    expect(await own.kill('SIGTERM')).toBe(0)
    expect(await bulk.whole).toBe(false)
    expect(bulk.answers.every(({ position }) => position !== undefined)).toBe(true)
    const stored = await storedKeys('stop')
    expect(stored).toEqual(keys.slice(0, bulk.answers.length))
  })

  it('sent again after each kill of the service has each event once, in order', async () => {
    const keys = keyed('kill', 20_000)
    const body = bodyOf(keys)
    for (let kill = 0; kill < 3; kill++) {
      const own = await startService('serve', { DATABASE_URL: database.url })
      const bulk = openBulk(own.url)
      bulk.request.end(body)
      const wanted = (kill + 1) * 4_000
      await until('answers', () => bulk.answers.length > wanted)
      await own.kill('SIGKILL')
      expect(await bulk.whole).toBe(false)
    }
    const { answers, isWhole } = await sendBulk(service.url, body)
    expect(isWhole).toBe(true)
    expect(answers.filter(({ error }) => error)).toEqual([])
    expect(answers.filter(({ duplicate }) => duplicate).length).toBeGreaterThan(12_000)
    expect(await storedKeys('kill')).toEqual(keys)
  })

  it('is slowed by the rate of its key, and does not fail', async () => {
    const key = await madeKey({ rate: 200 })
    const started = performance.now()
    const { answers } = await sendBulk(service.url, bodyOf(keyed('rate', 500)), {}, key)
    expect(answers.filter(({ position }) => position)).toHaveLength(500)
    // 200 at once, and 200 a second from then on.
    expect(performance.now() - started).toBeGreaterThan(1_400)
  })

  it('ends when its key is revoked', async () => {
    const { body: made } = await call<{ token: string; id: string }>(
      `${service.url}/api/v1/api-keys`,
      {
        body: JSON.stringify({ name: 'k', tenants: ['dodici'], scopes: ['publish'] }),
      },
    )
    const bulk = openBulk(service.url, {}, made.token)
    bulk.request.write(lineOf('revoked-0'))
    await until('an answer', () => bulk.answers.length === 1)
    await call(`${service.url}/api/v1/api-keys/${made.id}`, { method: 'DELETE' })
    // At once, by the process that has revoked it.
    bulk.request.write(lineOf('revoked-1'))
    await until('a second answer', () => bulk.answers.length === 2)
    expect(bulk.answers[1]?.error?.code).toBe('unauthorized')
    expect(await bulk.whole).toBe(false)
  })

  it('is one of few of a tenant', async () => {
    const many = Array.from({ length: 6 }, () => openBulk(service.url, { tenant: 'many' }))
    let open = 0
    for (const { response } of many) {
      response.then(
        ({ statusCode }) => (open += Number(statusCode === 200)),
        () => {},
      )
    }
    await until('some are open', () => open >= 3)
    const other = await sendBulk(service.url, lineOf('other'), { tenant: 'other' })
    expect(other.answers).toHaveLength(1)
    expect(open).toBe(3)
    const refused = await Promise.any(
      many.map(async ({ response }) => {
        const { statusCode, headers } = await response
        if (statusCode !== 503) throw new Error('It is open.')
        return headers
      }),
    )
    expect(refused['retry-after']).toBe('1')
    for (const { request } of many) request.destroy()
  })
})

describe('publishLines', () => {
  const services = (changes: Partial<BulkServices>): BulkServices => ({
    publisher: {
      publish: () => Promise.reject(new Error()),
      publishTogether: async (events) =>
        events.map((_, i) => ({ outcome: 'appended', position: i + 1 })),
      mostTogether: () => ({ events: 500, bytes: 1e6 }),
    },
    tenant: 'dodici',
    eventOf: (line) => anEvent({ idempotencyKey: String(line) }),
    mostLineBytes: 1_000,
    take: () => 0,
    authorize: async () => {},
    explain: (error) => error as never,
    textOf: ({ position }) => `${position}\n`,
    stillMs: 60_000,
    stopping: new AbortController().signal,
    ...changes,
  })

  it('breaks a body off that brings nothing for too long', async () => {
    const body = new PassThrough()
    const answer = new PassThrough()
    body.write('a\nb')
    expect(await publishLines(body, answer, services({ stillMs: 100 }))).toBe('broken')
    expect(String(answer.read())).toBe('1\n')
  })

  it('stores no more than there is room for answers that nobody reads', async () => {
    const body = new PassThrough()
    const answer = new PassThrough()
    let published = 0
    const publisher = {
      ...services({}).publisher,
      publishTogether: async (events: NewEvent[]) => {
        published += events.length
        return events.map(() => ({ outcome: 'appended' as const, position: 1 }))
      },
    }
    const textOf = () => `${'x'.repeat(99)}\n`
    Readable.from(Array.from({ length: 1_000 }, () => 'a\n'.repeat(100))).pipe(body)
    expect(await publishLines(body, answer, services({ publisher, textOf, stillMs: 500 }))).toBe(
      'broken',
    )
    expect(published).toBeGreaterThan(10_000)
    expect(published).toBeLessThan(13_000)
  })

  it('breaks off, too, if a line waits that the next part has no room for any more', async () => {
    const body = new PassThrough()
    let taken = 0
    const publisher = {
      ...services({}).publisher,
      // Others begin to publish.
      mostTogether: () => ({ events: taken < 700 ? 500 : 100, bytes: 1e6 }),
    }
    const take = () => (++taken === 700 ? 20 : 0)
    // One part fills what may wait for a client that reads nothing.
    const textOf = () => 'x'.repeat(Math.ceil(limits.bulkAnswersBytes / 250))
    body.end('a\n'.repeat(1_000))
    const slow = services({ publisher, take, textOf, stillMs: 300 })
    expect(await publishLines(body, new PassThrough(), slow)).toBe('broken')
  })

  it('goes on with a line whose time to wait is over before it waits', async () => {
    const body = new PassThrough()
    let taken = 0
    const take = () => (++taken % 20 === 0 ? 0 : 1e-6)
    body.end('a\nb\nc\n')
    const answer = new PassThrough()
    expect(await publishLines(body, answer, services({ take, stillMs: 5_000 }))).toBe('complete')
    expect(String(answer.read()).split('\n')).toHaveLength(4)
  })

  it('publishes nothing after a part that is not known to be stored', async () => {
    const parts: string[][] = []
    const publisher = {
      ...services({}).publisher,
      mostTogether: () => ({ events: 2, bytes: 1e6 }),
      publishTogether: async (events: NewEvent[]) => {
        parts.push(events.map(({ idempotencyKey }) => idempotencyKey))
        if (parts.length === 2) throw new Error('away')
        return events.map(() => ({ outcome: 'appended' as const, position: 1 }))
      },
    }
    const body = new PassThrough()
    const answer = new PassThrough()
    body.end('a\nb\nc\nd\ne\nf\n')
    const explain = () => ({ code: 'unavailable', message: 'away', details: [] }) as never
    expect(await publishLines(body, answer, services({ publisher, explain }))).toBe('broken')
    expect(parts).toEqual([
      ['a', 'b'],
      ['c', 'd'],
    ])
    const lines = String(answer.read()).trimEnd().split('\n')
    expect(lines.slice(0, 2)).toEqual(['1', '1'])
    expect(lines.slice(2).map((line) => JSON.parse(line).error.code)).toEqual(['unavailable'])
  })
})
