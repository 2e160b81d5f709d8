// Which words are near to one that is misspelt, and how little is read and compared to find them.

import { describe, expect, it } from 'vitest'
import { limits } from '../../src/config.ts'
import { candidatesOf } from '../../src/log/event-type.ts'
import { nearestOf } from '../../src/log/nearest.ts'
import { useDatabase } from '../helpers/database.ts'

const database = useDatabase()

/** The whole table of Levenshtein. */
function changesOf(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (const [at, letter] of [...one].entries()) {
    const next = [at + 1]
    for (const [to, its] of [...other].entries()) {
      const replaced = (row[to] as number) + (letter === its ? 0 : 1)
      next.push(Math.min(replaced, (row[to + 1] as number) + 1, (next[to] as number) + 1))
    }
    row = next
  }
  return row[other.length] as number
}

describe('the nearest words', () => {
  it('need the fewest changes, and not too many', () => {
    const words = ['order.created', 'order.opened', 'invoice.created', 'customer.created']
    expect(nearestOf('order.create', words)).toEqual(['order.created'])
    expect(nearestOf('ordre.created', words)).toEqual(['order.created'])
    expect(nearestOf('stock.moved', words)).toEqual([])
    expect(nearestOf('order.create', ['order.craete', 'order.crate'])).toEqual([
      'order.crate',
      'order.craete',
    ])
  })

  it('are none of a word that is changed as a whole, or that is longer than is compared', () => {
    expect(nearestOf('x', ['a', 'xy'])).toEqual([])
    expect(nearestOf('xy', ['ab', 'xz'])).toEqual(['xz'])
    expect(nearestOf('x'.repeat(64), ['x'.repeat(63)])).toEqual(['x'.repeat(63)])
    expect(nearestOf('x'.repeat(65), ['x'.repeat(64), 'x'.repeat(65)])).toEqual([])
  })

  it('are as many changes away as the whole table says', () => {
    const letter = () => 'ab.'[Math.floor(Math.random() * 3)]
    for (let round = 0; round < 2_000; round++) {
      const [one, other] = [0, 1].map(() =>
        Array.from({ length: 4 + Math.floor(Math.random() * 20) }, letter).join(''),
      ) as [string, string]
      const most = Math.min(one.length - 1, Math.min(5, Math.max(2, Math.floor(one.length / 4))))
      const isNear = nearestOf(one, [other]).length === 1
      expect([one, other, isNear]).toEqual([one, other, changesOf(one, other) <= most])
    }
  })

  it('take little to find, whatever is asked for', async () => {
    const long = (from: number) =>
      Array.from({ length: 64 }, (_, at) => 'abcd'[(from * 7 + at * at) % 4]).join('')
    await database.pool.query(
      `insert into event_type
       select 'worked', 'x.' || lpad(n::text, 62, 'x'), n from generate_series(1, 3000) n`,
    )
    const asked = Array.from({ length: limits.warningsWithNearest }, (_, index) => long(index))
    const candidates = await candidatesOf(database.kysely, 'worked', asked)
    for (const names of candidates) expect(names.length).toBeLessThanOrEqual(250)
    expect(candidates[0]?.length).toBe(150)
    const work = { cells: 0 }
    // What differs only at its end is compared to its end.
    const words = Array.from({ length: 250 }, (_, index) => `${'x'.repeat(61)}${100 + index}`)
    nearestOf('x'.repeat(64), words, work)
    expect(work.cells).toBeGreaterThan(0)
    expect(work.cells).toBeLessThanOrEqual(250 * 64 * 11)
    const apart = { cells: 0 }
    nearestOf('y'.repeat(64), words, apart)
    expect(apart.cells).toBeLessThanOrEqual(250 * 6 * 11)
  })
})
