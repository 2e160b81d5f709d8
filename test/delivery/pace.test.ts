// The pace gives what it says, evenly, and saves up nothing in a pause.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createPace } from '../../src/delivery/pace.ts'

it('never gives more than its rate and a small burst, nor much less where it is asked often', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 100_000 }),
      fc.integer({ max: 60, min: 1 }),
      (rate, pause) => {
        let time = 0
        const pace = createPace(rate, { clock: () => time })
        time += pause * 1_000
        let given = 0
        const begin = time
        while (time < begin + 2_000) {
          const wait = pace.take()
          if (wait === 0) given++
          else time += wait
        }
        const burst = Math.max(1, rate * 0.002)
        expect(given).toBeLessThanOrEqual(2 * rate + burst + 1)
        expect(given).toBeGreaterThanOrEqual(Math.min(rate, 1))
        if (rate <= 1_000) expect(given).toBeGreaterThanOrEqual(Math.floor(rate / 2))
      },
    ),
  )
})
