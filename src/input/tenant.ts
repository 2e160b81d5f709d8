// The name of a tenant: it is part of keys, headers and identifiers, so it is one word.

import type { IncomingHttpHeaders } from 'node:http'
import { ruled } from './pattern.ts'

const TENANT = /^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$/

/** The same as a pattern of JSON Schema. */
export const TENANT_PATTERN = ruled(TENANT.source, 'be 1 to 63 letters, digits, _ and -')

/** Stands for every tenant in a list of tenants. */
export const EVERY_TENANT = '*'

/** Whether a text can name a tenant: 1 to 63 letters, digits, _ and -. */
export const isTenant = (text: string): boolean => TENANT.test(text)

/** The value of the tenant's header, valid or not; undefined if it is missing or empty. */
export function tenantHeaderOf(headers: IncomingHttpHeaders): string | undefined {
  return ((headers['tenant'] || headers['x-twc-tenant']) as string | undefined) || undefined
}
