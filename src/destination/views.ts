// Views of a text with its escapes undone, for a search: those of JSON, HTML and URLs, nested ones
// too, and line breaks and blanks. Each character of a view knows its origin in the text, so that a
// match in a view can be removed from the text.

type View = {
  text: string
  /** For each character: where its origin begins and ends in the original. */
  starts: number[]
  ends: number[]
}

/** The form of escapes, also of those cut by the end of the text, and their decoding. */
type Decoder = { pattern: RegExp; decode(escaped: string): string }

/** JSON within JSON, JSON within XML, HTML within JSON. */
const DEPTH = 2
const LETTERS: Record<string, string> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' }
const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
const LAST_CHARACTER = 0x10ffff

const json: Decoder = {
  pattern: /\\(?:u[0-9a-f]{4}|(?:u[0-9a-f]{0,3})?$|.)/gis,
  decode(escaped) {
    if (escaped.length === 6) return String.fromCharCode(Number.parseInt(escaped.slice(2), 16))
    return escaped.length === 2 && escaped !== '\\u'
      ? (LETTERS[escaped.slice(1)] ?? escaped.slice(1))
      : ''
  },
}

const html: Decoder = {
  pattern: /&(?:#\d{1,7};|#x[0-9a-f]{1,6};|(?:amp|lt|gt|quot|apos);|[#\w]{0,8}$)/gi,
  decode(escaped) {
    if (!escaped.endsWith(';')) return ''
    const name = escaped.slice(1, -1).toLowerCase()
    if (!name.startsWith('#')) return ENTITIES[name] ?? ''
    const code = Number(name.startsWith('#x') ? `0${name.slice(1)}` : name.slice(1))
    return code > LAST_CHARACTER ? escaped : String.fromCodePoint(code)
  },
}

const url: Decoder = {
  pattern: /%[0-7][0-9a-f]|(?:%[89a-f][0-9a-f])+|%[0-9a-f]?$/gi,
  decode: (escaped) => Buffer.from(escaped.replaceAll('%', ''), 'hex').toString(),
}

const blanks: Decoder = { pattern: /\s+/g, decode: () => '' }

/** The views of a text; the first one is the text itself. */
export function viewsOf(text: string): View[] {
  const at = Array.from({ length: text.length }, (_, i) => i)
  let level: View[] = [{ text, starts: at, ends: at.map((i) => i + 1) }]
  const views = [...level]
  for (let depth = 0; depth < DEPTH; depth++) {
    level = level.flatMap((view) => [json, html, url].flatMap((decoder) => decoded(view, decoder)))
    views.push(...level)
  }
  return [...views, ...views.flatMap((view) => decoded(view, blanks))]
}

/** The view with its escapes undone; none if it has no escape. */
function decoded(view: View, { pattern, decode }: Decoder): View[] {
  const escapes = [...view.text.matchAll(pattern)]
  if (escapes.length === 0) return []
  const inner: View = { text: '', starts: [], ends: [] }
  let read = 0
  const copyUntil = (end: number) => {
    inner.text += view.text.slice(read, end)
    for (; read < end; read++) {
      inner.starts.push(view.starts[read] as number)
      inner.ends.push(view.ends[read] as number)
    }
  }
  for (const { 0: escaped, index } of escapes) {
    copyUntil(index)
    const plain = decode(escaped)
    read = index + escaped.length
    inner.text += plain
    for (let i = 0; i < plain.length; i++) {
      inner.starts.push(view.starts[index] as number)
      inner.ends.push(view.ends[read - 1] as number)
    }
  }
  copyUntil(view.text.length)
  return [inner]
}
