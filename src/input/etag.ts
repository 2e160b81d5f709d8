// Versions of resources in HTTP: ETag, and the condition If-Match of a request (RFC 9110, 13.1.1:
// no weak ones).

import { MillraceError } from '../errors.ts'

/** The ETag of a version. */
export function etagOf(version: number): string {
  return `"${version}"`
}

/**
 * Throws `precondition_failed` unless the header If-Match names the version: one of a list, or any.
 * Without the header ('') every version will do; null, of no resource, is named by none.
 */
export function refuseOtherVersion(ifMatch: string, version: number | null, what: string): void {
  if (ifMatch === '') return
  const etag = version === null ? undefined : etagOf(version)
  const isNamed = ifMatch === '*' || ifMatch.split(',').some((one) => one.trim() === etag)
  if (etag === undefined || !isNamed) throw changedMeanwhile(what)
}

/** The error of a request that another change has overtaken. */
export function changedMeanwhile(what: string): MillraceError {
  return new MillraceError('precondition_failed', `Somebody else has changed ${what}.`)
}
