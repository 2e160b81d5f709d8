// The event types of a tenant: what is known, what was published and when last, and the warnings of
// filters that name something else.

import { sql } from 'kysely'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { call, EVENTSTREAM, publish } from '../../scripts/kit/client.ts'
import { aSubscription, collector, SUBSCRIPTIONS } from '../../scripts/kit/collector.ts'
import { listEventTypes } from '../../src/log/event-type.ts'
import { createPartitions } from '../../src/log/partitions.ts'
import { readAllEventTypes } from '../../src/maintenance/event-types.ts'
import type { Server } from '../../src/server.ts'
import { startHere } from '../access/callers.ts'
import { useDatabase } from '../helpers/database.ts'

type EventType = {
  name: string
  entity: string
  description: string | null
  deprecated: boolean
  last_published_at: string | null
}
type List = { event_types: EventType[]; next?: string }
type Warned = { warnings?: { field: string; code: string; message: string; nearest: string[] }[] }

const database = useDatabase()
let service: Server
beforeAll(async () => {
  service = await startHere(database.url)
})
afterAll(() => service.stop())

const list = async (tenant: string, query = '') =>
  (await call<List>(`${service.url}/event-types${query}`, { headers: { tenant } })).body
const send = async (name: string, key: string, tenant = 'dodici') =>
  (await publish(service.url, { name, key, tenant, payload: '{}' })).body.published_at

