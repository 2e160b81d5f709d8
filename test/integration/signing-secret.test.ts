// A signing secret is base64 as every library reads it, or it is refused: one that must be decoded
// leniently would verify here, and nowhere else.

import { describe, expect, it } from 'vitest'
import { compile } from '../../src/http/validate.ts'
import { Delivery } from '../../src/integration/integration.ts'

const check = compile(Delivery)
const take = (secret: string) => check({ signing_secret: `whsec_${secret}` })
const inBase64 = (length: number) => Buffer.alloc(length, 7).toString('base64')
const lengths = Array.from({ length: 80 }, (_, length) => length)

describe('a signing secret', () => {
  it('has 24 to 64 bytes', () => {
    const taken = lengths.filter((length) => {
      try {
        return take(inBase64(length))
      } catch {
        return false
      }
    })
    expect(taken).toEqual(lengths.filter((length) => length >= 24 && length <= 64))
  })

  it.each([
    ['without its padding', inBase64(32).replace('=', '')],
    ['with a padding that it does not need', `${inBase64(24)}==`],
    ['with a digit too much', `${inBase64(24)}A`],
    ['in base64 for URLs', inBase64(24).replace(/.$/, '_')],
    ['with a line break at its end', `${inBase64(24)}\n`],
  ])('is refused %s', (_, secret) => {
    expect(() => take(secret)).toThrow('must be whsec_ and 24 to 64 bytes in base64')
  })
})
