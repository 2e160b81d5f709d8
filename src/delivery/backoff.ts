// The times of retries after failed deliveries (docs/receive.md). Pure: time and chance are
// arguments.

import { limits } from '../config.ts'

/**
 * Milliseconds until retry number `retry` (1 to 10), undefined after the last one: `baseMs`
 * doubling, ±10 % jitter, so that 1.2 s gives ten retries in about 20 minutes. A longer
 * `retryAfterMs` of the target counts, up to the longest delay of the schedule. `chance` is in [0,
 * 1).
 */
export function retryDelayMs(
  retry: number,
  options: { baseMs: number; chance: number; retryAfterMs?: number | undefined },
): number | undefined {
  if (retry > limits.retries) return undefined
  const delay = options.baseMs * 2 ** (retry - 1) * (0.9 + 0.2 * options.chance)
  const asked = Math.min(options.retryAfterMs ?? 0, longestDelayMs(options.baseMs))
  return Math.round(Math.max(delay, asked))
}

/** The longest delay of the schedule, in milliseconds: no target can ask for a longer one. */
export function longestDelayMs(baseMs: number): number {
  return baseMs * 2 ** (limits.retries - 1) * 1.1
}