describe('the event types', () => {
  it('are the 31 known ones and the alerts, one of them deprecated, before anything is published', async () => {
    const { event_types } = await list('empty')
    expect(event_types.filter(({ entity }) => entity !== 'millrace')).toHaveLength(31)
    expect(event_types.map(({ name }) => name)).toEqual(
      event_types.map(({ name }) => name).toSorted(),
    )
    expect(event_types.filter(({ last_published_at }) => last_published_at !== null)).toEqual([])
    const deprecated = event_types.filter((type) => type.deprecated)
    expect(deprecated.map(({ name }) => name)).toEqual(['order.shipped'])
    const { rows } = await database.pool.query(`select from event_type_reader`)
    expect(rows).toEqual([])
  })

  it('are also what the tenant has published, each with its last time', async () => {
    await send('order.created', 'a')
    const own = await send('gift_card.sold', 'b')
    const last = await send('order.created', 'c')
    await send('gift_card.returned', 'd', 'rival')
    const { event_types } = await list('dodici')
    expect(event_types).toHaveLength(51)
    expect(event_types).toContainEqual({
      name: 'gift_card.sold',
      entity: 'gift_card',
      description: null,
      deprecated: false,
      last_published_at: own,
    })
    const created = event_types.find(({ name }) => name === 'order.created')
    expect(created?.last_published_at).toBe(last)
    const later = await send('order.created', 'e')
    const again = (await list('dodici')).event_types.find(({ name }) => name === 'order.created')
    expect(again?.last_published_at).toBe(later)
  })

  it('come in pages', async () => {
    const first = await list('dodici', '?limit=30')
    const second = await list('dodici', `?limit=30&after=${first.next}`)
    expect([first.event_types.length, second.event_types.length]).toEqual([30, 21])
    expect(second.next).toBeUndefined()
    const names = [...first.event_types, ...second.event_types].map(({ name }) => name)
    expect(new Set(names).size).toBe(51)
  })

  it('are read once, a step at a time, by any number of readers at once', async () => {
    for (const key of ['a', 'b', 'c', 'd', 'e']) await send(`step.${key}`, key, 'stepping')
    const step = async () => {
      const { rows } = await database.pool.query(`select read_event_types('stepping', 2) as ended`)
      return rows[0].ended as boolean
    }
    const ended = await Promise.all([step(), step(), step()])
    expect(ended).toContain(true)
    const { rows } = await database.pool.query(
      `select array_agg(name order by name) as names from event_type where tenant = 'stepping'`,
    )
    expect(rows[0].names).toEqual(['step.a', 'step.b', 'step.c', 'step.d', 'step.e'])
    expect(await step()).toBe(true)
  })

  it('are kept of every tenant, and outlive their events', async () => {
    await send('relic.found', 'a', 'old')
    await send('relic.found', 'a', 'older')
    await readAllEventTypes(database)
    const { rows } = await database.admin.pool.query(
      `select string_agg(inhrelid::regclass::text, ', ') as partitions from pg_inherits
       where inhparent = 'event'::regclass`,
    )
    await database.admin.pool.query(`drop table ${rows[0].partitions}`)
    await createPartitions(database.pool)
    for (const tenant of ['old', 'older']) {
      const { event_types } = await list(tenant)
      expect(event_types.find(({ name }) => name === 'relic.found')?.last_published_at).toBeTruthy()
    }
  })

  it('are so many of a tenant at the most, those that were published last', async () => {
    for (const name of ['a', 'b', 'c', 'a', 'd'])
      await send(`kept.${name}`, crypto.randomUUID(), 'full')
    await send('kept.of_another', 'a', 'full-too')
    for (const tenant of ['full', 'full-too']) {
      await database.pool.query(`select read_event_types($1, 4, 2)`, [tenant])
    }
    const kept = async () => {
      const { rows } = await database.pool.query(
        `select array_agg(name order by name) as names from event_type where tenant like 'full%'`,
      )
      return rows[0].names as string[]
    }
    expect(await kept()).toEqual(['kept.a', 'kept.c', 'kept.of_another'])
    await database.pool.query(`select read_event_types('full', 4, 2)`)
    expect(await kept()).toEqual(['kept.a', 'kept.d', 'kept.of_another'])
  })

  it('are read a page at a time, however many there are', async () => {
    await database.pool.query(
      `insert into event_type select 'many', 'many.n' || n, n from generate_series(1, 20000) n`,
    )
    await database.pool.query('analyze event_type')
    const [page, read] = await database.kysely.transaction().execute(async (transaction) => {
      const options = { after: 'many.n5', most: 3 }
      const page = await listEventTypes(transaction, 'many', options)
      const { rows } = await sql<{ read: number }>`
        select (seq_tup_read + idx_tup_fetch)::int as read
        from pg_stat_xact_user_tables where relname = 'event_type'`.execute(transaction)
      return [page, rows[0]?.read]
    })
    expect(page.map(({ name }) => name)).toEqual(['many.n50', 'many.n500', 'many.n5000'])
    expect(read).toBeLessThan(1_000)
  })

  it('say 503 while more of the log is unread than a request may read', async () => {
    const page = { most: 1, steps: 0 }
    await expect(listEventTypes(database.kysely, 'dodici', page)).rejects.toMatchObject({
      code: 'unavailable',
    })
  })
})

