// `make bench`: runs the scenarios one after the other on its own PostgreSQL and prints one table.
// It goes into bench.json and, if no scenario was chosen, into docs/benchmarks.md. A lost event or
// a broken order of an entity fails the run, a figure never does.

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { exitAtSignals } from '../kit/signals.ts'
import { append } from './append.ts'
import { bulk } from './bulk.ts'
import { delivery } from './delivery.ts'
import { fairness } from './fairness.ts'
import { growth } from './growth.ts'
import { indexes } from './indexes.ts'
import { latency } from './latency.ts'
import { describeMachine } from './machine.ts'
import { million } from './million.ts'
import { publish } from './publish.ts'
import { read } from './read.ts'
import { replay } from './replay.ts'
import type { Scenario } from './scenario.ts'
import { openStage, type Stage } from './stage.ts'
import { type Measured, renderTable, withTable } from './table.ts'
import { together } from './together.ts'

/** The scenarios behind the claims of the pages and the README. */
const scenarios = [publish, bulk, delivery, latency, fairness, replay, growth]
/** With --all, or by name. */
const others = [append, indexes, together, read, million]
const OUTPUT = 'bench.json'
const PAGE = 'docs/benchmarks.md'

const words = process.argv.slice(2)
const size = words.includes('--smoke') ? 'smoke' : 'full'
const standard = words.includes('--all') ? [...scenarios, ...others] : scenarios
const chosen = words.filter((word) => !word.startsWith('--')).map(named)

// The guard ends all processes; there is nothing to wait for here.
exitAtSignals()

const stage = await openStage()
// Dozens of processes are started: in seconds, they must not each compile the same again.
if (size === 'smoke') process.env['NODE_COMPILE_CACHE'] = path.join(stage.directory, 'compiled')
const machine = describeMachine({ postgres: stage.postgresVersion, size })
const measured: Measured[] = []
try {
  for (const scenario of chosen.length > 0 ? chosen : standard) await measure(scenario, stage)
} finally {
  await stage.close()
}
const result = { ...machine, scenarios: measured }
writeFileSync(OUTPUT, `${JSON.stringify(result, null, 2)}\n`)
const table = renderTable(machine, measured)
console.log(table)
console.error(`\nwritten to ${path.resolve(OUTPUT)}`)
const hasFailed = measured.some(({ failure }) => failure !== undefined)
if (size === 'full' && chosen.length === 0 && !hasFailed && existsSync(PAGE)) {
  writeFileSync(PAGE, withTable(readFileSync(PAGE, 'utf8'), table))
  console.error(`written to ${path.resolve(PAGE)}`)
}
process.exit(hasFailed ? 1 : 0)

/** A failed scenario does not cost the others their figures. */
async function measure(scenario: Scenario, stage: Stage): Promise<void> {
  const started = performance.now()
  process.stderr.write(`${scenario.name} …`)
  const entry: Measured = { name: scenario.name, seconds: 0, lines: [] }
  try {
    entry.lines = await scenario.run(stage, size)
  } catch (error) {
    entry.failure = (error as Error).message
    process.stderr.write(` FAILED: ${(error as Error).stack}\n`)
  }
  entry.seconds = Math.round((performance.now() - started) / 100) / 10
  measured.push(entry)
  process.stderr.write(` ${entry.seconds} s\n`)
}

function named(word: string): Scenario {
  const known = [...scenarios, ...others]
  const scenario = known.find(({ name }) => name === word)
  if (scenario) return scenario
  console.error(
    `There is no scenario ${word}: ${known.map(({ name }) => name).join(', ')}; --all, --smoke.`,
  )
  return process.exit(2)
}
