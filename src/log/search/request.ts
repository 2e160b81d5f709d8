// The query of a search: its parameters, and the request that they make.

import type { ParsedUrlQuery } from 'node:querystring'
import { Type } from 'typebox'
import { limits } from '../../config.ts'
import { type Fault, fault, invalid } from '../../errors.ts'
import { queryParameter, textOf, wholeOf } from '../../input/query.ts'
import { filterParameters, type SearchFilter, searchFilterOf } from '../filter.ts'
import { END_OF_LOG, PositionValue } from '../position.ts'
import { periodOf } from '../query.ts'
import type { SearchRange } from './scan.ts'

const MOST_WAIT_SECONDS = 30

export type SearchRequest = {
  range: SearchRange
  filter: SearchFilter
  limit: number
  /** How long to wait for the first event. */
  waitMs: number
}

const DateTime = Type.String({ format: 'date-time' })

/** The parameters of a search, for API documents. */
export const searchParameters = [
  ...filterParameters,
  queryParameter('from', 'Published at this time or later.', DateTime),
  queryParameter('to', 'Published before this time.', DateTime),
  queryParameter('after', 'Events after this position.', PositionValue('A position.')),
  queryParameter('before', 'Events before this position.', PositionValue('A position.')),
  queryParameter(
    'order',
    'The oldest first (`asc`), or the newest (`desc`).',
    Type.Enum(['asc', 'desc'], { default: 'asc' }),
  ),
  queryParameter(
    'limit',
    'The most events of a page.',
    Type.Integer({ minimum: 1, maximum: limits.pageLength, default: limits.searchLength }),
  ),
  queryParameter(
    'wait',
    'If there is no event: the seconds to wait for one. Only with `after`, ascending.',
    Type.Integer({ minimum: 0, maximum: MOST_WAIT_SECONDS, default: 0 }),
  ),
]

/** The search of a query. Throws `invalid_request` with everything that is wrong with it. */
export function searchRequestOf(query: ParsedUrlQuery, tenant: string): SearchRequest {
  const faults: Fault[] = []
  const filter = searchFilterOf(query, faults)
  const order = textOf(query, 'order', faults) ?? 'asc'
  if (order !== 'asc' && order !== 'desc') {
    faults.push(fault('order', 'invalid', 'must be asc or desc'))
  }
  const request = {
    filter,
    range: { tenant, descending: order === 'desc', ...boundsOf(query, faults) },
    limit:
      wholeOf(query, 'limit', { least: 1, most: limits.pageLength, faults }) ?? limits.searchLength,
    waitMs: 1_000 * (wholeOf(query, 'wait', { least: 0, most: MOST_WAIT_SECONDS, faults }) ?? 0),
  }
  if (request.waitMs > 0 && (order === 'desc' || query['after'] === undefined)) {
    faults.push(fault('wait', 'invalid', 'goes with `after` and the order asc'))
  }
  if (faults.length > 0) throw invalid(faults)
  return request
}

/** The bounds of both kinds, as positions; both are exclusive. */
function boundsOf(query: ParsedUrlQuery, faults: Fault[]): { after: number; before: number } {
  const position = (field: string) =>
    wholeOf(query, field, { least: 0, most: Number.MAX_SAFE_INTEGER, faults })
  const { from = 0, to = END_OF_LOG } = periodOf(query, faults)
  return {
    after: Math.max(position('after') ?? 0, from - 1),
    before: Math.min(position('before') ?? END_OF_LOG, to),
  }
}
