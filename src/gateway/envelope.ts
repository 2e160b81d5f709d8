// A line of a bulk body: an envelope around a payload. The line is scanned for where its members
// stand; the payload is the line's own bytes.

import type { IncomingHttpHeaders } from 'node:http'
import { limits } from '../config.ts'
import { type Fault, fault, invalid, MillraceError } from '../errors.ts'
import { membersOf, textOfString } from '../input/json-object.ts'
import { traceparentOf } from '../input/traceparent.ts'
import type { NewEvent } from '../log/event.ts'
import {
  checkCorrelationIds,
  checkKey,
  checkName,
  checkText,
  faultsOfObject,
  someOf,
} from './fields.ts'
import { checkHeader, checkTenantHeader } from './publish.ts'

const FIELDS = [
  ...['name', 'entity_id', 'idempotency_key', 'correlation_ids', 'tenant', 'team', 'service'],
  ...['traceparent', 'payload'],
]
const NO_IDS = Buffer.from('{}')

/** The values that the headers of a bulk request give to each of its lines. */
type LineDefaults = Pick<NewEvent, 'tenant' | 'live'> & {
  /** Empty: each line must have its own. */
  team: string
  service: string
}

/** The defaults in the headers. Throws `invalid_request` with all their faults. */
export function lineDefaultsOf(headers: IncomingHttpHeaders, live: boolean): LineDefaults {
  const faults: Fault[] = []
  const optional = (name: string) => (headers[name] ? checkHeader(name, headers[name], faults) : '')
  const tenant = checkTenantHeader(headers, faults)
  const defaults = { tenant, team: optional('team'), service: optional('service'), live }
  if (faults.length > 0) throw invalid(faults)
  return defaults
}

/**
 * The event of a line with a payload of at most `maxEventBytes`. Throws `invalid_request` with a
 * detail for each fault, or `payload_too_large`.
 */
export function eventOfLine(line: Buffer, defaults: LineDefaults, maxEventBytes: number): NewEvent {
  const faults: Fault[] = []
  const values = valuesOf(line, faults)
  const text = (field: string, otherwise = '', check = checkText) => {
    const found = textOf(field, values.get(field), otherwise, faults)
    return found === undefined ? '' : check(field, found, faults)
  }
  const tenant = text('tenant', defaults.tenant)
  if (tenant && tenant !== defaults.tenant) {
    const reason = `is not that of the header, ${defaults.tenant}: send its lines apart`
    faults.push(fault('tenant', 'another_tenant', reason))
  }
  const payload = values.get('payload')
  checkPayload(payload, faults)
  const event = {
    tenant,
    name: text('name', '', checkName),
    entityId: text('entity_id'),
    idempotencyKey: text('idempotency_key', '', checkKey),
    team: text('team', defaults.team),
    service: text('service', defaults.service),
    correlationIds: checkCorrelationIds(
      'correlation_ids',
      values.get('correlation_ids') ?? NO_IDS,
      faults,
    ),
    payload: payload as Buffer,
    live: defaults.live,
    traceparent: traceparentIn(values.get('traceparent')),
  }
  if (faults.length > 0) throw invalid(faults)
  if (event.payload.length > maxEventBytes) throw tooLarge('payload', maxEventBytes)
  return event
}

/** `payload_too_large`: more than `mostBytes`. */
export function tooLarge(field: 'line' | 'payload', mostBytes: number): MillraceError {
  const detail = fault(field, 'too_large', `is larger than ${mostBytes} bytes`)
  return new MillraceError('payload_too_large', `${detail.message}.`, { details: [detail] })
}

/** The values of the line's known members, as bytes. */
function valuesOf(line: Buffer, faults: Fault[]): Map<string, Buffer> {
  const values = new Map<string, Buffer>()
  const members = membersOf(line)
  if (!members) throw invalid(faultsOfObject('line', line))
  const unknown: string[] = []
  // Each once: a line has room for 100,000 of them, and an answer has not.
  const repeated = new Set<string>()
  for (const { name, start, end } of members) {
    if (!FIELDS.includes(name)) unknown.push(name)
    else if (values.has(name)) repeated.add(name)
    else values.set(name, line.subarray(start, end))
  }
  for (const name of repeated) faults.push(fault(name, 'repeated', 'is repeated'))
  if (unknown.length > 0) {
    faults.push(fault('line', 'unknown', `has unknown members: ${someOf(unknown)}`))
  }
  return values
}

/** A member that must be a string; `otherwise` if it is missing, undefined if it is not one. */
function textOf(
  field: string,
  value: Buffer | undefined,
  otherwise: string,
  faults: Fault[],
): string | undefined {
  if (!value) return otherwise
  // The line is valid JSON: the first byte tells what the value is.
  if (value[0] === QUOTE) return textOfString(value)
  faults.push(fault(field, 'invalid', 'must be a string'))
  return undefined
}

/** The trace of a line; one that is malformed, or no string, is ignored. */
function traceparentIn(value: Buffer | undefined): string | null {
  return value && value[0] === QUOTE ? traceparentOf(textOfString(value)) : null
}

function checkPayload(payload: Buffer | undefined, faults: Fault[]): void {
  if (!payload) faults.push(fault('payload', 'required', 'is missing'))
  else if (payload[0] !== BRACE) faults.push(...faultsOfObject('payload', payload))
}

const [BRACE, QUOTE] = Buffer.from('{"')

/** The most bytes of a line: an envelope has texts of limited length, however they are escaped. */
export const mostLineBytes = (maxEventBytes: number) => maxEventBytes + limits.envelopeBytes
