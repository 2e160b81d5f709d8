// The projections of a shop: each event counts once, whatever is killed; rebuilt from zero they are
// the same; what cannot be read is told and skipped.

import { describe, expect, it } from 'vitest'
import { call } from '../../../scripts/kit/client.ts'
import { createJob } from '../../../scripts/kit/jobs.ts'
import { until } from '../../../scripts/kit/until.ts'
import type { ShownLine } from '../../../src/cli/output.ts'
import { rebuild } from '../../../src/cli/rebuild.ts'
import { retireNotices } from '../../../src/notification/run/retire.ts'
import { projectEvents } from '../../../src/notification/shop/project.ts'
import { useDatabase } from '../../helpers/database.ts'
import { aLoggedEvent } from '../../helpers/factory.ts'
import { startService, useService } from '../../helpers/service.ts'
import { collected, customer, level, projected, tell, wishlist } from '../../helpers/shop.ts'
import { opening, turn } from '../scenario.ts'

const database = useDatabase()
const serving = useService('serve', database)

const work = () =>
  startService('work', {
    DATABASE_URL: database.url,
    MILLRACE_SWEEP_MS: '50',
    MILLRACE_LEASE_MS: '500',
  })
const position = async (): Promise<number> => {
  const { rows } = await database.pool.query('select read_position from cursor')
  return rows[0]?.read_position ?? -1
}
async function rebuilt(options = { apply: false }) {
  const lines: ShownLine[] = []
  const isSame = await rebuild(database.url, { tenant: 'dodici', ...options }, (_, shown) => {
    lines.push(...shown())
  })
  return { isSame, lines }
}

describe('the projections', () => {
  it('are the same from zero as live, where workers were killed on their way', async () => {
    const bulk = (operation: string, values: unknown) =>
      collected('customer', operation, 'bulk', values)
    const odd = [
      bulk(
        'bulk_create',
        Array.from({ length: 50 }, (_, n) => ({ id: `b-${n}`, email: 'a@b.c' })),
      ),
      bulk('bulk_update', [{ id: 'b-1', first_name: 'B' }, { email: 'nobody' }, 'b-2']),
      bulk('bulk_delete', ['b-3', { id: 'b-4' }]),
      collected('wishlist', 'delete', 'w-3', undefined),
      collected('inventory_level', 'delete', 'item-001-north', undefined),
      collected('price', 'create', 'p-1', { amount: 1e300 }),
      collected('product', 'update', 'p', { name: 'Boot', url: null, more: { than: 'known' } }),
    ]
    await tell(database, opening())
    await tell(database, [...odd, ...turn(1)])
    // An imported event is passed over, live and rebuilt.
    await tell(database, [{ ...customer('imported'), live: false }])
    const last = await tell(database, turn(2))
    await createJob(serving.url)

    let worker = await work()
    for (let kill = 0, seen = 0; kill < 3; kill++) {
      seen = await until('it has come further', async () => {
        const now = await position()
        return now > seen && now
      })
      await worker.kill('SIGKILL')
      expect(await position()).toBeLessThan(last)
      worker = await work()
    }
    await projected(database, last)
    const told = await tell(database, turn(3))
    await projected(database, told)
    expect(await rebuilt()).toMatchObject({ isSame: true })
    expect(worker.output()).toContain('entity not readable')
    await worker.kill('SIGTERM')

    const { body } = await call(`${serving.url}/api/v1/shop/stats`)
    expect(body).toMatchObject({
      position: told,
      lag_events: 0,
      lag_seconds: 0,
      products: 1,
      variants: 300,
      customers: 1_048,
      inventory_levels: 600,
      unreadable: 3,
    })
    const unreadable = body['last_unreadable'] as { entry: number; reason: string }[]
    expect(unreadable.map(({ entry, reason }) => [entry, reason.split(' ')[0]])).toEqual([
      [0, 'amount'],
      [2, 'entity'],
      [1, 'id'],
    ])
  })

  it('skip an event of which no entity can be read, however many it has', async () => {
    const { payload } = collected('customer', 'bulk_create', 'bulk', Array(200_000).fill(1))
    const event = aLoggedEvent({ name: 'customer.bulk_create', payload: String(payload) })
    expect(await projectEvents(database.kysely, 'crowded', [event])).toHaveLength(200_000)
  })

  it('that were damaged are found out, and put right', async () => {
    await database.pool.query(`delete from shop_restock where item_id = 'item-007'`)
    await database.pool.query(`update shop_stock set available = 99 where item_id = 'item-008'`)
    const damaged = await rebuilt()
    expect(damaged.isSame).toBe(false)
    const row = (table: string) => damaged.lines.map(String).find((line) => line.startsWith(table))
    expect(row('shop_restock')).toMatch(/ [1-9]\d* +0 +0$/)
    expect(row('shop_stock')).toMatch(/ 600 +2 +2 +0$/)
    expect(await rebuilt({ apply: true })).toMatchObject({ isSame: true })
    expect(await rebuilt()).toMatchObject({ isSame: true })
  })

  it('of a tenant without jobs there are none, and no work for them', async () => {
    await tell(database, [level('v', 1, 'l', 'rival'), customer('c', {}, 'rival')])
    const { rows } = await database.pool.query(
      `select from consumer where tenant = 'rival' union all
       select from shop_customer where tenant = 'rival'`,
    )
    expect(rows).toEqual([])
    const reply = await call(`${serving.url}/api/v1/shop/stats`, { headers: { tenant: 'rival' } })
    expect(reply.status).toBe(404)
    const lines: ShownLine[] = []
    const call_ = { tenant: 'rival', apply: false }
    expect(await rebuild(database.url, call_, (_, of) => lines.push(...of()))).toBe(false)
    expect(lines.join()).toContain('no projections')
  })
})

