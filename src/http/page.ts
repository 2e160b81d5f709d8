// Lists in pages: `limit` and `after` in the query, and in the answer where the next page begins.
// If nothing changes the order of a list, its pages have each row once while others are added.

import { Type } from 'typebox'
import { fault, invalid } from '../errors.ts'
import { faultOfText } from '../input/text.ts'
import type { Parameter, RequestContext } from './route.ts'

/** What is asked for; `after`: what the page before has given as the next one. */
export type Page = { limit: number; after: string | undefined }

/** What the document says of a list whose pages have at most `most` rows. */
export const pageParameters = (most: number): Parameter[] => [
  {
    in: 'query',
    name: 'limit',
    description: 'The most entries of a page.',
    required: false,
    schema: Type.Integer({ minimum: 1, maximum: most, default: most }),
  },
  {
    in: 'query',
    name: 'after',
    description: 'The start of the page: `next` of the previous page.',
    required: false,
    schema: Type.String(),
  },
]

/** The page of a request. Throws `invalid_request` if `limit` is none, or one is given twice. */
export function pageOf({ query }: RequestContext, most: number): Page {
  const { limit: given = String(most), after } = query
  const limit = /^\d{1,4}$/.test(String(given)) ? Number(given) : 0
  if (limit < 1 || limit > most) throw invalid([fault('limit', 'invalid', `must be 1 to ${most}`)])
  if (Array.isArray(after) || (after && faultOfText(after))) throw unknownPage()
  return { limit, after }
}

/** For an `after` that no page has given. */
export function unknownPage() {
  return invalid([fault('after', 'invalid', 'must be `next` of a page')])
}

/** Cuts `found`, which has one row more than the page if there is a next one, named by its last. */
export function cutPage<Row>(
  found: Row[],
  { limit }: Page,
  nameOf: (row: Row) => string,
): { rows: Row[]; next: string | undefined } {
  const rows = found.slice(0, limit)
  const last = found.length > limit ? rows.at(-1) : undefined
  return { rows, next: last && nameOf(last) }
}
