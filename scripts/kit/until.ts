// Waiting for facts. The only place in the tests where time passes by itself.

import { setTimeout as sleep } from 'node:timers/promises'

/**
 * Resolves with the first value that is not false or undefined; rejects with `what` in words after
 * `timeoutMs`.
 */
export async function until<T>(
  what: string,
  fact: () => T | Promise<T>,
  timeoutMs = 60_000,
): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = performance.now() + timeoutMs
  for (;;) {
    const value = await fact()
    if (value !== false && value !== undefined && value !== null) {
      return value as NonNullable<Exclude<T, false>>
    }
    if (performance.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${what}`)
    await sleep(10)
  }
}
