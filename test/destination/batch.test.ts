// Batches: never more than they may hold, never more at once, full ones where callers keep coming,
// everything once and in order, each result to its own caller.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createBatches } from '../../src/destination/batch.ts'

type Item = { lane: number; serial: number; bytes: number }

/** A target that answers batches when it is told to, in any order. */
function createTarget() {
  const batches: Item[][] = []
  const waiting: (() => void)[] = []
  const failing = new Set<number>()
  return {
    batches,
    failing,
    get open() {
      return waiting.length
    },
    send(items: Item[]): Promise<string[]> {
      batches.push(items)
      return new Promise((resolve, reject) => {
        const answer = () =>
          items.some(({ serial }) => failing.has(serial))
            ? reject(new Error('away'))
            : resolve(items.map(({ serial }) => `result of ${serial}`))
        waiting.push(answer)
      })
    },
    answer: (which: number) => waiting.splice(which % waiting.length, 1)[0]?.(),
  }
}

/** The end of this turn of the event loop, and of the microtasks before. */
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

it('holds its limits, whatever is added and answered when', async () => {
  const cases = fc.record({
    items: fc.array(fc.record({ lane: fc.nat(5), bytes: fc.nat(120) }), { maxLength: 80 }),
    maxItems: fc.integer({ min: 1, max: 10 }),
    maxInFlight: fc.integer({ min: 1, max: 4 }),
    steps: fc.array(fc.nat(30), { minLength: 1, maxLength: 20 }),
  })
  await fc.assert(
    fc.asyncProperty(cases, async ({ items, maxItems, maxInFlight, steps }) => {
      const target = createTarget()
      const maxBytes = 100
      let most = 0
      const add = createBatches<Item, string>({
        maxItems,
        maxBytes,
        maxInFlight,
        bytesOf: ({ bytes }) => bytes,
        send(batch) {
          const sent = target.send(batch)
          most = Math.max(most, target.open)
          return sent
        },
      })
      const left = items.map((item, serial) => ({ ...item, serial }))
      const lanes = Map.groupBy(left, ({ lane }) => lane)
      // As delivery does: the next one of a lane when the one before has its result.
      const sending = [...lanes.values()].map(async (lane) => {
        for (const item of lane) expect(await add(item)).toBe(`result of ${item.serial}`)
      })
      let isDone = false
      const all = Promise.all(sending).then(() => {
        isDone = true
      })
      for (let step = 0; !isDone; step++) {
        await turn()
        const which = steps[step % steps.length] as number
        if (target.open > 0 && (which % 3 > 0 || step % 7 === 0)) target.answer(which)
      }
      await all
      const sent = target.batches.flat()
      expect(sent.map(({ serial }) => serial).sort((a, b) => a - b)).toEqual(
        left.map(({ serial }) => serial),
      )
      for (const lane of lanes.values()) {
        expect(sent.filter((item) => item.lane === lane[0]?.lane)).toEqual(lane)
      }
      for (const batch of target.batches) {
        const bytes = batch.reduce((sum, item) => sum + item.bytes, 0)
        expect(batch.length).toBeGreaterThan(0)
        expect(batch.length).toBeLessThanOrEqual(maxItems)
        expect(bytes <= maxBytes || batch.length === 1).toBe(true)
      }
      expect(most).toBeLessThanOrEqual(maxInFlight)
    }),
    { numRuns: 200 },
  )
})

it('keeps its batches full while callers keep coming', async () => {
  const target = createTarget()
  const add = createBatches<Item, string>({
    maxItems: 10,
    maxBytes: 1_000,
    maxInFlight: 4,
    bytesOf: ({ bytes }) => bytes,
    send: target.send,
  })
  let serial = 0
  const caller = async (lane: number) => {
    while (serial < 1_000) await add({ lane, serial: serial++, bytes: 1 })
  }
  const callers = Promise.all(Array.from({ length: 60 }, (_, lane) => caller(lane)))
  // Odd ones first, so that batches that are not full had every reason to come about.
  for (let step = 0; target.batches.flat().length < 1_000 || target.open > 0; step++) {
    await turn()
    if (target.open > 0) target.answer(step * 7)
  }
  await callers
  const full = target.batches.filter((batch) => batch.length === 10)
  expect(full.length / target.batches.length).toBeGreaterThan(0.9)
})

it('lets those alone fail whose batch fails', async () => {
  const target = createTarget()
  const add = createBatches<Item, string>({
    maxItems: 2,
    maxBytes: 100,
    maxInFlight: 1,
    bytesOf: ({ bytes }) => bytes,
    send: target.send,
  })
  target.failing.add(1)
  const results = Promise.allSettled(
    [0, 1, 2, 3].map((serial) => add({ lane: serial, serial, bytes: 1 })),
  )
  for (let step = 0; step < 4; step++) {
    await turn()
    if (target.open > 0) target.answer(0)
  }
  expect((await results).map(({ status }) => status)).toEqual([
    ...['rejected', 'rejected', 'fulfilled', 'fulfilled'],
  ])
})
