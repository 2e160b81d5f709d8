// Lists in pages: `limit` and `after` in the query, and `next` in the answer. If a list's order is
// stable, its pages have each row once even while rows are added.

import { Type } from 'typebox'
import { type Fault, fault, invalid } from '../errors.ts'
import { queryParameter, wholeOf } from '../input/query.ts'
import { faultOfText } from '../input/text.ts'
import type { Parameter, RequestContext } from './route.ts'

/** The requested page; `after`: `next` of the previous page. */
export type PageRequest = { limit: number; after: string | undefined }

/** The parameters of a list with at most `most` rows per page. */
export const pageParameters = (most: number): Parameter[] => [
  queryParameter(
    'limit',
    'The most entries of a page.',
    Type.Integer({ minimum: 1, maximum: most, default: most }),
  ),
  queryParameter('after', 'The start of the page: `next` of the previous page.', Type.String()),
]

/**
 * The page of a request. Throws `invalid_request` if `limit` is invalid, or a parameter is
 * repeated.
 */
export function pageOf({ query }: RequestContext, most: number): PageRequest {
  const faults: Fault[] = []
  const limit = wholeOf(query, 'limit', { least: 1, most, faults }) ?? most
  if (faults.length > 0) throw invalid(faults)
  const { after } = query
  if (Array.isArray(after) || (after && faultOfText(after))) throw unknownPage()
  return { limit, after }
}

/** The error for an `after` that no page has given. */
export function unknownPage() {
  return invalid([fault('after', 'invalid', 'must be `next` of a page')])
}

/**
 * Cuts `found` to the page. If it has one row more, there is a next page, named by its last row.
 */
export function cutPage<Row>(
  found: Row[],
  { limit }: PageRequest,
  nameOf: (row: Row) => string,
): { rows: Row[]; next: string | undefined } {
  const rows = found.slice(0, limit)
  const last = found.length > limit ? rows.at(-1) : undefined
  return { rows, next: last && nameOf(last) }
}
