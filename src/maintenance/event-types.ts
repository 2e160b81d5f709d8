// Records event names before the retention removes their events, even if nobody asks for them.

import type { Database } from '../db/pool.ts'
import { readEventTypes } from '../log/event-type.ts'
import { forEach } from '../repeat.ts'

/** Reads the log of every tenant to its end, for the names of its events. */
export async function readAllEventTypes({
  kysely,
  pool,
}: Pick<Database, 'kysely' | 'pool'>): Promise<void> {
  const { rows } = await pool.query<{ tenant: string }>(tenants)
  await forEach(rows, ({ tenant }) => readEventTypes(kysely, tenant, Number.POSITIVE_INFINITY))
}

// One index probe for each tenant, not one for each event.
const tenants = `
  with recursive known as (
    (select tenant from event order by tenant limit 1)
    union all
    select (select event.tenant from event where event.tenant > known.tenant order by 1 limit 1)
    from known
    where known.tenant is not null
  )
  select tenant from known where tenant is not null`
