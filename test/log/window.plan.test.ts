// keep_window on days without statistics, as after an import: it must not read the days for each
// span of the window.

import { expect, it } from 'vitest'
import { useDatabase } from '../helpers/database.ts'

const EVENTS = 500_000
/** Two days. */
const STEP_US = Math.floor((2 * 86_400_000_000) / EVENTS)
const WINDOW = 500
const database = useDatabase()

it('looks each span up, though nobody has analyzed the days', async () => {
  const { pool } = database.admin
  const first = (Date.now() - 2 * 86_400_000) * 1000
  const read = first + (EVENTS / 2) * STEP_US
  await pool.query(`
    select create_partition('event', day::date, 1)
    from generate_series(now() - interval '2 days', now(), interval '1 day') as day`)
  await pool.query(
    `insert into event
     select 'dodici', $1::bigint + i * ${STEP_US}::bigint, 'order.created', 'e', 'k-' || i, 't',
       's', '{}', 2, '{}'
     from generate_series(0, ${EVENTS - 1}) as i`,
    [first],
  )
  await pool.query(
    `insert into cursor (tenant, consumer, read_position, version, unresolved)
     select 'dodici', 'erp', $1::bigint, 1,
       array_agg($1::bigint - i * ${STEP_US}::bigint order by i desc)
     from generate_series(0, ${WINDOW - 1}) as i`,
    [read],
  )
  const client = await pool.connect()
  try {
    await client.query('begin')
    await client.query(`select keep_window('dodici', 'erp', 0, null)`)
    const { rows } = await client.query(`
      select coalesce(sum(seq_tup_read), 0)::bigint as read
      from pg_stat_xact_user_tables where relname ~ '^event_[0-9]'`)
    expect(rows).toEqual([{ read: 0 }])
    await client.query('commit')
  } finally {
    client.release()
  }
})
