// Chores: work that repeats for as long as the process lives, and work on many items, in which one
// failure does not stop the others.

import type { Logger } from './logger.ts'

export type Repeated = {
  now(): void
  /** Ends the repetition; resolves when the chore under way, if there is one, has ended. */
  stop(): Promise<void>
}

/**
 * Runs `chore` every `everyMs`, never twice at once; `now` runs it at once, or again after the
 * current round. A failure is logged, and the next round tries again.
 */
export function repeat(
  name: string,
  everyMs: number,
  logger: Logger,
  chore: () => Promise<unknown>,
): Repeated {
  let timer: NodeJS.Timeout | undefined
  let underWay: Promise<void> | undefined
  let isWanted = false
  let isStopped = false

  const round = async () => {
    isWanted = false
    clearTimeout(timer)
    await chore().catch((error: Error) => logger.warn({ reason: error.message }, `${name} failed`))
    underWay = undefined
    if (!isStopped) timer = setTimeout(begin, isWanted ? 0 : everyMs)
  }
  const begin = () => {
    underWay = round()
  }
  timer = setTimeout(begin, everyMs)

  return {
    now() {
      isWanted = true
      if (!underWay && !isStopped) begin()
    },
    async stop() {
      isStopped = true
      clearTimeout(timer)
      await underWay
    },
  }
}

/**
 * Does chores one after the other. A failure is logged, and the next one follows, unless all are to
 * stop.
 */
export async function eachInOrder(
  chores: Record<string, () => Promise<unknown>>,
  logger: Logger,
  isStopping: () => boolean,
): Promise<void> {
  for (const [name, chore] of Object.entries(chores)) {
    if (isStopping()) return
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
