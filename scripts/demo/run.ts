// `make demo`: a tour of the product on a day of retail data. It ends by itself: exit status 0 if
// all its claims hold, 1 with a sentence if one does not, 130 at Ctrl-C. It always leaves nothing
// behind.

import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { launchService } from './service.ts'
import { takeTour } from './tour.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** The product's default is 1.2 s; a tour has less time. */
const RETRY_BASE_MS = 200

let over = false
const say = (line: string) => {
  if (!over) console.log(line)
}

const interrupted = new Promise<'interrupted'>((resolve) => {
  for (const signal of SIGNALS) process.on(signal, () => resolve('interrupted'))
  // The reader of the output has left (`make demo | head`).
  process.stdout.on('error', () => resolve('interrupted'))
})
const adminToken = randomBytes(24).toString('hex')
const service = launchService({ adminToken, retryBaseMs: RETRY_BASE_MS })

const options = { url: service.ready, adminToken, retryBaseMs: RETRY_BASE_MS, say }
const tour = takeTour(options).catch(async (error: Error) => {
  // If the service ends, a lost connection shows first; the end of the service is the better
  // message.
  await Promise.race([service.failure, sleep(500)])
  throw error
})
const outcome = await Promise.race([tour, service.failure, interrupted]).catch(
  (error: Error) => error,
)
// From here on the tour may still run, but prints nothing.
over = true
await service.stop()

if (outcome instanceof Error) {
  console.error(`\nThe demo failed: ${outcome.message}`)
  process.exit(1)
}
if (outcome === 'interrupted') process.exit(130)
console.log('The service has stopped and its directory is gone.')
process.exit(0)
