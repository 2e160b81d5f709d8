// Two clocks. The database's hands out positions, and dates leases and retries. The process's
// bounds positions (next_position), and decides which API dates lie in the future. This file
// measures and logs their difference, and words the refusal if it is too large.

import type pg from 'pg'
import { limits } from '../config.ts'
import { MillraceError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import { gauge } from '../metrics/metric.ts'
import { type Repeated, repeat } from '../repeat.ts'

const MEASURE_MS = 10_000
/** Clocks that are synchronized differ by less. */
export const NOTABLE_MS = 1_000
const RETRY_AFTER_SECONDS = 10

const skew = gauge(
  'millrace_clock_skew_seconds',
  "How far the database's clock is ahead of the process's, in seconds.",
)

type Class = 'together' | 'apart' | 'too far apart'

/** The skew, measured on a connection of its own: waiting for one would count. */
export async function measureSkew(pool: pg.Pool): Promise<number> {
  const client = await pool.connect()
  try {
    return await skewOf(client)
  } finally {
    client.release()
  }
}

/** How far the database's clock is ahead of this process's, in ms; exact to half a round trip. */
export async function skewOf(client: pg.ClientBase): Promise<number> {
  const asked = Date.now()
  const { rows } = await client.query<{ now: string }>(
    'select extract(epoch from clock_timestamp())::float8 * 1000 as now',
  )
  return Number(rows[0]?.now) - (asked + Date.now()) / 2
}

/**
 * Measures the skew every 10 s, or every `everyMs`. Logs when it exceeds 1 s (a warning) or the
 * limit of publishing (an error), and when it is small again.
 */
export function watchSkew(pool: pg.Pool, logger: Logger, everyMs = MEASURE_MS): Repeated {
  let logged: Class = 'together'
  const watch = repeat('clock skew', everyMs, logger, async () => {
    const skewMs = await measureSkew(pool)
    skew.set(skewMs / 1_000)
    const found = classOf(skewMs)
    if (found !== logged) logClass(logger, found, Math.round(skewMs))
    logged = found
  })
  watch.now()
  return watch
}

function classOf(skewMs: number): Class {
  if (Math.abs(skewMs) > limits.clockAheadMs) return 'too far apart'
  return Math.abs(skewMs) > NOTABLE_MS ? 'apart' : 'together'
}

function logClass(logger: Logger, found: Class, skewMs: number): void {
  const message = `the clocks of the database and of this process are ${found}`
  if (found === 'too far apart') logger.error({ skewMs }, message)
  else if (found === 'apart') logger.warn({ skewMs }, message)
  else logger.info({ skewMs }, message)
}

/** The latest position that this process's clock allows now: the bound for next_position. */
export function latestPosition(): number {
  return (Date.now() + limits.clockAheadMs) * 1000
}

/** The error for a client if next_position refused the database's clock; otherwise undefined. */
export function clockProblem(error: unknown): MillraceError | undefined {
  const { code, detail } = error as { code?: string; detail?: string }
  if (code !== 'MR004') return undefined
  const seconds = Math.round(limits.clockAheadMs / 1_000 + Number(detail) / 1_000_000)
  const message = `The database's clock is ${seconds} s ahead of the service's: nothing was stored.`
  const options = { retryAfterSeconds: RETRY_AFTER_SECONDS, cause: error }
  return new MillraceError('unavailable', message, options)
}
