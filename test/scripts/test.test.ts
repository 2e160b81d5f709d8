// The end of `make test`: what was not shown stands right before the count. In place of what it
// runs are programs that do nothing, and one that fails and names what it could not show.

import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { expect, it } from 'vitest'

const program = path.resolve(import.meta.dirname, '../../scripts/test.ts')

const report = {
  numPassedTests: 2,
  numTotalTests: 3,
  success: false,
  testResults: [
    {
      name: 'a.test.ts',
      message: '',
      assertionResults: [{ fullName: 'it breaks', status: 'failed', failureMessages: ['broken'] }],
    },
  ],
}
const vitest = `
echo 'no browser' >> "$TEST_NOT_RUN"
for argument in "$@"; do
  case "$argument" in
    --outputFile.json=*) echo '${JSON.stringify(report)}' > "\${argument#*=}";;
  esac
done
`

it('names what was not shown right before the count, each once', () => {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'millrace-test-'))
  const bin = path.join(directory, 'node_modules/.bin')
  mkdirSync(bin, { recursive: true })
  for (const [name, text] of Object.entries({ tsc: '', biome: '', vitest })) {
    writeFileSync(path.join(bin, name), `#!/bin/sh\n${text}`)
    chmodSync(path.join(bin, name), 0o755)
  }
  const { TEST_NOT_RUN: _, ...env } = process.env
  const { status, stdout } = spawnSync(process.execPath, [program], {
    cwd: directory,
    env,
    encoding: 'utf8',
  })
  rmSync(directory, { recursive: true, force: true })
  expect(status).toBe(1)
  const lines = stdout.trimEnd().split('\n')
  expect(lines.at(-1)).toMatch(/^\d+ passed, \d+ failed$/)
  expect(lines.at(-2)).toBe('no browser')
  expect(lines.filter((line) => line === 'no browser')).toHaveLength(1)
  expect(lines.findIndex((line) => line.startsWith('FAILED'))).toBeLessThan(lines.length - 2)
})
