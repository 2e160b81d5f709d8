// Loads what tenants have registered, several of them with one query. If thousands of tenants
// publish at once, a query for each costs as much as its event.

import { sql } from 'kysely'
import type { Db } from '../db/pool.ts'
import type { StoredType } from './registered.ts'

/** Of a query: their types must fit into memory together. */
const MOST_TENANTS = 16
const MOST_QUERIES = 2
/** If no query has begun for this long, the next one to ask gets a query of its own. */
const SLOW_MS = 1_000

type Asked = {
  tenant: string
  resolve: (types: StoredType[]) => void
  reject: (error: unknown) => void
}

/**
 * A function that loads everything that a tenant has registered: at most limits.registeredBytes. It
 * queries at once; while two queries are under way, tenants wait for the next one. If a query
 * fails, its error is that of all its tenants, and of those that wait.
 */
export function createTypeLoader(db: Db): (tenant: string) => Promise<StoredType[]> {
  const waiting: Asked[] = []
  let queries = 0
  let lastAt = 0

  return (tenant) =>
    new Promise((resolve, reject) => {
      waiting.push({ tenant, resolve, reject })
      // A connection that is cut off may take half a minute to say so: another one may work.
      if (queries < MOST_QUERIES || performance.now() - lastAt > SLOW_MS) void loadWaiting()
    })

  async function loadWaiting(): Promise<void> {
    queries++
    while (waiting.length > 0) await answer(waiting.splice(0, MOST_TENANTS))
    queries--
  }

  async function answer(asked: Asked[]): Promise<void> {
    lastAt = performance.now()
    try {
      const tenants = asked.map(({ tenant }) => tenant)
      const types = await loadTypes(db, tenants)
      for (const { tenant, resolve } of asked) resolve(types.get(tenant) ?? [])
    } catch (error) {
      for (const { reject } of [...asked, ...waiting.splice(0)]) reject(error)
    }
  }
}

/** By tenant, without those that have none. */
async function loadTypes(db: Db, tenants: string[]): Promise<ReadonlyMap<string, StoredType[]>> {
  const { rows } = await sql<StoredType & { tenant: string }>`
    /* prepared: load_types */
    select tenant, name, version, document ->> 'on_violation' as on_violation,
      (document -> 'schema')::text as schema
    from registered_event_type
    where tenant = any(${tenants}::text[])`.execute(db)
  return Map.groupBy(rows, ({ tenant }) => tenant)
}
