// Preloaded by the processes of the service. For the torture's names it makes the system's resolver
// behave as with a silent name server: a look-up holds one of Node's four threads (here at a FIFO)
// for as long as it waits. Code that does not use that resolver is not affected.

import { spawnSync } from 'node:child_process'
import dns from 'node:dns'
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import path from 'node:path'

const NAMES = /\.torture\.test$/
const ANSWERED = 'answered.torture.test'
/** How long a resolver waits before it gives up. */
const HELD_MS = 5_000

type Callback = (...results: unknown[]) => void

const real = dns.lookup as unknown as (name: string, options: unknown, done: Callback) => void
let fifo: string | undefined

dns.lookup = lookup as unknown as typeof dns.lookup
dns.promises.lookup = lookupLater as typeof dns.promises.lookup
syncBuiltinESMExports()

function lookup(name: string, ...rest: unknown[]): void {
  const done = rest.at(-1) as Callback
  const options = rest.length > 1 ? rest[0] : {}
  if (name === ANSWERED) real('localhost', { ...(options as object), family: 4 }, done)
  else if (!NAMES.test(name)) real(name, options, done)
  else hold(() => done(Object.assign(new Error(`EAI_AGAIN ${name}`), { code: 'EAI_AGAIN' })))
}

function lookupLater(name: string, options: unknown = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    lookup(name, options, (error: unknown, address: unknown, family: unknown) => {
      if (error) reject(error)
      else resolve(Array.isArray(address) ? address : { address, family })
    })
  })
}

/** Holds a thread: opening the FIFO blocks until somebody opens its other end. */
function hold(ended: () => void): void {
  fifo ??= makeFifo()
  fs.open(fifo, 'r', (_, file) => {
    if (file !== undefined) fs.closeSync(file)
    ended()
  })
}

function makeFifo(): string {
  const made = path.join(fs.mkdtempSync(path.join(os.tmpdir(), 'millrace-fifo-')), 'held')
  spawnSync('mkfifo', [made])
  const release = () => {
    try {
      fs.closeSync(fs.openSync(made, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK))
    } catch {
      // Nobody waits.
    }
  }
  setInterval(release, HELD_MS).unref()
  process.once('exit', release)
  return made
}
