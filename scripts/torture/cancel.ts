// Statements are short. To meet them, this locks a table for a moment, and cancels statements that
// wait for it or run.

import type { Session } from './session.ts'

const EVERY_MS = 20
/** The tables that all processes write: jobs, progress, the log. */
const LOCKED = ['graphile_worker._private_jobs', 'cursor', 'event']

/** Cancels statements for `lastsMs`, again and again. `locking` is a separate session. */
export async function cancelStatements(options: {
  session: Session
  locking: Session
  lasting(ms: number): Promise<unknown>
  lastsMs: number
}): Promise<void> {
  const { session, locking, lasting, lastsMs } = options
  const until = Date.now() + lastsMs
  for (let turn = 0; Date.now() < until; turn++) {
    await locking.ask('begin')
    await locking.ask(`lock table ${LOCKED[turn % LOCKED.length]} in exclusive mode`)
    await lasting(EVERY_MS)
    await session.ask(
      `select pg_cancel_backend(pid) from pg_stat_activity
       where application_name like 'millrace%' and state = 'active'
         and (wait_event_type = 'Lock' or random() < 0.3)`,
    )
    await locking.ask('rollback')
    await lasting(EVERY_MS)
  }
  await locking.close()
}
