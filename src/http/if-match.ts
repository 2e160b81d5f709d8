// The header of a change that depends on the version of a resource (input/etag.ts).

import { Type } from 'typebox'
import { refuseOtherVersion } from '../input/etag.ts'
import type { RequestContext } from './route.ts'

export const ifMatch = {
  in: 'header',
  name: 'if-match',
  description: 'The ETag of the version to update, a list of them, or `*`.',
  required: false,
  schema: Type.String(),
} as const

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
