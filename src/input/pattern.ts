// The patterns of texts from outside that several schemas share, and each as the rest of a sentence
// that begins with "must": a client or an operator should not have to read a regular expression.

import { ONE_LINE } from './text.ts'

export const POSTGRES_URL = '^postgres(ql)?://'
export const MAIL_ADDRESS = '^[^@\\s]+@[^@\\s]+$'
export const VISIBLE_ASCII = '^[\\x21-\\x7e]+$'
export const LOWER_CASE_ID = '^[a-z0-9-]+$'
export const HYPHENATED = '^[A-Za-z0-9-]+$'
export const DOTTED = '^[A-Za-z0-9][A-Za-z0-9._-]*$'

const RULES = new Map([
  [POSTGRES_URL, 'begin with postgres:// or postgresql://'],
  [MAIL_ADDRESS, 'be a mail address'],
  [VISIBLE_ASCII, 'be visible ASCII characters, without spaces'],
  [LOWER_CASE_ID, 'be lower-case letters, digits and hyphens'],
  [HYPHENATED, 'be letters, digits and hyphens'],
  [DOTTED, 'be letters, digits, dots, underscores and hyphens, and begin with a letter or digit'],
  [ONE_LINE, 'be one line, without control characters'],
])

/** The rule of a pattern, as the rest of "must …". */
export function ruleOfPattern(pattern: string): string {
  return RULES.get(pattern) ?? `match pattern "${pattern}"`
}
