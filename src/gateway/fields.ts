// The rules for the fields of an event, wherever they come from: the headers of a request, or a
// line of a bulk body. Each check adds the faults that it finds under the field's name there.

import { limits } from '../config.ts'
import { type Fault, fault } from '../errors.ts'
import { isObject, parseJson } from '../input/json.ts'
import { isJsonObject } from '../input/json-object.ts'
import { isTenant } from '../input/tenant.ts'
import { faultOfText, hasControlCharacter, isLongerThan } from '../input/text.ts'
import { isAlert, reservedFault } from '../log/alert.ts'
import { isEventName } from '../log/event.ts'

/** How many texts a message names. */
const MOST_NAMED = 5
const CORRELATION_TYPES = ['order_id', 'customer_id']

/** The name of an event; returns it, or an empty one if it has a fault. */
export function checkName(field: string, name: string, faults: Fault[]): string {
  if (isAlert(name)) {
    faults.push(reservedFault(field))
    return ''
  }
  if (isEventName(name)) return name
  const rule = 'must be <entity>.<action> of letters, digits, _ and -, like order.created'
  faults.push(fault(field, 'invalid', rule))
  return ''
}

/** A required text of one line; returns it, or an empty one if it has a fault. */
export function checkText(field: string, text: string, faults: Fault[]): string {
  if (text === '') faults.push(fault(field, 'required', 'is missing or empty'))
  else if (isLongerThan(text, limits.textLength)) {
    faults.push(fault(field, 'too_long', `is longer than ${limits.textLength} characters`))
  } else if (hasControlCharacter(text)) {
    faults.push(fault(field, 'invalid', 'has a control character'))
  } else {
    const reason = faultOfText(text)
    if (!reason) return text
    faults.push(fault(field, 'invalid', reason))
  }
  return ''
}

/**
 * The same for an idempotency key. Receivers get it as a header, which has no blanks at its ends:
 * keys that differ in these alone would be one for them.
 */
export function checkKey(field: string, text: string, faults: Fault[]): string {
  const key = checkText(field, text, faults)
  if (/^ | $/.test(key)) faults.push(fault(field, 'invalid', 'begins or ends with a blank'))
  return key
}

/** The name of a tenant; without one there is a fault already. */
export function checkTenant(field: string, tenant: string, faults: Fault[]): void {
  if (tenant === '' || isTenant(tenant)) return
  faults.push(fault(field, 'invalid', 'must be 1 to 63 letters, digits, _ and -'))
}

/** Correlation ids as JSON in UTF-8; returns them as they are stored. */
export function checkCorrelationIds(field: string, json: Buffer, faults: Fault[]): string {
  const before = faults.length
  const refuse = (code: string, reason: string) => faults.push(fault(field, code, reason))
  const parsed = parseJson(json)
  if ('fault' in parsed || !isObject(parsed.value)) {
    refuse('invalid', 'must be a JSON object of strings, like {"order_id":"…"}')
    return '{}'
  }
  const unknown: string[] = []
  for (const [type, id] of Object.entries(parsed.value)) {
    if (!CORRELATION_TYPES.includes(type)) unknown.push(type)
    else if (typeof id !== 'string' || !isPlainText(id)) {
      refuse('invalid', `must have a string of at most ${limits.textLength} characters as ${type}`)
    }
  }
  if (unknown.length > 0) {
    const known = CORRELATION_TYPES.join(', ')
    refuse('unknown_type', `has unknown types: ${someOf(unknown)}; known: ${known}`)
  }
  return faults.length === before ? JSON.stringify(parsed.value) : '{}'
}

function isPlainText(text: string): boolean {
  const isOneLine = faultOfText(text) === undefined && !hasControlCharacter(text)
  return isOneLine && !isLongerThan(text, limits.textLength)
}

/** Bytes that must be one JSON object. */
export function checkObject(field: string, bytes: Buffer, faults: Fault[]): void {
  if (!isJsonObject(bytes)) faults.push(...faultsOfObject(field, bytes))
}

/** Why bytes are not one JSON object. */
export function faultsOfObject(field: string, bytes: Buffer): Fault[] {
  const parsed = parseJson(bytes, field)
  if ('fault' in parsed) return [parsed.fault]
  if (isObject(parsed.value)) return []
  const kind = Array.isArray(parsed.value) ? 'an array' : `a ${jsonType(parsed.value)}`
  return [fault(field, 'not_an_object', `is ${kind}; it must be one JSON object`)]
}

function jsonType(value: unknown): string {
  return value === null ? 'null' : typeof value
}

/** The first of many texts of a request, for a message. */
export const someOf = (texts: string[]): string => texts.slice(0, MOST_NAMED).map(quote).join(', ')

/** A text of a request in a message, cut short. */
function quote(text: string): string {
  return JSON.stringify(text.slice(0, 40))
}
