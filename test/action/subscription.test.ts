// The actions on a subscription: they are those of an integration.

import { expect, it } from 'vitest'
import { until } from '../../scripts/kit/until.ts'
import { errorOf } from '../helpers/broker.ts'
import { useSubscriptions } from '../helpers/subscriptions.ts'

const stage = useSubscriptions()
const { arrived, bodies, request, send, subscribe } = stage

/** The position in a log entry of the first failure. */
const failing = (id: string) =>
  until('an event fails', async () => {
    const entry = (await stage.logged(id)).find(({ action }) => action === 'retry_triggered')
    return Number(/at position (\d+)/.exec(entry?.reason ?? '')?.[1]) || undefined
  })

it('skips the message that holds up a queue, and sends it again', async () => {
  await subscribe('stuck', { entityType: 'ORDER' })
  // Not one request is answered well until the skip.
  stage.broker.answer = errorOf(500, 'InternalError')
  await send('order.created', 'poison', 'order-1')
  const position = await failing('stuck')
  await send('order.created', 'next', 'order-1')
  const skipped = await request('POST', '/stuck/_skip', { position, reason: 'Not for the CRM' })
  expect(skipped).toMatchObject({ status: 200, body: { position } })
  stage.broker.answer = () => false
  await arrived('stuck', 1)
  expect(bodies('stuck').map(({ id }) => id)).toEqual(['next'])
  expect(await stage.ask('stuck/rejected_events')).toMatchObject({
    rejected_events: [{ position, cause: 'skipped' }],
  })

  const resent = await request('POST', '/stuck/_resend', { position })
  expect(resent).toMatchObject({ status: 200, body: { position, outcome: 'delivered' } })
  await arrived('stuck', 2)
  expect(bodies('stuck').map(({ id }) => id)).toEqual(['next', 'poison'])
  const retried = await request('POST', '/stuck/rejected_events/_retry')
  expect(retried.body).toEqual({ delivered: 1 })
})
