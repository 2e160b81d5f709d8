// Writes to a database that may be unreachable for a while: restarting, failing over, cut off.

import { setTimeout as sleep } from 'node:timers/promises'
import { maySendAgain } from './failure.ts'

/**
 * Repeats `write`, which must be idempotent, while the database is unreachable and `mayWait` allows
 * it. `pauseMs` gives the pause before each retry, from try 0. Rejects with the last error.
 */
export async function whileAway<T>(
  write: () => Promise<T>,
  { pauseMs, mayWait }: { pauseMs: (tries: number) => number; mayWait: (ms: number) => boolean },
): Promise<T> {
  for (let tries = 0; ; tries++) {
    try {
      return await write()
    } catch (error) {
      const pause = pauseMs(tries)
      if (!maySendAgain(error) || !mayWait(pause)) throw error
      await sleep(pause)
    }
  }
}
