// Checks that a database of the benchmark holds every stored event, once each and in order.

import { query } from '../kit/postgres.ts'

/**
 * Throws if the table does not hold `count` events, each once, and those of each entity in the
 * order of publishing.
 */
export async function expectStored(url: string, table: string, count = 0): Promise<void> {
  const { rows } = await query<{ events: number; keys: number; misplaced: number }>(
    url,
    `select count(*)::integer as events,
      count(distinct (tenant, idempotency_key))::integer as keys,
      (count(*) filter (where sequence <> nth))::integer as misplaced
    from (
      select tenant, idempotency_key,
        split_part(idempotency_key, ':', 2)::integer as sequence,
        row_number() over (partition by tenant, entity_id order by position) - 1 as nth
      from ${table}
    ) as placed`,
  )
  const found = rows[0]
  if (found?.events === count && found.keys === count && found.misplaced === 0) return
  throw new Error(`${count} events were stored; in ${table}: ${JSON.stringify(found)}`)
}
