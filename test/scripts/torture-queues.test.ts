// The torture's judgement of queues: it finds what is planted in them, and nothing else.

import { expect, it } from 'vitest'
import { createFindings } from '../../scripts/kit/findings.ts'
import type { Held } from '../../scripts/torture/broker-process.ts'
import { NAMES } from '../../scripts/torture/event.ts'
import { createJournal } from '../../scripts/torture/journal.ts'
import { checkQueue } from '../../scripts/torture/queues.ts'

const filter = { entity_filter: ['order'] }

/** Six events of two orders, one of them not answered with 201, and one of a customer. */
function published() {
  const findings = createFindings()
  const journal = createJournal(findings)
  for (const entity of [1, 2, 1, 2, 1, 2]) {
    const serial = journal.begin(entity, NAMES.indexOf('order.created'))
    if (serial !== 5) journal.answered(serial, 100 + serial)
  }
  journal.answered(journal.begin(3, NAMES.indexOf('customer.updated')), 106)
  return { findings, journal }
}
const held = (serials: number[], more: Partial<Held> = {}): Held => ({
  serials,
  positions: serials.map((serial) => 100 + serial),
  groups: serials.map((serial) => `e${1 + (serial % 2)}`),
  altered: [],
  ...more,
})
function judge(queue: string, content: Held) {
  const services = published()
  const repeated = checkQueue({ queue, filter }, content, services)
  return { repeated, found: Object.fromEntries(services.findings.counts()) }
}

it.each([
  ['a.fifo', [0, 2, 4, 1, 3]],
  // Nobody knows whether an event without an answer is in the log.
  ['a.fifo', [0, 2, 4, 1, 3, 5]],
  ['a', [4, 3, 2, 1, 0]],
])('is content with %s that holds %o', (queue, serials) => {
  expect(judge(queue, held(serials))).toEqual({ repeated: 0, found: {} })
})

it('finds what is missing', () => {
  expect(judge('a.fifo', held([0, 2, 1, 3])).found).toEqual({ lost: 1 })
  expect(judge('a', held([0, 2, 1])).found).toEqual({ lost: 2 })
})
it('finds what is there twice, and allows it where nothing else is promised', () => {
  expect(judge('a.fifo', held([0, 2, 4, 4, 1, 3])).found).toEqual({ 'twice in a FIFO queue': 1 })
  expect(judge('a', held([0, 2, 4, 4, 1, 3]))).toEqual({ repeated: 1, found: {} })
})
it('finds what is behind a newer one of its entity', () => {
  expect(judge('a.fifo', held([0, 4, 2, 1, 3])).found).toEqual({ reordered: 1 })
})
it('finds what is not meant for it, was never published or is altered', () => {
  expect(judge('a.fifo', held([0, 2, 4, 1, 3, 6])).found).toEqual({ 'sent past the filter': 1 })
  expect(judge('a.fifo', held([0, 2, 4, 1, 3, 7, -1])).found).toEqual({
    'delivered but never published': 2,
  })
  expect(judge('a.fifo', held([0, 2, 4, 1, 3], { altered: ['x'] })).found).toEqual({ altered: 1 })
})
