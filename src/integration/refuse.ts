// What is refused beyond the schema: a target that is not public, an update that comes at the wrong
// time. Each throws the error that the client sees.

import { refusalAmong } from '../destination/address.ts'
import { fault, invalid, MillraceError } from '../errors.ts'
import type { FoundIntegration } from './find.ts'
import { type IntegrationUpdate, urlsOf } from './integration.ts'

/** Refuses targets whose host resolves to an address that is not public. */
export async function refusePrivateTargets(
  tenant: string,
  parts: IntegrationUpdate,
): Promise<void> {
  const found = await refusalAmong(urlsOf(parts), tenant)
  if (!found) return
  throw invalid([fault(found.field, 'private_target', `is refused: ${found.refusal}`)])
}

/** Refuses to update what runs, what is temporary, and what If-Match does not name. */
export function refuseUpdate(found: FoundIntegration, ifMatch: string): void {
  if (ifMatch && !names(ifMatch, etagOf(found))) throw changedMeanwhile()
  if (found.document.integration_type === 'temporary') {
    throw invalid([fault('integration_type', 'temporary', 'is temporary: it cannot be updated')])
  }
  if (found.status !== 'stopped') {
    throw invalid([fault('status', 'running', 'is running: stop the integration first')])
  }
}

/** Whether If-Match names a version: one of a list, or any (RFC 9110, 13.1.1: no weak ones). */
function names(ifMatch: string, etag: string): boolean {
  return ifMatch === '*' || ifMatch.split(',').some((one) => one.trim() === etag)
}

export function etagOf(found: FoundIntegration): string {
  return `"${found.version}"`
}

export function changedMeanwhile(): MillraceError {
  return new MillraceError('precondition_failed', 'The integration was changed by somebody else.')
}

export function noSuchIntegration(id: string): MillraceError {
  return new MillraceError('not_found', `There is no integration ${JSON.stringify(id)}.`)
}
