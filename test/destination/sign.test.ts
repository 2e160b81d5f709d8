// Signatures against those that OpenSSL's HMAC makes, whatever the lengths are.

import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { sign, signingKey } from '../../src/destination/sign.ts'

it('is HMAC-SHA256 over id, timestamp and body, for secrets and bodies of any length', () => {
  const bytes = (most: number) => fc.uint8Array({ maxLength: most }).map((all) => Buffer.from(all))
  const secrets = fc.array(bytes(200), { maxLength: 2 })
  fc.assert(
    fc.property(secrets, bytes(3_000), fc.nat(), (raw, body, number) => {
      const id = `msg_dodici_${number}`
      const timestamp = '1760000000'
      const expected = raw.map((secret) => {
        const hmac = createHmac('sha256', secret).update(`${id}.${timestamp}.`).update(body)
        return `v1,${hmac.digest('base64')}`
      })
      const keys = raw.map((secret) => signingKey(`whsec_${secret.toString('base64')}`))
      expect(sign(keys, id, timestamp, body)).toBe(expected.join(' '))
    }),
    { examples: [[[Buffer.alloc(64, 1), Buffer.alloc(65, 2)], Buffer.alloc(0), 0]] },
  )
})
