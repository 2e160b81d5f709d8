// Changes that are answered for. A connection that breaks after a statement has left does not tell
// whether it was committed, so the statement is sent again until the database says so. The attempt
// has an id by which its second sending changes nothing (the SQL function
// change_of_attempt, or the id of the row that it makes).

import { randomUUID } from 'node:crypto'
import { MillraceError } from '../errors.ts'
import { maySendAgain } from './failure.ts'
import { whileAway } from './while-away.ts'

/** How long after its first failure a change is sent again. */
const WAIT_MS = 5_000
const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 200

/**
 * Resolves with what `write` says of the change, which is made once however often it is sent.
 * Throws `unavailable` if the database stays away for five seconds: then nobody knows.
 */
export async function untilKnown<T>(write: (attempt: string) => Promise<T>): Promise<T> {
  const attempt = randomUUID()
  let deadline: number | undefined
  try {
    return await whileAway(() => write(attempt), {
      pauseMs: (tries) => Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries),
      mayWait(ms) {
        deadline ??= performance.now() + WAIT_MS
        return performance.now() + ms <= deadline
      },
    })
  } catch (cause) {
    if (!maySendAgain(cause)) throw cause
    const message =
      'The database went away: the change may have taken effect. Look before you send it again.'
    throw new MillraceError('unavailable', message, { cause, retryAfterSeconds: 1 })
  }
}
