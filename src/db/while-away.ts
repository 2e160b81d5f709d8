// Writing to a database that may be away for a while: restarting, failing over, not to be reached.

import { setTimeout as sleep } from 'node:timers/promises'
import { maySendAgain } from './failure.ts'

/**
 * Carries out `write`, an idempotent one, again and again while the database is away, as long as
 * `mayWait`, after a pause that `pauseMs` gives for each try, from 0. Rejects with the last error.
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
