// The health of a consumer: whether it keeps up, and if not, since when and why, as a sentence. The
// evidence comes from sql/functions/consumer_health.sql, in one statement for a whole list.

import { sql } from 'kysely'
import { type Static, Type } from 'typebox'
import type { Db } from '../db/pool.ts'
import { Nullable } from '../input/nullable.ts'
import { PositionValue, timeOf } from '../log/position.ts'
import { type Kind, SERVICE_ACTOR } from './consumer.ts'

/** A stream is behind if an event is older than this and not settled. */
export const LATE_AFTER_SECONDS = 60
/** Events that are counted; beyond it there are that many or more. */
const COUNTED = 1_000

const DateTime = Type.String({ format: 'date-time' })

const HealthShown = Type.Object(
  {
    state: Type.Enum(['ok', 'behind', 'failing', 'stopped']),
    since: Nullable(DateTime),
    message: Type.String({
      examples: [
        'Failing since 2026-11-20T14:02:11.301200Z (3 tries) with order.created of order-1: ' +
          'Request to URL https://erp.example.com/events failed. Reason: internal server error ' +
          "(HTTP status code 500): look into the target's own log. " +
          'Next try: 2026-11-20T14:05:00.120Z.',
      ],
    }),
    position: Nullable(
      PositionValue('The event that holds up the stream, also after its last retry.'),
    ),
    tries: Type.Integer({ description: 'Failures in a row.' }),
    next_try_at: Nullable(DateTime),
    stopped_by: Nullable(
      Type.String({
        description: 'If it is stopped: the actor; `millrace` if the service itself did it.',
      }),
    ),
    passed_over: Nullable(
      Type.Integer({
        description:
          'If its filter has taken no event since its last change: how many of the newest ' +
          `${COUNTED} events since then it has passed over.`,
      }),
    ),
  },
  {
    title: 'StreamHealth',
    description:
      `behind: an event is older than ${LATE_AFTER_SECONDS} seconds and was not delivered yet. ` +
      'failing: the last try failed, and the stream waits for the next one.',
  },
)

/** In answers. */
export const Health = Type.Optional(HealthShown)

/** In a request: the health of an earlier answer, ignored. */
export const HealthSentBack = Type.Optional(
  Type.Object(
    {},
    {
      additionalProperties: true,
      readOnly: true,
      description: 'As answers show it; ignored.',
    },
  ),
)

type Health = Static<typeof HealthShown>

type Row = {
  consumer: string
  state: Health['state']
  since: number | null
  actor: string | null
  reason: string | null
  response: string | null
  position: number | null
  name: string | null
  entityId: string | null
  tries: number
  retryAt: Date | null
  /** Events that it has yet to deliver; `moreBehind`: there may be more of them. */
  eventsBehind: number | null
  moreBehind: boolean | null
  /** If its filter has taken no event: how many it has passed over since its last change. */
  filteredAll: number | null
  isHeld: boolean
}

/**
 * The health of a tenant's consumers of one kind, by consumer id; of one of them if `id` is given.
 * `db` is that of readers, which plans once.
 */
export async function readHealth(
  db: Db,
  tenant: string,
  kind: Kind,
  id: string | null = null,
): Promise<Map<string, Health>> {
  const { rows } = await healthQuery(tenant, kind, id).execute(db)
  return new Map(rows.map((row) => [row.consumer, healthOf(row)]))
}

/** The query of readHealth, which the plan test explains. */
export function healthQuery(tenant: string, kind: Kind, id: string | null) {
  return sql<Row>`
    /* prepared: read_health */
    select
      consumer, state, since, actor, reason, response, failing_position as position, name,
      entity_id as "entityId", tries, retry_at as "retryAt", events_behind as "eventsBehind",
      more_behind as "moreBehind", filtered_all as "filteredAll", is_held as "isHeld"
    from consumer_health(
      ${tenant}, ${kind}, ${id}, ${LATE_AFTER_SECONDS}::integer * interval '1 second'
    )`
}

function healthOf(row: Row): Health {
  const { state, since, position, tries, retryAt } = row
  return {
    state,
    since: since === null ? null : timeOf(since),
    message: messageOf(row),
    position,
    tries,
    next_try_at: retryAt?.toISOString() ?? null,
    stopped_by: state === 'stopped' ? (row.actor ?? SERVICE_ACTOR) : null,
    passed_over: row.filteredAll,
  }
}

const countOf = (events: number, isMore: boolean) => `${events}${isMore ? ' or more' : ''} event(s)`

function messageOf({ state, since, actor, ...row }: Row): string {
  const time = since === null ? '' : ` since ${timeOf(since)}`
  const event = row.name === null ? '' : ` with ${row.name} of ${row.entityId}`
  switch (state) {
    case 'ok': {
      if (row.filteredAll === null) return 'It keeps up.'
      const events = countOf(row.filteredAll, row.filteredAll >= COUNTED)
      const none = `Its filter has taken none of ${events} since its last change`
      return `It keeps up. ${none}: check the filter if you expect some.`
    }
    case 'behind': {
      const events = countOf(row.eventsBehind ?? 0, row.moreBehind ?? false)
      return `Behind${time}: ${events} were not delivered yet.`
    }
    case 'stopped': {
      const held = event && ` It goes on${event}, which has failed.`
      const open = row.isHeld ? ' A request is still being answered.' : ''
      const reason = row.reason ?? 'no reason is known.'
      return `Stopped${time} by ${actor ?? SERVICE_ACTOR}: ${reason}${held}${open}`
    }
    case 'failing': {
      const response = row.response ? ` Response: ${row.response}` : ''
      const next = row.retryAt === null ? 'now' : row.retryAt.toISOString()
      const failure = `${event}: ${row.reason ?? 'not recorded yet'}`
      const tries = row.tries === 1 ? '1 try' : `${row.tries} tries`
      return `Failing${time} (${tries})${failure}. Next try: ${next}.${response}`
    }
  }
}
