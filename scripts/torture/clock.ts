// A clock of the database that can be stepped. Millrace puts `public` before `pg_catalog` in the
// search path of its connections, so these functions shadow the system's for all its statements.
// The torture's own sessions see the real clock.

import type { Pair } from '../kit/pair.ts'
import type { Session } from './session.ts'

/** The steps of the clock, in milliseconds; beyond 60 s ahead nothing may be appended. */
export const STEPS_MS = [20_000, 2 * 3_600_000, 3 * 86_400_000, -5_000]

/**
 * Shadows now() and clock_timestamp(): adds `shift`, an SQL expression of an interval that may name
 * `clock`. Call it before the schema exists: defaults are bound early.
 */
export async function shadowClock(
  session: Session,
  shift = (_clock: string) => `pg_catalog.current_setting('torture.shift')::interval`,
): Promise<void> {
  await stepClock(session, 0)
  for (const [name, kind] of [
    ['now', 'stable'],
    ['clock_timestamp', 'volatile'],
  ] as const) {
    const clock = `pg_catalog.${name}()`
    await session.ask(`
      create function public.${name}() returns timestamptz language sql ${kind} parallel safe
      as $$ select ${clock} + ${shift(clock)} $$`)
  }
}

/** From now on pg_xact_commit_timestamp() tells the time of a commit by the real clock. */
export async function noteCommitTimes(database: Pair, session: Session): Promise<void> {
  await session.ask('alter system set track_commit_timestamp = on')
  await database.crash()
  await database.restart()
}

/** For the functions that look for the system's first. Call it when the schema exists. */
export async function shadowPartitions(session: Session): Promise<void> {
  for (const name of ['create_partition', 'retire_partition']) {
    await session.ask(`alter function ${name} set search_path = public, pg_catalog`)
  }
}

/**
 * Steps the clock to `ms` milliseconds from the real one, for every session at its next statement.
 * It is a setting, not a table, since reading it costs only an expression.
 */
export async function stepClock(session: Session, ms: number): Promise<void> {
  await session.ask(`alter system set torture.shift = '${ms} milliseconds'`)
  await session.ask('select pg_reload_conf()')
}
