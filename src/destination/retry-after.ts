// How long a target asks to be left alone (RFC 9110, 10.2.3).

/**
 * Retry-After in milliseconds from `now`: seconds or an HTTP date (RFC 9110, 10.2.3). Undefined if
 * it is neither.
 */
export function parseRetryAfter(
  header: string | string[] | undefined,
  now: number,
): number | undefined {
  if (typeof header !== 'string') return undefined
  if (/^\d+$/.test(header)) return Number(header) * 1000
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
