// A position is a time, both ways, to the microsecond.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { addDays, positionOf, startOfDay, timeOf } from '../../src/log/position.ts'

const latest = Date.UTC(2255, 0, 1) * 1000

describe('position', () => {
  it('is a time and back, exactly', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: latest }), (position) => {
        expect(positionOf(timeOf(position))).toBe(position)
      }),
    )
  })
  it('keeps the order of times as text', () => {
    const positions = fc.integer({ min: 0, max: latest })
    fc.assert(
      fc.property(positions, positions, (a, b) => {
        expect(timeOf(a) < timeOf(b)).toBe(a < b)
      }),
    )
  })
  it('reads offsets and any fraction', () => {
    const noon = Date.UTC(2026, 0, 17, 12) * 1000
    expect(positionOf('2026-01-17T12:00:00Z')).toBe(noon)
    expect(positionOf('2026-01-17T13:00:00.5+01:00')).toBe(noon + 500_000)
    expect(positionOf('2026-01-17t12:00:00.000001999z')).toBe(noon + 1)
  })
  it.each([
    '',
    'yesterday',
    '2026-01-17',
    '2026-01-17T12:00:00',
    '2026-02-30T12:00:00Z',
    '2026-13-01T12:00:00Z',
    '2026-01-17T25:00:00Z',
    '1768651200000000',
  ])('refuses %j', (text) => expect(positionOf(text)).toBeUndefined())

  it('knows its day', () => {
    const position = positionOf('2026-01-17T12:34:56.789012Z') as number
    expect(timeOf(startOfDay(position))).toBe('2026-01-17T00:00:00.000000Z')
    expect(timeOf(addDays(position, 2))).toBe('2026-01-19T00:00:00.000000Z')
  })
})
