// The event types of a tenant: the known ones, and the names that it has published. Names are read
// from the log at a request, and each hour, never while events are written.

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
 * Reads on in the tenant's log, in at most `steps` steps. Returns whether it has reached the end.
 * Each step is stored, so the next call goes on from there.
 */
export async function readEventTypes(db: Db, tenant: string, steps: number): Promise<boolean> {
  for (let step = 0; step < steps; step++) {
    const { rows } = await sql<{ ended: boolean }>`
      select read_event_types(
        ${tenant}, ${limits.eventTypeStep}, ${limits.storedEventTypes}
      ) as ended`.execute(db)
    if (rows[0]?.ended) return true
  }
  return false
}

/**
 * At most `most` event types by name, from the one after `after`. Throws `unavailable` if more of
 * the log is unread than one request may read.
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
    const message = 'The event names are still being read from the log; try again.'
    throw new MillraceError('unavailable', message, { retryAfterSeconds: 1 })
  }
  const { rows } = await sql<{ name: string; last: number | null }>`
    select name, max(last_position) as last
    from (
      -- A page of each kind, so that neither is read completely.
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

/** A name in a filter: of an event, or of an entity with all its events. */
export type Named = { field: string; value: string; kind: 'name' | 'entity' }
export type Warning = { field: string; code: string; message: string; nearest: string[] }

/**
 * At most `mostWarnings` warnings, one for each unknown name that nobody has published; the first
 * few suggest similar names. Call it after the change. It returns none if they cannot be
 * determined, or if too much of the log is unread.
 */
export async function warningsOf(db: Db, tenant: string, named: Named[]): Promise<Warning[]> {
  try {
    return await findWarnings(db, tenant, named)
  } catch {
    // The change is committed, and its answer must say so.
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

/** The given names and entities that were published. */
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
 * Candidates for what each value may have meant: the known names, and the tenant's names next to it
 * in alphabetical order, so that names with the same beginning come first.
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
    from unnest(${values}::text[]) with ordinality as asked (value, nth)
    order by nth`.execute(db)
  return rows.map(({ names }) => [...new Set([...known.keys(), ...names])])
}
