// Chores: work that repeats for as long as the process lives, and work on many items, in which one
// failure does not stop the others.

import type { Logger } from './logger.ts'

export type Repeated = { now(): void; stop(): void }

/**
 * Runs `chore` every `everyMs`, never twice at once; `now` runs it at once, or again after the
 * current run. A failure is logged, and the next turn tries again.
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

/** Does chores one after the other. A failure is logged, and the next one follows. */
export async function inTurn(
  chores: Record<string, () => Promise<unknown>>,
  logger: Logger,
): Promise<void> {
  for (const [name, chore] of Object.entries(chores)) {
    await chore().catch((error: Error) => logger.warn({ reason: error.message }, `${name} failed`))
  }
}

/**
 * Runs `act` for each item, one at a time, and returns the results. If some fail, rejects after
 * the last one, with all of their messages.
 */
export async function forEach<One, Result>(
  all: One[],
  act: (one: One) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  const failures: string[] = []
  for (const one of all) {
    try {
      results.push(await act(one))
    } catch (error) {
      failures.push(`${Object.values(one as object).join('/')}: ${(error as Error).message}`)
    }
  }
  if (failures.length > 0) throw new Error(failures.join('; '))
  return results
}
