// What is in a database of the benchmark, asked on a connection of its own; above all, whether it
// is everything that was stored, once each and in order.

import pg from 'pg'

/** The rows of one statement. */
export async function ask<Row extends pg.QueryResultRow>(
  url: string,
  text: string,
  values: unknown[] = [],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query<Row>(text, values).finally(() => client.end())
  return rows
}

/**
 * Throws where the table does not hold `count` events, each of them once, and those of each entity
 * in the order in which they were published.
 */
export async function expectStored(url: string, table: string, count = 0): Promise<void> {
  const [found] = await ask<{ events: number; keys: number; misplaced: number }>(
    url,
    `select count(*)::integer as events,
      count(distinct (tenant, idempotency_key))::integer as keys,
      (count(*) filter (where sequence <> place))::integer as misplaced
    from (
      select tenant, idempotency_key,
        split_part(idempotency_key, ':', 2)::integer as sequence,
        row_number() over (partition by tenant, entity_id order by position) - 1 as place
      from ${table}
    ) as placed`,
  )
  if (found?.events === count && found.keys === count && found.misplaced === 0) return
  throw new Error(`${count} events were stored; in ${table}: ${JSON.stringify(found)}`)
}
