// Starts a replay, counts its events, and cancels it.

import { setTimeout as sleep } from 'node:timers/promises'
import { sql } from 'kysely'
import { limits } from '../config.ts'
import { onlyRow } from '../db/only-row.ts'
import type { Db } from '../db/pool.ts'
import { untilKnown } from '../db/until-known.ts'
import { finishReplay } from '../delivery/replay-end.ts'
import { fault, invalid, MillraceError } from '../errors.ts'
import { latestPosition } from '../log/position.ts'
import { countEvents } from './count.ts'
import type { ReplayPlan } from './plan.ts'

type Started = { outcome: string; number: number | null }

/**
 * Starts a replay of a consumer, and returns its number. Throws `not_found` if the consumer has
 * gone, `conflict` if too many of its replays are under way.
 */
export async function startReplay(
  db: Db,
  { tenant, consumer }: { tenant: string; consumer: string },
  plan: ReplayPlan,
  actor: string,
): Promise<number> {
  const { filter_conditions, rate } = plan.terms
  const conditions = filter_conditions && JSON.stringify(filter_conditions)
  const { outcome, number } = await untilKnown(async (callId) => {
    const result = await sql<{ known: number | null; started: Started | null }>`
      select known, case when known is null then (
        select to_jsonb(started)
        from start_replay(
          ${tenant}, ${consumer}, ${plan.from}, ${plan.to}, ${conditions}::jsonb,
          ${rate}::integer, ${actor}, 'Started via API.', ${limits.replaysUnderWay},
          ${latestPosition()}
        ) as started
      ) end as started
      from (
        select change_of_attempt(${tenant}, ${consumer}, ${callId}) as known
        offset 0 -- it is called once, before the start
      ) as attempted`.execute(db)
    const { known, started } = onlyRow(result)
    return started ?? findStarted(db, { tenant, consumer, position: known })
  })
  if (number !== null) return number
  switch (outcome) {
    case 'absent':
      throw new MillraceError('not_found', 'It was removed meanwhile.')
    case 'full': {
      const most = limits.replaysUnderWay
      const message = `${most} of its replays are under way or queued, the maximum: cancel one.`
      throw new MillraceError('conflict', message)
    }
    default:
      throw invalid([fault('from', 'in_the_future', 'must not be in the future')])
  }
}

/** The replay that an earlier sending of the same call has started. */
async function findStarted(
  db: Db,
  { tenant, consumer, position }: { tenant: string; consumer: string; position: number | null },
): Promise<Started> {
  const result = await sql<Started>`
    select state as outcome, number
    from replay
    where tenant = ${tenant} and consumer = ${consumer}
      and started_position = ${position}::bigint`.execute(db)
  return onlyRow(result)
}

/**
 * Counts the events of a replay that has started, and keeps the count in its record. Its range is
 * over, so no event can appear in it any more.
 */
export async function countStarted(
  db: Db,
  job: { tenant: string; consumer: string; number: number },
  plan: ReplayPlan,
): Promise<void> {
  const { tenant, consumer, number } = job
  const { from, filter } = plan
  const { rows } = await sql<{ to: number }>`
    select to_position as to
    from replay
    where tenant = ${tenant} and consumer = ${consumer} and number = ${number}`.execute(db)
  const { events, isEstimate } = await countEvents(db, {
    tenant,
    from,
    to: rows[0]?.to ?? plan.to,
    filter,
  })
  await sql`
    update replay
    set total = ${events}::bigint, is_estimate = ${isEstimate}
    where tenant = ${tenant} and consumer = ${consumer} and number = ${number}
      and total is null`.execute(db)
}

/** How long a cancellation waits for requests that have left. Usually it takes milliseconds. */
const CANCEL_WAIT_MS = 5_000
const FIRST_PAUSE_MS = 5
const LONGEST_PAUSE_MS = 100

/**
 * Cancels a replay, and waits at most five seconds until its worker sends nothing more. Returns its
 * state then; null if there is no such replay. `requestHalt` notifies the worker at once.
 */
export async function cancelReplay(
  db: Db,
  job: { tenant: string; consumer: string; run: number },
  options: { actor: string; requestHalt(tenant: string, named: string): void },
): Promise<string | null> {
  const { tenant, consumer, run } = job
  let state = await untilKnown(async () => {
    const { rows } = await sql<{ state: string | null }>`
      select cancel_replay(
        ${tenant}, ${consumer}, ${run}::integer, ${options.actor}, 'Cancelled via API.',
        ${latestPosition()}
      ) as state`.execute(db)
    return rows[0]?.state ?? null
  })
  const isEnding = () => state === 'cancelling' || state === 'failing'
  if (isEnding()) options.requestHalt(tenant, `${consumer}/${run}`)
  const deadline = performance.now() + CANCEL_WAIT_MS
  for (let pause = FIRST_PAUSE_MS; isEnding(); pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    if (performance.now() > deadline) break
    await sleep(pause)
    state = await finishReplay(db, job)
  }
  return state
}
