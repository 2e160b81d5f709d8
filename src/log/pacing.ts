// The shared state of the queues of one append lane: which tenants publish, and which rest. If a
// tenant's batches hold up others, it rests after each for as long as the batch took, whichever
// queue it came through.

/** A tenant counts as publishing for this long after its last batch. */
const RECENT_MS = 1_000

export type Pacing = {
  /** Notes that a tenant has events in a mixed batch. */
  published(tenant: string): void
  /** Whether another tenant publishes, or did so `msAgo`. */
  othersPublish(tenant: string, msAgo?: number): boolean
  /** From now on the tenant rests, for `ms`. */
  rest(tenant: string, ms: number): void
  rests(tenant: string): boolean
  /** How long until the first resting tenant may go on; 0 if none rests. */
  restMs(): number
}

/** A state in which nobody publishes and nobody rests. */
export function createPacing(): Pacing {
  const never = { tenant: '', at: Number.NEGATIVE_INFINITY }
  /** The last two tenants: at least one differs from any tenant in question. */
  let last = never
  let before = never
  /** When each tenant's rest ends. */
  const resting = new Map<string, number>()

  return {
    published(tenant) {
      if (last.tenant !== tenant) before = last
      last = { tenant, at: performance.now() }
    },
    othersPublish(tenant, msAgo = 0) {
      const { at } = last.tenant === tenant ? before : last
      return performance.now() - msAgo - at < RECENT_MS
    },
    rest(tenant, ms) {
      forgetRested()
      resting.set(tenant, performance.now() + ms)
    },
    rests(tenant) {
      return (resting.get(tenant) ?? 0) > performance.now()
    },
    restMs() {
      forgetRested()
      return resting.size === 0 ? 0 : Math.min(...resting.values()) - performance.now()
    },
  }

  function forgetRested(): void {
    const now = performance.now()
    for (const [tenant, until] of resting) if (until <= now) resting.delete(tenant)
  }
}
