// What the queues of one append lane share: which tenants publish, and which rest. A tenant whose
// batches hold up the others rests after each for as long as it took, whatever queue it came by.

/** A tenant publishes if it had a turn within this time. */
const RECENT_MS = 1_000

export type Pacing = {
  /** A tenant had a turn in a batch that many share. */
  tookTurn(tenant: string): void
  /** Whether another tenant publishes, or did so many ms ago. */
  othersPublish(tenant: string, msAgo?: number): boolean
  /** From now on the tenant rests, for so many ms. */
  rest(tenant: string, ms: number): void
  rests(tenant: string): boolean
  /** How long until the first of those that rest has rested; 0 if none does. */
  restMs(): number
}

/** Nobody publishes, nobody rests. */
export function createPacing(): Pacing {
  const never = { tenant: '', at: Number.NEGATIVE_INFINITY }
  /** The last two: one of them is another than whoever is asked about. */
  let last = never
  let before = never
  /** Until when a tenant rests. */
  const resting = new Map<string, number>()

  return {
    tookTurn(tenant) {
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
