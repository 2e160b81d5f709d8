// A deadline is over by whichever clock says so first.

import { afterEach, expect, it, vi } from 'vitest'
import { createDeadline, now } from '../../src/delivery/deadline.ts'

afterEach(() => {
  vi.useRealTimers()
})

it.each([
  ['neither', 999, 999, false],
  ['the wall clock, as after a suspension', 1_001, 0, true],
  ['the steady clock, while the wall clock was set back', -3_600_000, 1_001, true],
])('%s', (_, wallMs, steadyMs, isOver) => {
  vi.useFakeTimers({ toFake: ['Date', 'performance'], now: 1_000_000_000 })
  const begin = now()
  const deadline = createDeadline(
    { wall: begin.wall - wallMs, steady: begin.steady - steadyMs },
    1_000,
    () => true,
  )
  expect(deadline.isOver()).toBe(isOver)
  deadline.extend(now())
  expect(deadline.isOver()).toBe(false)
})

it('is over without the presence that the lease was taken under', () => {
  let isPresent = true
  const deadline = createDeadline(now(), 60_000, () => isPresent)
  expect(deadline.isOver()).toBe(false)
  isPresent = false
  deadline.extend(now())
  expect(deadline.isOver()).toBe(true)
})
