// A stream of bytes as lines of UTF-8.

/** Beyond the largest event with its envelope. */
const LONGEST_LINE = 64 * 1024 * 1024

/** Each line without its end; the last one too, if it has none. Throws if one is too long. */
export async function* readLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let held: string[] = []
  let heldLength = 0
  for await (const chunk of bytes) {
    const [first = '', ...rest] = decoder.decode(chunk, { stream: true }).split('\n')
    held.push(first)
    heldLength += first.length
    if (heldLength > LONGEST_LINE) throw new Error(`A line is longer than ${LONGEST_LINE}.`)
    if (rest.length === 0) continue
    yield held.join('')
    const last = rest.pop() ?? ''
    yield* rest
    held = [last]
    heldLength = last.length
  }
  const end = held.join('') + decoder.decode()
  if (end !== '') yield end
}
