// 100,000 customers with 1,000,000 wishes: a run that finds 10,000 restocked pairs takes seconds,
// since every statement on its way goes by an index.

import { randomUUID } from 'node:crypto'
import type { RawBuilder } from 'kysely'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aJob } from '../../../scripts/kit/jobs.ts'
import { systemClock } from '../../../src/clock.ts'
import { createMailAgent, createSendGrid } from '../../../src/destination/sendgrid.ts'
import { createLogger } from '../../../src/logger.ts'
import { createJob } from '../../../src/notification/change.ts'
import { documentOf, type Notification } from '../../../src/notification/job.ts'
import { dueBatchQuery } from '../../../src/notification/run/ledger.ts'
import { dueQuery } from '../../../src/notification/run/occasions.ts'
import { notify } from '../../../src/notification/run/run.ts'
import { listJobRuns, requestJobRun } from '../../../src/notification/run/runs.ts'
import { useDatabase } from '../../helpers/database.ts'
import { SENDGRID_KEY, type SendGrid, startSendGrid } from '../../helpers/sendgrid.ts'

const database = useDatabase()
const CUSTOMERS = 100_000
const WISHES_EACH = 10
const ITEMS = 100_000
const RESTOCKED = 1_000
const PAIRS = (RESTOCKED * CUSTOMERS * WISHES_EACH) / ITEMS
/** All numbers are of seven digits, so that rows come in the order of their keys. */
const MILLION = 1_000_000
const numbers = (count: number) => `generate_series(${MILLION}, ${MILLION + count - 1})`
const agent = createMailAgent({ allowPrivateTargets: true })
let sendgrid: SendGrid
let at: number

beforeAll(async () => {
  sendgrid = await startSendGrid()
  const { pool } = database.admin
  const { kysely } = database
  const who = { actor: 'ada', reason: 'A test.', now: Date.now() }
  const document = documentOf(aJob() as never)
  await createJob(kysely, 'dodici', 'back-in-stock', { ...who, document })
  // Customer n wishes for every tenth of the items, from n on: each item has as many wishes.
  const inserts = [
    `insert into shop_customer
     select 'dodici', 'c-' || n, 'c-' || n || '@example.com', 'Ada', null, true, 1
     from ${numbers(CUSTOMERS)} as n`,
    `insert into shop_wish
     select
       'dodici', 'w-' || n, 'i-' || (${MILLION} + (n + k * ${ITEMS / WISHES_EACH}) % ${ITEMS}),
       'c-' || n, 1
     from ${numbers(CUSTOMERS)} as n, generate_series(0, ${WISHES_EACH - 1}) as k`,
    `insert into shop_stock
     select 'dodici', 'l-' || n, 'i-' || n, 'store', 5, 1 from ${numbers(ITEMS)} as n`,
    `insert into shop_variant
     select 'dodici', 'i-' || n, 'p', 'Item ' || n, 'https://shop.example/' || n, null, 1
     from ${numbers(ITEMS)} as n`,
  ]
  await fill(inserts)
  at = Date.now() * 1000 + 60_000_000
  // A month of restocks before the run's, so that the window must be found by the index.
  await pool.query(
    `insert into shop_restock
     select 'dodici', $1::bigint + n * 100, 'i-' || (${MILLION} + n * 97 % ${ITEMS})
     from generate_series(1, 50000) as n
     union all
     select 'dodici', $2::bigint + n, 'i-' || (${MILLION} + n)
     from generate_series(0, ${RESTOCKED - 1}) as n`,
    [at - 10_000_000_000, at],
  )
  await pool.query(
    `insert into shop_price_drop select tenant, position, item_id, 'EUR', 10, 9 from shop_restock`,
  )
  for (const table of ['customer', 'wish', 'stock', 'variant', 'restock', 'price_drop']) {
    await pool.query(`analyze shop_${table}`)
  }
  await pool.query('update cursor set read_position = $1', [at + RESTOCKED])
  await pool.query('update notification_job set through_position = $1', [at - 1])
})
afterAll(() => Promise.all([agent.destroy(), sendgrid.close()]))

