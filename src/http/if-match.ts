// The header of a change that depends on the version of a resource (input/etag.ts).

import type { IncomingHttpHeaders } from 'node:http'
import { Type } from 'typebox'
import { fault, invalid } from '../errors.ts'
import { refuseOtherVersion } from '../input/etag.ts'
import type { RequestContext, Route } from './route.ts'

export const ifMatch = {
  in: 'header',
  name: 'if-match',
  description: 'The ETag of the version to update, a list of them, or `*`.',
  required: false,
  schema: Type.String(),
} as const

/** The conditions that a change may depend on (RFC 9110, 13.1). */
const CONDITIONS = ['if-match', 'if-none-match', 'if-unmodified-since'] as const

/**
 * Throws `invalid_request` for a condition that the route of a change does not check: the change
 * would be done whether or not it holds.
 */
export function refuseUncheckedConditions(
  { method, parameters = [] }: Route,
  headers: IncomingHttpHeaders,
): void {
  if (method === 'get') return
  for (const name of CONDITIONS) {
    if (headers[name] === undefined || parameters.some((one) => one.name === name)) continue
    throw invalid([fault(name, 'invalid', 'is a condition that is not checked here; leave it out')])
  }
}

/**
 * The version that If-Match asks for; undefined without it. `find` reads the version that there is,
 * null of no resource. Throws `precondition_failed` if it is another one. `what` names the resource
 * for people.
 */
export async function askedVersion(
  context: RequestContext,
  what: string,
  find: () => Promise<number | null>,
): Promise<number | undefined> {
  const wanted = context.get('if-match')
  if (!wanted) return undefined
  const version = await find()
  refuseOtherVersion(wanted, version, what)
  return version ?? undefined
}
