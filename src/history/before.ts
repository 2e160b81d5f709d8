// Lists that go back in time, newest first: `limit` and `before` in the query.

import { Type } from 'typebox'
import { fault, invalid } from '../errors.ts'
import { END_OF_LOG, positionOf } from '../log/position.ts'

type Query = Record<string, string | string[] | undefined>

/** The size of a page: what it is without `limit`, and the most. */
type Sizes = { usual: number; most: number }

/** The parameters of a list of `what`, such as "entries". */
export function beforeParameters(what: string, { usual, most }: Sizes) {
  return [
    {
      in: 'query' as const,
      name: 'limit',
      description: 'The most entries of a page.',
      required: false,
      schema: Type.Integer({ minimum: 1, maximum: most, default: usual }),
    },
    {
      in: 'query' as const,
      name: 'before',
      description: `Only ${what} created before this time: created_at of the last one of a page.`,
      required: false,
      schema: Type.String({ format: 'date-time' }),
    },
  ]
}

/**
 * The requested page: at most `limit` rows with positions before `before`. Throws
 * `invalid_request` with the faults of both.
 */
export function beforeOf(query: Query, { usual, most }: Sizes): { before: number; limit: number } {
  const { limit: given = String(usual), before: time } = query
  const limit = /^\d{1,4}$/.test(String(given)) ? Number(given) : 0
  const before = time === undefined ? END_OF_LOG : positionOf(String(time))
  const faults = [
    ...(limit < 1 || limit > most ? [fault('limit', 'invalid', `must be 1 to ${most}`)] : []),
    ...(before === undefined
      ? [fault('before', 'invalid', 'must be a time like 2026-01-17T12:00:00.000Z')]
      : []),
  ]
  if (faults.length > 0 || before === undefined) throw invalid(faults)
  return { before, limit }
}
