// Calls that wait for a tenant's next event: how many there may be.

import { limits } from '../../config.ts'
import { MillraceError } from '../../errors.ts'
import { followers } from '../metrics.ts'

/**
 * Counts the calls that wait. `enter` throws if a tenant has too many of them, or the process; it
 * returns the function that leaves.
 */
export function createWaitingRoom(): { enter(tenant: string): () => void } {
  const waiting = new Map<string, number>()
  let all = 0

  return {
    enter(tenant) {
      const own = waiting.get(tenant) ?? 0
      if (own >= limits.waitingSearchesPerTenant) {
        const message = `At most ${limits.waitingSearchesPerTenant} calls of a tenant may wait.`
        throw new MillraceError('too_many_waiting', message, { retryAfterSeconds: 1 })
      }
      if (all >= limits.waitingSearches) {
        const message = 'Too many calls wait for events; try again.'
        throw new MillraceError('too_many_waiting', message, { retryAfterSeconds: 1 })
      }
      waiting.set(tenant, own + 1)
      all++
      followers.add(1, 'long_poll')
      return () => {
        const left = (waiting.get(tenant) ?? 1) - 1
        if (left > 0) waiting.set(tenant, left)
        else waiting.delete(tenant)
        all--
        followers.add(-1, 'long_poll')
      }
    },
  }
}
