// Which addresses a callback URL may lead to. A tenant chooses the URL, so without this rule the
// service could be made to call the metadata service of its cloud or a database beside it. Checked
// at registration, and again at connect time, when the name is resolved for the connection itself:
// a name may resolve to something else by then.

import type { LookupAddress } from 'node:dns'
import type net from 'node:net'
import ipaddr from 'ipaddr.js'
import { lookup, resolve } from './resolve.ts'

/** A metadata service that lies among public addresses. */
const AZURE_METADATA = '168.63.129.16'

/**
 * Whether an address is on the public internet: not loopback, private, link-local, multicast,
 * reserved or a tunnel.
 */
export function isPublicAddress(address: string): boolean {
  // process() turns an IPv4-mapped IPv6 address into the IPv4 address that it stands for.
  if (!ipaddr.isValid(address)) return false
  const plain = ipaddr.process(address)
  return plain.range() === 'unicast' && plain.toString() !== AZURE_METADATA
}

/** The host of a URL without the brackets of an IPv6 literal. */
export function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, '')
}

/**
 * Why a URL's host may not be called, in words; undefined if it may, or if its name does not
 * resolve yet, which takes 2.5 s at most. `tenant` is who asks: its look-ups under way are counted.
 */
export async function refusalOfHost(url: URL, tenant: string): Promise<string | undefined> {
  const host = hostOf(url)
  const addresses = await resolve(host, tenant).catch(() => [])
  const bad = addresses.find(({ address }) => !isPublicAddress(address))
  return bad && refusal(host, bad.address)
}

/** The first of some URLs, by their fields, that may not be called. They resolve side by side. */
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

function refusal(host: string, address: string): string {
  return host === address
    ? `${host} is not a public address`
    : `${host} resolves to ${address}, which is not a public address`
}

/** A lookup for net.connect; without private targets one that fails for what is not public. */
export function lookupFor(options: { allowPrivateTargets: boolean }): net.LookupFunction {
  return options.allowPrivateTargets ? lookup : publicLookup
}

const publicLookup: net.LookupFunction = (hostname, options, callback) => {
  lookup(hostname, { ...options, all: true }, (error, found) => {
    if (error) return callback(error, '')
    const addresses = found as LookupAddress[]
    const bad = addresses.find(({ address }) => !isPublicAddress(address))
    if (bad) return callback(new Error(refusal(hostname, bad.address)), '')
    if (options.all) return callback(null, addresses)
    const [first] = addresses
    callback(null, first?.address ?? '', first?.family)
  })
}
