// Names from the machine's files, read again when they change: /etc/hosts, and the search list of
// /etc/resolv.conf. Kubernetes and docker-compose use it to find `receiver` or `receiver.shop`. The
// files are read synchronously: that takes microseconds, and no thread that may be blocked.

import fs from 'node:fs'
import net from 'node:net'

/** glibc's own limit. */
const MOST_DOTS = 15
/** A longer list would not fit the deadline of a look-up. */
const MOST_DOMAINS = 6

export type Address = { address: string; family: 4 | 6 }

type SystemNames = {
  /** The addresses of a name in the hosts file; `localhost` has some even without the file. */
  ownAddresses(name: string): Address[]
  /** The full names to ask a name server for, in this order. */
  candidates(name: string): string[]
}

/** Reads the names of this machine; the default paths are those of glibc. */
export function readSystemNames({
  hostsFile = '/etc/hosts',
  resolvFile = '/etc/resolv.conf',
}): SystemNames {
  const hosts = followFile(hostsFile, parseHosts)
  const search = followFile(resolvFile, parseSearch)

  return {
    ownAddresses(name) {
      const found = hosts().get(name)
      if (found) return found
      return /(^|\.)localhost$/.test(name) ? ['127.0.0.1', '::1'].map(addressOf) : []
    },
    candidates(name) {
      if (name.endsWith('.')) return [name.slice(0, -1)]
      const { domains, ndots } = search()
      const longer = domains.map((domain) => `${name}.${domain}`)
      const dots = name.split('.').length - 1
      return dots >= ndots ? [name, ...longer] : [...longer, name]
    },
  }
}

/** Returns what `parse` makes of the file's current text; of an empty text if it cannot be read. */
function followFile<T>(path: string, parse: (text: string) => T): () => T {
  let parsed = parse('')
  let version = ''
  return () => {
    const stat = fs.statSync(path, { throwIfNoEntry: false })
    const found = stat ? `${stat.ino} ${stat.size} ${stat.mtimeMs}` : ''
    if (found !== version) {
      parsed = parse(stat ? readText(path) : '')
      version = found
    }
    return parsed
  }
}

function readText(path: string): string {
  try {
    return fs.readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}

/** hosts(5): an address, then its names; a name may be on several lines. */
function parseHosts(text: string): Map<string, Address[]> {
  const found = new Map<string, Address[]>()
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/)
    if (!net.isIP(address)) continue
    for (const name of names.map((one) => one.toLowerCase())) {
      found.set(name, [...(found.get(name) ?? []), addressOf(address)])
    }
  }
  return found
}

/** resolv.conf(5): the last `search` or `domain` counts. */
function parseSearch(text: string): { domains: string[]; ndots: number } {
  let domains: string[] = []
  let ndots = 1
  for (const line of text.split('\n')) {
    const [keyword, ...words] = line
      .replace(/[#;].*/, '')
      .trim()
      .split(/\s+/)
    if (keyword === 'search') domains = words
    if (keyword === 'domain') domains = words.slice(0, 1)
    if (keyword !== 'options') continue
    for (const word of words) {
      const dots = /^ndots:(\d+)$/.exec(word)?.[1]
      if (dots) ndots = Math.min(Number(dots), MOST_DOTS)
    }
  }
  const names = domains.map((domain) => domain.replace(/\.$/, '')).filter(Boolean)
  return { domains: names.slice(0, MOST_DOMAINS), ndots }
}

function addressOf(address: string): Address {
  return { address, family: net.isIPv6(address) ? 6 : 4 }
}