describe('tenants', () => {
  it('do not see what another one has', async () => {
    const headers = { tenant: 'rival' }
    const job = { id: 'a', notification: 'BACK_IN_STOCK', schedule: '0 9 1 1 *', template_id: 'd' }
    await call(`${serving.url}/api/v1/jobs`, { headers, body: JSON.stringify(job) })
    const worker = await work()
    const last = await tell(database, [wishlist('w', 'c', ['v'], 'rival')])
    await projected(database, last, 'rival')
    const { body } = await call(`${serving.url}/api/v1/shop/stats`, { headers })
    expect(body).toMatchObject({ customers: 1, wishlist_items: 1, inventory_levels: 1 })
    await worker.kill('SIGTERM')
  })
})

describe('retention', () => {
  it('removes what is older than the events, and nothing that is due', async () => {
    const { pool, kysely } = database
    await pool.query(
      `insert into notice (
         tenant, notification, position, customer_id, item_id, job_id, run_id, state
       )
       select 'dodici', 'BACK_IN_STOCK', n, 'c', 'v', 'back-in-stock', gen_random_uuid(),
         case when n % 2 = 0 then 'due' else 'sent' end
       from generate_series(1, 20) as n`,
    )
    await pool.query(
      `insert into shop_restock select 'dodici', n, 'v' from generate_series(1, 25000) as n`,
    )
    expect(await retireNotices(kysely, 11)).toBe(5 + 10)
    expect(await retireNotices(kysely, 30_000)).toBe(5 + 24_990)
    const { rows } = await pool.query(
      `select count(*)::integer as due from notice where state = 'due'`,
    )
    expect(rows).toEqual([{ due: 10 }])
  })

  it('keeps what a job has yet to look at, however old', async () => {
    const { pool, kysely } = database
    await pool.query(
      `insert into shop_restock select 'dodici', n, 'v' from generate_series(40001, 41000) as n`,
    )
    await pool.query('update notification_job set through_position = 40400')
    expect(await retireNotices(kysely, 50_000)).toBe(400)
  })
})
