// Payloads as the text that was published: JSON.parse would turn 25.080 into 25.08, and drop the
// second of two equal keys.

/**
 * @typedef {{ position: number, published_at: string, name: string, entity_id: string,
 *   idempotency_key: string, correlation_ids: Record<string, string>, team: string,
 *   service: string, payload: string }} LoggedEvent
 */

const MARK = ',"payload":'
const INDENT = '  '
/** A text, or what stands between texts and brackets. */
const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g

/**
 * An event of its JSON text. The payload is its last field, and a quote within a text is escaped:
 * the mark of the field stands nowhere before it.
 * @param {string} text
 * @returns {LoggedEvent}
 */
export function eventOf(text) {
  const at = text.indexOf(MARK)
  const head = JSON.parse(`${text.slice(0, at)}}`)
  return { ...head, payload: text.slice(at + MARK.length, text.lastIndexOf('}')) }
}

/**
 * The same JSON on indented lines: only the spaces between its tokens change.
 * @param {string} json
 */
export function indented(json) {
  let depth = 0
  let before = ''
  let out = ''
  const line = () => `\n${INDENT.repeat(depth)}`
  for (const [token] of json.matchAll(TOKENS)) {
    const opens = before === '{' || before === '['
    if (token === '}' || token === ']') {
      depth--
      out += opens ? token : line() + token
    } else {
      if (opens || before === ',') out += line()
      out += token === ':' ? ': ' : token
      if (token === '{' || token === '[') depth++
    }
    before = token
  }
  return out
}
