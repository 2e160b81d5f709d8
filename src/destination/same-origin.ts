// A stored secret never travels to another host: a change of a target's origin (scheme, host, port)
// must set its secrets anew. A webhook's signing secret may stay: it is never sent.

import { type Fault, fault } from '../errors.ts'

/** Whether two http or https URLs have the same origin; false if one is not such a URL. */
export function isSameOrigin(one: string | undefined, other: string | undefined): boolean {
  const origin = originOf(one)
  return origin !== undefined && origin === originOf(other)
}

function originOf(url: string | undefined): string | undefined {
  const isHttp = url !== undefined && /^https?:/i.test(url) && URL.canParse(url)
  return isHttp ? new URL(url).origin : undefined
}

/** The fault of an update that moves its target without setting a stored secret anew. */
export function faultOfUnnamedSecret(field: string, how: string): Fault {
  const why = 'the target moves to another origin, and a stored secret never moves along'
  return fault(field, 'must_be_named', `must be set anew${how}: ${why}`)
}
