// What two readers of one request may read differently is refused, for the one that decides who may
// do what need not be the one that does it: a header that is there twice, two tenants, a path that
// is spelled in another way than its route.

import type { IncomingMessage } from 'node:http'
import { type Fault, fault, invalid, type MillraceError } from '../errors.ts'
import { hasControlCharacter } from '../text.ts'

/** Headers that a request has once. Of the others that are read, HTTP makes lists. */
export const SINGLE_HEADERS = new Set([
  ...['authorization', 'content-type', 'tenant', 'x-twc-tenant', 'team', 'service', 'entity-id'],
  ...['idempotency-key', 'correlation-ids'],
])

/** Throws `invalid_request` if a header is there twice, or two of them name different tenants. */
export function refuseAmbiguousHeaders({ rawHeaders, headers }: IncomingMessage): void {
  const faults: Fault[] = []
  // Node joins what is there twice, or keeps the first: then there are fewer names than headers.
  if (Object.keys(headers).length * 2 !== rawHeaders.length) {
    const names = rawHeaders.filter((_, i) => i % 2 === 0).map((name) => name.toLowerCase())
    for (const [name, found] of Map.groupBy(names, (name) => name)) {
      if (found.length === 1 || !SINGLE_HEADERS.has(name)) continue
      faults.push(fault(name, 'repeated', 'is there more than once'))
    }
  }
  const { tenant, 'x-twc-tenant': same } = headers
  if (tenant && same && tenant !== same) {
    faults.push(fault('tenant', 'ambiguous', 'and X-TWC-Tenant name different tenants'))
  }
  if (faults.length > 0) throw invalid(faults)
}

/**
 * Throws `invalid_request` if a path does not say one text: raw bytes, escapes that are no UTF-8,
 * control characters. So no id of a path has any of these.
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
