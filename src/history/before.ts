// Lists that go back in time, newest first: `limit` and `before` in the query.

import type { ParsedUrlQuery } from 'node:querystring'
import { Type } from 'typebox'
import { type Fault, invalid } from '../errors.ts'
import { queryParameter, wholeOf } from '../input/query.ts'
import { END_OF_LOG } from '../log/position.ts'
import { momentOf } from '../log/query.ts'

/** The size of a page: what it is without `limit`, and the most. */
type Sizes = { usual: number; most: number }

/** The parameters of a list of `what`, such as "entries". */
export function beforeParameters(what: string, { usual, most }: Sizes) {
  return [
    queryParameter(
      'limit',
      'The most entries of a page.',
      Type.Integer({ minimum: 1, maximum: most, default: usual }),
    ),
    queryParameter(
      'before',
      `Only ${what} created before this time: created_at of the last one of a page.`,
      Type.String({ format: 'date-time' }),
    ),
  ]
}

/**
 * The requested page: at most `limit` rows with positions before `before`. Throws
 * `invalid_request` with the faults of both.
 */
export function beforeOf(
  query: ParsedUrlQuery,
  { usual, most }: Sizes,
): { before: number; limit: number } {
  const faults: Fault[] = []
  const limit = wholeOf(query, 'limit', { least: 1, most, faults }) ?? usual
  const before = momentOf(query, 'before', faults) ?? END_OF_LOG
  if (faults.length > 0) throw invalid(faults)
  return { before, limit }
}
