// Times from outside (RFC 3339). All are parsed here, so that every part of the program accepts the
// same ones.

/**
 * The microseconds since 1970 of an RFC 3339 time; otherwise undefined. A leap second, an
 * impossible day, and a year before 0000 or after 9999 (UTC) are refused: a Date cannot hold them.
 */
export function microsecondsOf(time: string): number | undefined {
  const match = /^(\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2})(?:\.(\d+))?([Zz]|[+-]\d{2}:\d{2})$/.exec(
    time,
  )
  if (!match) return undefined
  const [, second, fraction = '', zone] = match
  const milliseconds = Date.parse(`${second}${zone}`.toUpperCase())
  // Date.parse reads February 30 as March 2, so the result must give the same text again.
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
