// Reading ahead of the window, alone and with others that read the same page.

import { describe, expect, it } from 'vitest'
import { until } from '../../scripts/kit/until.ts'
import { createReader } from '../../src/delivery/reader.ts'
import { createSharedRead } from '../../src/delivery/shared-read.ts'
import { appendEvents } from '../../src/log/append.ts'
import type { Page } from '../../src/log/read.ts'
import { useDatabase } from '../helpers/database.ts'
import { aLoggedEvent, anEvent } from '../helpers/factory.ts'

const database = useDatabase()
const pageOf = (from: number, count: number, isLast = false): Page => ({
  rows: Array.from({ length: count }, (_, i) => aLoggedEvent({ position: from + i })),
  isLast,
})
const fail = (error: Error) => {
  throw error
}

describe('a reader', () => {
  it('gives what it is asked for, in order, and asks for more before it runs dry', async () => {
    const asked: number[] = []
    const reader = createReader({
      after: 0,
      read(after) {
        asked.push(after)
        return Promise.resolve(pageOf(after + 1, 500, after === 500))
      },
      onPage: () => {},
      onError: fail,
    })
    const taken: number[] = []
    await until('a thousand rows', () => {
      taken.push(...reader.take(40).map(({ position }) => position))
      return taken.length === 1_000
    })
    expect(taken).toEqual(Array.from({ length: 1_000 }, (_, i) => i + 1))
    expect(asked).toEqual([0, 500])
    expect(reader.isEmpty).toBe(true)
  })
  it('asks once more where it was woken while a page was on its way', async () => {
    const answers: ((page: Page) => void)[] = []
    const reader = createReader({
      after: 0,
      read: () => new Promise((resolve) => answers.push(resolve)),
      onPage: () => reader.take(500),
      onError: fail,
    })
    reader.take(500)
    reader.look()
    answers[0]?.(pageOf(1, 0, true))
    await until('it asks again', () => answers.length === 2)
    answers[1]?.(pageOf(1, 0, true))
    await until('it is at the end', () => reader.isEmpty)
    expect(answers).toHaveLength(2)
  })
  it('takes nothing from another one that was given the same page', async () => {
    const page = pageOf(1, 500, true)
    const readers = [1, 2].map(() =>
      createReader({
        after: 0,
        read: () => Promise.resolve(page),
        onPage: () => {},
        onError: fail,
      }),
    )
    const taken = [0, 0]
    await until('each has taken all', () => {
      readers.forEach((reader, index) => {
        taken[index] = (taken[index] ?? 0) + reader.take(7).length
      })
      return readers.every((reader) => reader.isEmpty)
    })
    expect(taken).toEqual([500, 500])
    expect(page.rows).toHaveLength(500)
  })
})

describe('a shared read', () => {
  const range = (after: number, changes = {}) => ({
    tenant: 'dodici',
    after,
    through: Number.MAX_SAFE_INTEGER,
    maxEvents: 500,
    maxBytes: 1e9,
    filter: null,
    isLive: true,
    ...changes,
  })

  it('is one for those that ask at once for the same, and sees what was there by then', async () => {
    const [first] = await appendEvents(database.pool, [anEvent(), anEvent()])
    const after = (first?.position as number) - 1
    const read = createSharedRead(database.kysely)
    const early = read(range(after))
    const appended = appendEvents(database.pool, [anEvent()])
    expect(read(range(after))).toBe(early)
    expect((await early).rows.length).toBeGreaterThanOrEqual(2)
    await appended
    const late = read(range(after))
    expect(late).not.toBe(early)
    expect((await late).rows).toHaveLength(3)
  })
  it('is none for another tenant, position or filter', async () => {
    const read = createSharedRead(database.kysely)
    const filter = { names: ['order.opened'], entities: [] }
    const ranges = [range(1), range(2), range(1, { tenant: 'other' }), range(1, { filter })]
    const pages = ranges.map(read)
    expect(new Set(pages).size).toBe(4)
    await Promise.all(pages)
  })
})
