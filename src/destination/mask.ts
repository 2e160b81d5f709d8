// What a target says may hold what it was sent: receivers echo requests, stores quote keys. A mask
// takes the secrets out before anything is cut, kept or logged, in whichever of the usual spellings
// they stand (views.ts undoes escapes). Not seen: a secret that the target itself has broken into
// pieces, but by blanks and line breaks, and one of fewer than four characters, which cannot be
// told from ordinary text.

import { asKept } from '../text.ts'
import { viewsOf } from './views.ts'

/** What is shown in place of a secret. */
export const MASK = '***'
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
            // What the end has cut hides all that is left, half an escape too.
            end: end === undefined ? looked.length : (view.ends[end - 1] as number),
          })
        }
      }
    }
    return asKept(without(ranges, looked).slice(0, most))
  }
}

type Range = { start: number; end: number }

/** The text with one mask in place of ranges that overlap. */
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
 * Where a spelling stands, also where it overlaps with itself, in time linear in both (Knuth,
 * Morris, Pratt). The last one has no end if the text ends within it.
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

/** By length of what has matched: the length of the longest shorter match that it ends with. */
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

/** What is looked for in each view: a secret, as forms write its blanks, and in hex and base64. */
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

/** A value as it arrives, of a scheme with credentials ("Token abc") these, of pairs the values. */
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
 * The characters of a base64 text that `bytes` alone decide, if 3n + `before` bytes stand before
 * them: the first and the last one may be shared with their neighbours.
 */
function innerBase64(bytes: Buffer, before: number): string {
  const code = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
  const first = Math.ceil((before * 8) / 6)
  const end = Math.floor(((before + bytes.length) * 8) / 6)
  return code.slice(first, end)
}
