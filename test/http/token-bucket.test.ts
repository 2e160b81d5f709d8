// Token buckets against a model, by a clock that the test moves.

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTokenBuckets } from '../../src/http/token-bucket.ts'

const bucket = (name: string, perSecond: number) => ({ name, perSecond, burst: perSecond })

describe('token buckets', () => {
  it('let at most a burst and the rate through in any span of time, and no less', () => {
    const pauses = fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 200 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), pauses, (rate, steps) => {
        let now = 0
        const { take } = createTokenBuckets(() => now)
        const takenAt: number[] = []
        for (const pause of steps) {
          now += pause
          const { taken, readySeconds } = take([bucket('a', rate)])
          const full = takenAt.filter((at) => now - at < 1_000).length < rate
          if (taken) takenAt.push(now)
          // Whoever took less than the rate in the last second always gets a token.
          else expect([full, readySeconds > 0]).toEqual([false, true])
        }
        for (const [index, from] of takenAt.entries()) {
          const most = rate + ((now - from) / 1_000) * rate
          expect(takenAt.length - index).toBeLessThanOrEqual(most + 1e-6)
        }
      }),
    )
  })

  it('say when there is a token again, and then there is one', () => {
    let now = 0
    const { take } = createTokenBuckets(() => now)
    const one = [bucket('a', 4)]
    expect([take(one), take(one), take(one), take(one)].map((each) => each.remaining)).toEqual([
      3, 2, 1, 0,
    ])
    const refused = take(one)
    expect(refused).toMatchObject({ taken: false, remaining: 0, readySeconds: 0.25 })
    now += refused.readySeconds * 1_000
    expect(take(one)).toMatchObject({ taken: true, fullSeconds: 1 })
  })

  it('take from all or from none, and tell of the emptiest', () => {
    const { take } = createTokenBuckets(() => 0)
    const both = [bucket('wide', 10), bucket('narrow', 2)]
    for (let i = 0; i < 5; i++) take(both)
    expect(take(both)).toMatchObject({ taken: false, bucket: { name: 'narrow' } })
    expect(take([bucket('wide', 10)])).toMatchObject({ taken: true, remaining: 7 })
  })

  it('forget those that are full again', () => {
    let now = 0
    const buckets = createTokenBuckets(() => now)
    for (let i = 0; i < 100_000; i++) {
      now += 1
      buckets.take([bucket(`tenant-${i}`, 1)])
    }
    // Each is full after a second, in which a thousand others came.
    expect(buckets.size).toBeLessThanOrEqual(2_001)
  })
})
