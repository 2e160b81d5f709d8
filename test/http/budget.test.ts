// The budget of bytes that are under way: nobody takes what others need, and no more is given than
// there is.

import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type Budget, createBudget, type Release } from '../../src/http/budget.ts'

const never = () => {}
/** Takes bytes if they are to be had at once. */
function takeNow(budget: Budget, owner: string, bytes: number): Release | undefined {
  let leave = () => {}
  const taken = budget(owner, bytes, (act) => {
    leave = act
  })
  if (!(taken instanceof Promise)) return taken
  taken.catch(() => {})
  leave()
  return undefined
}

it('leaves something for who comes next, however many take all they can', () => {
  const budget = createBudget(1_000_000)
  const takeAll = (owner: string) => {
    let taken = 0
    while (takeNow(budget, owner, 1_000)) taken += 1_000
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
  const release = takeNow(budget, 'a', 900) as Release
  expect(takeNow(budget, 'b', 200)).toBeUndefined()
  const waiting = budget('b', 200, never)
  release()
  expect(await waiting).toBeTypeOf('function')
  expect(takeNow(budget, 'b', 200)).toBeUndefined()
})

it('forgets whoever has gone while it waited', async () => {
  const budget = createBudget(1_000)
  const release = takeNow(budget, 'a', 1_000) as Release
  let leave = () => {}
  const gone = budget('b', 900, (act) => {
    leave = act
  })
  const next = budget('b', 900, never)
  leave()
  await expect(gone).rejects.toMatchObject({ code: 'overloaded' })
  release()
  expect(await next).toBeTypeOf('function')
})

it('refuses whoever has too many waiting, and not others', async () => {
  const budget = createBudget(1_000)
  const release = takeNow(budget, 'hog', 150) as Release
  const waiting = Array.from({ length: 256 }, () => budget('hog', 150, never))
  await expect(budget('hog', 1, never)).rejects.toMatchObject({
    code: 'overloaded',
    retryAfterSeconds: 1,
  })
  expect(budget('other', 150, never)).toBeTypeOf('function')
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
        const release = await budget(owner, bytes, never)
        underWay += bytes
        expect(underWay).toBeLessThanOrEqual(1_000)
        await new Promise(setImmediate)
        underWay -= bytes
        release()
      })
      await Promise.all(released)
      expect(takeNow(budget, 'd', 1_000)).toBeTypeOf('function')
    }),
    { numRuns: 50 },
  )
})