describe('a filter', () => {
  const register = (id: string, filter_conditions: object) =>
    call<Warned>(service.url + EVENTSTREAM, {
      headers: { tenant: 'warned' },
      body: JSON.stringify({
        id,
        integration_type: 'permanent',
        filter_conditions,
        callback_parameters: { callback_url: 'http://127.0.0.1:9/' },
      }),
    })

  it('that names what is known or was published has no warning', async () => {
    await send('gift_card.sold', 'a', 'warned')
    const event_filter = ['order.created', 'gift_card.sold']
    const { status, body } = await register('a', { event_filter, entity_filter: ['gift_card'] })
    expect([status, body.warnings]).toEqual([200, undefined])
  })

  it('that names something else is taken, with a warning that names the nearest', async () => {
    const { status, body } = await register('b', {
      event_filter: ['order.creatd', 'zzz.zzz'],
      entity_filter: ['gift_crad'],
    })
    expect(status).toBe(200)
    expect(body.warnings).toMatchObject([
      { field: 'filter_conditions.event_filter', nearest: ['order.created'] },
      { field: 'filter_conditions.event_filter', nearest: [], code: 'unknown_event_type' },
      { field: 'filter_conditions.entity_filter', nearest: ['gift_card'] },
    ])
    const headers = { tenant: 'warned' }
    await call(`${service.url}${EVENTSTREAM}/b/_stop`, { method: 'POST', headers })
    const patched = await call<Warned>(`${service.url}${EVENTSTREAM}/b`, {
      method: 'PATCH',
      headers,
      body: JSON.stringify({ filter_conditions: { entity_filter: ['ordr'] } }),
    })
    expect(patched.status).toBe(200)
    expect(patched.body.warnings).toMatchObject([{ nearest: ['order'] }])
    const shown = await call<Warned>(`${service.url}${EVENTSTREAM}/b`, { headers })
    expect(shown.body.warnings).toBeUndefined()
  })

  it('has twenty warnings at the most, of which the first five name what is near', async () => {
    const event_filter = Array.from({ length: 30 }, (_, index) => `order.create${index}`)
    const { body } = await register('c', { event_filter })
    expect(body.warnings).toHaveLength(20)
    const near = body.warnings?.map(({ nearest }) => nearest.includes('order.created'))
    expect(near).toEqual(Array.from({ length: 20 }, (_, index) => index < 5))
  })

  it('is not told what another tenant has published', async () => {
    await send('wallet.topped_up', 'a', 'rival')
    // Reads it off the log.
    expect(JSON.stringify(await list('rival'))).toContain('wallet.topped_up')
    const filter = {
      event_filter: ['wallet.toped_up', 'wallet.topped_up'],
      entity_filter: ['wallet'],
    }
    const { body } = await register('d', filter)
    expect(body.warnings?.map(({ nearest }) => nearest)).toEqual([[], [], []])
    expect(JSON.stringify(body.warnings?.map(({ message }) => message))).not.toContain('near it')
    await send('wallet.topped_up', 'a', 'warned')
    const { body: after } = await register('e', filter)
    expect(after.warnings).toMatchObject([{ nearest: ['wallet.topped_up'] }])
  })

  it('is looked at only after the change that it belongs to', async () => {
    await send('late.read', 'a', 'refused')
    const sent = {
      id: 'a',
      integration_type: 'permanent',
      callback_parameters: { callback_url: 'http://127.0.0.1:9/' },
    }
    const attempt = (body: object) =>
      call(service.url + EVENTSTREAM, {
        headers: { tenant: 'refused' },
        body: JSON.stringify(body),
      })
    expect((await attempt(sent)).status).toBe(200)
    const filter_conditions = { event_filter: ['late.raed'] }
    expect((await attempt({ ...sent, filter_conditions })).status).toBe(409)
    const past = { starts_at: '2020-01-01T00:00:00Z', ends_at: '2019-01-01T00:00:00Z' }
    const refused = { ...sent, ...past, id: 'b', integration_type: 'temporary', filter_conditions }
    expect((await attempt(refused)).status).toBe(400)
    const { rows } = await database.pool.query(
      `select from event_type_reader where tenant = 'refused'`,
    )
    expect(rows).toHaveLength(0)
  })

  it('is registered without warnings where they cannot be had', async () => {
    const { pool } = database.admin
    await pool.query(`alter function read_event_types rename to read_nothing`)
    try {
      const { status, body } = await register('f', { event_filter: ['order.creatd'] })
      expect([status, body.warnings]).toEqual([200, undefined])
    } finally {
      await pool.query(`alter function read_nothing rename to read_event_types`)
    }
  })
})

describe('a subscription', () => {
  it('to an entity of which nothing was published is taken with a warning', async () => {
    const subscription = aSubscription({ id: 'misspelt', entityType: 'GIFT_CRAD' })
    const made = await collector(service.url + SUBSCRIPTIONS, 'POST', subscription)
    expect(made.status).toBe(201)
    expect((made.body as Warned).warnings).toMatchObject([{ field: 'entityType' }])
    const known = { ...subscription, entityType: 'WISHLIST' }
    const put = await collector(service.url + SUBSCRIPTIONS, 'PUT', known)
    expect([put.status, (put.body as Warned).warnings]).toEqual([201, undefined])
  })
})
