// How many subscriptions a tenant may have, and how one goes.

import { describe, expect, it } from 'vitest'
import { aSubscription, collector, SUBSCRIPTIONS } from '../../scripts/kit/collector.ts'
import { limits } from '../../src/config.ts'
import { useDatabase } from '../helpers/database.ts'
import { useService } from '../helpers/service.ts'

const database = useDatabase()
const service = useService('serve', database)

type Options = { tenant: string }
const ask = (method: string, path: string, options: Options, body?: unknown) =>
  collector(service.url + SUBSCRIPTIONS + path, method, body, options)
const post = (body: unknown, options: Options) => ask('POST', '', options, body)
const put = (body: unknown, options: Options) => ask('PUT', '', options, body)
const get = (path: string, options: Options) => ask('GET', path, options)
const remove = (id: string, options: Options) => ask('DELETE', `/${id}`, options)
const deactivate = (id: string, options: Options) => ask('PUT', `/${id}/deactivate`, options)

describe('a subscription', () => {
  it('is deleted, and its id is free again', async () => {
    const tenant = 'deleted'
    await post(aSubscription(), { tenant })
    expect(await remove('crm', { tenant: 'stranger' })).toMatchObject({ status: 404 })
    expect(await remove('crm', { tenant })).toMatchObject({ status: 204, body: '' })
    expect(await get('/crm', { tenant })).toMatchObject({ status: 404 })
    expect((await get('/crm/stats', { tenant })).body).toMatchObject({ status: 'deleted' })
    expect(await remove('crm', { tenant })).toMatchObject({ status: 404 })
    expect((await get('', { tenant })).body).toEqual([])
    expect(await post(aSubscription(), { tenant })).toMatchObject({ status: 201 })
    const { rows } = await database.pool.query(
      'select action, status, actor from config_log where tenant = $1 order by position',
      [tenant],
    )
    const by = { actor: 'admin token' }
    expect(rows).toEqual([
      { action: 'subscription_started', status: 'running', ...by },
      { action: 'subscription_stopped', status: 'stopped', ...by },
      { action: 'subscription_deleted', status: 'removed', ...by },
      { action: 'subscription_started', status: 'running', ...by },
    ])
  })

  it('has at most so many beside it, and its id once', async () => {
    const tenant = 'many'
    const numbers = Array.from({ length: limits.subscriptionsPerTenant + 5 }, (_, i) => i)
    const replies = await Promise.all(
      numbers.map((i) => post(aSubscription({ id: `crm-${i}` }), { tenant })),
    )
    const count = (status: number) => replies.filter((reply) => reply.status === status).length
    expect([count(201), count(400)]).toEqual([limits.subscriptionsPerTenant, 5])
    expect(replies.find(({ status }) => status === 400)?.body).toMatchObject({
      error_code: 'too_many_subscriptions',
    })
    expect(await post(aSubscription({ id: 'crm-1' }), { tenant })).toMatchObject({
      status: 400,
      body: { message: 'id is taken by another subscription.' },
    })
  })

  it('needs no room while it is inactive, and none is activated without room', async () => {
    const tenant = 'room'
    const most = limits.subscriptionsPerTenant
    const inactive = { active: false, id: 'waits' }
    await post(aSubscription(inactive), { tenant })
    for (let i = 0; i < most; i++) await post(aSubscription({ id: `crm-${i}` }), { tenant })
    expect(await post(aSubscription({ id: 'more' }), { tenant })).toMatchObject({ status: 400 })
    const more = await post(aSubscription({ ...inactive, id: 'too' }), { tenant })
    expect(more).toMatchObject({ status: 201 })

    const activate = () => put(aSubscription({ id: 'waits', entityType: 'ORDER' }), { tenant })
    expect(await activate()).toMatchObject({
      status: 400,
      body: { error_code: 'too_many_subscriptions' },
    })
    const unchanged = { active: false, entityType: 'CUSTOMER' }
    expect((await get('/waits', { tenant })).body).toMatchObject(unchanged)
    // One that is active is updated without room.
    expect(await put(aSubscription({ id: 'crm-1' }), { tenant })).toMatchObject({ status: 201 })
    await deactivate('crm-0', { tenant })
    expect(await activate()).toMatchObject({ status: 201, body: { entityType: 'ORDER' } })
    await remove('crm-2', { tenant })
    expect(await post(aSubscription({ id: 'more' }), { tenant })).toMatchObject({ status: 201 })
  })

  it('leaves room for itself in a race', async () => {
    const tenant = 'race'
    const most = limits.subscriptionsPerTenant
    for (let i = 0; i < most + 4; i++) {
      const active = i < most - 1
      await post(aSubscription({ id: `crm-${i}`, active }), { tenant })
    }
    const ids = Array.from({ length: 5 }, (_, i) => `crm-${most - 1 + i}`)
    const replies = await Promise.all(ids.map((id) => put(aSubscription({ id }), { tenant })))
    expect(replies.map(({ status }) => status).sort()).toEqual([201, 400, 400, 400, 400])
  })
})
