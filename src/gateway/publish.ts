// Turns a publish request into an event, or reports all its faults. The body is only checked: its
// bytes are stored and sent.

import type { IncomingHttpHeaders } from 'node:http'
import { type Fault, fault, invalid } from '../errors.ts'
import { tenantHeaderOf } from '../input/tenant.ts'
import { textOfHeader } from '../input/text.ts'
import { traceparentOf } from '../input/traceparent.ts'
import type { NewEvent } from '../log/event.ts'
import { checkCorrelationIds, checkName, checkObject, checkTenant, checkText } from './fields.ts'

/** Headers of a publish request and their fields in an event (docs/publish.md). */
const REQUIRED = ['team', 'service', 'entity-id', 'idempotency-key'] as const

/**
 * The event of `POST /events/{name}`; `live`: it is not imported. Throws `invalid_request` with a
 * detail for each fault of the name, the headers and the body.
 */
export function publishedEventOf(
  { name, live }: { name: string; live: boolean },
  headers: IncomingHttpHeaders,
  body: Buffer,
): NewEvent {
  const faults: Fault[] = []
  checkName('event_name', name, faults)
  const read = (name: string) => checkHeader(name, headers[name], faults)
  const [team, service, entityId, idempotencyKey] = REQUIRED.map(read) as string[]
  const tenant = checkTenantHeader(headers, faults)
  const ids = headers['correlation-ids']
  const correlationIds = ids
    ? checkCorrelationIds('correlation-ids', Buffer.from(String(ids), 'latin1'), faults)
    : '{}'
  checkObject('body', body, faults)
  if (faults.length > 0) throw invalid(faults)
  return {
    tenant,
    name,
    entityId: entityId as string,
    idempotencyKey: idempotencyKey as string,
    team: team as string,
    service: service as string,
    correlationIds,
    payload: body,
    live,
    traceparent: traceparentOf(headers['traceparent']),
  }
}

/** The tenant that the headers name; returns it, or an empty one if it has a fault. */
export function checkTenantHeader(headers: IncomingHttpHeaders, faults: Fault[]): string {
  const tenant = checkHeader('tenant', tenantHeaderOf(headers), faults)
  checkTenant('tenant', tenant, faults)
  return tenant
}

/** A required header; returns its text, or an empty one if it has a fault. */
export function checkHeader(
  name: string,
  value: string | string[] | undefined,
  faults: Fault[],
): string {
  const text = textOfHeader((value ?? '') as string)
  if (text !== undefined) return checkText(name, text, faults)
  faults.push(fault(name, 'invalid', 'is not valid UTF-8'))
  return ''
}
