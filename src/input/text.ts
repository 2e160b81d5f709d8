// Text from outside: what Postgres can store and compare. JSON allows a NUL; a text of Postgres
// does not. JSON allows a lone surrogate, which UTF-8 cannot encode: two different ones would be
// stored as the same U+FFFD.

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const BEYOND_ASCII = /[\u0080-\uffff]/
const CONTROL = /\p{Cc}/u

const CONTROLS = '\\u0000-\\u001f\\u007f-\\u009f'

/** Text of one line, as a pattern of JSON Schema: no control character. */
export const ONE_LINE = `^[^${CONTROLS}]*$`
/** An idempotency key: receivers get it as a header, which has no blanks at its ends. */
export const KEY = `^[^ ${CONTROLS}]([^${CONTROLS}]*[^ ${CONTROLS}])?$`

/** Likewise, with at least one character that is no space. */
export const WORDS = `^[^${CONTROLS}]*[^\\s${CONTROLS}][^${CONTROLS}]*$`

/** Why Postgres would not store a text unchanged, as a sentence; undefined if it would. */
export function faultOfText(text: string): string | undefined {
  if (text.includes('\0')) return 'has the character U+0000'
  return text.isWellFormed() ? undefined : 'has a lone surrogate, which is not a character'
}

/** A text that Postgres can store: U+FFFD replaces what it cannot. */
export function asStored(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd')
}

/** Whether a text has a control character, NUL and line breaks among them. */
export function hasControlCharacter(text: string): boolean {
  return CONTROL.test(text)
}

/**
 * The text of a header, of which node:http gives each byte as a character; undefined if it is not
 * UTF-8.
 */
export function textOfHeader(header: string): string | undefined {
  if (!BEYOND_ASCII.test(header)) return header
  try {
    return decoder.decode(Buffer.from(header, 'latin1'))
  } catch {
    return undefined
  }
}

/** Whether a text has more than `most` characters. Those beyond U+FFFF count once, as in SQL. */
export function isLongerThan(text: string, most: number): boolean {
  return text.length > most && (text.length > most * 2 || [...text].length > most)
}

/** A text without control characters, cut to `length` at most; never between two halves. */
export function shortLine(text: string, length: number): string {
  return text
    .replace(/\p{Cc}/gu, '')
    .slice(0, length)
    .replace(/[\ud800-\udbff]$/, '')
}
