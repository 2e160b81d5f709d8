// The replays of a consumer with their progress, as the API shows them.

import { sql } from 'kysely'
import { isIntegrationId } from '../consumer/consumer.ts'
import type { Db } from '../db/pool.ts'
import { timeOf } from '../log/position.ts'
import type { NewReplay, Replay } from './schemas.ts'

type Row = {
  number: number
  state: Replay['state']
  startedPosition: number
  fromPosition: number
  toPosition: number
  filterConditions: NewReplay['filter_conditions'] | null
  rate: number | null
  total: number | null
  isEstimate: boolean
  delivered: number
  rejected: number
  filtered: number
  lastMinute: number
  settledPosition: number
  attempts: number
  retryAt: Date | null
  isHeld: boolean
  actor: string
  endedBy: string | null
  endReason: string | null
  endedPosition: number | null
  lastFailure: string | null
}

/** Whose replays: of the newest life of a consumer, unless they ended before `since`. */
export type Owner = { tenant: string; id: string; createdPosition: number; since: number }

const RATE_SECONDS = 60

/** The replays of a consumer, newest first: at most `limit`, with numbers below `before`. */
export async function listReplays(
  db: Db,
  owner: Owner,
  { before, limit, now }: { before: number; limit: number; now: number },
): Promise<Replay[]> {
  const { rows } = await sql<Row>`${replaysQuery(owner)} and number < ${before}
    order by number desc limit ${limit}`.execute(db)
  return rows.map((row) => show(row, owner, now))
}

/** One of them at the time `now` (ms); undefined if there is none. */
export async function findReplay(
  db: Db,
  owner: Owner,
  number: number,
  now: number,
): Promise<Replay | undefined> {
  const { rows } = await sql<Row>`${replaysQuery(owner)} and number = ${number}`.execute(db)
  return rows[0] && show(rows[0], owner, now)
}

function replaysQuery({ tenant, id, createdPosition, since }: Owner) {
  return sql`
    select
      number, state, started_position as "startedPosition", from_position as "fromPosition",
      to_position as "toPosition", filter_conditions as "filterConditions", rate, total,
      is_estimate as "isEstimate", delivered, rejected, filtered, last_minute as "lastMinute",
      settled_position as "settledPosition", attempts, retry_at as "retryAt", is_held as "isHeld",
      actor, ended_by as "endedBy", end_reason as "endReason", ended_position as "endedPosition",
      case when attempts > 0 then (
        select reason
        from attempt
        where attempt.tenant = ${tenant} and attempt.consumer = ${id} and attempt.run = number
          and attempt.outcome = 'unavailable'
        order by attempt.position desc
        limit 1
      ) end as "lastFailure"
    from replays_of(${tenant}, ${id})
    where started_position >= ${createdPosition}
      and (ended_position is null or ended_position > ${since})`
}

function show(row: Row, { id }: Owner, now: number): Replay {
  const { number, state, rate, total, isEstimate, delivered, rejected, filtered } = row
  const isOver = row.endedPosition !== null
  const speed = isOver ? 0 : speedOf(row, now)
  return {
    number,
    state,
    reason: reasonOf(row, isIntegrationId(id) ? 'integration' : 'subscription'),
    from: timeOf(row.fromPosition),
    to: timeOf(row.toPosition),
    ...(row.filterConditions ? { filter_conditions: row.filterConditions } : {}),
    rate,
    total,
    is_estimate: isEstimate,
    delivered,
    rejected,
    filtered_out: filtered,
    settled_through: row.settledPosition < row.fromPosition ? null : timeOf(row.settledPosition),
    events_per_second: Math.round(speed * 10) / 10,
    estimated_seconds_left: isOver ? 0 : secondsLeft(row, speed),
    failures_in_a_row: row.attempts,
    next_retry_at: row.retryAt?.toISOString() ?? null,
    started_at: timeOf(row.startedPosition),
    started_by: row.actor,
    ended_at: row.endedPosition === null ? null : timeOf(row.endedPosition),
    ended_by: isOver ? row.endedBy : null,
  }
}

/** Events a second over the last minute, or since its start. */
function speedOf({ startedPosition, lastMinute }: Row, now: number): number {
  const ageSeconds = Math.max(1, now / 1000 - startedPosition / 1_000_000)
  return lastMinute / Math.min(RATE_SECONDS, ageSeconds)
}

/** At its speed, or at its rate before it has sent anything; null: nobody can tell. */
function secondsLeft({ total, delivered, rejected, rate }: Row, speed: number): number | null {
  const expected = speed || rate
  if (total === null || !expected) return null
  return Math.ceil(Math.max(0, total - delivered - rejected) / expected)
}

function reasonOf(row: Row, noun: string): string {
  const { state, isHeld, attempts, retryAt, lastFailure, endReason } = row
  switch (state) {
    case 'queued':
      return 'Another replay comes first.'
    case 'running':
      return isHeld ? 'It is being sent.' : 'It waits for a worker.'
    case 'waiting':
      return `The ${noun} is stopped: the replay goes on when it is started.`
    case 'cancelling':
      return 'Requests that have left are being answered.'
    case 'interrupted': {
      if (endReason) return endReason
      const next = retryAt ? `The next try is at ${retryAt.toISOString()}` : 'It is tried again'
      return `${attempts} failures in a row, the last: ${lastFailure ?? 'unknown'}. ${next}.`
    }
    default:
      return endReason ?? ''
  }
}
