// Which addresses a callback may lead to.

import { describe, expect, it } from 'vitest'
import { isPublicAddress, lookupFor, refusalOfHost } from '../../src/destination/address.ts'

describe('isPublicAddress', () => {
  it.each([
    ...['93.184.216.34', '8.8.8.8', '1.0.0.1', '100.63.255.255', '100.128.0.0', '172.15.255.255'],
    ...['172.32.0.0', '192.0.1.0', '198.17.255.255', '198.20.0.0', '223.255.255.255'],
    ...['2606:2800:220:1:248:1893:25c8:1946', '2001:200::1', '2001:4860:4860::8888', '2003::1'],
    ...['2a00:1450::1', '3ffe::1', '3fff:1000::1'],
  ])('takes %s', (a) => expect(isPublicAddress(a)).toBe(true))
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
    // What stands for an IPv4 address: deprecated, mapped, translated, NAT64, Teredo, 6to4.
    ...['::127.0.0.1', '::8.8.8.8', '::ffff:8.8.8.8', '::ffff:0:8.8.8.8', '64:ff9b::8.8.8.8'],
    ...['64:ff9b:1::1', '2001::1', '2001:0:7f00:1::', '2002:808:808::'],
    // Beyond 2000::/3: discard, a dummy, SRv6, site-local, multicast, what nobody has.
    ...['100::1', '100:0:0:1::1', '5f00::1', 'fec0::1', 'ff02::1', '4000::1', '1fff::1', 'e000::1'],
    // The special ones in it: protocols, benchmarks, ORCHID, documentation, AS112.
    ...['2001:2::1', '2001:10::1', '2001:20::1', '2001:1ff::1', '2001:db8::1', '3fff::1'],
    '2620:4f:8000::1',
    // The same of IPv4, at their edges.
    ...['0.255.255.255', '100.127.255.255', '172.31.255.255', '192.0.0.8', '192.0.2.1'],
    ...['192.31.196.1', '192.52.193.1', '192.88.99.1', '192.175.48.1', '198.18.0.1'],
    ...['198.19.255.255', '198.51.100.1', '203.0.113.1', '239.255.255.255', '240.0.0.1'],
    ...['fe80::1%eth0', '2606::1%eth0', '1.2.3', '0x7f.1', ''],
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
  it('never says what a name resolves to', async () => {
    const refusal = await refusalOfHost(new URL('http://localhost/'), 'dodici')
    expect(refusal).toBe('localhost is not a public address (MILLRACE_ALLOW_PRIVATE_TARGETS)')
  })
  it('takes a name that does not resolve yet', async () => {
    expect(await refusalOfHost(new URL('http://nowhere.invalid/'), 'dodici')).toBeUndefined()
  })
})

it('refuses at connect time what a name resolves to by then', async () => {
  const refused = await new Promise<Error | null>((resolve) =>
    lookupFor({ allowPrivateTargets: false })('localhost', {}, (error) => resolve(error)),
  )
  expect(refused?.message).toBe(
    'localhost is not a public address (MILLRACE_ALLOW_PRIVATE_TARGETS)',
  )
})
