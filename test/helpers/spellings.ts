// Looking for secrets where none may be. Written apart from the mask of the program, and simpler:
// what one of the two forgets the other finds.

/** The spellings of a secret that a text holds: "clear", "hex", "base64", … */
export function spellingsIn(text: string, secret: string | Buffer): string[] {
  return Object.entries(codesOf(secret)).flatMap(([name, codes]) =>
    codes.some((code) => text.includes(code)) ? [name] : [],
  )
}

/** Each spelling of a secret by its name, as the texts to look for. */
export function codesOf(secret: string | Buffer): Record<string, string[]> {
  const bytes = Buffer.from(secret as string)
  const hex = bytes.toString('hex')
  // Each of the three places that it may have in a group of base64: without what it shares.
  const base64 = [0, 1, 2].map((offset) => {
    const code = Buffer.concat([Buffer.alloc(offset, '.'), bytes]).toString('base64')
    return code.slice(offset === 0 ? 0 : offset + 1, offset + bytes.length < 3 ? 4 : -4)
  })
  const texts = typeof secret === 'string' ? [secret] : []
  return {
    clear: texts,
    json: texts.map((text) => JSON.stringify(text).slice(1, -1)),
    percent: texts.map(encodeURIComponent),
    hex: [hex, hex.toUpperCase()],
    base64: base64.flatMap((code) => [code, code.replaceAll('+', '-').replaceAll('/', '_')]),
  }
}
