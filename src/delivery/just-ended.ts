// Turns that have just ended with nothing left to read. Such a turn does not ask the database for
// new events: with a single event that was a third of a turn's cost. For an event before the
// release there is a notification, since the cursor still had a worker then. If the notification
// arrives after the turn, the worker checks the cursor because of it. Later ones are found by the
// sweep.

import type { AdvanceJob } from '../db/jobs.ts'

const REMEMBERED_MS = 2_000

export type JustEnded = {
  add(job: AdvanceJob): void
  /** The jobs of a tenant's turns that have just ended; each is returned once. */
  take(tenant: string): AdvanceJob[]
}

/** `clock` gives milliseconds. */
export function createJustEnded(clock = () => performance.now()): JustEnded {
  /** In the order in which they ended. */
  const ended = new Map<string, { jobs: AdvanceJob[]; at: number }>()

  return {
    add(job) {
      const at = clock()
      forget(at - REMEMBERED_MS)
      const jobs = ended.get(job.tenant)?.jobs ?? []
      ended.delete(job.tenant)
      ended.set(job.tenant, { jobs: [...jobs, job], at })
    },
    take(tenant) {
      forget(clock() - REMEMBERED_MS)
      const jobs = ended.get(tenant)?.jobs ?? []
      ended.delete(tenant)
      return jobs
    },
  }

  function forget(before: number): void {
    for (const [tenant, { at }] of ended) {
      if (at >= before) return
      ended.delete(tenant)
    }
  }
}
