// Which addresses a callback URL may lead to. A tenant chooses the URL, so without this rule the
// service could be made to call the metadata service of its cloud or a database beside it. Checked
// at registration, and again at connect time, when the name is resolved for the connection itself:
// a name may resolve to something else by then.

import dns from 'node:dns'
import net from 'node:net'
import ipaddr from 'ipaddr.js'

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
 * Why a URL's host may not be called, in words; undefined where it may, or where its name does not
 * resolve yet.
 */
export async function refusalOfHost(url: URL): Promise<string | undefined> {
  const host = hostOf(url)
  if (net.isIP(host)) return isPublicAddress(host) ? undefined : refusal(host, host)
  const addresses = await dns.promises.lookup(host, { all: true }).catch(() => [])
  const bad = addresses.find(({ address }) => !isPublicAddress(address))
  return bad && refusal(host, bad.address)
}

function refusal(host: string, address: string): string {
  return host === address
    ? `${host} is not a public address`
    : `${host} resolves to ${address}, which is not a public address`
}

/** A lookup for net.connect that fails where a name resolves to an address that is not public. */
export const publicLookup: net.LookupFunction = (hostname, options, callback) => {
  dns.lookup(hostname, { ...options, all: true }, (error, addresses) => {
    if (error) return callback(error, '')
    const bad = addresses.find(({ address }) => !isPublicAddress(address))
    if (bad) return callback(new Error(refusal(hostname, bad.address)), '')
    if (options.all) return callback(null, addresses)
    const [first] = addresses
    return first
      ? callback(null, first.address, first.family)
      : callback(new Error(`${hostname} has no address`), '')
  })
}
