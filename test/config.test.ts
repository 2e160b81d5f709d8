// The environment: defaults, every fault at once, secrets by file.

import { mkdtempSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { examineConfig, readConfig } from '../src/config.ts'

describe('readConfig', () => {
  it('has a default for everything', () => {
    expect(readConfig({})).toMatchObject({ HOST: '127.0.0.1', PORT: 8080 })
    expect(readConfig({ PORT: '' })).toMatchObject({ PORT: 8080 })
  })
  it('converts what is text', () => {
    const config = readConfig({ PORT: '0', MILLRACE_ALLOW_PRIVATE_TARGETS: 'true' })
    expect(config).toMatchObject({ PORT: 0, MILLRACE_ALLOW_PRIVATE_TARGETS: true })
  })
  it.each([
    ['PORT', '65536', 'be at most 65535'],
    ['PORT', '80.5', 'be a whole number'],
    ['MILLRACE_LEASE_MS', '499', 'be at least 500'],
    ['MILLRACE_LEASE_MS', 'soon', 'be a whole number'],
    ['MILLRACE_RETENTION_DAYS', '0', 'be more than 0'],
    ['MILLRACE_RETENTION_DAYS', 'Infinity', 'be a number'],
    ['MILLRACE_ALLOW_PRIVATE_TARGETS', 'yes', 'be true or false'],
    ['MILLRACE_SECRET_KEY', 'short', 'have at least 32 characters'],
    ['MILLRACE_SENDGRID_FROM_NAME', 'x'.repeat(256), 'have at most 255 characters'],
    ['MILLRACE_SENDGRID_FROM', 'shop', 'be a mail address'],
    ['DATABASE_URL', 'foo', 'begin with postgres:// or postgresql://'],
    ['MILLRACE_ADMIN_TOKEN', 'a b', 'be visible ASCII characters, without spaces'],
    ['MILLRACE_LOG_LEVEL', 'loud', 'be one of fatal, error, warn, info, debug, silent'],
  ])('refuses %s=%s: it must %s', (key, text, rule) => {
    expect(() => readConfig({ [key]: text })).toThrow(`${key} must ${rule}`)
  })
  it.each([
    ['PORT', '65535', 65_535],
    ['MILLRACE_RETENTION_DAYS', '0.5', 0.5],
    ['MILLRACE_ALLOW_PRIVATE_TARGETS', 'TRUE', true],
    ['MILLRACE_ALLOW_PRIVATE_TARGETS', '0', false],
    ['MILLRACE_LOG_LEVEL', 'warn', 'warn'],
    ['MILLRACE_SENDGRID_FROM', 'shop@example.com', 'shop@example.com'],
  ])('takes %s=%s', (key, text, value) => {
    expect(readConfig({ [key]: text })).toMatchObject({ [key]: value })
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
  it.each(['MILLRACE_SENDGRID_URL', 'MILLRACE_JWKS_URL', 'MILLRACE_URL', 'MILLRACE_OIDC_ISSUER'])(
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
  it.each([
    [{ ISSUER: 'https://id.example' }, 'MILLRACE_OIDC_ISSUER needs MILLRACE_OIDC_CLIENT_ID'],
    [{ CLIENT_ID: 'a' }, 'MILLRACE_OIDC_CLIENT_ID needs MILLRACE_OIDC_ISSUER'],
    [{ ISSUER: 'http://id.example', CLIENT_ID: 'a' }, 'must begin with https://'],
    [{ ISSUER: 'http://127.0.0.1.example', CLIENT_ID: 'a' }, 'must begin with https://'],
    [{ ISSUER: 'id.example', CLIENT_ID: 'a' }, 'must be an absolute URL'],
    [{ ISSUER: 'https://id.example?a=b', CLIENT_ID: 'a' }, 'no query and no fragment'],
    [{ ISSUER: 'https://id.example/realms/a', CLIENT_ID: 'a' }, undefined],
    [{ ISSUER: 'http://127.0.0.1:8081', CLIENT_ID: 'a' }, undefined],
    [{ ISSUER: 'http://[::1]:8081', CLIENT_ID: 'a' }, undefined],
    [{ ISSUER: 'http://localhost', CLIENT_ID: 'a' }, undefined],
  ])('knows what OpenID Connect takes: %j', (given, fault) => {
    const settings = Object.entries(given).map(([name, value]) => [`MILLRACE_OIDC_${name}`, value])
    const { problems } = examineConfig(Object.fromEntries(settings))
    expect(problems).toEqual(fault === undefined ? [] : [expect.stringContaining(fault)])
  })
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
