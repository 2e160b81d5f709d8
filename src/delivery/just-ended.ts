// Turns that ended a moment ago with nothing left to read. Such a turn does not ask the database
// whether events have come meanwhile: with one event a turn that took a third of its cost. An event
// that came before the release is announced by a notification, since the cursor still had a worker
// then. If the notification arrives after the turn, the cursor is looked at because of it. What is
// later than this memory the sweep finds.

import type { AdvanceJob } from '../db/jobs.ts'

const REMEMBERED_MS = 2_000

export type JustEnded = {
  add(job: AdvanceJob): void
  /** The jobs of a tenant's turns that ended a moment ago; each is given once. */
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
