// Rate limits: how fast a tenant or a key may publish, and how often a tenant's configuration may
// change. They are token buckets of this process. They are checked right after authentication and
// before the body is read, so that a flood is cheap; tenants named only in the body are checked
// later. Callers without rights on a tenant take none of its tokens.

import { MillraceError } from '../errors.ts'
import { EVERY_TENANT, isTenant, tenantHeaderOf } from '../input/tenant.ts'
import { onlyTenantOf } from './identity.ts'
import type { Exchange, Route } from './route.ts'
import { type Bucket, type BucketState, createTokenBuckets } from './token-bucket.ts'

/**
 * `request` and `change` throw `rate_limited` or `too_many_changes` beyond the limit, and set the
 * RateLimit-* headers.
 */
export type RateLimit = {
  /** Before the body is read: a request for the named tenant, or for the token's only one. */
  request(context: Exchange, route: Route): void
  /**
   * For a request that publishes many events: a function that takes the right to one more. It
   * returns how long to wait for it, in ms; 0: it is taken.
   */
  publishing(context: Exchange): () => number
  /** A change for these tenants, except those that `request` has already counted. */
  change(context: Exchange, tenants: string[]): void
}

/**
 * `publishRate`: the events a second that a tenant may publish. `changesPerMinute`: of a tenant's
 * configuration. 0 means no limit. A key may have its own rate.
 */
export function createRateLimit(settings: {
  publishRate: number
  changesPerMinute: number
}): RateLimit {
  const { publishRate, changesPerMinute } = settings
  const { take } = createTokenBuckets()
  return {
    request(context, route) {
      if (route.limited === 'changes') draw(context, changing(context, route), changesRefusal)
      else draw(context, publishing(context), publishingRefusal)
    },
    publishing(context) {
      const buckets = publishing(context)
      if (buckets.length === 0) return () => 0
      return () => {
        const { taken, readySeconds } = take(buckets)
        return taken ? 0 : Math.ceil(readySeconds * 1_000)
      }
    },
    change(context, tenants) {
      if (changesPerMinute === 0) return
      const asked = nameOf(context)
      const named = tenants.filter((tenant) => tenant !== asked && tenant !== EVERY_TENANT)
      draw(context, named.map(changesOf), changesRefusal)
    },
  }

  function draw(context: Exchange, buckets: Bucket[], refusalOf: typeof changesRefusal) {
    if (buckets.length === 0) return
    const state = take(buckets)
    context.set(headersOf(state))
    if (!state.taken) throw refusalOf(state)
  }

  function publishing(context: Exchange): Bucket[] {
    const { key, mayActFor } = context.state.identity
    const buckets: Bucket[] = []
    // The keys that it made draw from its bucket, too: they share its rate.
    for (const { id, rate } of key?.lineage ?? []) {
      if (rate) buckets.push(perSecond(`key ${id}`, rate))
    }
    const tenant = publishRate > 0 ? nameOf(context) : undefined
    if (tenant !== undefined && mayActFor(tenant, 'publish')) {
      buckets.push(perSecond(`tenant ${tenant}`, publishRate))
    }
    return buckets
  }

  function changing(context: Exchange, { scope }: Route): Bucket[] {
    if (changesPerMinute === 0) return []
    const tenant = nameOf(context)
    const mayAct = tenant !== undefined && context.state.identity.mayActFor(tenant, scope)
    return mayAct ? [changesOf(tenant)] : []
  }

  function changesOf(tenant: string): Bucket {
    const name = `changes of ${tenant}`
    return { name, perSecond: changesPerMinute / 60, burst: changesPerMinute }
  }
}

const perSecond = (name: string, rate: number) => ({ name, perSecond: rate, burst: rate })

/** The tenant of the request, if it names one. The route reports a faulty name. */
function nameOf(context: Exchange): string | undefined {
  const named = tenantHeaderOf(context.req.headers)
  if (named) return isTenant(named) ? named : undefined
  return onlyTenantOf(context.state.identity)
}

function headersOf({ bucket, remaining, fullSeconds }: BucketState): Record<string, string> {
  return {
    'ratelimit-limit': String(bucket.burst),
    'ratelimit-remaining': String(remaining),
    'ratelimit-reset': String(Math.ceil(fullSeconds)),
  }
}

function changesRefusal({ bucket, readySeconds }: BucketState): MillraceError {
  const message = `The configuration changes more than ${bucket.burst} times a minute.`
  const options = { retryAfterSeconds: Math.ceil(readySeconds) }
  return new MillraceError('too_many_changes', message, options)
}

function publishingRefusal({ bucket, readySeconds }: BucketState): MillraceError {
  const [whose] = bucket.name.split(' ')
  const message = `This ${whose} may publish ${bucket.burst} events a second: that is too many.`
  const options = { retryAfterSeconds: Math.ceil(readySeconds) }
  return new MillraceError('rate_limited', message, options)
}
