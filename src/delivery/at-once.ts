// How many requests by hand of a tenant may be under way at once. Each may wait for a slow target:
// the rest is refused, so that a tenant holds no more than a few sockets and requests.

import { limits } from '../config.ts'
import { MillraceError } from '../errors.ts'

/** Acts for a tenant. Throws `rate_limited` if too many of its actions are under way. */
export type AtOnce = <T>(tenant: string, act: () => Promise<T>) => Promise<T>

export function createAtOnce(): AtOnce {
  /** By tenant; only those with an action under way. */
  const underWay = new Map<string, number>()
  return async (tenant, act) => {
    const count = underWay.get(tenant) ?? 0
    if (count >= limits.actionsAtOnce) {
      const message = `${count} tests, skips, resends or retries are under way: wait for one.`
      throw new MillraceError('rate_limited', message, { retryAfterSeconds: 1 })
    }
    underWay.set(tenant, count + 1)
    try {
      return await act()
    } finally {
      const left = (underWay.get(tenant) as number) - 1
      if (left > 0) underWay.set(tenant, left)
      else underWay.delete(tenant)
    }
  }
}
