// Chores: work that repeats for as long as the process lives, and work on many items, in which one
// failure does not stop the others.

import type { Logger } from './logger.ts'
import { counter, gauge } from './metrics/metric.ts'

const rounds = counter('millrace_chore_rounds_total', 'Rounds of a chore, by outcome.', {
  chore: [],
  outcome: [],
})
const lastSeconds = gauge('millrace_chore_seconds', 'How long its last round took, in seconds.', {
  chore: [],
})
const doneAt = gauge(
  'millrace_chore_done_timestamp_seconds',
  'When its last round without a failure ended, in seconds since 1970.',
  { chore: [] },
)

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
    const begun = performance.now()
    await attempt(name, logger, chore)
    lastSeconds.set((performance.now() - begun) / 1_000, name)
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
    await attempt(name, logger, chore)
  }
}

/** Counts its outcome; a failure is logged. */
async function attempt(name: string, logger: Logger, chore: () => Promise<unknown>): Promise<void> {
  try {
    await chore()
    rounds.add(1, name, 'done')
    rounds.add(0, name, 'failed')
    doneAt.set(Date.now() / 1_000, name)
  } catch (error) {
    rounds.add(1, name, 'failed')
    logger.warn({ reason: (error as Error).message }, `${name} failed`)
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
