// `make test`: types, lint, then every test. The last line counts: "N passed, N failed". A skipped
// test counts as failed, since it showed nothing.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'

const bin = path.resolve('node_modules/.bin')
const results = path.join(mkdtempSync(path.join(os.tmpdir(), 'millrace-test-')), 'results.json')

const passes = (command: string, ...args: string[]) =>
  spawnSync(path.join(bin, command), args, { stdio: 'inherit' }).status === 0

const checks = [passes('tsc'), passes('biome', 'check')]
passes('vitest', 'run', '--reporter=default', '--reporter=json', `--outputFile.json=${results}`)

const { passed, failed } = count()
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed === 0 ? 0 : 1)

function count(): { passed: number; failed: number } {
  const faults = checks.filter((passed) => !passed).length
  try {
    const report = JSON.parse(readFileSync(results, 'utf8'))
    const { numPassedTests, numTotalTests, success } = report
    const failedTests = numTotalTests - numPassedTests
    // A file that does not load, or an error outside a test, fails the run without failing a test.
    const outside = success || failedTests > 0 ? 0 : 1
    return { passed: numPassedTests, failed: failedTests + outside + faults }
  } catch {
    return { passed: 0, failed: 1 + faults }
  } finally {
    rmSync(path.dirname(results), { recursive: true, force: true })
  }
}
