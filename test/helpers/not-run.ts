// What a run of the tests does not show, since something is not installed here. scripts/test.ts
// repeats it before its last line.

import { appendFileSync } from 'node:fs'

/** Names it, in one line. */
export function tellNotRun(reason: string): void {
  console.log(reason)
  const file = process.env['TEST_NOT_RUN']
  if (file) appendFileSync(file, `${reason}\n`)
}
