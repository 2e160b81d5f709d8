// Why a turn ends, if there are several reasons for it.

import { expect, it } from 'vitest'
import { ConnectionError } from '../../src/db/failure.ts'
import { createEnding, type Reason } from '../../src/delivery/ending.ts'
import { createLogger } from '../../src/logger.ts'

const lease = {
  tenant: 'dodici',
  consumer: 'erp',
  run: 0,
  owner: '6f9619ff-8b86-4011-b42d-00c04fc964ff',
  epoch: 1,
}
const retry: Reason = { why: 'retry', retryAfterMs: undefined }
const stop: Reason = { why: 'stop', reason: 'The target refused an event.' }

function ended(...reasons: Reason[]) {
  let heard = 0
  const ending = createEnding(createLogger('silent'), lease, () => heard++)
  expect(ending.reason).toBeUndefined()
  for (const reason of reasons) ending.begin(reason)
  return { reason: ending.reason, heard }
}

it.each<[string, Reason[], Reason, number]>([
  [
    'the first of two that say nothing',
    [{ why: 'halted' }, { why: 'draining' }],
    { why: 'halted' },
    1,
  ],
  ['a retry over a halt', [{ why: 'halted' }, retry], retry, 2],
  ['a retry over a halt that comes later', [retry, { why: 'halted' }], retry, 1],
  ['a stop over a retry', [retry, stop], stop, 2],
  ['the first of two stops', [stop, { why: 'stop', reason: 'Another.' }], stop, 1],
  ['a loss over all', [retry, stop, { why: 'lost' }, stop], { why: 'lost' }, 3],
])('counts %s', (_, reasons, reason, heard) => {
  expect(ended(...reasons)).toEqual({ reason, heard })
})

it('is broken off by an error, which tells whether the connection was cut', () => {
  const ending = createEnding(createLogger('silent'), lease, () => {})
  ending.breakOff(new ConnectionError(new Error('closed')))
  expect(ending.reason).toEqual({ why: 'broken', isCutOff: true })
})
