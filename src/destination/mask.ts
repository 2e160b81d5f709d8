// What a target says may hold what it was sent: receivers echo requests, stores quote keys. A mask
// takes the secrets out before anything is cut, kept or logged, in whichever of the usual spellings
// they stand. Not seen: a secret that the target itself has broken into pieces, and one of fewer
// than four characters, which cannot be told from ordinary text.

import { asKept } from '../text.ts'

const MASK = '***'
const SHORTEST = 4
/**
 * What is looked at, in lengths of what is kept: a mask is short, so that what is kept may come
 * from further on. Not all of it: secrets and answers are a tenant's choice, and others wait.
 */
const LOOKED_AT = 8

/** Text of a target, or of an error that may quote a request, as it may be kept. */
export type Mask = (text: string) => string

/**
 * A mask for what was sent with `secrets`: texts, and bytes that signatures are made with. It keeps
 * at most `most` characters, cut after masking, so that no part of a secret is left at the end, and
 * in characters that Postgres keeps. The work is done with the first text.
 */
export function createMask(secrets: (string | Buffer | undefined)[], most: number): Mask {
  let spellings: string[] | undefined
  return (text) => {
    // The longest first: a secret may be part of another one.
    spellings ??= [...spellingsOf(secrets)].sort((a, b) => b.length - a.length)
    const looked = text.slice(0, most * LOOKED_AT)
    const present = spellings.filter((spelling) => looked.includes(spelling.slice(0, SHORTEST)))
    let masked = looked
    for (const spelling of present) masked = masked.replaceAll(spelling, MASK)
    return asKept(withoutBrokenEnd(masked, present).slice(0, most))
  }
}

/** The text without a secret that began at its end, where the target has cut its answer. */
function withoutBrokenEnd(text: string, spellings: string[]): string {
  let end = text.length
  for (const spelling of spellings) {
    const start = spelling.slice(0, SHORTEST)
    let at = text.indexOf(start, text.length - spelling.length + 1)
    while (at !== -1 && !spelling.startsWith(text.slice(at))) at = text.indexOf(start, at + 1)
    if (at !== -1 && at < end) end = at
  }
  return end === text.length ? text : text.slice(0, end) + MASK
}

function spellingsOf(secrets: (string | Buffer | undefined)[]): Set<string> {
  const all = new Set<string>()
  const add = (spelling: string) => spelling.length >= SHORTEST && all.add(spelling)
  for (const secret of secrets) {
    if (typeof secret !== 'string') {
      if (secret) for (const code of codesOf(secret)) add(code)
      continue
    }
    for (const text of partsOf(secret)) {
      if (text.length < SHORTEST) continue
      for (const escaped of escapesOf(text)) add(escaped)
      for (const inner of new Set([text, inJson(text)])) {
        for (const code of codesOf(Buffer.from(inner))) add(code)
      }
    }
  }
  return all
}

/** A value as it arrives, and of a scheme with credentials ("Token abc") these alone. */
function partsOf(secret: string): string[] {
  const text = secret.trim()
  const credentials = /^[A-Za-z][A-Za-z0-9-]* +(\S+)$/.exec(text)?.[1]
  return credentials === undefined ? [text] : [text, credentials]
}

/** As JSON, URLs, forms and HTML write a text. */
function escapesOf(text: string): string[] {
  const json = inJson(text)
  const form = new URLSearchParams({ '': text }).toString().slice(1)
  const urls = [encodeURIComponent(text), encodeURI(text), form, form.replaceAll('+', '%20')]
  const html = text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
  const quoted = [
    html.replace(/"/g, '&quot;').replace(/'/g, '&#39;'),
    html.replace(/"/g, '&#34;').replace(/'/g, '&#39;'),
    html.replace(/"/g, '&quot;').replace(/'/g, '&#x27;'),
  ]
  const small = urls.map((url) => url.replace(/%../g, (code) => code.toLowerCase()))
  return [text, json, json.replaceAll('/', '\\/'), ...urls, ...small, html, ...quoted]
}

function inJson(text: string): string {
  return JSON.stringify(text).slice(1, -1)
}

/** Bytes in hex and in base64, alone or within a larger text. */
function codesOf(bytes: Buffer): string[] {
  const hex = bytes.toString('hex')
  const base64 = [0, 1, 2].map((before) => innerBase64(bytes, before))
  const others = base64.flatMap((code) => [
    code.replaceAll('+', '-').replaceAll('/', '_'),
    code.replaceAll('/', '\\/'),
    encodeURIComponent(code),
  ])
  return [hex, hex.toUpperCase(), bytes.toString('base64'), ...base64, ...others]
}

/**
 * The characters of a base64 text that `bytes` alone decide, if 3n + `before` bytes stand before
 * them: the first and the last one may be shared with their neighbours.
 */
function innerBase64(bytes: Buffer, before: number): string {
  const code = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
  const first = Math.ceil((before * 8) / 6)
  const end = Math.floor(((before + bytes.length) * 8) / 6)
  return code.slice(first, end)
}
