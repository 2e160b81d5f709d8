// The results of the doctor's checks.

/** `message` says what is so; `remedy`, what to do. */
export type Finding = {
  area: 'configuration' | 'database' | 'service'
  state: 'ok' | 'warn' | 'fail'
  message: string
  remedy?: string
}

/** A row of a table of checks: what is good, or what is not. */
export type Expectation = { holds: boolean; ok: string; not: Omit<Finding, 'area'> }

export function findingOf(area: Finding['area'], { holds, ok, not }: Expectation): Finding {
  return holds ? { area, state: 'ok', message: ok } : { area, ...not }
}
