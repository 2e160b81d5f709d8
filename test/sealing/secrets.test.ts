// Secrets at rest, and secrets that are made once.

import { mkdtempSync, readdirSync, statSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { createSecretBox, deriveKey, NotOpened } from '../../src/sealing/secret.ts'
import { secretFromFile } from '../../src/sealing/secret-file.ts'

const key = '1f'.repeat(32)

describe('a secret box', () => {
  it('opens what it sealed, for the same tenant only', () => {
    const box = createSecretBox(key)
    const sealed = box.seal('dodici', 'geheim-ü')
    expect(sealed).not.toContain('geheim')
    expect(box.seal('dodici', 'geheim-ü')).not.toBe(sealed)
    expect(box.open('dodici', sealed)).toBe('geheim-ü')
    expect(() => box.open('another', sealed)).toThrow()
    expect(() => createSecretBox('2f'.repeat(32)).open('dodici', sealed)).toThrow()
    expect(() => box.open('dodici', 'geheim')).toThrow('Not a sealed secret')
  })
  it('opens what the key before has sealed, and seals with the current one', () => {
    const [old, current] = [createSecretBox('2f'.repeat(32)), createSecretBox(key)]
    const both = createSecretBox(key, '2f'.repeat(32))
    for (const text of ['geheim', '']) {
      const sealed = old.seal('dodici', text)
      expect(both.open('dodici', sealed)).toBe(text)
      expect(current.open('dodici', both.reseal('dodici', sealed))).toBe(text)
      expect(() => current.open('dodici', sealed)).toThrow(NotOpened)
      expect(() => current.reseal('dodici', sealed)).toThrow(NotOpened)
    }
    const own = both.seal('dodici', 'geheim')
    expect(current.open('dodici', own)).toBe('geheim')
    expect(both.reseal('dodici', own)).toBe(own)
  })
  it('takes 32 bytes in hex or base64', () => {
    expect(() => createSecretBox(Buffer.alloc(32).toString('base64'))).not.toThrow()
    expect(() => createSecretBox('short')).toThrow('MILLRACE_SECRET_KEY must be 32 bytes')
    expect(() => createSecretBox(key, 'short')).toThrow('MILLRACE_SECRET_KEY_PREVIOUS must be')
  })
})

describe('a derived key', () => {
  it('is another for each purpose, however the key is written', () => {
    const derived = deriveKey(key, 'one')
    expect(derived).toHaveLength(32)
    expect(derived.toString('hex')).not.toBe(key)
    expect(deriveKey(Buffer.from(key, 'hex').toString('base64'), 'one')).toEqual(derived)
    expect(deriveKey(key, 'another')).not.toEqual(derived)
  })
})

describe('a kept secret', () => {
  it('is made once, readable by its owner only', () => {
    const directory = path.join(mkdtempSync(path.join(os.tmpdir(), 'millrace-test-')), 'data')
    const first = secretFromFile(directory, 'admin-token')
    expect(first).toMatch(/^[0-9a-f]{64}$/)
    expect(secretFromFile(directory, 'admin-token')).toBe(first)
    expect(statSync(path.join(directory, 'admin-token')).mode & 0o777).toBe(0o600)
    expect(readdirSync(directory)).toEqual(['admin-token'])
  })
})
