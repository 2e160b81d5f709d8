// The room for rejected events. A stream without room has stopped: it stops again at the next one
// that is rejected, and its event cannot be skipped.

import { ask } from '../app/api.js'
import { usePolled } from './polled.js'

/** At this number a stream stops. */
export const MOST_REJECTED = 30
const POLL_MS = 5_000
/** The reason of the service, in the sentence of the health. */
const REASON = /limit of \d+ rejected events/

/**
 * Whether the limit has stopped a stream, and there is still no room.
 * @param {string} path
 * @param {import('../app/integrations.js').Health} [health]
 */
export function useIsFull(path, health) {
  const isAtLimit = health?.stopped_by === 'millrace' && REASON.test(health.message)
  const count = usePolled(
    async (signal) => {
      if (!isAtLimit) return 0
      /** @type {{ rejected_events: unknown[] }} */
      const { rejected_events } = await ask(`${path}/rejected_events`, { signal })
      return rejected_events.length
    },
    isAtLimit ? POLL_MS : 0,
    [path, isAtLimit],
  )
  return isAtLimit && (count.data ?? MOST_REJECTED) >= MOST_REJECTED
}
