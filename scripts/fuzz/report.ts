// The report of a run: findings, then the requests.

import type { Report } from './fuzz.ts'

const MIB = 1024 * 1024

/** The lines of a run. */
export function summaryOf({ seed, count, findings, tallies, slowestMs, growth }: Report): string {
  const rows = [...tallies].sort(([a], [b]) => a.localeCompare(b))
  const table = rows.map(([id, { successes, refusals }]) => {
    return `  ${id.padEnd(36)} ${String(successes).padStart(6)} ${String(refusals).padStart(6)}`
  })
  const broken = [...findings.counts()].map(([check, times]) => `  ${times} × ${check}`)
  const megabytes = (bytes: number) => (bytes / MIB).toFixed(1)
  // Findings come first: of a failed test the beginning is shown.
  return [
    `seed ${seed}, ${count} requests: make fuzz COUNT=${count} SEED=${seed}`,
    ...(broken.length > 0 ? ['Broken:', ...broken] : ['Nothing broke.']),
    ...findings.lines(),
    `  ${'operation'.padEnd(36)}  valid, taken  refused`,
    ...table,
    `memory: heap ${megabytes(growth.heap)} MiB, resident ${megabytes(growth.resident)} MiB ` +
      'more than after the warm-up',
    `the slowest answer: ${Math.round(slowestMs)} ms`,
  ].join('\n')
}
