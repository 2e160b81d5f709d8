// What is refused beyond the schema: a target that is not public, a target of another kind, an
// update that comes at the wrong time. Each throws the error that the client sees.

import { refusalOfHost } from '../destination/address.ts'
import { fault, invalid, MillraceError } from '../errors.ts'
import { isObject } from '../json.ts'
import type { FoundIntegration } from './find.ts'

/** Refuses a callback URL whose host resolves to an address that is not public. */
export async function refusePrivateTarget(callbackUrl: string): Promise<void> {
  const refusal = await refusalOfHost(new URL(callbackUrl))
  if (!refusal) return
  const field = 'callback_parameters.callback_url'
  throw invalid([fault(field, 'private_target', `is refused: ${refusal}`)])
}

/** Refuses a body that names a target other than a webhook, or two. */
export function refuseOtherTargets(body: unknown): void {
  if (!isObject(body) || !('s3_parameters' in body)) return
  const reason =
    'callback_parameters' in body
      ? 'and callback_parameters exclude each other'
      : 'is not supported: this version delivers to webhooks'
  throw invalid([fault('s3_parameters', 'not_allowed', reason)])
}

/** Refuses to update what runs, what is temporary, and what If-Match does not name. */
export function refuseUpdate(found: FoundIntegration, ifMatch: string): void {
  if (ifMatch && ifMatch !== '*' && ifMatch !== etagOf(found)) throw changedMeanwhile()
  if (found.document.integration_type === 'temporary') {
    throw invalid([fault('integration_type', 'temporary', 'is temporary: it cannot be updated')])
  }
  if (found.status !== 'stopped') {
    throw invalid([fault('status', 'running', 'is running: stop the integration first')])
  }
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
