// Which addresses a callback may lead to.

import { describe, expect, it } from 'vitest'
import { isPublicAddress, lookupFor, refusalOfHost } from '../../src/destination/address.ts'

describe('isPublicAddress', () => {
  it.each(['93.184.216.34', '8.8.8.8', '2606:2800:220:1:248:1893:25c8:1946'])('takes %s', (a) =>
    expect(isPublicAddress(a)).toBe(true),
  )
  it.each([
    '127.0.0.1',
    '127.8.9.10',
    '10.0.0.1',
    '172.16.0.1',
    '192.168.1.1',
    '169.254.169.254',
    '168.63.129.16',
    '100.64.0.1',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::1',
    '::',
    'fe80::1',
    'fd00:ec2::254',
    '::ffff:127.0.0.1',
    '::ffff:a9fe:a9fe',
    '64:ff9b::7f00:1',
    '2002:7f00:1::',
    'not an address',
  ])('refuses %s', (a) => expect(isPublicAddress(a)).toBe(false))
})

describe('refusalOfHost', () => {
  it.each([
    'http://localhost:9/',
    'http://127.1/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://[::1]:8080/',
    'http://[::ffff:10.0.0.1]/',
  ])('refuses %s, however it is spelled', async (url) => {
    expect(await refusalOfHost(new URL(url), 'dodici')).toMatch(/is not a public address/)
  })
  it('takes a name that does not resolve yet', async () => {
    expect(await refusalOfHost(new URL('http://nowhere.invalid/'), 'dodici')).toBeUndefined()
  })
})

it('refuses at connect time what a name resolves to by then', async () => {
  const refused = await new Promise<Error | null>((resolve) =>
    lookupFor({ allowPrivateTargets: false })('localhost', {}, (error) => resolve(error)),
  )
  expect(refused?.message).toMatch(/localhost resolves to .* not a public address/)
})
