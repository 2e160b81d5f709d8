// The gate lets through as many as it says, and then one for each that leaves, first come first
// served.

import { expect, it } from 'vitest'
import { createGate, type Gate } from '../../src/delivery/gate.ts'

it('lets two through, the others in their order', async () => {
  const gate = createGate(2)
  const entered: number[] = []
  const leaves: (() => void)[] = []
  const all = [1, 2, 3, 4].map(async (name) => {
    leaves.push(await entering(gate))
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
  const last = await Promise.all([entering(gate), entering(gate)])
  expect(last).toHaveLength(2)
})

it('passes over who has given up, and lets nobody in who had before', async () => {
  const gate = createGate(1)
  const leave = await entering(gate)
  const impatient = new AbortController()
  const [given, waiting] = [gate.enter(impatient.signal), entering(gate)]
  impatient.abort()
  expect(await given).toBeUndefined()
  leave()
  await waiting
  expect(await createGate(1).enter(impatient.signal)).toBeUndefined()
})

async function entering(gate: Gate): Promise<() => void> {
  const leave = await gate.enter(new AbortController().signal)
  if (!leave) throw new Error('not let in')
  return leave
}
