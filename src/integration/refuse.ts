// Refusals beyond the schema: a target that is not public, an update at the wrong time. Each throws
// the error for the client.

import { refusalAmong } from '../destination/address.ts'
import { faultOfUnnamedSecret, isSameOrigin } from '../destination/same-origin.ts'
import { type Fault, fault, invalid, MillraceError } from '../errors.ts'
import { refuseOtherVersion } from '../input/etag.ts'
import type { FoundIntegration } from './find.ts'
import {
  type IntegrationDocument,
  type IntegrationUpdate,
  urlsOfIntegration,
} from './integration.ts'
import { type S3Parameters, storeUrlOf } from './s3.ts'

/** Refuses targets with a host that resolves to an address that is not public. */
export async function refusePrivateTargets(
  tenant: string,
  parts: IntegrationUpdate,
): Promise<void> {
  const found = await refusalAmong(urlsOfIntegration(parts), tenant)
  if (!found) return
  throw invalid([fault(found.field, 'private_target', `is refused: ${found.refusal}`)])
}

/**
 * Refuses to update a running or temporary integration, or another version than If-Match names, or
 * to send a stored secret to another origin. `remaining`: the document without what the update
 * takes away.
 */
export function refuseUpdate(
  found: FoundIntegration,
  { remaining, update }: { remaining: IntegrationDocument; update: IntegrationUpdate },
  ifMatch: string,
): void {
  refuseOtherVersion(ifMatch, found.version, 'the integration')
  if (found.document.integration_type === 'temporary') {
    throw invalid([fault('integration_type', 'temporary', 'is temporary: it cannot be updated')])
  }
  if (found.status !== 'stopped') {
    throw invalid([fault('status', 'running', 'is running: stop the integration first')])
  }
  const { document } = found
  const faults = [
    ...faultsOfMovedWebhook(document, remaining, update),
    ...faultsOfMovedStore(document, remaining, update),
  ]
  if (faults.length > 0) throw invalid(faults)
}

function faultsOfMovedWebhook(
  stored: IntegrationDocument,
  remaining: IntegrationDocument,
  update: IntegrationUpdate,
): Fault[] {
  const [old, given] = [stored.callback_parameters, update.callback_parameters]
  if (!old || !given || isSameOrigin(old.callback_url, given.callback_url)) return []
  const faults: Fault[] = []
  if (remaining.callback_parameters?.api_key !== undefined && given.api_key === undefined) {
    faults.push(faultOfUnnamedSecret('callback_parameters.api_key', ', or removed with ""'))
  }
  const hasHeaders = Object.keys(remaining.delivery?.headers ?? {}).length > 0
  if (hasHeaders && update.delivery?.headers === undefined) {
    faults.push(faultOfUnnamedSecret('delivery.headers', ', or removed with {}'))
  }
  return faults
}

function faultsOfMovedStore(
  stored: IntegrationDocument,
  remaining: IntegrationDocument,
  update: IntegrationUpdate,
): Fault[] {
  const [old, given] = [stored.s3_parameters, update.s3_parameters]
  if (!old || !given || isSameStore(old, { ...remaining.s3_parameters, ...given })) return []
  const names = ['aws_access_key_id', 'aws_secret_access_key'] as const
  const unnamed = names.filter((name) => old[name] !== undefined && given[name] === undefined)
  return unnamed.map((name) => faultOfUnnamedSecret(`s3_parameters.${name}`, ''))
}

/** Whether requests go to the same host: at an endpoint the bucket may be part of its name. */
function isSameStore(old: S3Parameters, given: S3Parameters): boolean {
  if (!isSameOrigin(storeUrlOf(old), storeUrlOf(given))) return false
  if (old.endpoint === undefined && given.endpoint === undefined) return true
  const [hostOfOld, hostOfGiven] = [old, given].map(bucketInHost)
  return hostOfOld === hostOfGiven
}

function bucketInHost({ force_path_style, bucket }: S3Parameters): string {
  return force_path_style ? '' : bucket
}

export function noSuchIntegration(id: string): MillraceError {
  return new MillraceError('not_found', `There is no integration ${JSON.stringify(id)}.`)
}
