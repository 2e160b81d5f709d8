// A chore that is repeated for as long as the process lives.

import type { Logger } from './logger.ts'

export type Repeated = { now(): void; stop(): void }

/**
 * Runs `chore` every `everyMs`, never twice at once; `now` runs it at once, or again when the run
 * under way is over. A failure is logged and the next turn tries again.
 */
export function repeat(
  name: string,
  everyMs: number,
  logger: Logger,
  chore: () => Promise<unknown>,
): Repeated {
  let timer: NodeJS.Timeout | undefined
  let isRunning = false
  let isWanted = false
  let isStopped = false

  const turn = async () => {
    isRunning = true
    isWanted = false
    clearTimeout(timer)
    await chore().catch((error: Error) => logger.warn({ reason: error.message }, `${name} failed`))
    isRunning = false
    if (!isStopped) timer = setTimeout(turn, isWanted ? 0 : everyMs)
  }
  timer = setTimeout(turn, everyMs)

  return {
    now() {
      isWanted = true
      if (!isRunning && !isStopped) void turn()
    },
    stop() {
      isStopped = true
      clearTimeout(timer)
    },
  }
}
