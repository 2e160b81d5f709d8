// The moments, periods and positions that readers of the log find in a query.

import type { ParsedUrlQuery } from 'node:querystring'
import { type Fault, fault, invalid } from '../errors.ts'
import { readWhole, textOf } from '../input/query.ts'
import { positionOf } from './position.ts'

/**
 * A time as a position; undefined if it is missing. Adds what is wrong with it to `faults`.
 */
export function momentOf(
  query: ParsedUrlQuery,
  field: string,
  faults: Fault[],
): number | undefined {
  const text = textOf(query, field, faults)
  const position = text === undefined ? undefined : positionOf(text)
  if (text !== undefined && position === undefined) {
    faults.push(fault(field, 'invalid', 'must be a time like 2026-01-17T12:00:00.000Z'))
  }
  return position
}

type Period = { from: number | undefined; to: number | undefined }

/**
 * The times `from` and `to` as positions; undefined if they are missing. Adds what is wrong with
 * them to `faults`.
 */
export function periodOf(query: ParsedUrlQuery, faults: Fault[]): Period {
  const [from, to] = [momentOf(query, 'from', faults), momentOf(query, 'to', faults)]
  if (from !== undefined && to !== undefined && to <= from) {
    faults.push(fault('to', 'invalid', 'must be later than from'))
  }
  return { from, to }
}

/** The position in a path. Throws `invalid_request`. */
export function positionInPath(text: string): number {
  const position = readWhole(text)
  if (Number.isSafeInteger(position)) return position
  throw invalid([fault('position', 'invalid', 'must be a position of the log')])
}
