// The environment: defaults, every fault at once, secrets by file.

import { mkdtempSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { readConfig } from '../src/config.ts'

describe('readConfig', () => {
  it('has a default for everything', () => {
    expect(readConfig({})).toMatchObject({ HOST: '127.0.0.1', PORT: 8080 })
    expect(readConfig({ PORT: '' })).toMatchObject({ PORT: 8080 })
  })
  it('converts what is text', () => {
    const config = readConfig({ PORT: '0', MILLRACE_ALLOW_PRIVATE_TARGETS: 'true' })
    expect(config).toMatchObject({ PORT: 0, MILLRACE_ALLOW_PRIVATE_TARGETS: true })
  })
  it('reports every problem at once and names each key', () => {
    const environment = {
      PORT: 'http',
      DATABASE_URL: 'mysql://x',
      MILLRACE_LEASE_MS: '1',
      MILLRACE_RETRY_BASEMS: '20',
    }
    let message = ''
    try {
      readConfig(environment)
    } catch (error) {
      message = (error as Error).message
    }
    for (const key of Object.keys(environment)) expect(message).toContain(key)
    expect(message).toContain('did you mean MILLRACE_RETRY_BASE_MS?')
  })
  it.each(['MILLRACE_SENDGRID_URL', 'MILLRACE_JWKS_URL', 'MILLRACE_URL'])(
    'takes no credentials in %s, and shows none',
    (key) => {
      const message = expect.stringContaining(`${key} must not contain credentials`)
      const url = 'https://user:the-word@a.example'
      expect(() => readConfig({ [key]: url })).toThrow(expect.objectContaining({ message }))
      const silent = expect.not.stringContaining('the-word')
      expect(() => readConfig({ [key]: url })).toThrow(expect.objectContaining({ message: silent }))
      expect(() => readConfig({ [key]: 'a.example' })).toThrow(`${key} must be an absolute URL`)
    },
  )
  it('reads a secret from a file, and not from both', () => {
    const file = path.join(mkdtempSync(path.join(os.tmpdir(), 'millrace-test-')), 'token')
    writeFileSync(file, 'a-token-from-a-file\n')
    const config = readConfig({ MILLRACE_ADMIN_TOKEN_FILE: file })
    expect(config.MILLRACE_ADMIN_TOKEN).toBe('a-token-from-a-file')
    const both = { MILLRACE_ADMIN_TOKEN_FILE: file, MILLRACE_ADMIN_TOKEN: 'another-token' }
    expect(() => readConfig(both)).toThrow('are both set')
    expect(() => readConfig({ DATABASE_URL_FILE: '/nowhere' })).toThrow('DATABASE_URL_FILE')
  })
  it('never shows the value of a secret', () => {
    expect(() => readConfig({ MILLRACE_ADMIN_TOKEN: 'two words-secret' })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('words-secret') }),
    )
  })
})
