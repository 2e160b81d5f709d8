// The patterns of texts from outside, and each as the rest of a sentence that begins with "must": a
// client or an operator should not have to read a regular expression.

import { KEY, ONE_LINE, WORDS } from './text.ts'

export const POSTGRES_URL = '^postgres(ql)?://'
export const MAIL_ADDRESS = '^[^@\\s]+@[^@\\s]+$'
export const VISIBLE_ASCII = '^[\\x21-\\x7e]+$'
export const LOWER_CASE_ID = '^[a-z0-9-]+$'
export const HYPHENATED = '^[A-Za-z0-9-]+$'
export const DOTTED = '^[A-Za-z0-9][A-Za-z0-9._-]*$'
/** The samplers of OpenTelemetry that need nothing but the trace. */
export const SAMPLER = '^(parentbased_)?(always_on|always_off|traceidratio)$'

const RULES = new Map([
  [POSTGRES_URL, 'begin with postgres:// or postgresql://'],
  [MAIL_ADDRESS, 'be a mail address'],
  [VISIBLE_ASCII, 'be visible ASCII characters, without spaces'],
  [LOWER_CASE_ID, 'be lower-case letters, digits and hyphens'],
  [HYPHENATED, 'be letters, digits and hyphens'],
  [DOTTED, 'be letters, digits, dots, underscores and hyphens, and begin with a letter or digit'],
  [SAMPLER, 'be always_on, always_off or traceidratio, with parentbased_ before it or without'],
  [ONE_LINE, 'be one line, without control characters'],
  [KEY, 'be one line, without control characters, and without blanks at its ends'],
  [WORDS, 'be one line of words, without control characters'],
])

/** A pattern of one schema, with its rule, as the rest of "must …". */
export function ruled(pattern: string, rule: string): string {
  RULES.set(pattern, rule)
  return pattern
}

/** The rule of a pattern, as the rest of "must …". */
export function ruleOfPattern(pattern: string): string {
  return RULES.get(pattern) ?? `match pattern "${pattern}"`
}
