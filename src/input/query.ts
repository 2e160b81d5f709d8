// The fields of a query. Each reader adds what is wrong with its field to the faults, so that an
// answer names everything at once.

import { type ParsedUrlQuery, parse } from 'node:querystring'
import type { TSchema } from 'typebox'
import { limits } from '../config.ts'
import { type Fault, fault, invalid } from '../errors.ts'
import { faultOfText, hasControlCharacter, isLongerThan } from './text.ts'

/** An optional parameter of a query, for API documents. */
export const queryParameter = <T extends TSchema>(
  name: string,
  description: string,
  schema: T,
) => ({
  in: 'query' as const,
  name,
  description,
  required: false,
  schema,
})

/**
 * A field of a query that is one line of text, at most `most` characters; undefined if it is
 * missing. Adds what is wrong with it to `faults`.
 */
export function textOf(
  query: ParsedUrlQuery,
  field: string,
  faults: Fault[],
  most: number = limits.textLength,
): string | undefined {
  const value = query[field]
  if (value === undefined) return undefined
  const refuse = (code: string, reason: string) => {
    faults.push(fault(field, code, reason))
    return undefined
  }
  if (Array.isArray(value)) return refuse('repeated', 'is repeated')
  if (value === '') return refuse('invalid', 'is empty')
  if (isLongerThan(value, most)) {
    return refuse('too_long', `is longer than ${most} characters`)
  }
  const reason = faultOfText(value)
  if (reason) return refuse('invalid', reason)
  return hasControlCharacter(value) ? refuse('invalid', 'has a control character') : value
}

/**
 * Throws `invalid_request` with each parameter of the URL's query that is not among `known`. A
 * misspelt one would let something else be done: a replay with `dry_rum=true` would send.
 */
export function refuseUnknown(url: string, known: { in: string; name: string }[] = []): void {
  const at = url.indexOf('?')
  if (at === -1) return
  const isKnown = (name: string) => known.some((one) => one.in === 'query' && one.name === name)
  const unknown = Object.keys(parse(url.slice(at + 1))).filter((name) => !isKnown(name))
  if (unknown.length === 0) return
  const faultOf = (name: string) =>
    fault(name.slice(0, limits.textLength), 'unknown', 'is not a parameter')
  throw invalid(unknown.map(faultOf))
}

/**
 * A whole number between two; undefined if it is missing. Adds what is wrong with it to `faults`.
 */
export function wholeOf(
  query: ParsedUrlQuery,
  field: string,
  { least, most, faults }: { least: number; most: number; faults: Fault[] },
): number | undefined {
  const text = textOf(query, field, faults)
  if (text === undefined) return undefined
  const value = readWhole(text)
  if (value >= least && value <= most) return value
  faults.push(fault(field, 'invalid', `must be a whole number from ${least} to ${most}`))
  return undefined
}

/** A whole number; NaN if the text has no or too many digits. */
export function readWhole(text: string): number {
  return /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
}
