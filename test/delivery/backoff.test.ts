// The schedule of retries as a table of numbers (docs/receive.md).

import { describe, expect, it } from 'vitest'
import { retryDelayMs } from '../../src/delivery/backoff.ts'

const middle = { baseMs: 1_200, chance: 0.5 }

describe('retryDelayMs', () => {
  it('doubles from 1.2 s, ten times, about twenty minutes in all', () => {
    const delays = Array.from({ length: 10 }, (_, i) => retryDelayMs(i + 1, middle) as number)
    expect(delays).toEqual([
      1_200, 2_400, 4_800, 9_600, 19_200, 38_400, 76_800, 153_600, 307_200, 614_400,
    ])
    const minutes = delays.reduce((sum, delay) => sum + delay) / 60_000
    expect(minutes).toBeCloseTo(20.5, 1)
    expect(retryDelayMs(11, middle)).toBeUndefined()
  })
  it('jitters by a tenth', () => {
    expect(retryDelayMs(1, { baseMs: 1_000, chance: 0 })).toBe(900)
    expect(retryDelayMs(1, { baseMs: 1_000, chance: 1 })).toBe(1_100)
  })
  it('honours a longer wish of the target, within the schedule', () => {
    expect(retryDelayMs(1, { ...middle, retryAfterMs: 30_000 })).toBe(30_000)
    expect(retryDelayMs(5, { ...middle, retryAfterMs: 1_000 })).toBe(19_200)
    expect(retryDelayMs(1, { ...middle, retryAfterMs: 86_400_000 })).toBe(675_840)
  })
})
