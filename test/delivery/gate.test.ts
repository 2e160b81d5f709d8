// The gate lets through as many as it says, and then one for each that leaves, first come first
// served.

import { expect, it } from 'vitest'
import { createGate } from '../../src/delivery/gate.ts'

it('lets two through, the others in their order', async () => {
  const gate = createGate(2)
  const entered: number[] = []
  const leaves: (() => void)[] = []
  const all = [1, 2, 3, 4].map(async (name) => {
    const leave = await gate.enter()
    entered.push(name)
    leaves.push(leave)
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
  const last = await Promise.all([gate.enter(), gate.enter()])
  expect(last).toHaveLength(2)
})
