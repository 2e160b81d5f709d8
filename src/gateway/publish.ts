// Turns a publish request into an event, or reports all its faults. The body is only checked: its
// bytes are stored and sent.

import type { IncomingHttpHeaders } from 'node:http'
import { limits } from '../config.ts'
import { type Fault, fault, invalid } from '../errors.ts'
import { isObject, parseJson } from '../input/json.ts'
import { isJsonObject } from '../input/json-object.ts'
import { isTenant } from '../input/tenant.ts'
import { faultOfText, hasControlCharacter, isLongerThan, textOfHeader } from '../input/text.ts'
import { isEventName, type NewEvent } from '../log/event.ts'

const CORRELATION_TYPES = ['order_id', 'customer_id']

/** Headers of a publish request and their fields in an event (docs/publish.md). */
const REQUIRED = ['team', 'service', 'entity-id', 'tenant', 'idempotency-key'] as const

/**
 * The event of `POST /events/{name}`. Throws `invalid_request` with a detail for each fault of the
 * name, the headers and the body.
 */
export function publishedEventOf(
  name: string,
  headers: IncomingHttpHeaders,
  body: Buffer,
): NewEvent {
  const faults: Fault[] = []
  if (!isEventName(name)) {
    const rule = 'must be <entity>.<action> of letters, digits, _ and -, like order.created'
    faults.push(fault('event_name', 'invalid', rule))
  }
  const read = (header: string) => readHeader(headers, header, faults)
  const [team, service, entityId, tenant, idempotencyKey] = REQUIRED.map(read) as string[]
  if (tenant && !isTenant(tenant)) {
    faults.push(fault('tenant', 'invalid', 'must be 1 to 63 letters, digits, _ and -'))
  }
  const correlationIds = readCorrelationIds(headers['correlation-ids'], faults)
  checkPayload(body, faults)
  if (faults.length > 0) throw invalid(faults)
  return {
    tenant: tenant as string,
    name,
    entityId: entityId as string,
    idempotencyKey: idempotencyKey as string,
    team: team as string,
    service: service as string,
    correlationIds,
    payload: body,
  }
}

function readHeader(headers: IncomingHttpHeaders, name: string, faults: Fault[]): string {
  const text = textOfHeader((headers[name] ?? '') as string)
  if (text === undefined) faults.push(fault(name, 'invalid', 'is not valid UTF-8'))
  else if (text === '') faults.push(fault(name, 'required', 'is missing or empty'))
  else if (isLongerThan(text, limits.textLength)) {
    faults.push(fault(name, 'too_long', `is longer than ${limits.textLength} characters`))
  } else if (hasControlCharacter(text)) {
    faults.push(fault(name, 'invalid', 'has a control character'))
  } else return text
  return ''
}

function isPlainText(text: string): boolean {
  const isOneLine = faultOfText(text) === undefined && !hasControlCharacter(text)
  return isOneLine && !isLongerThan(text, limits.textLength)
}

function readCorrelationIds(header: string | string[] | undefined, faults: Fault[]): string {
  if (header === undefined || header === '') return '{}'
  const before = faults.length
  const refuse = (code: string, reason: string) =>
    faults.push(fault('correlation-ids', code, reason))
  const parsed = parseJson(Buffer.from(String(header), 'latin1'))
  if ('fault' in parsed || !isObject(parsed.value)) {
    refuse('invalid', 'must be a JSON object of strings, like {"order_id":"…"}')
    return '{}'
  }
  for (const [type, id] of Object.entries(parsed.value)) {
    if (!CORRELATION_TYPES.includes(type)) {
      refuse(
        'unknown_type',
        `has the unknown type ${quote(type)}; known: ${CORRELATION_TYPES.join(', ')}`,
      )
    } else if (typeof id !== 'string' || !isPlainText(id)) {
      refuse('invalid', `must have a string of at most ${limits.textLength} characters as ${type}`)
    }
  }
  return faults.length === before ? JSON.stringify(parsed.value) : '{}'
}

function checkPayload(body: Buffer, faults: Fault[]): void {
  if (isJsonObject(body)) return
  const parsed = parseJson(body)
  if ('fault' in parsed) faults.push(parsed.fault)
  else if (!isObject(parsed.value)) {
    const kind = Array.isArray(parsed.value) ? 'an array' : `a ${jsonType(parsed.value)}`
    faults.push(fault('body', 'not_an_object', `is ${kind}; it must be one JSON object`))
  }
}

function jsonType(value: unknown): string {
  return value === null ? 'null' : typeof value
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 40))
}
