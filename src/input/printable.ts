// Text from elsewhere for a terminal. Payloads, names and answers of targets may hold codes that
// move the cursor, hide text or retitle the window: they are shown as escapes.

/** Controls except the line break, and what turns the direction of a line, or breaks it. */
const HOSTILE = /(?!\n)[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu

/** One line without control codes: a line break is a space. */
export function printable(text: string): string {
  return printableLines(text).replaceAll('\n', ' ')
}

/** The same for a text of several lines. */
export function printableLines(text: string): string {
  return text.replaceAll(HOSTILE, (character) => {
    const code = character.charCodeAt(0).toString(16).toUpperCase()
    return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`
  })
}

/**
 * A line of JSON for a terminal: the same value, with such characters as escapes of JSON. A tab
 * can only stand between tokens.
 */
export function printableJson(json: string): string {
  return json.replaceAll(HOSTILE, (character) =>
    character < ' ' ? ' ' : `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}
