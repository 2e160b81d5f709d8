// Resolves names to addresses. Not with dns.lookup: it holds one of Node's four threads until the
// name server answers, and getaddrinfo gets half of them. So four silent names of one tenant would
// stop every other look-up, the database's included. c-ares uses no threads. Each look-up has its
// own channel, which reads /etc/resolv.conf again and ends at its deadline. So a silent name costs
// one socket until then, and blocks nobody.

import dns from 'node:dns'
import net from 'node:net'
import { type Address, readSystemNames } from './system-names.ts'

/**
 * For one name, the domains of the search list included. So even of a silent name an alert tells
 * within two seconds.
 */
const DEADLINE_MS = 1_500
/**
 * For the first try with a name server. c-ares roughly doubles it: three tries outlast the
 * deadline.
 */
const TRY_MS = 400
const TRIES = 3
/** How long an answer is cached, and a failure. */
const CACHED_MS = 5_000
const FAILURE_CACHED_MS = 1_000
const MOST_CACHED = 1_000
/** The most look-ups of one owner at once. */
const MOST_OF_OWNER = 16
/** Codes of name servers for a name without an address. */
const NO_ADDRESS = ['ENOTFOUND', 'ENODATA']

type Resolver = {
  /**
   * The addresses of a name or a literal address, IPv4 first, within 1.5 s. `owner` is the tenant
   * of a request: it bounds the look-ups under way. Deliveries have none: the tenant's number of
   * consumers bounds them already. Rejects with ENOTFOUND if there is no address, EAI_AGAIN if no
   * name server said so in time, EBUSY if the owner has too many look-ups under way.
   */
  resolve(name: string, owner?: string): Promise<Address[]>
  /** The same for net.connect. */
  lookup: net.LookupFunction
}

/** A resolver that caches answers for seconds, and shares a look-up among all who wait for it. */
export function createResolver(files: { hostsFile?: string; resolvFile?: string } = {}): Resolver {
  const names = readSystemNames(files)
  const cache = new Map<string, { answer: Promise<Address[]>; until: number }>()
  const underWay = new Map<string, number>()

  const resolver: Resolver = {
    async resolve(host, owner) {
      const family = net.isIP(host)
      if (family !== 0) return [{ address: host, family: family as 4 | 6 }]
      const name = host.toLowerCase()
      const own = names.ownAddresses(name.replace(/\.$/, ''))
      if (own.length > 0) return own
      const found = cache.get(name)
      if (found && found.until > performance.now()) return found.answer
      const candidates = names.candidates(name)
      const release = owner === undefined ? undefined : count(owner)
      return remember(name, askFor(name, candidates).finally(release))
    },
    lookup(host, { family = 0, all }, callback) {
      const wanted = Number(String(family).replace('IPv', ''))
      resolver.resolve(host).then(
        (addresses) => {
          const fitting = wanted ? addresses.filter((one) => one.family === wanted) : addresses
          const [first] = fitting
          if (!first) callback(failure('ENOTFOUND', `${host} has no IPv${wanted} address`), '')
          else if (all) callback(null, fitting)
          else callback(null, first.address, first.family)
        },
        (error) => callback(error, ''),
      )
    },
  }
  return resolver

  function remember(name: string, answer: Promise<Address[]>): Promise<Address[]> {
    // Shared until it is over; then its time in the cache begins.
    const entry = { answer, until: Number.POSITIVE_INFINITY }
    cache.delete(name)
    cache.set(name, entry)
    const [oldest] = cache.keys()
    if (cache.size > MOST_CACHED && oldest !== undefined) cache.delete(oldest)
    const forgetAfter = (ms: number) => () => {
      entry.until = performance.now() + ms
    }
    answer.then(forgetAfter(CACHED_MS), forgetAfter(FAILURE_CACHED_MS))
    return answer
  }

  function count(owner: string): () => void {
    const others = underWay.get(owner) ?? 0
    if (others >= MOST_OF_OWNER) throw failure('EBUSY', 'too many names are being resolved')
    underWay.set(owner, others + 1)
    return () => {
      const left = (underWay.get(owner) ?? 1) - 1
      if (left === 0) underWay.delete(owner)
      else underWay.set(owner, left)
    }
  }
}

const serversAtStart = new dns.Resolver().getServers().join()

/** Tries one candidate after the other until one has an address. */
async function askFor(name: string, candidates: string[]): Promise<Address[]> {
  const channel = new dns.promises.Resolver({ timeout: TRY_MS, tries: TRIES })
  // dns.setServers applies to this resolver, too.
  const servers = dns.getServers()
  if (servers.join() !== serversAtStart) channel.setServers(servers)
  let isLate = false
  const deadline = setTimeout(() => {
    isLate = true
    channel.cancel()
  }, DEADLINE_MS)
  let outage = ''
  try {
    for (const candidate of candidates) {
      const { addresses, code } = await askBoth(channel, candidate)
      if (addresses.length > 0) return addresses
      if (!NO_ADDRESS.includes(code)) outage = code
      if (isLate) break
    }
  } finally {
    clearTimeout(deadline)
  }
  if (isLate) throw failure('EAI_AGAIN', `${name} did not resolve within ${DEADLINE_MS} ms`)
  if (outage) throw failure('EAI_AGAIN', `no name server answers for ${name} (${outage})`)
  throw failure('ENOTFOUND', `${name} does not resolve (ENOTFOUND)`)
}

/** The addresses of both families; of one family if the other does not answer. */
async function askBoth(
  channel: dns.promises.Resolver,
  name: string,
): Promise<{ addresses: Address[]; code: string }> {
  const answers = await Promise.allSettled([channel.resolve4(name), channel.resolve6(name)])
  const [four, six] = answers.map((one) => (one.status === 'fulfilled' ? one.value : []))
  const addresses: Address[] = [
    ...(four ?? []).map((address) => ({ address, family: 4 as const })),
    ...(six ?? []).map((address) => ({ address, family: 6 as const })),
  ]
  const codes = answers.map((one) => (one.status === 'rejected' ? one.reason.code : 'ENODATA'))
  return { addresses, code: codes.find((code) => !NO_ADDRESS.includes(code)) ?? 'ENOTFOUND' }
}

function failure(code: string, message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { code })
}

/** The resolver of this process. */
export const { resolve, lookup } = createResolver()
