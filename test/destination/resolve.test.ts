// Names to addresses, as getaddrinfo finds them: by the hosts file, the search list and name
// servers. A silent one takes 1.5 s of who waits for it and nothing of anybody else.

import dns from 'node:dns'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import type { LookupFunction } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { type NameServer, startNameServer } from '../../scripts/kit/name-server.ts'
import { until } from '../../scripts/kit/until.ts'
import { createResolver } from '../../src/destination/resolve.ts'

const folder = mkdtempSync(path.join(os.tmpdir(), 'millrace-names-'))
const hostsFile = path.join(folder, 'hosts')
const resolvFile = path.join(folder, 'resolv.conf')
const servers = dns.getServers()
let nameServer: NameServer
let resolver: ReturnType<typeof createResolver>
beforeAll(async () => {
  nameServer = await startNameServer()
  dns.setServers([nameServer.address])
})
beforeEach(() => {
  writeFileSync(hostsFile, '127.0.0.1 localhost\n')
  writeFileSync(resolvFile, 'nameserver 192.0.2.1\n')
  nameServer.names.clear()
  nameServer.questions.length = 0
  resolver = createResolver({ hostsFile, resolvFile })
})
afterAll(async () => {
  dns.setServers(servers)
  rmSync(folder, { recursive: true })
  await nameServer.close()
})

const addresses = async (name: string, owner?: string) =>
  (await resolver.resolve(name, owner)).map(({ address }) => address)
/** The names that were asked for, once each, in their order. */
const asked = () => [...new Set(nameServer.questions.map((question) => question.split(' ')[0]))]
const lookUp = (name: string, options: Parameters<LookupFunction>[1]) =>
  new Promise((resolve) =>
    resolver.lookup(name, options, (...[error, address]) => resolve(error ?? address)),
  )

it('finds the addresses of both families, IPv4 first', async () => {
  nameServer.names.set('shop.example', ['2606:2800:220:1:248:1893:25c8:1946', '93.184.216.34'])
  const both = ['93.184.216.34', '2606:2800:220:1:248:1893:25c8:1946']
  expect(await addresses('Shop.example')).toEqual(both)
  expect(await lookUp('shop.example', { all: true })).toHaveLength(2)
  expect(await lookUp('shop.example', { family: 6 })).toBe(both[1])
  expect(await lookUp('shop.example', {})).toBe(both[0])
})

it('asks nobody for a literal address, localhost and what the hosts file names', async () => {
  writeFileSync(hostsFile, '10.0.0.7 Receiver receiver.shop # the shop\n::7 receiver\n')
  expect(await addresses('192.0.2.7')).toEqual(['192.0.2.7'])
  expect(await addresses('::1')).toEqual(['::1'])
  expect(await addresses('localhost')).toEqual(['127.0.0.1', '::1'])
  expect(await addresses('receiver')).toEqual(['10.0.0.7', '::7'])
  expect(await addresses('receiver.shop.')).toEqual(['10.0.0.7'])
  writeFileSync(hostsFile, '10.0.0.8 receiver of-another-length\n')
  expect(await addresses('receiver')).toEqual(['10.0.0.8'])
  expect(nameServer.questions).toEqual([])
})

it('goes through the search list as ndots says, and reads it again when it changes', async () => {
  const domains = ['shop.svc.cluster.local', 'svc.cluster.local', 'cluster.local']
  writeFileSync(resolvFile, `search ${domains.join(' ')}\noptions edns0 ndots:5\n`)
  for (const name of domains.slice(0, 2)) nameServer.names.set(`receiver.shop.${name}`, [])
  nameServer.names.set('receiver.shop.svc.cluster.local', ['10.0.0.9'])
  expect(await addresses('receiver.shop')).toEqual(['10.0.0.9'])
  const longer = ['receiver.shop.shop.svc.cluster.local', 'receiver.shop.svc.cluster.local']
  expect(asked()).toEqual(longer)

  nameServer.questions.length = 0
  writeFileSync(resolvFile, 'search example\n')
  nameServer.names.set('deep.shop', [])
  nameServer.names.set('deep.shop.example', ['10.0.0.10'])
  expect(await addresses('deep.shop')).toEqual(['10.0.0.10'])
  expect(asked()).toEqual(['deep.shop', 'deep.shop.example'])

  nameServer.questions.length = 0
  nameServer.names.set('receiver.shop.example', [])
  nameServer.names.set('absolute', ['10.0.0.11'])
  expect(await addresses('absolute.')).toEqual(['10.0.0.11'])
  expect(asked()).toEqual(['absolute'])
})

it('keeps an answer for seconds, a failure shorter, and shares a look-up', async () => {
  nameServer.names.set('none.example', [])
  nameServer.names.set('shop.example', ['10.0.0.1'])
  const all = await Promise.all(Array.from({ length: 20 }, () => addresses('shop.example')))
  expect(new Set(all.flat())).toEqual(new Set(['10.0.0.1']))
  await expect(addresses('none.example')).rejects.toMatchObject({ code: 'ENOTFOUND' })
  await expect(addresses('none.example')).rejects.toMatchObject({ code: 'ENOTFOUND' })
  expect(nameServer.questions).toHaveLength(4)
  nameServer.names.set('none.example', ['10.0.0.2'])
  const begun = performance.now()
  await until('it is asked for again', () => addresses('none.example').catch(() => false))
  expect(performance.now() - begun).toBeLessThan(4_000)
  await until('an answer is asked for again', async () => {
    await addresses('shop.example')
    return nameServer.questions.filter((one) => one === 'shop.example A').length === 2
  })
})

it('takes the family that came', async () => {
  nameServer.names.set('half.example', ['10.0.0.1'])
  nameServer.silent.add('half.example AAAA')
  expect(await addresses('half.example')).toEqual(['10.0.0.1'])
})

it('gives a silent name 1.5 s, and nobody waits for it who asks for another', async () => {
  const begun = performance.now()
  let given = 0
  // Their 160 queries fit into the buffer of the name server's socket (Linux: some 270): one that
  // does not is lost, and asked again only when these have given up.
  const silent = Array.from({ length: 80 }, (_, i) =>
    addresses(`silent-${i}.example`).catch((error) => {
      given++
      return error.code
    }),
  )
  nameServer.names.set('shop.example', ['10.0.0.1'])
  expect(await addresses('shop.example')).toEqual(['10.0.0.1'])
  expect(given).toBe(0)
  expect(new Set(await Promise.all(silent))).toEqual(new Set(['EAI_AGAIN']))
  expect(performance.now() - begun).toBeGreaterThan(1_200)
  expect(performance.now() - begun).toBeLessThan(3_500)
})

it('lets one tenant look up sixteen names at once, and counts nobody for another', async () => {
  const code = (name: string, owner: string) =>
    addresses(name, owner).catch((error: NodeJS.ErrnoException) => error.code)
  const silent = Array.from({ length: 16 }, (_, i) => code(`silent-${i}.example`, 'loud'))
  nameServer.names.set('shop.example', ['10.0.0.1'])
  expect(await code('shop.example', 'loud')).toBe('EBUSY')
  expect(await addresses('shop.example', 'dodici')).toEqual(['10.0.0.1'])
  // Kept already, so that it is no look-up.
  expect(await addresses('shop.example', 'loud')).toEqual(['10.0.0.1'])
  await Promise.all(silent)
  nameServer.names.set('other.example', ['10.0.0.2'])
  expect(await addresses('other.example', 'loud')).toEqual(['10.0.0.2'])
})
