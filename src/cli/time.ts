// Times of a command line: RFC 3339, a date, today, yesterday, or an age such as 30m, 2h and 7d.

import { UsageError } from './client.ts'

const UNITS_MS: Record<string, number> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 }
const DAY_MS = 86_400_000

/** A time as RFC 3339. Days begin at midnight UTC. Throws a UsageError if it is no time. */
export function timeOfOption(option: string, text: string, now = Date.now()): string {
  const midnight = now - (now % DAY_MS)
  if (text === 'today') return new Date(midnight).toISOString()
  if (text === 'yesterday') return new Date(midnight - DAY_MS).toISOString()
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (count && unit) return new Date(now - Number(count) * (UNITS_MS[unit] ?? 0)).toISOString()
  if (/^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text))) {
    return `${text}T00:00:00.000Z`
  }
  if (/^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:\d{2})$/.test(text) && !Number.isNaN(Date.parse(text))) {
    return text
  }
  throw new UsageError(
    `${option} must be a time such as 2026-11-20T08:00:00Z, 2026-11-20, today, yesterday or 2h.`,
  )
}
