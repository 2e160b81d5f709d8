// Refuses requests that two programs may read differently, such as a proxy that checks and this
// service that acts: repeated headers, two tenants, a path that is not text.

import type { IncomingMessage } from 'node:http'
import { type Fault, fault, invalid, type MillraceError } from '../errors.ts'
import { hasControlCharacter } from '../input/text.ts'

/** Headers that must not be repeated. Others may be lists, such as If-Match. */
export const SINGLE_HEADERS = new Set([
  ...['authorization', 'content-type', 'tenant', 'x-twc-tenant', 'team', 'service', 'entity-id'],
  ...['idempotency-key', 'correlation-ids', 'live', 'last-event-id'],
])

/** Throws `invalid_request` if a header is repeated, or if two of them name different tenants. */
export function refuseAmbiguousHeaders({ rawHeaders, headers }: IncomingMessage): void {
  const faults: Fault[] = []
  // Node joins repeated headers, or keeps the first: then there are fewer names than headers.
  if (Object.keys(headers).length * 2 !== rawHeaders.length) {
    for (const name of repeatedAmong(rawHeaders)) {
      if (SINGLE_HEADERS.has(name)) faults.push(fault(name, 'repeated', 'is repeated'))
    }
  }
  const { tenant, 'x-twc-tenant': same } = headers
  if (tenant && same && tenant !== same) {
    faults.push(fault('tenant', 'ambiguous', 'and X-TWC-Tenant name different tenants'))
  }
  if (faults.length > 0) throw invalid(faults)
}

/** From name, value, name, value, …: the repeated names in lower case. */
function repeatedAmong(rawHeaders: string[]): Set<string> {
  const seen = new Set<string>()
  const repeated = new Set<string>()
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase()
    if (seen.has(name)) repeated.add(name)
    seen.add(name)
  }
  return repeated
}

/** Throws `invalid_request` if an escape of the query is not UTF-8: it would be read as U+FFFD. */
export function refuseFaultyQuery({ url = '' }: IncomingMessage): void {
  const at = url.indexOf('?')
  if (at === -1 || !url.includes('%', at)) return
  try {
    decodeURIComponent(url.slice(at))
  } catch {
    throw invalid([fault('query', 'invalid', 'has an escape that is malformed, or not UTF-8')])
  }
}

/**
 * Throws `invalid_request` if a path is not one clear text: raw bytes, escapes that are not UTF-8,
 * control characters. So no id in a path has any of these.
 */
export function refuseFaultyPath(path: string): void {
  if (/^[!-$&-~]*$/.test(path)) return
  let text: string
  try {
    text = decodeURIComponent(path)
  } catch {
    throw faultyPath('has an escape that is malformed, or not UTF-8')
  }
  if (/[^!-~]/.test(path)) throw faultyPath('has a character that must be percent-encoded')
  if (hasControlCharacter(text)) throw faultyPath('has a control character')
}

function faultyPath(reason: string): MillraceError {
  return invalid([fault('path', 'invalid', reason)])
}
