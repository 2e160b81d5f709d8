// The fields of a query. Each reader adds what is wrong with its field to the faults, so that an
// answer names everything at once.

import type { ParsedUrlQuery } from 'node:querystring'
import type { TSchema } from 'typebox'
import { limits } from '../config.ts'
import { type Fault, fault } from '../errors.ts'
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

/** Adds a fault for each field of a query that is not among `known`. */
export function refuseUnknown(query: ParsedUrlQuery, known: string[], faults: Fault[]): void {
  for (const field of Object.keys(query)) {
    if (known.includes(field)) continue
    faults.push(fault(field.slice(0, limits.textLength), 'unknown', 'is not a parameter'))
  }
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
