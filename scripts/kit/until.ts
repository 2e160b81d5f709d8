// Waiting for facts. In the tests nothing else lets time pass.

import { setTimeout as sleep } from 'node:timers/promises'

type Found<T> = NonNullable<Exclude<T, false>>

/**
 * Resolves with the first value that is not false or undefined; rejects after `timeoutMs` with a
 * sentence that ends in `what`.
 */
export async function until<T>(
  what: string,
  fact: () => T | Promise<T>,
  timeoutMs = 60_000,
): Promise<Found<T>> {
  const value = await within(timeoutMs, fact)
  if (value === undefined) throw new Error(`Not within ${timeoutMs} ms: ${what}`)
  return value
}

/** The first value that is not false or undefined; undefined if there is none in `timeoutMs`. */
export async function within<T>(
  timeoutMs: number,
  fact: () => T | Promise<T>,
  pollMs = 10,
): Promise<Found<T> | undefined> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const value = await fact()
    if (value !== false && value !== undefined && value !== null) return value as Found<T>
    if (performance.now() > deadline) return undefined
    await sleep(pollMs)
  }
}
