// The sweep: each consumer that is behind gets a job, or a notification if a worker advances it.
// Delivery of every event depends on the sweep, not on wake-ups: it needs no notification, no job
// row and no memory of any other process. If notifications do not reach a turn, it ends when its
// time is over, and the sweep finds its consumer again.
//
// A memory saves work: the end of the log at the last sweep, and the consumers that were behind.
// Others can be behind only if something has come since for their tenant.

import type pg from 'pg'
import { onlyRow } from '../db/only-row.ts'
import { sweepStatement } from '../delivery/wake.ts'
import { counter } from '../metrics/metric.ts'

const found = counter(
  'millrace_sweep_found_total',
  'Cursors that the sweep found behind without a worker or a job.',
)

const SWEEP_LOCK = 1296651861
/** How often every cursor is compared with the whole log, whatever is remembered. */
const FULL_SWEEP_MS = 20_000

/**
 * The end of the log. `isSettled`: no append was under way, so everything up to there is visible.
 * The lock is the lane's (next_position), held for this statement alone.
 */
const END_OF_LOG = `
  select
    pg_try_advisory_xact_lock_shared(1296651858, 0) as "isSettled",
    coalesce(pg_sequence_last_value('lane_position'), 0) as "end"`

/**
 * How many new events are read for their tenants. If more have come, probing the log for each
 * cursor is cheaper.
 */
const MOST_NEWS = 2_000

/**
 * The tenants with events after a position, up to another, or with a consumer that was changed
 * since; null if there are too many events. Literals let the planner read one or two partitions.
 */
export const newsStatement = ({ settled, end }: Span) => `
  with news as (
    select tenant
    from event
    where position > ${settled} and position <= ${end}
      and position + 0 > ${settled} and position + 0 <= ${end}
    order by position + 0
    limit ${MOST_NEWS + 1}
  )
  select
    case when count(*) <= ${MOST_NEWS} then
      array(
        select tenant from news
        union
        select tenant from consumer where changed_position > ${settled}
      )
    end as tenants
  from news`

type Span = { settled: number; end: number }
type Log = { isSettled: boolean; end: number }
type Behind = { tenants: string[]; consumers: string[]; runs: number[] }
/** `news`: the tenants of newsStatement. */
type Memory = Span & Behind & { news: string[] | null }
type Swept = Behind & { queued: number }

export type Sweep = {
  /** Resolves with how many consumers got a job; 0 also if another process is sweeping. */
  run(): Promise<number>
  /** The next run looks at everything: the database may have lost its last moments in a crash. */
  forget(): void
}

/** Makes the sweep of a process. */
export function createSweep(pool: pg.Pool): Sweep {
  /** Every consumer but those in `behind` has read the log up to here. */
  let settled: number | undefined
  let behind: Behind
  let nextFullAt = 0

  return {
    run,
    forget() {
      nextFullAt = 0
    },
  }

  async function run(): Promise<number> {
    const { isSettled, end } = onlyRow(await pool.query<Log>(END_OF_LOG))
    const now = performance.now()
    // A log that ends earlier than before was restored.
    const isFull = settled === undefined || settled > end || now >= nextFullAt
    const span = isFull ? undefined : { settled: settled as number, end }
    const swept = await sweepAlone(pool, span && { ...span, ...behind, news: await newsOf(span) })
    if (!swept) return 0
    if (isFull) nextFullAt = now + FULL_SWEEP_MS
    behind = swept
    if (isSettled) settled = end
    found.add(swept.queued)
    return swept.queued
  }

  /** Before the transaction of the sweep, which may read whole tables. */
  async function newsOf(span: Span): Promise<string[] | null> {
    if (span.settled === span.end) return []
    return onlyRow(await pool.query<{ tenants: string[] | null }>(newsStatement(span))).tenants
  }
}

/** Undefined if another process is sweeping. */
async function sweepAlone(
  pool: pg.Pool,
  remembered: Memory | undefined,
): Promise<Swept | undefined> {
  const client = await pool.connect()
  try {
    await client.query('begin')
    // It reads whole tables, which the other statements of these sessions must not.
    const { rows } = await client.query(
      `/* prepared: begin_sweep */
      select pg_try_advisory_xact_lock($1) as mine, set_config('enable_seqscan', 'on', true)`,
      [SWEEP_LOCK],
    )
    const swept = rows[0].mine ? await sweepNow(client, remembered) : undefined
    await client.query('commit')
    return swept
  } catch (error) {
    await client.query('rollback').catch(() => {})
    throw error
  } finally {
    client.release()
  }
}

async function sweepNow(client: pg.PoolClient, remembered?: Memory): Promise<Swept> {
  if (!remembered) return onlyRow(await client.query<Swept>(sweepStatement()))
  const { settled, end, tenants, consumers, runs, news } = remembered
  const statement = sweepStatement({ settled, end, hasNews: news !== null })
  const values = [tenants, consumers, runs, ...(news === null ? [] : [news])]
  return onlyRow(await client.query<Swept>(statement, values))
}
