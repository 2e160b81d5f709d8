// The event types of a tenant: the known ones, and what it has published. Their names are read off
// the log when somebody asks, and each hour, not while it is written.

import { sql } from 'kysely'
import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import { MillraceError } from '../errors.ts'
import { type EventType, knownEventTypes } from './catalog.ts'
import { entityOf } from './event.ts'
import { nearestOf } from './nearest.ts'
import { timeOf } from './position.ts'

type ShownEventType = Omit<EventType, 'description'> & {
  description: string | null
  last_published_at: string | null
}

const known = new Map(knownEventTypes.map((type) => [type.name, type]))
const knownEntities = new Set(knownEventTypes.map(({ entity }) => entity))

/**
 * Reads on in the tenant's log, `steps` times at the most. Whether it has come to the end. Each
 * step is kept, so the next call goes on.
 */
export async function readEventTypes(db: Db, tenant: string, steps: number): Promise<boolean> {
  for (let step = 0; step < steps; step++) {
    const { rows } = await sql<{ ended: boolean }>`
      select read_event_types(
        ${tenant}, ${limits.eventTypeStep}, ${limits.eventTypesKept}
      ) as ended`.execute(db)
    if (rows[0]?.ended) return true
  }
  return false
}

/**
 * At most `most` event types in the order of their names, from the one after `after`. Throws
 * `unavailable` if more of the log is unread than one request may read.
 */
export async function listEventTypes(
  db: Db,
  tenant: string,
  {
    after = '',
    most,
    steps = limits.eventTypeSteps,
  }: { after?: string | undefined; most: number; steps?: number },
): Promise<ShownEventType[]> {
  if (!(await readEventTypes(db, tenant, steps))) {
    const message = 'The log is being read for its event names; try again.'
    throw new MillraceError('unavailable', message, { retryAfterSeconds: 1 })
  }
  const { rows } = await sql<{ name: string; last: number | null }>`
    select name, max(last_position) as last
    from (
      -- A page of each, so that only a page is read of either.
      (
        select name, last_position from event_type
        where tenant = ${tenant} and name > ${after}
        order by name
        limit ${most}
      )
      union all
      (
        select known.name collate "C", null
        from unnest(${[...known.keys()]}::text[]) as known (name)
        where known.name collate "C" > ${after}
        order by 1
        limit ${most}
      )
    ) as type
    group by name
    order by name
    limit ${most}`.execute(db)
  return rows.map(({ name, last }) => ({
    name,
    entity: entityOf(name),
    description: known.get(name)?.description ?? null,
    deprecated: known.get(name)?.deprecated ?? false,
    last_published_at: last === null ? null : timeOf(last),
  }))
}

/** What a filter names: an event by its name, or all of an entity. */
export type Named = { field: string; value: string; kind: 'name' | 'entity' }
export type Warning = { field: string; code: string; message: string; nearest: string[] }

/**
 * A warning for each name that nobody has published and that is not known, `mostWarnings` of them
 * at the most; the first few name what is near. For after the change that they warn of: where they
 * cannot be had there are none, or where the log has more that is unread than is worth waiting for.
 */
export async function warningsOf(db: Db, tenant: string, named: Named[]): Promise<Warning[]> {
  try {
    return await findWarnings(db, tenant, named)
  } catch {
    // The change stands, and its answer must say so.
    return []
  }
}

async function findWarnings(db: Db, tenant: string, named: Named[]): Promise<Warning[]> {
  const strange = named.filter(({ kind, value }) =>
    kind === 'name' ? !known.has(value) : !knownEntities.has(value),
  )
  if (strange.length === 0) return []
  if (!(await readEventTypes(db, tenant, limits.eventTypeStepsOfWarning))) return []
  const published = await namesAmong(db, tenant, strange)
  const unknown = strange.filter(({ value }) => !published.has(value))
  if (unknown.length === 0) return []
  const explained = unknown.slice(0, limits.warningsWithNearest)
  const candidates = await candidatesOf(
    db,
    tenant,
    explained.map(({ value }) => value),
  )
  return unknown.slice(0, limits.mostWarnings).map(({ field, value, kind }, index) => {
    const names = candidates[index] ?? []
    const words = kind === 'name' ? names : [...new Set(names.map(entityOf))]
    const nearest = nearestOf(value, words)
    const meant = nearest.length > 0 ? `; near it: ${nearest.join(', ')}` : ''
    const what = kind === 'name' ? 'no event' : 'no event of the entity'
    const message = `${field}: ${what} ${JSON.stringify(value)} was published so far${meant}.`
    return { field, code: 'unknown_event_type', message, nearest }
  })
}

/** Names and entities that were published, of those that are asked for. */
async function namesAmong(db: Db, tenant: string, asked: Named[]): Promise<Set<string>> {
  const values = (kind: Named['kind']) =>
    asked.filter((one) => one.kind === kind).map(({ value }) => value)
  const { rows } = await sql<{ value: string }>`
    select name as value from event_type
    where tenant = ${tenant} and name = any(${values('name')})
    union all
    select entity
    from unnest(${values('entity')}::text[]) as entity
    where exists (
      select from event_type
      -- '/' is the character after '.'.
      where tenant = ${tenant}
        and name > entity || '.' collate "C" and name < entity || '/' collate "C"
    )`.execute(db)
  return new Set(rows.map(({ value }) => value))
}

/**
 * For each of some values what may have been meant: what is known, and the names of the tenant that
 * stand before and after it in the order of names, so that those that begin alike come first.
 */
export async function candidatesOf(db: Db, tenant: string, values: string[]): Promise<string[][]> {
  const { rows } = await sql<{ names: string[] }>`
    select array(
      (
        select name from event_type
        where tenant = ${tenant} and name < asked.value collate "C"
        order by name desc
        limit ${limits.neighbours}
      )
      union all
      (
        select name from event_type
        where tenant = ${tenant} and name > asked.value collate "C"
        order by name
        limit ${limits.neighbours}
      )
    ) as names
    from unnest(${values}::text[]) with ordinality as asked (value, place)
    order by place`.execute(db)
  return rows.map(({ names }) => [...new Set([...known.keys(), ...names])])
}