/** Fills the tables, and makes their indexes afterwards: that is faster by far. */
async function fill(inserts: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: database.adminUrl })
  await client.connect()
  const { rows } = await client.query(
    `select indexname, indexdef from pg_indexes
     where tablename like 'shop\\_%' and indexname not like '%\\_pkey'`,
  )
  await client.query(`set maintenance_work_mem = '256MB'`)
  for (const { indexname } of rows) await client.query(`drop index ${indexname}`)
  for (const insert of inserts) await client.query(insert)
  for (const { indexdef } of rows) await client.query(indexdef)
  await client.end()
}

type Plan = { 'Node Type': string; 'Relation Name'?: string; Plans?: Plan[] }

async function planOf(query: RawBuilder<unknown>): Promise<Plan[]> {
  const { sql, parameters } = query.compile(database.kysely)
  const { rows } = await database.pool.query(`explain (format json) ${sql}`, [...parameters])
  // json comes as the text that it is.
  const flat = (plan: Plan): Plan[] => [plan, ...(plan.Plans ?? []).flatMap(flat)]
  return flat(JSON.parse(rows[0]['QUERY PLAN'])[0].Plan)
}

const scanned = (plan: Plan[]) =>
  plan
    .filter((node) => node['Relation Name'] && node['Node Type'] !== 'ModifyTable')
    .map((node) => `${node['Node Type']} ${node['Relation Name']}`)

describe('the plan', () => {
  const window = {
    tenant: 'dodici',
    jobId: 'back-in-stock',
    runId: '0197e000-0000-7000-8000-000000000001',
    runPosition: 1,
  }
  it.each(['BACK_IN_STOCK', 'PRICE_DROP'] satisfies Notification[])(
    '%s finds what is due by indexes',
    async (notification) => {
      const query = dueQuery(notification, { ...window, from: at - 1, to: at + RESTOCKED })
      const scans = scanned(await planOf(query))
      expect(scans).toHaveLength(2)
      for (const scan of scans) expect(scan).toMatch(/^(Bitmap Heap|Index( Only)?) Scan/)
    },
  )
})

describe('a run', () => {
  it(`finds ${PAIRS} pairs and sends them within seconds`, async () => {
    const { kysely: db } = database
    const from = { email: 'shop@example.com' }
    const limits = { timeoutMs: 10_000, responseBytes: 1_000, storedResponse: 100 }
    const mailer = createSendGrid(
      agent,
      { url: sendgrid.url, apiKey: SENDGRID_KEY, from },
      { ...limits, allowPrivateTargets: true },
    )
    const services = {
      db,
      clock: systemClock,
      leaseMs: 10_000,
      retryBaseMs: 1_000,
      presence: { session: () => ({ owner: randomUUID(), isPresent: () => true }) },
      logger: createLogger('silent'),
      mailerOf: async () => mailer,
    }
    await requestJobRun(db, 'dodici', 'back-in-stock')
    await notify(services, { tenant: 'dodici', jobId: 'back-in-stock' }, () => false)
    const [run] = await listJobRuns(db, 'dodici', 'back-in-stock', { most: 1 })
    expect(run).toMatchObject({ state: 'completed', found: PAIRS, notices: PAIRS })
    expect(run?.sent).toBe(new Set(sendgrid.taken.map(({ email }) => email)).size)
    console.log(`${run?.sent} customers, ${run?.notices} notices: ${run?.duration_ms} ms`)
    expect(run?.duration_ms).toBeLessThan(20_000)
  })

  it('finds the next batch by an index, also when the ledger is long', async () => {
    await database.admin.pool.query('analyze notice')
    const job = { tenant: 'dodici', jobId: 'back-in-stock' }
    const scans = scanned(await planOf(dueBatchQuery(job, 'BACK_IN_STOCK', 1_000)))
    for (const scan of scans) expect(scan).toMatch(/^(Bitmap Heap|Index( Only)?) Scan/)
  })
})
