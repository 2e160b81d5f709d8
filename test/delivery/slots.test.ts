// Who leaves a slot to others: nobody while one is free, a busy turn if none is, and of the idle
// turns a few at a time.

import { expect, it } from 'vitest'
import { createSlots } from '../../src/delivery/slots.ts'

const taken = (slots: ReturnType<typeof createSlots>, count: number) =>
  Array.from({ length: count }, () => slots.take())

it('keeps every turn while a slot is free', () => {
  const turns = taken(createSlots(64), 63)
  expect(turns.some((turn) => turn.mustYield(false) || turn.mustYield(true))).toBe(false)
})

it('asks any busy turn to yield if no slot is free', () => {
  const turns = taken(createSlots(64), 64)
  expect(turns.every((turn) => turn.mustYield(false))).toBe(true)
})

it('asks two idle turns of 128, the same ones until one has left, then another', () => {
  const slots = createSlots(128)
  const turns = taken(slots, 128)
  const yielding = () => turns.filter((turn) => turn.mustYield(true))
  const [first, second] = yielding()
  expect(yielding()).toEqual([first, second])
  first?.release()
  turns.splice(turns.indexOf(first as (typeof turns)[0]), 1)
  expect(yielding()).toEqual([second])
  turns.push(slots.take())
  expect(yielding()).toHaveLength(2)
})
