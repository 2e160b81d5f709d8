// What is kept of a target's words holds no secret, in whichever spelling the target quotes it.

import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { spellingsIn, unicodeEscaped, wrapped } from '../../scripts/kit/spellings.ts'
import { createMask } from '../../src/destination/mask.ts'
import { newSigningSecret, secretBytes } from '../../src/destination/sign.ts'

const odd = 'a/b+c=="d\\e"&<f>\'g h%i'
const secrets = { plain: 'sk-live-0123456789abcdef', odd, short: 'k3y!' }

describe('a mask', () => {
  const percent = (character: string) => `%${character.charCodeAt(0).toString(16)}`
  const html = odd.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')
  it.each([
    ['in clear', odd, '***'],
    ['in JSON', JSON.stringify(odd), '"***"'],
    ['in JSON with escaped slashes', JSON.stringify(odd).replaceAll('/', '\\/'), '"***"'],
    ['in a URL', encodeURIComponent(odd), '***'],
    ['in small letters', encodeURIComponent(odd).replace(/%../g, (c) => c.toLowerCase()), '***'],
    ['in a form', new URLSearchParams({ key: odd }).toString(), 'key=***'],
    ['in HTML', html.replace(/"/g, '&quot;').replace(/'/g, '&#39;'), '***'],
    ['in XML', html.replace(/"/g, '&quot;').replace(/'/g, '&apos;'), '***'],
    ['in JSON of Go', unicodeEscaped(odd, /[&<>]/), '***'],
    ['in JSON of .NET', unicodeEscaped(odd, /["&'+<>`]/, true), '***'],
    ['in JSON with all of it escaped', unicodeEscaped(odd, /./), '***'],
    ['in JSON within JSON', JSON.stringify(JSON.stringify(odd)), '"\\"***\\""'],
    ['in JSON within XML', JSON.stringify(odd).replace(/&/g, '&amp;'), '"***"'],
    ['in a URL with all of it escaped', odd.replace(/./g, percent), '***'],
  ])('hides a secret %s', (_, told, masked) => {
    expect(createMask([odd], 512)(`you sent ${told}, thanks`)).toBe(`you sent ${masked}, thanks`)
  })

  it.each(Object.entries(secrets))('hides one within base64 and hex: %s', (_, secret) => {
    const mask = createMask([secret], 512)
    for (const before of ['', 'x', 'xy', 'xyz']) {
      const request = Buffer.from(`${before}${secret}\r\nhost: a`)
      for (const encoding of ['base64', 'base64url', 'hex'] as const) {
        const masked = mask(request.toString(encoding))
        expect(masked).toContain('***')
        expect(spellingsIn(masked, secret)).toEqual([])
      }
      expect(mask(request.toString('hex').toUpperCase())).toContain('***')
    }
  })

  it.each([
    [76, '\r\n'],
    [76, '\n'],
    [64, '\r\n'],
    [64, '\n'],
    [64, '\\n'],
  ])('hides one within base64 in lines of %i columns', (columns, lineBreak) => {
    const mask = createMask([secrets.plain], 512)
    for (let before = 30; before < 60; before++) {
      const code = Buffer.from(`${'.'.repeat(before)}${secrets.plain} and more`).toString('base64')
      const masked = mask(wrapped(code, columns, lineBreak))
      expect(masked).toContain('***')
      expect(spellingsIn(masked, secrets.plain)).toEqual([])
    }
  })

  it('hides the values of pairs, as in a cookie', () => {
    const mask = createMask(['session=abcdef; id="ghijkl",theme=mnopqr'], 512)
    expect(mask('no abcdef, ghijkl or mnopqr in sessions')).toBe('no ***, *** or *** in sessions')
  })

  it('hides the whole of two that overlap', () => {
    const text = 'a abcdefghijkl b'
    expect(createMask(['abcdefgh', 'efghijkl'], 512)(text)).toBe('a *** b')
    expect(createMask(['efghijkl', 'abcdefgh'], 512)(text)).toBe('a *** b')
    expect(createMask(['abcXabc'], 512)('abcXabcXabc')).toBe('***')
  })

  it('hides the bytes that a signing secret stands for', () => {
    const secret = newSigningSecret()
    const bytes = secretBytes(secret)
    const mask = createMask([secret, bytes], 512)
    for (const told of [secret, secret.slice(6), bytes.toString('hex'), bytes.toString('base64')]) {
      expect(mask(`<${told}>`)).toMatch(/^<\*{3}=?>$/)
    }
  })

  it('hides the credentials of a value that has a scheme', () => {
    expect(createMask(['Token abcdef'], 512)('no such token: abcdef')).toBe('no such token: ***')
  })

  it('hides the longer one of two that begin alike', () => {
    expect(createMask(['key-1', 'key-1-and-more'], 512)('a key-1-and-more b')).toBe('a *** b')
  })

  it('comes before the cut: wherever it is, no part of a secret is left', () => {
    const secret = randomBytes(16).toString('hex')
    const mask = createMask([secret], 100)
    for (let before = 60; before <= 110; before++) {
      const masked = mask(`${'.'.repeat(before)}${secret}${'.'.repeat(100)}`)
      expect(masked).toMatch(/^\.+\**\.*$/)
      expect(masked.length).toBeLessThanOrEqual(100)
    }
  })

  it('hides the beginning of a secret that the target has cut', () => {
    const mask = createMask([secrets.plain], 512)
    for (let length = 4; length < secrets.plain.length; length++) {
      expect(mask(`Bearer ${secrets.plain.slice(0, length)}`)).toBe('Bearer ***')
    }
    const escapes = createMask(['abcd&efgh'], 512)
    const told = String.raw`x abcd\u0026efgh`
    for (let length = 6; length < told.length; length++) {
      expect(escapes(told.slice(0, length))).toBe('x ***')
    }
  })

  it('costs little, however many secrets and words there are', () => {
    const many = Array.from({ length: 21 }, () => randomBytes(512).toString('hex'))
    const text = `${many.join(' ')} ${'.'.repeat(65_536)}`
    const others = many.map((secret) => `z${secret}`)
    const cost = (secrets: string[]) => {
      const mask = createMask(secrets, 512)
      mask(text)
      const before = process.cpuUsage()
      for (let n = 0; n < 20; n++) mask(text)
      return process.cpuUsage(before).user
    }
    expect(createMask(many, 512)(text)).toMatch(/^(\*{3} )+\*{3}$/)
    expect(cost(many)).toBeLessThan(cost(others) * 20)
  })

  it('leaves all else as it is, but for NUL', () => {
    const mask = createMask([secrets.plain, 'abc', '', undefined], 512)
    expect(mask('abc: no such key \0, sk-live is none')).toBe(
      'abc: no such key \ufffd, sk-live is none',
    )
  })
})
