// Finds secrets where there must be none. Written independently of the program's mask, and simpler:
// each of the two may find a spelling that the other has forgotten.

/** The spellings of a secret in a text: "clear", "hex", "base64", … */
export function spellingsIn(text: string, secret: string | Buffer): string[] {
  const unwrapped = text.replace(/\s|(?:\\+[rn])+/g, '')
  return Object.entries(codesOf(secret)).flatMap(([name, codes]) =>
    codes.some((code) => text.includes(code) || unwrapped.includes(code)) ? [name] : [],
  )
}

/** A text in JSON, the characters that match as \\u00xx. */
export function unicodeEscaped(text: string, matching: RegExp, isUpper = false): string {
  return Array.from(text, (character) => {
    if (!matching.test(character)) return inJson(character)
    const code = character.charCodeAt(0).toString(16).padStart(4, '0')
    return `\\u${isUpper ? code.toUpperCase() : code}`
  }).join('')
}

/** Lines of `columns` characters, as in a file of base64. */
export function wrapped(code: string, columns: number, lineBreak: string): string {
  return (code.match(new RegExp(`.{1,${columns}}`, 'g')) ?? []).join(lineBreak)
}

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

/** JSON as encoders of Go, .NET, Gson and PHP write it, and JSON within JSON. */
function jsonsOf(text: string): string[] {
  return [
    ...[inJson(text), inJson(inJson(text)), inJson(text).replaceAll('/', '\\/')],
    ...[unicodeEscaped(text, /[&<>]/), unicodeEscaped(text, /[&'<=>]/)],
    unicodeEscaped(text, /["&'+<>`]/, true),
  ]
}

function htmlsOf(text: string): string[] {
  const html = text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
  const quotes = html.replace(/"/g, '&quot;')
  const apostrophes = ['&#39;', '&#x27;', '&apos;'].map((code) => quotes.replace(/'/g, code))
  return [html, ...apostrophes, html.replace(/"/g, '&#34;').replace(/'/g, '&#39;')]
}

/** Each spelling of a secret by its name, as the texts to search for. */
export function codesOf(secret: string | Buffer): Record<string, string[]> {
  const bytes = Buffer.from(secret as string)
  const hex = bytes.toString('hex')
  // For each of the three offsets in a group of base64: without the characters shared with
  // neighbours.
  const base64 = [0, 1, 2].map((offset) => {
    const code = Buffer.concat([Buffer.alloc(offset, '.'), bytes]).toString('base64')
    return code.slice(offset === 0 ? 0 : offset + 1, offset + bytes.length < 3 ? 4 : -4)
  })
  const texts = typeof secret === 'string' ? [secret] : []
  return {
    clear: texts,
    json: texts.flatMap(jsonsOf),
    html: texts.flatMap(htmlsOf),
    percent: texts.map(encodeURIComponent),
    hex: [hex, hex.toUpperCase()],
    base64: base64.flatMap((code) => [code, code.replaceAll('+', '-').replaceAll('/', '_')]),
  }
}
