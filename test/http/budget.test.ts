// The budget of bytes that are under way: nobody takes what others need, and no more is given than
// there is.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createBudget, type Release } from '../../src/http/budget.ts'

it('leaves something for who comes next, however many take all they can', () => {
  const budget = createBudget(1_000_000)
  const takeAll = (owner: string) => {
    let taken = 0
    while (budget.takeNow(owner, 1_000)) taken += 1_000
    return taken
  }
  const first = takeAll('first')
  expect(first).toBeGreaterThan(100_000)
  expect(first).toBeLessThan(125_000)
  for (let i = 0; i < 9; i++) takeAll(`other-${i}`)
  expect(takeAll('last')).toBeGreaterThan(30_000)
})

it('takes one that is larger than a share, alone', async () => {
  const budget = createBudget(1_000)
  const release = budget.takeNow('a', 900) as Release
  expect(budget.takeNow('b', 200)).toBeUndefined()
  const waiting = budget.take('b', 200)
  release()
  expect(await waiting).toBeTypeOf('function')
  expect(budget.takeNow('b', 200)).toBeUndefined()
})

it('refuses whoever has too many waiting, and not others', async () => {
  const budget = createBudget(1_000)
  const release = budget.takeNow('hog', 150) as Release
  const waiting = Array.from({ length: 64 }, () => budget.take('hog', 150))
  await expect(budget.take('hog', 1)).rejects.toMatchObject({
    code: 'overloaded',
    retryAfterSeconds: 1,
  })
  expect(budget.take('other', 150)).toBeTypeOf('function')
  release()
  for (const one of waiting) (await one)()
})

it('gives all of it back, whatever was asked for and in whatever order', async () => {
  const asked = fc.array(
    fc.record({ owner: fc.constantFrom('a', 'b', 'c'), bytes: fc.integer({ min: 0, max: 1_000 }) }),
    { maxLength: 60 },
  )
  await fc.assert(
    fc.asyncProperty(asked, async (all) => {
      const budget = createBudget(1_000)
      let underWay = 0
      const released = all.map(async ({ owner, bytes }) => {
        const release = await budget.take(owner, bytes)
        underWay += bytes
        expect(underWay).toBeLessThanOrEqual(1_000)
        await new Promise(setImmediate)
        underWay -= bytes
        release()
      })
      await Promise.all(released)
      expect(budget.takeNow('d', 1_000)).toBeTypeOf('function')
    }),
    { numRuns: 50 },
  )
})
