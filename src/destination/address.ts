// The addresses that a callback URL may lead to. A tenant chooses the URL. Without this rule the
// service could be made to call its cloud's metadata service, or a database beside it. The check
// runs at registration, and again for each connection, since the name may resolve to something else
// by then.

import type { LookupAddress } from 'node:dns'
import net from 'node:net'
import { lookup, resolve } from './resolve.ts'

/** All special-purpose blocks of IPv4 (IANA's registry), and multicast. */
const SPECIAL_V4 = blockList('ipv4', [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16'],
  ...['172.16.0.0/12', '192.0.0.0/24', '192.0.2.0/24', '192.31.196.0/24', '192.52.193.0/24'],
  ...['192.88.99.0/24', '192.168.0.0/16', '192.175.48.0/24', '198.18.0.0/15', '198.51.100.0/24'],
  ...['203.0.113.0/24', '224.0.0.0/4', '240.0.0.0/4'],
  '168.63.129.16/32', // the metadata service of Azure, among public addresses
])
/** All routed IPv6. The blocks that embed IPv4 (::/96, 64:ff9b::/96) are outside of it. */
const GLOBAL_V6 = blockList('ipv6', ['2000::/3'])
/** The special-purpose blocks within: Teredo and others, documentation, 6to4, AS112. */
const SPECIAL_V6 = blockList('ipv6', [
  ...['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20'],
])

/**
 * Whether an address is on the public internet: not loopback, private, link-local, multicast or
 * reserved, nor a tunnel to one of these.
 */
export function isPublicAddress(address: string): boolean {
  const family = net.isIP(address)
  if (family === 4) return !SPECIAL_V4.check(address)
  if (family !== 6 || address.includes('%')) return false
  return GLOBAL_V6.check(address, 'ipv6') && !SPECIAL_V6.check(address, 'ipv6')
}

function blockList(family: net.IPVersion, ranges: string[]): net.BlockList {
  const list = new net.BlockList()
  for (const range of ranges) {
    const [network, bits] = range.split('/') as [string, string]
    list.addSubnet(network, Number(bits), family)
  }
  return list
}

/** The host of a URL without the brackets of an IPv6 literal. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}

/**
 * Why a URL's host may not be called, as a sentence. Undefined if it may, or if its name does not
 * resolve within 1.5 s. `tenant` is the caller, whose running look-ups are counted.
 */
export async function refusalOfHost(url: URL, tenant: string): Promise<string | undefined> {
  const host = hostOf(url)
  const addresses = await resolve(host, tenant).catch(() => [])
  const bad = addresses.find(({ address }) => !isPublicAddress(address))
  return bad && notPublic(host)
}

/** The first of some URLs, by their fields, that may not be called. They resolve in parallel. */
export async function refusalAmong(
  urls: [field: string, url: string][],
  tenant: string,
): Promise<{ field: string; refusal: string } | undefined> {
  const refusals = urls.map(async ([field, url]) => ({
    field,
    refusal: await refusalOfHost(new URL(url), tenant),
  }))
  for (const { field, refusal } of await Promise.all(refusals)) {
    if (refusal !== undefined) return { field, refusal }
  }
}

/** Never names the address: an internal name would reveal where our hosts are. */
export function notPublic(host: string): string {
  return `${host} is not a public address (MILLRACE_ALLOW_PRIVATE_TARGETS)`
}

/** A lookup for net.connect; without private targets it fails for addresses that are not public. */
export function lookupFor(options: { allowPrivateTargets: boolean }): net.LookupFunction {
  return options.allowPrivateTargets ? lookup : publicLookup
}

const publicLookup: net.LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    if (error) return callback(error, '')
    const addresses = found as LookupAddress[]
    const bad = addresses.find(({ address }) => !isPublicAddress(address))
    if (bad) return callback(new Error(notPublic(hostname)), '')
    if (options.all) return callback(null, addresses)
    const [first] = addresses
    callback(null, first?.address ?? '', first?.family)
  })
}
