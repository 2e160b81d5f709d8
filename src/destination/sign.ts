// Signatures of Standard Webhooks, version 1: HMAC-SHA256 over id, timestamp and the very bytes of
// the body (https://www.standardwebhooks.com, "Verifying webhook authenticity").

import { createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto'

const PREFIX = 'whsec_'

/** A new secret: whsec_ and 32 random bytes in base64. */
export function newSigningSecret(): string {
  return PREFIX + randomBytes(32).toString('base64')
}

/** A secret as a key, made once: signing with it is then a sixth of the cost. */
export function signingKey(secret: string): KeyObject {
  return createSecretKey(Buffer.from(secret.slice(PREFIX.length), 'base64'))
}

/** The value of webhook-signature: a signature for each key, separated by spaces. */
export function sign(keys: KeyObject[], id: string, timestamp: string, body: Buffer): string {
  return keys
    .map((key) => {
      const hmac = createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body)
      return `v1,${hmac.digest('base64')}`
    })
    .join(' ')
}
