// Turns that have just ended with nothing left to read. Such a turn does not ask the database for
// new events: with a single event that was a third of a turn's cost. For an event before the
// release there is a notification, since the cursor still had a worker then. If the notification
// arrives after the turn, the worker checks the cursor because of it. Later ones are found by the
// sweep.

import { type AdvanceJob, consumerKey } from '../db/jobs.ts'

const REMEMBERED_MS = 2_000

export type JustEnded = {
  add(job: AdvanceJob): void
  /** The jobs of a tenant's turns that have just ended; each is returned once. */
  take(tenant: string): AdvanceJob[]
}

/** `clock` gives milliseconds. */
export function createJustEnded(clock = () => performance.now()): JustEnded {
  /** By tenant, in the order of their last end; each has its consumers, in that order, too. */
  const tenants = new Map<string, Map<string, { job: AdvanceJob; at: number }>>()

  return {
    add(job) {
      const jobs = rememberedOf(job.tenant) ?? new Map()
      const key = consumerKey(job)
      jobs.delete(key)
      jobs.set(key, { job, at: clock() })
      tenants.delete(job.tenant)
      tenants.set(job.tenant, jobs)
      forgetTenants()
    },
    take(tenant) {
      const jobs = rememberedOf(tenant)?.values() ?? []
      tenants.delete(tenant)
      return Array.from(jobs, ({ job }) => job)
    },
  }

  /** Without those that are too old. */
  function rememberedOf(tenant: string) {
    const jobs = tenants.get(tenant)
    for (const [key, { at }] of jobs ?? []) {
      if (at >= clock() - REMEMBERED_MS) break
      jobs?.delete(key)
    }
    return jobs
  }

  function forgetTenants(): void {
    for (const tenant of tenants.keys()) {
      if (rememberedOf(tenant)?.size) return
      tenants.delete(tenant)
    }
  }
}
