// Optimistic changes: read, decide, and write if nothing was changed in between. One that loses is
// decided again.

import { setTimeout as sleep } from 'node:timers/promises'
import { MillraceError } from '../errors.ts'

const TRIES = 20
/** The pause before the next try, at random up to this and a multiple of it. */
const PAUSE_MS = 2

/**
 * Calls `change` until it has written, or needs not: it returns undefined if another change was
 * faster. Throws `unavailable` if that goes on; `what` is a noun.
 */
export async function untilWritten<Result>(
  what: string,
  change: () => Promise<Result | undefined>,
): Promise<Result> {
  for (let tries = 1; tries <= TRIES; tries++) {
    const result = await change()
    if (result !== undefined) return result
    // At random: those that lose together would meet again.
    await sleep(Math.random() * PAUSE_MS * tries)
  }
  const message = `Too many requests change ${what} at once; try again.`
  throw new MillraceError('unavailable', message, { retryAfterSeconds: 1 })
}
