// Looking for secrets where none may be. Written apart from the mask of the program, and simpler:
// what one of the two forgets the other finds.

/** The spellings of a secret that a text holds: "clear", "hex", "base64", … */
export function spellingsIn(text: string, secret: string): string[] {
  return Object.entries(codesOf(secret)).flatMap(([name, codes]) =>
    codes.some((code) => text.includes(code)) ? [name] : [],
  )
}

function codesOf(secret: string): Record<string, string[]> {
  const bytes = Buffer.from(secret)
  const hex = bytes.toString('hex')
  // Each of the three places that it may have in a group of base64: without what it shares.
  const base64 = [0, 1, 2].map((offset) => {
    const code = Buffer.concat([Buffer.alloc(offset, '.'), bytes]).toString('base64')
    return code.slice(offset === 0 ? 0 : offset + 1, offset + bytes.length < 3 ? 4 : -4)
  })
  return {
    clear: [secret],
    json: [JSON.stringify(secret).slice(1, -1)],
    percent: [encodeURIComponent(secret)],
    hex: [hex, hex.toUpperCase()],
    base64: base64.flatMap((code) => [code, code.replaceAll('+', '-').replaceAll('/', '_')]),
  }
}
