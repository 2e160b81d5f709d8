// The queries of the history of the configuration: their filters, moments and pages.

import type { ParsedUrlQuery } from 'node:querystring'
import { Type } from 'typebox'
import { ACTOR_LENGTH } from '../../access/schemas.ts'
import { limits } from '../../config.ts'
import { type Fault, fault, invalid } from '../../errors.ts'
import { queryParameter, textOf, wholeOf } from '../../input/query.ts'
import { END_OF_LOG, PositionValue } from '../../log/position.ts'
import { momentOf, periodOf } from '../../log/query.ts'
import type { ConfiguredWanted } from './as-of.ts'
import type { ChangesWanted } from './changes.ts'
import { configuredKinds, loggedIds } from './kind.ts'

/** Changes of a page without `limit`. */
const CHANGES = 100
/** The most things of one page of a configuration. */
export const MOST_CONFIGURED = 100

const time = Type.String({ format: 'date-time' })
const text = (maxLength: number) => Type.String({ minLength: 1, maxLength })

const subjectParameters = [
  queryParameter('kind', 'Only this kind of thing.', Type.Enum([...configuredKinds])),
  queryParameter('id', 'Only what has this id, in the API of its kind.', text(limits.textLength)),
]

export const changesParameters = [
  ...subjectParameters,
  queryParameter('actor', 'Only changes by this actor, by its whole name.', text(ACTOR_LENGTH)),
  queryParameter('from', 'Changes from this time on.', time),
  queryParameter('to', 'Changes before this time.', time),
  queryParameter('before', 'The start of the page: `next` of the previous one.', PositionValue('')),
  queryParameter(
    'limit',
    'The most changes of a page.',
    Type.Integer({ minimum: 1, maximum: limits.pageLength, default: CHANGES }),
  ),
]

const configuredParameters = [
  ...subjectParameters,
  queryParameter('after', 'The start of the page: `next` of the previous one.', text(ACTOR_LENGTH)),
  queryParameter(
    'limit',
    'The most things of a page.',
    Type.Integer({ minimum: 1, maximum: MOST_CONFIGURED, default: MOST_CONFIGURED }),
  ),
]

export const configurationParameters = [
  queryParameter('as_of', 'The moment; default: now. Changes made at it count.', time),
  ...configuredParameters,
]

export const differencesParameters = [
  { ...queryParameter('from', 'The earlier moment.', time), required: true },
  queryParameter('to', 'The later moment; default: now.', time),
  ...configuredParameters,
]

/** The wanted page of changes. Throws `invalid_request` with everything that is wrong with it. */
export function changesRequestOf(query: ParsedUrlQuery): ChangesWanted {
  const faults: Fault[] = []
  const subject = subjectOf(query, faults)
  const actor = textOf(query, 'actor', faults, ACTOR_LENGTH)
  const { from, to } = periodOf(query, faults)
  const before = wholeOf(query, 'before', { least: 0, most: END_OF_LOG, faults }) ?? END_OF_LOG
  const limit = wholeOf(query, 'limit', { least: 1, most: limits.pageLength, faults }) ?? CHANGES
  if (faults.length > 0) throw invalid(faults)
  return { ...subject, actor, first: from ?? 0, end: Math.min(to ?? END_OF_LOG, before), limit }
}

/** The wanted page and its moment; undefined: now. Throws `invalid_request`, too. */
export function configurationRequestOf(query: ParsedUrlQuery) {
  const faults: Fault[] = []
  const until = momentOf(query, 'as_of', faults)
  const wanted = configuredOf(query, faults)
  if (faults.length > 0) throw invalid(faults)
  return { wanted, until }
}

/** The wanted page and both moments. Throws `invalid_request`, too. */
export function differencesRequestOf(query: ParsedUrlQuery) {
  const faults: Fault[] = []
  if (query['from'] === undefined) faults.push(fault('from', 'required', 'is missing'))
  const { from = 0, to } = periodOf(query, faults)
  const wanted = configuredOf(query, faults)
  if (faults.length > 0) throw invalid(faults)
  return { wanted, from, until: to }
}

function configuredOf(query: ParsedUrlQuery, faults: Fault[]): ConfiguredWanted {
  const after = textOf(query, 'after', faults, ACTOR_LENGTH) ?? ''
  const limit = wholeOf(query, 'limit', { least: 1, most: MOST_CONFIGURED, faults })
  return { ...subjectOf(query, faults), after, limit: limit ?? MOST_CONFIGURED }
}

function subjectOf(query: ParsedUrlQuery, faults: Fault[]) {
  const given = textOf(query, 'kind', faults)
  const kind = configuredKinds.find((one) => one === given)
  if (given !== undefined && !kind) {
    faults.push(fault('kind', 'invalid', `must be one of ${configuredKinds.join(', ')}`))
  }
  const id = textOf(query, 'id', faults)
  return { kind, ids: id === undefined ? undefined : loggedIds(id, kind) }
}
