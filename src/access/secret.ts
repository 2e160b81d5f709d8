// Secrets of integrations at rest: AES-256-GCM under one key of the operator's
// (MILLRACE_SECRET_KEY), or one that is made at the first start and kept in the data directory.
// What is sealed for a tenant opens for that tenant only.

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const PREFIX = 'sealed:1:'

export type SecretBox = {
  /** Encrypts a text for a tenant. */
  seal(tenant: string, text: string): string
  /** Decrypts what seal gave. Throws where the key or the tenant is another. */
  open(tenant: string, sealed: string): string
}

/** `key`: 32 bytes in hex or base64. Throws an Error for an operator where it is neither. */
export function createSecretBox(key: string): SecretBox {
  const bytes = bytesOfKey(key)
  return {
    seal(tenant, text) {
      const iv = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', bytes, iv).setAAD(Buffer.from(tenant))
      const sealed = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final()])
      return PREFIX + Buffer.concat([sealed, cipher.getAuthTag()]).toString('base64')
    },
    open(tenant, text) {
      if (!text.startsWith(PREFIX)) throw new Error('Not a sealed secret.')
      const sealed = Buffer.from(text.slice(PREFIX.length), 'base64')
      const decipher = createDecipheriv('aes-256-gcm', bytes, sealed.subarray(0, 12))
      decipher.setAAD(Buffer.from(tenant)).setAuthTag(sealed.subarray(-16))
      return decipher.update(sealed.subarray(12, -16)).toString('utf8') + decipher.final('utf8')
    },
  }
}

/** A key for one purpose (HKDF, RFC 5869), so that no two things are done under the same key. */
export function deriveKey(key: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', bytesOfKey(key), '', `millrace ${purpose}`, 32))
}

function bytesOfKey(key: string): Buffer {
  const bytes = /^[0-9a-f]{64}$/i.test(key) ? Buffer.from(key, 'hex') : Buffer.from(key, 'base64')
  if (bytes.length === 32) return bytes
  throw new Error('MILLRACE_SECRET_KEY must be 32 bytes in hex or base64: openssl rand -hex 32')
}
