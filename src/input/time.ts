// Times from outside (RFC 3339). All are read here: what one place takes for a time and another one
// does not is a failure inside.

/**
 * The microseconds since 1970 of an RFC 3339 time; undefined if the text is none. A leap second, a
 * day that no month has and a year before 0000 or after 9999 (UTC) are none: no Date says them.
 */
export function microsecondsOf(time: string): number | undefined {
  const match = /^(\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2})(?:\.(\d+))?([Zz]|[+-]\d{2}:\d{2})$/.exec(
    time,
  )
  if (!match) return undefined
  const [, second, fraction = '', zone] = match
  const milliseconds = Date.parse(`${second}${zone}`.toUpperCase())
  // Date.parse takes February 30 for March 2: what it read must read the same again.
  if (Number.isNaN(milliseconds) || !isRealDate(second as string)) return undefined
  if (new Date(milliseconds).toISOString().length !== '2026-01-17T12:00:00.000Z'.length) {
    return undefined
  }
  return milliseconds * 1000 + Number(fraction.slice(0, 6).padEnd(6, '0'))
}

function isRealDate(second: string): boolean {
  const asUtc = new Date(`${second.toUpperCase()}Z`)
  return asUtc.toISOString().startsWith(second.slice(0, 10))
}
