// The query of a list of undelivered events: a period, where to go on, and the size of a page.

import type { ParsedUrlQuery } from 'node:querystring'
import { Type } from 'typebox'
import { limits } from '../../config.ts'
import { type Fault, invalid } from '../../errors.ts'
import { queryParameter, wholeOf } from '../../input/query.ts'
import { END_OF_LOG, PositionValue } from '../../log/position.ts'
import { periodOf } from '../../log/query.ts'

/** The events of a page without `limit`. */
const PAGE_LENGTH = 100

const time = Type.String({ format: 'date-time' })

export const undeliveredParameters = [
  queryParameter('from', 'Events published from this time on.', time),
  queryParameter('to', 'Events published before this time.', time),
  queryParameter('after', 'The start of the page: `next` of the previous page.', PositionValue('')),
  queryParameter(
    'limit',
    'The most events of a page.',
    Type.Integer({ minimum: 1, maximum: limits.pageLength, default: PAGE_LENGTH }),
  ),
]

/** Positions from `first` on and before `end`, and at most `limit` events of them. */
type UndeliveredRequest = { first: number; end: number; limit: number }

/** The request of a query. Throws `invalid_request` with everything that is wrong with it. */
export function undeliveredRequestOf(query: ParsedUrlQuery): UndeliveredRequest {
  const faults: Fault[] = []
  const { from, to } = periodOf(query, faults)
  const whole = (field: string, least: number, most: number) =>
    wholeOf(query, field, { least, most, faults })
  const after = whole('after', 0, END_OF_LOG - 1) ?? -1
  const limit = whole('limit', 1, limits.pageLength) ?? PAGE_LENGTH
  if (faults.length > 0) throw invalid(faults)
  return { first: Math.max(from ?? 0, after + 1), end: to ?? END_OF_LOG, limit }
}
