// How fast a tenant or a key may publish, and how often a tenant's configuration may change: token
// buckets of this process, asked right after authentication and before any of the body is read, so
// that a flood is cheap. Who may not act for a tenant takes none of its tokens.

import { MillraceError } from '../errors.ts'
import { isTenant } from '../tenant.ts'
import { onlyTenantOf } from './identity.ts'
import type { RequestContext, Route } from './route.ts'
import { type Bucket, createTokenBuckets, type Standing } from './token-bucket.ts'

/**
 * Throws `rate_limited` or `too_many_changes` for a request that comes too soon, and says in
 * RateLimit-* headers how the limit stands.
 */
export type RateLimit = (context: RequestContext, route: Route) => void

/**
 * `publishRate`: the events a second that a tenant may publish. `changesPerMinute`: of a tenant's
 * configuration. 0 is no limit. A key may have a rate of its own.
 */
export function createRateLimit(settings: {
  publishRate: number
  changesPerMinute: number
}): RateLimit {
  const { publishRate, changesPerMinute } = settings
  const { take } = createTokenBuckets()
  return (context, route) => {
    const buckets = route.limited === 'changes' ? changing(context, route) : publishing(context)
    if (buckets.length === 0) return
    const standing = take(buckets)
    context.set(headersOf(standing))
    if (!standing.taken) throw refusalOf(standing, route)
  }

  function publishing(context: RequestContext): Bucket[] {
    const { key, mayActFor } = context.state.identity
    const buckets: Bucket[] = []
    // Keys that it made draw from its bucket, too: all together have its rate.
    for (const { id, rate } of key?.lineage ?? []) {
      if (rate) buckets.push(perSecond(`key ${id}`, rate))
    }
    const tenant = publishRate > 0 ? nameOf(context) : undefined
    if (tenant !== undefined && mayActFor(tenant, 'publish')) {
      buckets.push(perSecond(`tenant ${tenant}`, publishRate))
    }
    return buckets
  }

  function changing(context: RequestContext, { scope }: Route): Bucket[] {
    if (changesPerMinute === 0) return []
    const { actor, mayActFor } = context.state.identity
    const tenant = nameOf(context)
    if (tenant !== undefined && !mayActFor(tenant, scope)) return []
    // A key for several tenants: whoever makes it answers for it.
    const name = tenant === undefined ? `changes by ${actor}` : `changes of ${tenant}`
    return [{ name, perSecond: changesPerMinute / 60, burst: changesPerMinute }]
  }
}

const perSecond = (name: string, rate: number) => ({ name, perSecond: rate, burst: rate })

/** The tenant of the request, if it says so. What is wrong with a name the route will say. */
function nameOf(context: RequestContext): string | undefined {
  const named = context.get('tenant') || context.get('x-twc-tenant')
  if (named) return isTenant(named) ? named : undefined
  return onlyTenantOf(context.state.identity)
}

function headersOf({ bucket, remaining, fullSeconds }: Standing): Record<string, string> {
  return {
    'ratelimit-limit': String(bucket.burst),
    'ratelimit-remaining': String(remaining),
    'ratelimit-reset': String(Math.ceil(fullSeconds)),
  }
}

function refusalOf({ bucket, readySeconds }: Standing, { limited }: Route): MillraceError {
  const options = { retryAfterSeconds: Math.ceil(readySeconds) }
  if (limited === 'changes') {
    const message = `The configuration changes more than ${bucket.burst} times a minute.`
    return new MillraceError('too_many_changes', message, options)
  }
  const [whose] = bucket.name.split(' ')
  const message = `This ${whose} may publish ${bucket.burst} events a second: that is too many.`
  return new MillraceError('rate_limited', message, options)
}
