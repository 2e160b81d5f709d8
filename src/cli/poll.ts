// Reads something again and again until it is over, also while the service restarts.

import { setTimeout as sleep } from 'node:timers/promises'
import { AnswerError, NoAnswer } from './client.ts'

const POLL_MS = 500
/** Polls in a row that may fail, while the service restarts. */
const MOST_FAILURES = 60

/** The last value: it `isOver`, or `signal` was aborted. */
export async function poll<T>(
  read: () => Promise<T>,
  isOver: (value: T) => boolean,
  signal?: AbortSignal,
): Promise<T> {
  let value: { read: T } | undefined
  let failures = 0
  for (;;) {
    try {
      value = { read: await read() }
      failures = 0
      if (isOver(value.read)) return value.read
    } catch (error) {
      if (!isTransient(error) || ++failures > MOST_FAILURES) throw error
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => {})
    if (signal?.aborted && value) return value.read
  }
}

function isTransient(error: unknown): boolean {
  if (error instanceof NoAnswer) return true
  return error instanceof AnswerError && (error.status >= 500 || error.status === 429)
}
