// A queue whose sender has lost the right to send, in the middle of what it had to send.

import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Outcome } from '../../src/destination/destination.ts'
import { createQueueConnections } from '../../src/destination/queue.ts'
import { createSqs } from '../../src/destination/sqs.ts'
import { type Broker, errorOf, keys, startBroker } from '../helpers/broker.ts'

const connections = createQueueConnections({ allowPrivateTargets: true })
let broker: Broker
beforeAll(async () => {
  broker = await startBroker()
})
afterAll(async () => {
  connections.close()
  await broker.close()
})

it('gets nothing more of a request that is divided', async () => {
  const destination = createSqs(connections, {
    queueUrl: broker.createQueue('orders'),
    endpoint: broker.url,
    credentials: keys,
    region: 'us-east-1',
    timeoutMs: 5_000,
    allowPrivateTargets: true,
    allowDefaultCredentials: false,
  })
  let maySend = true
  broker.answer = (request, response) => {
    maySend = false
    return errorOf(400, 'InvalidParameterValue')(request, response)
  }
  const sent = [0, 1, 2].map(
    (i) =>
      new Promise<Outcome>((resolve) => {
        const event = {
          tenant: 'dodici',
          name: 'order.created',
          entityId: `order-${i}`,
          position: 1_760_000_000_000_000 + i,
          idempotencyKey: `key-${i}`,
          publishedAt: '2025-10-09T08:53:20.123456Z',
          traceparent: null,
          payload: `{"i":${i}}`,
        }
        destination.send(event, resolve, () => maySend)
      }),
  )
  for (const { kind } of await Promise.all(sent)) expect(kind).toBe('unavailable')
  expect(broker.requests).toHaveLength(1)
  expect(broker.messages('orders')).toEqual([])
})
