// A target's answer may contain secrets: receivers echo requests, stores quote keys. A mask removes
// them before anything is cut, stored or logged, in all usual spellings (views.ts undoes escapes).
// It misses a secret that the target itself has split, except by blanks and line breaks. It also
// misses secrets of fewer than four characters, which look like ordinary text.

import { asStored } from '../input/text.ts'
import { viewsOf } from './views.ts'

/** Replaces a secret. */
export const MASK = '***'
const SHORTEST = 4
/**
 * How much of a text to search, as a multiple of the length to keep: masks are short, so some text
 * from further on may be kept. There must be a bound: tenants choose secrets and answers, and
 * others wait.
 */
const LOOKED_AT = 8

/** Makes the text of a target, or of an error that may quote a request, safe to store. */
export type Mask = (text: string) => string

/**
 * A mask for `secrets`: texts, and bytes that signatures are made with. It keeps at most `most`
 * characters, cut after masking, so that no part of a secret stays at the end. It removes
 * characters that Postgres refuses. The secrets are prepared at the first text.
 */
export function createMask(secrets: (string | Buffer | undefined)[], most: number): Mask {
  let spellings: Set<string> | undefined
  return (text) => {
    spellings ??= spellingsOf(secrets)
    const looked = text.slice(0, most * LOOKED_AT)
    const ranges: Range[] = []
    for (const view of viewsOf(looked)) {
      for (const spelling of spellings) {
        if (!view.text.includes(spelling.slice(0, SHORTEST))) continue
        for (const { start, end } of rangesOf(spelling, view.text)) {
          ranges.push({
            start: view.starts[start] as number,
            // At the end of the text even half an escape is hidden.
            end: end === undefined ? looked.length : (view.ends[end - 1] as number),
          })
        }
      }
    }
    return asStored(without(ranges, looked).slice(0, most))
  }
}

type Range = { start: number; end: number }

/** The text with one mask in place of overlapping ranges. */
function without(ranges: Range[], text: string): string {
  let masked = ''
  let read = 0
  for (const { start, end } of ranges.sort((a, b) => a.start - b.start)) {
    if (start >= read) masked += text.slice(read, start) + MASK
    read = Math.max(read, end)
  }
  return masked + text.slice(read)
}

/**
 * Finds a spelling in a text, overlaps included, in linear time (Knuth, Morris, Pratt). The last
 * match has no end if the text ends within it.
 */
function* rangesOf(spelling: string, text: string): Generator<{ start: number; end?: number }> {
  const borders = bordersOf(spelling)
  let matched = 0
  for (let i = 0; i < text.length; i++) {
    while (matched > 0 && text[i] !== spelling[matched]) matched = borders[matched] as number
    if (text[i] === spelling[matched]) matched++
    if (matched < spelling.length) continue
    yield { start: i + 1 - matched, end: i + 1 }
    matched = borders[matched] as number
  }
  if (matched >= SHORTEST) yield { start: text.length - matched }
}

/** By length of a match: the length of the longest shorter match that it ends with. */
function bordersOf(spelling: string): number[] {
  const borders = [0, 0]
  let border = 0
  for (let i = 1; i < spelling.length; i++) {
    while (border > 0 && spelling[i] !== spelling[border]) border = borders[border] as number
    if (spelling[i] === spelling[border]) border++
    borders.push(border)
  }
  return borders
}

/** The spellings to search in each view: a secret, its form-encoded blanks, hex and base64. */
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
      add(text)
      add(text.replaceAll(' ', '+'))
      for (const inner of new Set([text, JSON.stringify(text).slice(1, -1)])) {
        for (const code of codesOf(Buffer.from(inner))) add(code)
      }
    }
  }
  return all
}

/**
 * The value in the form in which it arrives: the credentials of a scheme ("Token abc"), the values
 * of pairs.
 */
function partsOf(secret: string): string[] {
  const text = secret.trim()
  const credentials = /^[A-Za-z][A-Za-z0-9-]* +(\S+)$/.exec(text)?.slice(1) ?? []
  const pairs = text.matchAll(/(?:^|[\s;,])[^\s;,="]+="?([^\s;,"]+)/g)
  return [text, ...credentials, ...Array.from(pairs, ([, value = '']) => value)]
}

/** Bytes in hex and in base64, alone or within a larger text. */
function codesOf(bytes: Buffer): string[] {
  const hex = bytes.toString('hex')
  const base64 = [0, 1, 2].map((before) => innerBase64(bytes, before))
  const forUrls = base64.map((code) => code.replaceAll('+', '-').replaceAll('/', '_'))
  return [hex, hex.toUpperCase(), bytes.toString('base64'), ...base64, ...forUrls]
}

/**
 * The characters of a base64 text that `bytes` alone decide, after 3n + `before` other bytes. The
 * first and the last character may depend on neighbouring bytes.
 */
function innerBase64(bytes: Buffer, before: number): string {
  const code = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
  const first = Math.ceil((before * 8) / 6)
  const end = Math.floor(((before + bytes.length) * 8) / 6)
  return code.slice(first, end)
}
