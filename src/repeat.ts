// Chores: what is repeated for as long as the process lives, and what is done for many, where one
// failure is no reason to leave the others undone.

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
 * Does something for each of them, one at a time, and returns what came of it. Rejects after the
 * last one if some have failed, with all of their messages.
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
