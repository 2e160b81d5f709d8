// Notices when the machine has no time for the torture: then silences say nothing of the service.

import type { HarmLog } from './harm-log.ts'

const STARVED_MS = 500

/** A timer that comes late shows that the machine had no time for us. */
export function watchForStarvation(harmLog: HarmLog): NodeJS.Timeout {
  let last = Date.now()
  return setInterval(() => {
    const now = Date.now()
    if (now - last > STARVED_MS) harmLog.starved(last, now)
    last = now
  }, STARVED_MS / 5)
}
