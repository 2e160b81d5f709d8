// Documents of the config log for a reader. Their secrets are masked already, by the database. A
// key may be for several tenants: a reader sees the names of those that it may read.

import { EVERY_TENANT } from '../../input/tenant.ts'
import type { ConfiguredKind } from './kind.ts'

export type Document = Record<string, unknown> | null

/** Whether the reader may read what this tenant has. */
export type MayRead = (tenant: string) => boolean

/** The document for this reader. */
export function shownDocument(kind: ConfiguredKind, document: Document, mayRead: MayRead) {
  const tenants = document?.['tenants']
  if (kind !== 'key' || !Array.isArray(tenants)) return document
  return { ...document, tenants: tenants.filter((one) => one === EVERY_TENANT || mayRead(one)) }
}

/** The name of a document that has one, as a part of an answer. */
export function namedBy(document: Document): { name?: string } {
  const name = document?.['name']
  return typeof name === 'string' ? { name } : {}
}
