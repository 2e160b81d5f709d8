// Preloaded by the processes of the service. It makes the system's resolver behave as with a silent
// name server for the torture's names: libuv runs two look-ups at a time (half of its threads), a
// silent one takes seconds, and all others wait in line. Code that does not use that resolver is
// not affected.

import dns from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'

const NAMES = /\.torture\.test$/
const ANSWERED = 'answered.torture.test'
/** How long a resolver waits before it gives up. */
const SILENT_MS = 5_000
const AT_ONCE = 2

type Callback = (...results: unknown[]) => void

const real = dns.lookup as unknown as (name: string, options: unknown, done: Callback) => void
const waiting: (() => void)[] = []
let running = 0

dns.lookup = lookup as unknown as typeof dns.lookup
dns.promises.lookup = lookupLater as typeof dns.promises.lookup
syncBuiltinESMExports()

function lookup(name: string, ...rest: unknown[]): void {
  const done = rest.at(-1) as Callback
  const options = rest.length > 1 ? rest[0] : {}
  // An address takes no thread.
  if (!name || net.isIP(name) > 0) real(name, options, done)
  else wait(name, options, done)
}

function wait(name: string, options: unknown, done: Callback): void {
  waiting.push(() => {
    const ended: Callback = (...results) => {
      running--
      runNext()
      done(...results)
    }
    if (name === ANSWERED) real('localhost', { ...(options as object), family: 4 }, ended)
    else if (!NAMES.test(name)) real(name, options, ended)
    else setTimeout(() => ended(unanswered(name)), SILENT_MS)
  })
  runNext()
}

function runNext(): void {
  if (running === AT_ONCE) return
  const next = waiting.shift()
  if (!next) return
  running++
  next()
}

const unanswered = (name: string) =>
  Object.assign(new Error(`EAI_AGAIN ${name}`), { code: 'EAI_AGAIN' })

function lookupLater(name: string, options: unknown = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    lookup(name, options, (error: unknown, address: unknown, family: unknown) => {
      if (error) reject(error)
      else resolve(Array.isArray(address) ? address : { address, family })
    })
  })
}
