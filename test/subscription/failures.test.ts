// What becomes of a subscription whose target fails: nothing is lost, and its log says why.

import { describe, expect, it } from 'vitest'
import { until } from '../../scripts/kit/until.ts'
import { changeConsumer } from '../../src/consumer/change.ts'
import { errorOf, keys } from '../helpers/broker.ts'
import { useSubscriptions } from '../helpers/subscriptions.ts'

const stage = useSubscriptions()
const { arrived, ask, bodies, inactive, logged, post, send, subscribe } = stage

describe('a target that fails', () => {
  it('refuses the keys: the subscription is deactivated, and its log says why', async () => {
    await subscribe('refused', {}, { accessSecret: 'not-the-secret' })
    await post('CUSTOMER', 'CREATE', 'kept')
    await inactive('refused')
    const [entry] = (await logged('refused')).filter(({ action }) => action.endsWith('_stopped'))
    expect(entry).toMatchObject({ action: 'subscription_stopped' })
    expect(entry?.reason).toContain('SignatureDoesNotMatch')
    expect(JSON.stringify(await logged('refused'))).not.toContain('not-the-secret')
    const { sqs } = (await ask('refused'))['destination'] as { sqs: object }
    const destination = { sqs: { ...sqs, accessSecret: keys.secretAccessKey }, type: 'SQS' }
    await stage.update({ id: 'refused', destination, active: true })
    await arrived('refused', 1)
    expect(bodies('refused').map(({ id }) => id)).toEqual(['kept'])
  })

  it('is deleted in mid-stream: deactivated; made anew it gets all that was left', async () => {
    await subscribe('gone', { entityType: 'ORDER' })
    for (let i = 0; i < 20; i++) await send('order.created', `g-${i}`)
    await arrived('gone', 20)
    stage.broker.deleteQueue('gone')
    for (let i = 20; i < 40; i++) await send('order.created', `g-${i}`)
    await inactive('gone')
    const [entry] = (await logged('gone')).filter(({ action }) => action.endsWith('_stopped'))
    expect(entry?.reason).toMatch(/NonExistentQueue|QueueDoesNotExist/)
    stage.broker.createQueue('gone')
    await stage.update({ id: 'gone', active: true })
    await arrived('gone', 20)
    const ids = bodies('gone').map(({ id }) => Number(id.slice(2)))
    expect(ids.sort((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, i) => i + 20))
  })

  it('is deleted itself: its log, statistics and rejected events stay to be read', async () => {
    await subscribe('ended', { entityType: 'ORDER' })
    await send('order.created', 'e-1')
    await arrived('ended', 1)
    const { database, tenant } = stage
    await changeConsumer(database.kysely, tenant, 'subscription:ended', {
      command: 'remove',
      actor: 'ada',
      reason: 'A test.',
    })
    expect((await stage.request('GET', '/ended')).status).toBe(404)
    expect((await logged('ended')).map(({ action }) => action)).toEqual([
      'subscription_deleted',
      'subscription_started',
    ])
    expect(await ask('ended/stats')).toMatchObject({ status: 'deleted', replay: null })
    expect(await ask('ended/rejected_events')).toEqual({ rejected_events: [] })
    const reply = await stage.request('POST', '/ended/rejected_events/_retry')
    expect(reply).toMatchObject({ status: 404, body: { message: /"ended" was deleted/ } })
  })

  it('throttles: it is tried again on the schedule, and nothing is lost', async () => {
    await subscribe('throttled', { entityType: 'ORDER' })
    let refusals = 0
    stage.broker.answer = (request, response) => {
      if (refusals === 4) return false
      refusals++
      return errorOf(400, 'RequestThrottled')(request, response)
    }
    for (let i = 0; i < 30; i++) await send('order.created', `t-${i}`)
    await arrived('throttled', 30)
    expect(new Set(bodies('throttled').map(({ id }) => id)).size).toBe(30)
    const retries = (await logged('throttled')).filter(({ action }) => action === 'retry_triggered')
    expect(retries.length).toBeGreaterThan(0)
    expect(retries[0]?.reason).toContain('RequestThrottled')
    expect((await ask('throttled'))['active']).toBe(true)
  })

  it('fails single messages: those alone are sent again', async () => {
    await subscribe('partial', { entityType: 'ORDER' })
    const failed = new Set<string>()
    stage.broker.faultOf = ({ body }) => {
      const { id } = JSON.parse(body)
      if (Number(id.slice(2)) % 3 > 0 || failed.has(id)) return undefined
      failed.add(id)
      return { code: 'InternalError', isSenderFault: false }
    }
    for (let i = 0; i < 30; i++) await send('order.created', `s-${i}`, `order-${i % 5}`)
    const messages = await arrived('partial', 30)
    expect(messages).toHaveLength(30)
    const ids = bodies('partial').map(({ id }) => id)
    expect(new Set(ids).size).toBe(30)
    expect(failed.size).toBe(10)
    for (let entity = 0; entity < 5; entity++) {
      const numbers = ids.map((id) => Number(id.slice(2))).filter((i) => i % 5 === entity)
      expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
    }
  })

  it('cannot take a message of that size: it is kept as rejected, and the stream goes on', async () => {
    await subscribe('large', { entityType: 'ORDER' })
    const payload = JSON.stringify({ text: 'x'.repeat(1_000_000) })
    await send('order.created', 'l-1', 'big', payload)
    await send('order.created', 'l-2')
    await arrived('large', 1)
    expect(bodies('large').map(({ id }) => id)).toEqual(['l-2'])
    const [rejected] = await until('it is kept', async () => {
      const { rejected_events } = (await ask('large/rejected_events')) as {
        rejected_events: { id: string }[]
      }
      return rejected_events.length > 0 && rejected_events
    })
    expect(rejected).toMatchObject({ name: 'order.created', status: 413 })
    const [entry] = await logged('large')
    expect(entry).toMatchObject({ action: 'event_rejected' })
    expect(entry?.reason).toMatch(/of at most 1048576/)
    expect((await ask('large'))['active']).toBe(true)
    const path = '/large/rejected_events'
    const retried = await stage.request('POST', `${path}/${rejected?.id}/_retry`, {})
    expect(retried).toMatchObject({ status: 502, body: { error_code: 'bad_gateway' } })
    const deleted = await stage.request('DELETE', path)
    expect(deleted).toMatchObject({ status: 200, body: { deleted: 1 } })
  })
})
