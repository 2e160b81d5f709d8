// Encryption of stored secrets: AES-256-GCM under one key, the operator's MILLRACE_SECRET_KEY or a
// generated one in the data directory. A value sealed for a tenant opens for that tenant only.
// During a change of keys the old one (MILLRACE_SECRET_KEY_PREVIOUS) also opens; it seals nothing.

import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const PREFIX = 'sealed:1:'

/** No available key opens a stored secret. Its message is for people. */
export class NotOpened extends Error {}

export type SecretBox = {
  /** Encrypts a text for a tenant. */
  seal(tenant: string, text: string): string
  /** Decrypts the result of seal. Throws NotOpened if the key or the tenant differs. */
  open(tenant: string, sealed: string): string
  /** Whether the current key opens it. */
  isCurrent(tenant: string, sealed: string): boolean
  /**
   * The same secret under the current key; unchanged if that key sealed it. Throws NotOpened, too.
   */
  reseal(tenant: string, sealed: string): string
}

/** Keys: 32 bytes in hex or base64. Throws an Error for an operator if one is neither. */
export function createSecretBox(key: string, previousKey?: string): SecretBox {
  const current = bytesOfKey(key)
  const previous =
    previousKey === undefined ? undefined : bytesOfKey(previousKey, 'MILLRACE_SECRET_KEY_PREVIOUS')
  const box: SecretBox = {
    seal(tenant, text) {
      const iv = randomBytes(12)
      const cipher = createCipheriv('aes-256-gcm', current, iv).setAAD(Buffer.from(tenant))
      const sealed = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final()])
      return PREFIX + Buffer.concat([sealed, cipher.getAuthTag()]).toString('base64')
    },
    open(tenant, sealed) {
      const text = openWith(current, tenant, sealed)
      if (text !== undefined) return text
      const old = previous === undefined ? undefined : openWith(previous, tenant, sealed)
      if (old !== undefined) return old
      throw new NotOpened('A stored secret was sealed with another MILLRACE_SECRET_KEY.')
    },
    isCurrent: (tenant, sealed) => openWith(current, tenant, sealed) !== undefined,
    reseal(tenant, sealed) {
      if (box.isCurrent(tenant, sealed)) return sealed
      return box.seal(tenant, box.open(tenant, sealed))
    },
  }
  return box
}

/** Undefined if another key sealed it. */
function openWith(key: Buffer, tenant: string, text: string): string | undefined {
  if (!text.startsWith(PREFIX)) throw new NotOpened('Not a sealed secret.')
  const sealed = Buffer.from(text.slice(PREFIX.length), 'base64')
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(0, 12))
    decipher.setAAD(Buffer.from(tenant)).setAuthTag(sealed.subarray(-16))
    return decipher.update(sealed.subarray(12, -16)).toString('utf8') + decipher.final('utf8')
  } catch {
    return undefined
  }
}

/** Whether one of the keys opens a stored secret. */
export function canOpen(secrets: SecretBox, tenant: string, sealed: string): boolean {
  try {
    secrets.open(tenant, sealed)
    return true
  } catch (error) {
    if (error instanceof NotOpened) return false
    throw error
  }
}

/** A key for one purpose (HKDF, RFC 5869), so that no two purposes share a key. */
export function deriveKey(key: string, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', bytesOfKey(key), '', `millrace ${purpose}`, 32))
}

function bytesOfKey(key: string, name = 'MILLRACE_SECRET_KEY'): Buffer {
  const bytes = /^[0-9a-f]{64}$/i.test(key) ? Buffer.from(key, 'hex') : Buffer.from(key, 'base64')
  if (bytes.length === 32) return bytes
  throw new Error(`${name} must be 32 bytes in hex or base64: openssl rand -hex 32`)
}
