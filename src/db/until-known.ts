// Changes with a known outcome. If a connection breaks after a statement has left, nobody knows
// whether it was committed. So the statement is sent again until the database answers. The call has
// an id, which makes a second sending harmless: through the SQL function change_of_attempt, or as
// the id of the created row.

import { randomUUID } from 'node:crypto'
import { MillraceError } from '../errors.ts'
import { maySendAgain } from './failure.ts'
import { whileAway } from './while-away.ts'

/** How long after its first failure a change is sent again. */
const WAIT_MS = 5_000
const FIRST_PAUSE_MS = 20
const LONGEST_PAUSE_MS = 200

/**
 * Resolves with the result of `write`; the change happens once, however often it is sent. Throws
 * `unavailable` if the database stays unreachable for five seconds: then the outcome is unknown.
 */
export async function untilKnown<T>(write: (callId: string) => Promise<T>): Promise<T> {
  const callId = randomUUID()
  let deadline: number | undefined
  try {
    return await whileAway(() => write(callId), {
      pauseMs: (tries) => Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries),
      mayWait(ms) {
        deadline ??= performance.now() + WAIT_MS
        return performance.now() + ms <= deadline
      },
    })
  } catch (cause) {
    if (!maySendAgain(cause)) throw cause
    const message =
      'The database became unreachable: the change may have taken effect. Look before you ' +
      'send it again.'
    throw new MillraceError('unavailable', message, { cause, retryAfterSeconds: 1 })
  }
}
