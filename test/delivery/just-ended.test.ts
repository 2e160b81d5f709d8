// Turns that ended a moment ago, for a notification that comes after them.

import { expect, it } from 'vitest'
import { createJustEnded } from '../../src/delivery/just-ended.ts'

const job = (tenant: string, consumer = 'erp') => ({ tenant, consumer, run: 0 })

it('gives the jobs of a tenant once, as long as it remembers them', () => {
  let now = 0
  const ended = createJustEnded(() => now)
  ended.add(job('dodici'))
  ended.add(job('dodici', 'crm'))
  ended.add(job('tredici'))
  expect(ended.take('quattordici')).toEqual([])
  expect(ended.take('dodici')).toEqual([job('dodici'), job('dodici', 'crm')])
  expect(ended.take('dodici')).toEqual([])
  now = 2_000
  expect(ended.take('tredici')).toEqual([job('tredici')])
  ended.add(job('tredici'))
  now = 4_001
  expect(ended.take('tredici')).toEqual([])
})

it('remembers each once, from its last end, however often others end', () => {
  let now = 0
  const ended = createJustEnded(() => now)
  ended.add(job('dodici', 'old'))
  for (; now < 10_000; now += 1_500) ended.add(job('dodici'))
  ended.add(job('dodici', 'crm'))
  expect(ended.take('dodici')).toEqual([job('dodici'), job('dodici', 'crm')])
})
