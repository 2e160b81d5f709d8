// How many events may be in flight: it starts with one, it finds what a target can take, and it
// never leaves its bounds.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createInFlightLimit, createInFlightLimits } from '../../src/delivery/in-flight.ts'

const takenBy = (limit: ReturnType<typeof createInFlightLimit>, count: number, ms: number) => {
  for (let i = 0; i < count; i++) limit.taken(ms)
}

describe('the limit', () => {
  it('starts with one and doubles with each that is taken, up to the most', () => {
    const limit = createInFlightLimit(16)
    const seen = Array.from({ length: 6 }, () => {
      const { current } = limit
      limit.taken(5)
      return current
    })
    expect(seen).toEqual([1, 2, 4, 8, 16, 16])
  })
  it('is one again after a rest, and as large as before at once', () => {
    const limit = createInFlightLimit(16)
    takenBy(limit, 10, 5)
    limit.rest()
    expect(limit.current).toBe(1)
    takenBy(limit, 4, 5)
    expect(limit.current).toBe(16)
  })
  it('is careful where it was told that it is too much, and grows one by one from there', () => {
    const limit = createInFlightLimit(16)
    takenBy(limit, 10, 5)
    limit.throttled()
    expect(limit.current).toBe(1)
    takenBy(limit, 3, 5)
    expect(limit.current).toBe(8)
    takenBy(limit, 8, 5)
    expect(limit.current).toBe(9)
    takenBy(limit, 200, 5)
    expect(limit.current).toBe(16)
  })
  it('goes on carefully in the next run', () => {
    const limitOf = createInFlightLimits()
    const first = limitOf('dodici/shop/0', 16)
    takenBy(first, 10, 5)
    first.throttled()
    const next = limitOf('dodici/shop/0', 16)
    takenBy(next, 6, 5)
    expect(next.current).toBe(8)
    const other = limitOf('dodici/erp/0', 16)
    takenBy(other, 6, 5)
    expect(other.current).toBe(16)
  })
  it('falls where answers take longer with every event more, and stays where they do not', () => {
    const limit = createInFlightLimit(100)
    // A target that handles one at a time, 10 ms each.
    for (let i = 0; i < 5_000; i++) limit.taken(10 * limit.current)
    expect(limit.current).toBeGreaterThanOrEqual(25)
    expect(limit.current).toBeLessThan(60)
  })
  it('does not mind one answer in a hundred that takes long, nor a few ms', () => {
    const limit = createInFlightLimit(64)
    for (let i = 0; i < 5_000; i++) limit.taken(i % 100 === 0 ? 500 : 5)
    expect(limit.current).toBe(64)
    for (let i = 0; i < 5_000; i++) limit.taken(0.2 + limit.current / 2)
    expect(limit.current).toBe(64)
  })
  it('gets over answers that take longer from now on, whatever it sends', () => {
    const limit = createInFlightLimit(16)
    takenBy(limit, 1_000, 20)
    takenBy(limit, 200, 400)
    expect(limit.current).toBeLessThan(16)
    takenBy(limit, 10_000, 400)
    expect(limit.current).toBe(16)
  })
  it('never leaves its bounds', () => {
    const step = fc.oneof(
      fc.record({ taken: fc.double({ min: 0, max: 60_000, noNaN: true }) }),
      fc.constant('throttled' as const),
      fc.constant('rest' as const),
    )
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.array(step), (most, steps) => {
        const limit = createInFlightLimit(most)
        for (const step of steps) {
          if (typeof step === 'string') limit[step]()
          else limit.taken(step.taken)
          expect(limit.current).toBeGreaterThanOrEqual(1)
          expect(limit.current).toBeLessThanOrEqual(most)
        }
      }),
    )
  })
})
