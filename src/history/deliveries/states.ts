// The states of events: of one event for all consumers of a tenant, and of the events that one
// consumer has not received. Both ask sql/functions/event_states.sql, as the audits do. The
// database is that of readers, which plans a prepared statement once: on a log of 38 days, planning
// takes longer than running.

import { sql } from 'kysely'
import type { Db } from '../../db/pool.ts'
import { timeOf } from '../../log/position.ts'

/** All states; docs/sql.md says what each means. */
export const states = [
  ...(['delivered', 'being_sent', 'being_retried', 'behind_a_failing_event', 'waiting'] as const),
  ...(['stopped', 'rejected', 'rejected_and_removed', 'skipped', 'skipped_and_removed'] as const),
  ...(['filtered_out', 'before_its_start', 'after_its_end'] as const),
  ...(['after_its_removal', 'removed_before_it_was_sent'] as const),
  ...(['passed_over', 'never_registered'] as const),
]

type State = (typeof states)[number]

/** States of events that were delivered, or never were to be. */
const NOT_MISSED: State[] = [
  ...(['delivered', 'filtered_out', 'before_its_start', 'after_its_end'] as const),
  ...(['after_its_removal', 'never_registered'] as const),
]

/** Ids of the config log that one page of consumers looks at. */
const LOOKED_AT = 1_000
/** Events that one statement looks at for those that are missing, and statements of a page. */
const STEP_EVENTS = 2_000
const STEPS = 3

type StateRow = {
  position: number
  name: string
  entityId: string
  state: State
  /** The moment of the delivery, the rejection, the last failure or the stop. */
  at: number | null
  version: number | null
  run: number | null
  why: string
}

const columns = sql`
  state.position, state.name, state.entity_id as "entityId", state.state, state.at, state.version,
  state.run, state.why`

/** Whether the log has an event at a position. */
export async function hasEvent(db: Db, tenant: string, position: number): Promise<boolean> {
  const { rows } = await sql`
    /* prepared: has_event */
    select from event where tenant = ${tenant} and position = ${position}`.execute(db)
  return rows.length > 0
}

/**
 * The states of an event for the integrations and subscriptions that a tenant has ever had, by
 * their consumer ids, after the id `after`. `next` is the `after` of the next page; undefined after
 * the last one. A page may be short and have a next one: other ids lie between.
 */
export async function readDeliveries(
  db: Db,
  tenant: string,
  position: number,
  { after = '', limit }: { after?: string | undefined; limit: number },
): Promise<{ deliveries: object[]; next: string | undefined }> {
  const looked = await listIds(db, tenant, after)
  const consumers = looked.filter(({ kind }) => kind === 'integration' || kind === 'subscription')
  const page = consumers.slice(0, limit)
  const isCut = consumers.length > limit
  const last = isCut ? page.at(-1) : looked.length === LOOKED_AT ? looked.at(-1) : undefined
  const ids = page.map(({ id }) => id)
  const { rows } = await deliveriesQuery(tenant, ids, position).execute(db)
  return { deliveries: rows.map(deliveryOf), next: last?.id }
}

/** The query of readDeliveries, which the plan test explains. */
export function deliveriesQuery(tenant: string, ids: string[], position: number) {
  return sql<StateRow & { consumer: string }>`
    /* prepared: read_deliveries */
    select consumer.id as consumer, ${columns}
    from unnest(${ids}::text[]) with ordinality as consumer (id, place)
    cross join lateral event_states(
      ${tenant}, consumer.id, ${position}::bigint, ${position}::bigint
    ) as state
    order by place`
}

/** The ids of a tenant's config log after `after`, each once. */
async function listIds(db: Db, tenant: string, after: string) {
  const { rows } = await sql<{ id: string; kind: string }>`
    /* prepared: list_ids */
    with recursive known (id, kind, place) as (
      (
        select id, kind, 1 from config_log
        where tenant = ${tenant} and id > ${after}
        order by id
        limit 1
      )
      union all
      select later.id, later.kind, place + 1
      from known
      cross join lateral (
        select id, kind from config_log
        where tenant = ${tenant} and id > known.id
        order by id
        limit 1
      ) as later
      where place < ${LOOKED_AT}
    )
    select id, kind from known order by place`.execute(db)
  return rows
}

function deliveryOf({ consumer, ...row }: StateRow & { consumer: string }) {
  const [kind, id] = consumer.startsWith('subscription:')
    ? ['subscription', consumer.slice('subscription:'.length)]
    : ['integration', consumer]
  return { kind, id, ...shown(row) }
}

function shown({ state, at, version, run, why }: Omit<StateRow, 'position'>) {
  return {
    state,
    at: at === null ? null : timeOf(at),
    version,
    replay: run === null || run === 0 ? null : run,
    reason: why,
  }
}

/**
 * The events of a range, from `first` on and before `end`, that a consumer has not received: those
 * that were never to be delivered are left out. `next` is the position to go on after; null if the
 * range is at its end. A page may be short and have a next one: it is bounded by the events that it
 * looks at.
 */
export async function readUndelivered(
  db: Db,
  tenant: string,
  consumer: string,
  { first, end, limit }: { first: number; end: number; limit: number },
): Promise<{ events: object[]; next: number | null }> {
  const missing: StateRow[] = []
  let from = first
  for (let step = 0; step < STEPS; step++) {
    const last = await endOfStep(db, tenant, from, end)
    const wanted = limit - missing.length
    const range = { from, last: last ?? end - 1, most: wanted + 1 }
    const { rows } = await undeliveredQuery(tenant, consumer, range).execute(db)
    missing.push(...rows.slice(0, wanted))
    if (rows.length > wanted) return pageOfEvents(missing, missing.at(-1)?.position ?? null)
    if (last === undefined) return pageOfEvents(missing, null)
    from = last + 1
  }
  return pageOfEvents(missing, from - 1)
}

/** The query of a step of readUndelivered, which the plan test explains. */
export function undeliveredQuery(
  tenant: string,
  consumer: string,
  { from, last, most }: { from: number; last: number; most: number },
) {
  return sql<StateRow>`
    /* prepared: read_undelivered */
    select ${columns}
    from event_states(${tenant}, ${consumer}, ${from}::bigint, ${last}::bigint) as state
    where state.state <> all(${NOT_MISSED}::text[])
    order by state.position
    limit ${most}`
}

/** The position of the last event that a step looks at; undefined if fewer are left. */
async function endOfStep(db: Db, tenant: string, from: number, end: number) {
  const { rows } = await sql<{ position: number }>`
    /* prepared: end_of_step */
    select position from event
    where tenant = ${tenant} and position >= ${from} and position < ${end}
    order by position
    offset ${STEP_EVENTS - 1}::bigint
    limit 1`.execute(db)
  return rows[0]?.position
}

function pageOfEvents(rows: StateRow[], next: number | null) {
  const events = rows.map(({ position, name, entityId, ...row }) => ({
    position,
    published_at: timeOf(position),
    name,
    entity_id: entityId,
    ...shown({ name, entityId, ...row }),
  }))
  return { events, next }
}
