// The event types of a tenant: the known ones, those that it has registered, and the names that it
// has published. Names are read from the log at a request, and each hour, never while events are
// written.

import { sql } from 'kysely'
import { limits } from '../config.ts'
import type { Db } from '../db/pool.ts'
import { MillraceError } from '../errors.ts'
import { type EventType, knownEventTypes } from './catalog.ts'
import { entityOf } from './event.ts'
import { nearestOf } from './nearest.ts'
import { timeOf } from './position.ts'

/** The document of a registered event type. */
export type RegisteredDocument = {
  schema: object
  on_violation: 'reject' | 'warn'
  description?: string
  deprecated?: boolean
}

type ShownEventType = Omit<EventType, 'description' | 'schema'> &
  Partial<Pick<RegisteredDocument, 'schema' | 'on_violation'>> & {
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
  await readAllNames(db, tenant, steps)
  const { rows } = await sql<StoredName>`
    select type.name, type.last, registered.document
    from (
      select name, max(last_position) as last
      from (
        -- A page of each kind, so that none is read completely.
        (
          select name, last_position from event_type
          where tenant = ${tenant} and name > ${after}
          order by name
          limit ${most}
        )
        union all
        (
          select name, null from registered_event_type
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
      ) as page
      group by name
      order by name
      limit ${most}
    ) as type
    left join registered_event_type as registered
      on registered.tenant = ${tenant} and registered.name = type.name
    order by type.name`.execute(db)
  return rows.map(showEventType)
}

/** Reads the names of a tenant's log, and throws `unavailable` if they are too many for once. */
export async function readAllNames(
  db: Db,
  tenant: string,
  steps: number = limits.eventTypeSteps,
): Promise<void> {
  if (await readEventTypes(db, tenant, steps)) return
  const message = 'The event names are still being read from the log; try again.'
  throw new MillraceError('unavailable', message, { retryAfterSeconds: 1 })
}

/**
 * One event type, with the version of what is registered (null: nothing is). Undefined if it is not
 * known, not registered, and not among the names that were read.
 */
export async function findEventType(
  db: Db,
  tenant: string,
  name: string,
): Promise<{ version: number | null; type: ShownEventType } | undefined> {
  const { rows } = await sql<StoredName & { version: number | null }>`
    select asked.name, event_type.last_position as last, registered.document, registered.version
    from (values (${name})) as asked (name)
    left join event_type on event_type.tenant = ${tenant} and event_type.name = asked.name
    left join registered_event_type as registered
      on registered.tenant = ${tenant} and registered.name = asked.name`.execute(db)
  const [row] = rows
  if (!row || (row.last === null && row.document === null && !known.has(name))) return undefined
  return { version: row.version, type: showEventType(row) }
}

type StoredName = { name: string; last: number | null; document: RegisteredDocument | null }

/** An event type for an answer: what is registered goes before what is known of its name. */
export function showEventType({ name, last, document }: StoredName): ShownEventType {
  const { schema, on_violation, ...words } = document ?? {}
  const { description = null, deprecated = false, schema: own } = { ...known.get(name), ...words }
  return {
    name,
    entity: entityOf(name),
    description,
    deprecated,
    last_published_at: last === null ? null : timeOf(last),
    ...(schema && on_violation ? { schema, on_violation } : own && { schema: own }),
  }
}

/** A name in a filter: of an event, or of an entity with all its events. */
export type Named = { field: string; value: string; kind: 'name' | 'entity' }
export type Warning = { field: string; code: string; message: string; nearest: string[] }

/**
 * At most `mostWarnings` warnings, one for each name that nobody has published or registered; the
 * first few suggest similar names. Call it after the change. It returns none if they cannot be
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

/** The given names and entities that were published or registered. */
async function namesAmong(db: Db, tenant: string, asked: Named[]): Promise<Set<string>> {
  const values = (kind: Named['kind']) =>
    asked.filter((one) => one.kind === kind).map(({ value }) => value)
  const { rows } = await sql<{ value: string }>`
    select name as value from event_type
    where tenant = ${tenant} and name = any(${values('name')})
    union all
    select name from registered_event_type
    where tenant = ${tenant} and name = any(${values('name')})
    union all
    select entity
    from unnest(${values('entity')}::text[]) as entity
    where exists (
      select from event_type
      -- '/' is the character after '.'.
      where tenant = ${tenant}
        and name > entity || '.' collate "C" and name < entity || '/' collate "C"
    ) or exists (
      select from registered_event_type
      where tenant = ${tenant}
        and name > entity || '.' collate "C" and name < entity || '/' collate "C"
    )`.execute(db)
  return new Set(rows.map(({ value }) => value))
}

/**
 * Candidates for what each value may have meant: the known names, the registered ones, and the
 * published ones next to it in alphabetical order, so that the same beginning comes first.
 */
export async function candidatesOf(db: Db, tenant: string, values: string[]): Promise<string[][]> {
  const { rows } = await sql<{ names: string[] }>`
    select array(
      (
        select name from registered_event_type
        where tenant = ${tenant}
        order by name
        limit ${limits.registeredTypes}
      )
      union all
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
