// POST …/_preview: what a filter would have taken of the last day, exactly, or as far back as the
// time allows.

import { beforeAll, describe, expect, it } from 'vitest'
import { call, EVENTSTREAM } from '../../scripts/kit/client.ts'
import { previewFilter } from '../../src/integration/preview/preview.ts'
import { createPartitions } from '../../src/log/partitions.ts'
import { useDatabase } from '../helpers/database.ts'
import { api, useService } from '../helpers/service.ts'

const database = useDatabase()
const service = useService('serve', database)
const { ask } = api(service)
const path = `${EVENTSTREAM}/_preview`
const names = ['order.created', 'order.created', 'return.processed', 'invoice.created']

/** `count` events in the past, the newest `agoMs` ago, a millisecond apart. */
async function fill(tenant: string, count: number, agoMs: number, live = true) {
  await createPartitions(database.pool)
  const { rows } = await database.admin.pool.query(
    `insert into event (position, tenant, name, entity_id, idempotency_key, team, service,
       correlation_ids, payload_bytes, payload, live)
     select position_of(now()) - $2::bigint * 1000 - i * 1000, $1, ($4::text[])[1 + i % 4],
       'e-' || i, 'k-' || i || '-' || $2, 't', 's', '{}', 2, '{}', $5
     from generate_series(0, $3::integer - 1) as i
     returning position`,
    [tenant, agoMs, count, names, live],
  )
  return rows.map(({ position }) => Number(position))
}

describe('a preview', () => {
  beforeAll(async () => {
    await database.admin.pool.query(
      `select create_partition('event', (now() at time zone 'UTC')::date - day, 1)
       from generate_series(1, 3) as day`,
    )
    await fill('dodici', 40, 60_000)
    await fill('dodici', 4, 120_000, false)
    await fill('dodici', 8, 86_400_000)
  })

  it('counts what a live stream takes of the last day, by name, with the newest', async () => {
    const { status, body } = await ask('POST', path)
    expect(status).toBe(200)
    expect(body).toMatchObject({ events: 40, counted_from: body['from'] })
    expect(body['names']).toEqual([
      { name: 'order.created', events: 20 },
      { name: 'invoice.created', events: 10 },
      { name: 'return.processed', events: 10 },
    ])
    const newest = body['newest'] as { entity_id: string; published_at: string }[]
    expect(newest.map(({ entity_id }) => entity_id)).toEqual(
      Array.from({ length: 10 }, (_, i) => `e-${i}`),
    )
  })

  it('goes by the filter, and warns of names that nobody knows', async () => {
    const filter_conditions = { event_filter: ['order.creatd'], entity_filter: ['return'] }
    const { body } = await ask('POST', path, { filter_conditions })
    expect(body['names']).toEqual([{ name: 'return.processed', events: 10 }])
    expect(body['warnings']).toHaveLength(1)
    const none = await ask('POST', path, { filter_conditions: { entity_filter: ['customer'] } })
    expect(none.body).toMatchObject({ events: 0, names: [], newest: [] })
  })

  it('refuses what a registration refuses', async () => {
    const { status, body } = await ask('POST', path, { filter_conditions: {} })
    expect(status).toBe(400)
    expect(body['details']).toMatchObject([{ field: 'filter_conditions', code: 'empty' }])
  })

  it("sees nothing of another tenant's", async () => {
    const { body } = await call(service.url + path, {
      method: 'POST',
      headers: { tenant: 'rival' },
    })
    expect(body).toMatchObject({ events: 0, names: [], newest: [] })
  })
})

it('says how far back it has counted, if there is too much', async () => {
  const positions = await fill('busy', 60_000, 0)
  const [last, first] = [Math.max(...positions), Math.min(...positions)]
  const range = { tenant: 'busy', from: first - 1_000_000, to: last, filter: null }
  const part = await previewFilter(database.kysely, range, 0)
  expect(part).toMatchObject({ events: 50_000, countedFrom: last - 49_999 * 1000 })
  const whole = await previewFilter(database.kysely, range, 60_000)
  expect(whole).toMatchObject({ events: 60_000, countedFrom: range.from })
})
