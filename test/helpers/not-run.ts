// Tests that could not run, since something is not installed here. scripts/test.ts repeats them
// before its last line.

import { appendFileSync } from 'node:fs'

/** Names it, in one line. */
export function tellNotRun(reason: string): void {
  console.log(reason)
  const file = process.env['TEST_NOT_RUN']
  if (file) appendFileSync(file, `${reason}\n`)
}
