// Subscriptions end to end: what queues and topics get of the log.

import { describe, expect, it } from 'vitest'
import { aSubscription } from '../../scripts/kit/collector.ts'
import { until } from '../../scripts/kit/until.ts'
import { account, useSubscriptions } from '../helpers/subscriptions.ts'

const stage = useSubscriptions()
const { arrived, ask, bodies, post, send, subscribe } = stage

describe('a queue', () => {
  it('gets the classes of its entity, of the collector and of the gateway', async () => {
    const only = { subscribeCreate: false, subscribeChange: false, subscribeDelete: false }
    await subscribe('classes-customer', { ...only, subscribeCreate: true })
    await subscribe('classes-order', { entityType: 'ORDER' })
    const product = { ...only, subscribeChange: true, subscribeDelete: true }
    await subscribe('classes-product', { ...product, entityType: 'VARIANT_PRODUCT' })

    await post('CUSTOMER', 'CREATE', 'c-1')
    await post('CUSTOMER', 'CHANGE', 'c-2')
    await post('CUSTOMER', 'DELETE', 'c-3')
    await send('customer.created', 'c-4')
    await send('customer.address_created', 'c-5')
    await send('customer.updated', 'c-6')
    await send('order.created', 'o-1')
    await send('order.items_cancelled', 'o-2')
    await post('ORDER', 'DELETE', 'o-3')
    await post('VARIANT_PRODUCT', 'BULK_CREATE', 'p-1')
    await post('VariantProduct', 'BULK_CHANGE', 'p-2')
    await send('variant_product.deleted', 'p-3')
    await send('product.deleted', 'p-4')

    await arrived('classes-customer', 3)
    await arrived('classes-order', 3)
    await arrived('classes-product', 2)
    const idsIn = (name: string) => bodies(name).map(({ id }) => id)
    expect(idsIn('classes-customer').sort()).toEqual(['c-1', 'c-4', 'c-5'])
    expect(idsIn('classes-order').sort()).toEqual(['o-1', 'o-2', 'o-3'])
    expect(idsIn('classes-product').sort()).toEqual(['p-2', 'p-3'])

    const [first] = stage.broker.messages('classes-customer')
    const { entity_id, event_payload } = JSON.parse(first?.body ?? '')
    expect(entity_id).toBe('customer-1')
    expect(event_payload.operation).toBe('CREATE')
    expect(first?.messageAttributes).toMatchObject({
      tenant: { StringValue: stage.tenant },
      name: { StringValue: 'customer.create' },
      idempotency_key: { StringValue: 'c-1' },
      position: { DataType: 'Number' },
    })
    const ofGateway = bodies('classes-order').find(({ id }) => id === 'o-2')
    expect(ofGateway).toMatchObject({ entity_name: 'ORDER', event_type: 'ENTITY_EVENT' })
    const inBase64 = ofGateway.event_payload.base64_encoded_payload_json
    expect(Buffer.from(inBase64, 'base64').toString()).toBe('{"a":1.0}')

    const stats = await until('the statistics have settled', async () => {
      const answer = await ask('classes-order/stats')
      return answer['lag_events'] === 0 && answer
    })
    expect(stats).toMatchObject({ status: 'running', failures_in_a_row: 0, replay: null })
    const states = await until('the progress of each is written', async () => {
      const { rows } = await stage.database.pool.query(
        `select state from event_states($1, 'subscription:classes-product', 0, $2)
          where name not like 'millrace.%' order by position`,
        [stage.tenant, Number.MAX_SAFE_INTEGER],
      )
      return rows.every(({ state }) => !/being_sent|waiting/.test(state)) && rows
    })
    expect(states.map(({ state }) => state)).toEqual([
      ...Array(10).fill('filtered_out'),
      ...['delivered', 'delivered', 'filtered_out'],
    ])
  })

  it('starts from now, and goes by an update from then on', async () => {
    await post('CUSTOMER', 'CREATE', 'before')
    await subscribe('updates')
    await post('CUSTOMER', 'CREATE', 'after')
    await arrived('updates', 1)
    await stage.update({ id: 'updates', entityType: 'ORDER', subscribeCreate: false })
    await send('customer.created', 'not-any-more')
    await send('order.created', 'not-this')
    await send('order.opened', 'this')
    await arrived('updates', 2)
    expect(bodies('updates').map(({ id }) => id)).toEqual(['after', 'this'])
  })

  it('gets nothing while it is inactive, and then all that came meanwhile', async () => {
    await subscribe('pause')
    expect(await stage.request('PUT', '/pause/deactivate')).toMatchObject({ status: 200 })
    await post('CUSTOMER', 'CREATE', 'meanwhile')
    await until('no worker holds it', async () => {
      const held = `select from cursor where tenant = $1 and owner is not null`
      return (await stage.database.pool.query(held, [stage.tenant])).rowCount === 0
    })
    expect(stage.broker.messages('pause')).toEqual([])
    await stage.update({ id: 'pause', active: true })
    await arrived('pause', 1)
  })

  it('gets nothing once its deletion is answered', async () => {
    await subscribe('gone')
    await post('CUSTOMER', 'CREATE', 'before')
    await arrived('gone', 1)
    const posting = Promise.all(
      Array.from({ length: 200 }, (_, i) => post('CUSTOMER', 'UPDATE', `meanwhile-${i}`)),
    )
    expect(await stage.request('DELETE', '/gone')).toMatchObject({ status: 204 })
    const requests = stage.broker.requests.length
    await posting
    await subscribe('other')
    await post('CUSTOMER', 'CREATE', 'after')
    await arrived('other', 1)
    const told = stage.broker.requests.slice(requests).flatMap(({ entries }) => entries)
    expect(told.map(({ body }) => JSON.parse(body).id)).toEqual(['after'])
  })

  it('that is a FIFO queue gets the entity as group, and each event once', async () => {
    await subscribe('ordered.fifo', { entityType: 'ORDER' })
    for (let i = 0; i < 60; i++) await send('order.updated', `f-${i}`, `order-${i % 3}`)
    const messages = await arrived('ordered.fifo', 60)
    for (let entity = 0; entity < 3; entity++) {
      const ofEntity = messages.filter(({ messageGroupId }) => messageGroupId === `order-${entity}`)
      const ids = ofEntity.map(({ body }) => JSON.parse(body).id)
      expect(ids).toEqual(Array.from({ length: 20 }, (_, i) => `f-${i * 3 + entity}`))
    }
  })
})

describe('a topic', () => {
  it.each([
    [
      'sns',
      (topicArn: string) => ({ sns: { ...account({ endpoint: stage.broker.url }), topicArn } }),
    ],
    [
      'sqs',
      (queueUrl: string) => ({ sqs: { ...account({ endpoint: stage.broker.url }), queueUrl } }),
    ],
  ])('named by its ARN in the block %s', async (block, destinationOf) => {
    const name = `topic-${block}`
    const topicArn = stage.broker.createTopic(name)
    const destination = { ...destinationOf(topicArn), type: 'SNS' }
    await stage.create(aSubscription({ id: name, destination }))
    await post('CUSTOMER', 'CREATE', 'told')
    await arrived(name, 1)
    expect(bodies(name)).toMatchObject([{ id: 'told', entity_name: 'CUSTOMER' }])
  })
})
