// `make test`: types, lint and every test, and again the tests that depend on the server, on each
// other major version of Postgres that is installed. The last line has the counts: "N passed, N
// failed". A skipped test counts as failed, since it proved nothing. The line before names what was
// missing.

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { generators } from '../test/helpers/generators.ts'
import { findServer, hasJit } from './kit/cluster.ts'

/** The whole suite runs on the embedded one, 18. */
const OTHER_MAJORS = [15, 16, 17]
/** Tests that a server's planner, catalogue or session can affect. */
const SERVER_TESTS = ['db', 'log', 'delivery', 'history', 'consumer'].map((name) => `test/${name}/`)

type Count = { passed: number; failed: number }
/** The part of vitest's JSON report that is read. */
type Report = {
  numPassedTests: number
  numTotalTests: number
  success: boolean
  testResults: {
    name: string
    message: string
    assertionResults: { fullName: string; status: string; failureMessages?: string[] }[]
  }[]
}

/** Of a failure's message, in characters. */
const MESSAGE_LENGTH = 1_000

const bin = path.resolve('node_modules/.bin')
const scratch = mkdtempSync(path.join(os.tmpdir(), 'millrace-test-'))
/** Tests note here what they could not test: test/helpers/not-run.ts. */
const notShown = path.join(scratch, 'not-run')
writeFileSync(notShown, '')

const failures: string[] = []
const counts = [check('tsc'), check('biome', 'check'), runTests([], {})]
const notRun = OTHER_MAJORS.map(runOnMajor).filter((reason) => reason !== undefined)
for (const { language, isThere } of generators) {
  if (!isThere()) notRun.push(`A client in ${language}: not made, no generator; see .ci/run`)
}

notRun.push(...new Set(readFileSync(notShown, 'utf8').split('\n').filter(Boolean)))
rmSync(scratch, { recursive: true })

for (const failure of failures) console.log(`\nFAILED: ${failure}`)
for (const reason of notRun) console.log(reason)
const sum = (name: keyof Count) => counts.reduce((total, count) => total + count[name], 0)
console.log(`${sum('passed')} passed, ${sum('failed')} failed`)
process.exit(sum('failed') === 0 ? 0 : 1)

function run(environment: NodeJS.ProcessEnv, command: string, ...args: string[]): boolean {
  const env = { ...process.env, TEST_NOT_RUN: notShown, ...environment }
  return spawnSync(path.join(bin, command), args, { stdio: 'inherit', env }).status === 0
}

function check(command: string, ...args: string[]): Count {
  return { passed: 0, failed: run({}, command, ...args) ? 0 : 1 }
}

/** Runs the tests and counts them; if it cannot, returns the reason in one line. */
function runOnMajor(major: number): string | undefined {
  const server = findServer(major)
  if (!server) return `PostgreSQL ${major}: not run, there is no server of it; see .ci/run`
  console.log(`\nPostgreSQL ${major}, jit ${hasJit(server) ? 'on' : 'not built in'}: ${server}`)
  counts.push(runTests(SERVER_TESTS, { TEST_POSTGRES: server }, `PostgreSQL ${major}: `))
  return undefined
}

function runTests(filters: string[], environment: NodeJS.ProcessEnv, where = ''): Count {
  const directory = mkdtempSync(path.join(os.tmpdir(), 'millrace-test-'))
  const results = path.join(directory, 'results.json')
  const reports = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`]
  try {
    run(environment, 'vitest', 'run', ...filters, ...reports)
    const report = JSON.parse(readFileSync(results, 'utf8')) as Report
    const { numPassedTests, numTotalTests, success } = report
    failures.push(...failuresOf(report).map((failure) => where + failure))
    const failedTests = numTotalTests - numPassedTests
    // A file that does not load, or an error outside a test, fails the run without failing a test.
    return { passed: numPassedTests, failed: failedTests + (success || failedTests > 0 ? 0 : 1) }
  } catch {
    return { passed: 0, failed: 1 }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function failuresOf({ testResults }: Report): string[] {
  return testResults.flatMap(({ name, message, assertionResults }) => {
    const file = path.relative('.', name)
    const failed = assertionResults.filter(({ status }) => status !== 'passed')
    // The message of a file exists if it could not be loaded.
    if (failed.length === 0 && message) return [`${file}\n${message.slice(0, MESSAGE_LENGTH)}`]
    return failed.map(({ fullName, failureMessages = [] }) => {
      const lines = failureMessages.join('\n').split('\n')
      const own = lines.filter((line) => !/^\s+at (?!.*\/(?:src|test)\/)/.test(line))
      const reason = own.join('\n').slice(0, MESSAGE_LENGTH)
      return `${file} > ${fullName}\n${reason}`
    })
  })
}
