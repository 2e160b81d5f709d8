// Tenants with a refused batch, and how many events each may have in a batch of its own: half of
// the refused batch at first. Each stored batch doubles it, until the tenant is as good as any.

import { limits } from '../config.ts'

/** The most tenants to remember. */
const MOST_APART = 1_000

export type Apart = {
  has(tenant: string): boolean
  /** How many events a tenant may have in a batch. */
  mostOf(tenant: string): number
  set(tenant: string, most: number): void
  /** A batch of the tenant was stored. */
  raise(tenant: string): void
}

export function createApart(): Apart {
  const apart = new Map<string, number>()

  return {
    has: (tenant) => apart.has(tenant),
    mostOf: (tenant) => apart.get(tenant) ?? limits.batchEvents,
    set(tenant, most) {
      // The latest is last; beyond the limit the oldest one is forgotten.
      apart.delete(tenant)
      apart.set(tenant, most)
      if (apart.size > MOST_APART) apart.delete(apart.keys().next().value as string)
    },
    raise(tenant) {
      const most = apart.get(tenant)
      if (most === undefined) return
      if (most * 2 >= limits.batchEvents) apart.delete(tenant)
      else apart.set(tenant, most * 2)
    },
  }
}
