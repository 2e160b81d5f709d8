// A stored secret never travels to another host: who changes the origin of a target (scheme, host,
// port) names its secrets anew. The signing secret of a webhook may stay: it is never sent.

import { type Fault, fault } from '../errors.ts'

/** Whether two http or https URLs have the same origin; not if one is none. */
export function isSameOrigin(one: string | undefined, other: string | undefined): boolean {
  const origin = originOf(one)
  return origin !== undefined && origin === originOf(other)
}

function originOf(url: string | undefined): string | undefined {
  const isHttp = url !== undefined && /^https?:/i.test(url) && URL.canParse(url)
  return isHttp ? new URL(url).origin : undefined
}

/** The fault of an update that moves its target and does not name a secret that is stored. */
export function faultOfKept(field: string, how: string): Fault {
  const why = 'the target moves to another origin, and a stored secret never does'
  return fault(field, 'must_be_named', `must be given anew${how}: ${why}`)
}
