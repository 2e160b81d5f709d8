// The semaphore lets through as many as it says, and then one for each that leaves, first come
// first served.

import { expect, it } from 'vitest'
import { createSemaphore, type Semaphore } from '../../src/delivery/semaphore.ts'

it('lets two through, the others in their order', async () => {
  const semaphore = createSemaphore(2)
  const entered: number[] = []
  const leaves: (() => void)[] = []
  const all = [1, 2, 3, 4].map(async (name) => {
    leaves.push(await entering(semaphore))
    entered.push(name)
  })
  await Promise.all(all.slice(0, 2))
  expect(entered).toEqual([1, 2])
  leaves.shift()?.()
  await all[2]
  expect(entered).toEqual([1, 2, 3])
  leaves.shift()?.()
  await all[3]
  expect(entered).toEqual([1, 2, 3, 4])
  for (const leave of leaves) leave()
  const last = await Promise.all([entering(semaphore), entering(semaphore)])
  expect(last).toHaveLength(2)
})

it('passes over who has given up, and lets nobody in who had before', async () => {
  const semaphore = createSemaphore(1)
  const leave = await entering(semaphore)
  const impatient = new AbortController()
  const [given, waiting] = [semaphore.enter(impatient.signal), entering(semaphore)]
  impatient.abort()
  expect(await given).toBeUndefined()
  leave()
  await waiting
  expect(await createSemaphore(1).enter(impatient.signal)).toBeUndefined()
})

async function entering(semaphore: Semaphore): Promise<() => void> {
  const leave = await semaphore.enter(new AbortController().signal)
  if (!leave) throw new Error('not let in')
  return leave
}
